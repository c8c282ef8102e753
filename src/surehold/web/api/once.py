"""Requests that may come twice: one helper for every route that takes an ``Idempotency-Key``.

Look first, do the work, store the answer, in one of two ways. Work that is idempotent by itself (a
payment that is open is joined, a canceled order stays canceled) has its answer stored afterwards,
in a transaction of its own. Work that would count twice (a hold, an extension) stores the key and
the answer in its own transaction, so that there is never one without the other. The checkout needs
neither: its lane looks for the key as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from surehold.db import Database, Transaction, clock, idempotency
from surehold.db.idempotency import (
    MAX_LENGTH,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    NewKey,
    StoredAnswer,
)
from surehold.kernel.errors import DomainError
from surehold.web.errors import IdempotencyKeyInvalid, RequestInFlight

_PRINTABLE: Final = frozenset(range(0x20, 0x7F))


class Finished(msgspec.Struct, frozen=True):
    """The answer of one request, and what it was about."""

    status: int
    body: bytes
    subject_id: UUID


def find_key(headers: Mapping[bytes, bytes]) -> str | None:
    """The ``Idempotency-Key`` of a request.

    Raises:
        IdempotencyKeyInvalid: It is empty, too long, or not printable ASCII.
    """
    raw = headers.get(b"idempotency-key")
    if raw is None:
        return None
    text = raw.strip()
    if not 1 <= len(text) <= MAX_LENGTH or not _PRINTABLE.issuperset(text):
        raise IdempotencyKeyInvalid(f"From 1 to {MAX_LENGTH} printable ASCII characters.")
    return text.decode("ascii")


def get_key(headers: Mapping[bytes, bytes]) -> str:
    """The ``Idempotency-Key`` of a request that must have one.

    Raises:
        IdempotencyKeyMissing: There is none.
        IdempotencyKeyInvalid: It is empty, too long, or not printable ASCII.
    """
    key = find_key(headers)
    if key is None:
        raise IdempotencyKeyMissing(
            "Send an Idempotency-Key header; repeat it to ask for the same answer again."
        )
    return key


async def keep_answer(tx: Transaction, *, scope: str, status: int, new: NewKey) -> None:
    """Store a key with its answer in the transaction that does the work; see ``Once.kept``.

    Raises:
        asyncpg.UniqueViolationError: Another process was first; ``Once.kept`` looks again.
    """
    await idempotency.insert(tx, scope=scope, status=status, keys=[new], now=await clock.now(tx))


class Once:
    """Answers a repeated request with the first one's bytes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._in_flight: set[tuple[str, str]] = set()

    async def __call__(
        self,
        *,
        scope: str,
        key: str | None,
        body: bytes,
        work: Callable[[], Awaitable[Finished]],
    ) -> Finished:
        """Do the work, or answer what it came to before. Without a key it is simply done.

        ``scope`` names the route and what it is about. The work may be done again after its answer
        was lost, or beside another process, so doing it twice must change nothing. A refusal is
        not stored: it wrote nothing.

        Raises:
            IdempotencyKeyReused: The key came before with another body.
            RequestInFlight: The first request is still being carried out by this process.
        """
        if key is None:
            return await work()
        with self._alone(scope, key):
            request_hash = idempotency.hash_request(body)
            stored = await self._find(scope, key)
            if stored is None:
                finished = await work()
                if await self._store(scope, key, request_hash, finished):
                    return finished
                stored = await self._find(scope, key)
                assert stored is not None
            return _replay(stored, request_hash)

    async def kept(
        self, *, scope: str, key: str, body: bytes, work: Callable[[bytes], Awaitable[object]]
    ) -> Finished:
        """Likewise, for work that would count twice. It is given the hash of the request.

        The work stores the key with its answer in the transaction that does it, or finds the key
        and does nothing. What is stored is answered, whoever stored it.

        Raises:
            IdempotencyKeyReused: The key came before with another body.
            RequestInFlight: The first request is still being carried out by this process.
        """
        with self._alone(scope, key):
            request_hash = idempotency.hash_request(body)
            stored = await self._find(scope, key)
            if stored is None:
                try:
                    await work(request_hash)
                except (DomainError, asyncpg.UniqueViolationError):
                    # Perhaps another process was first, with this very request, and all that is
                    # wrong is that it took what there was.
                    stored = await self._find(scope, key)
                    if stored is None:
                        raise
                else:
                    stored = await self._find(scope, key)
                    assert stored is not None
            return _replay(stored, request_hash)

    @contextmanager
    def _alone(self, scope: str, key: str) -> Iterator[None]:
        place = (scope, key)
        if place in self._in_flight:
            raise RequestInFlight("The first request with this key has not been answered yet.")
        self._in_flight.add(place)
        try:
            yield
        finally:
            self._in_flight.discard(place)

    async def _find(self, scope: str, key: str) -> StoredAnswer | None:
        async with self._db.connection() as connection:
            return (await idempotency.find(connection, scope=scope, keys=[key])).get(key)

    async def _store(self, scope: str, key: str, request_hash: bytes, finished: Finished) -> bool:
        new = NewKey(key, request_hash, finished.subject_id, finished.body)
        try:
            async with self._db.transaction() as tx:
                now = await clock.now(tx)
                await idempotency.insert(
                    tx, scope=scope, status=finished.status, keys=[new], now=now
                )
        except asyncpg.UniqueViolationError:
            return False
        return True


def _replay(stored: StoredAnswer, request_hash: bytes) -> Finished:
    if stored.request_hash != request_hash:
        raise IdempotencyKeyReused("This Idempotency-Key was used with another body.")
    assert stored.status is not None
    assert stored.response is not None
    return Finished(stored.status, stored.response, stored.subject_id)
