"""Idempotency keys: the same key and body get the same answer, byte for byte.

Look first, insert complete at the end, and let the primary key catch another process. A refusal
is not stored: it wrote nothing, so asking again is a fresh question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final
from uuid import UUID

import msgspec

from surehold.db import sql
from surehold.db.database import Connection, Transaction
from surehold.kernel.errors import DomainError, Kind

LIFETIME: Final = timedelta(hours=24)
MAX_LENGTH: Final = 200
_BY_KEY: Final = attrgetter("key")


class IdempotencyKeyReused(DomainError):
    """The key was used before with another body; nothing was done."""

    kind = Kind.INVALID
    code = "idempotency_key_reused"
    title = "This idempotency key belongs to another request"


class IdempotencyKeyMissing(DomainError):
    """This request moves money or stock and must carry an ``Idempotency-Key``."""

    kind = Kind.INVALID
    code = "idempotency_key_missing"
    title = "An Idempotency-Key header is required"


class StoredAnswer(msgspec.Struct, frozen=True):
    """What the first use of a key came to; no ``response``: a provider is still to be asked."""

    request_hash: bytes
    subject_id: UUID
    status: int | None
    response: bytes | None


class NewKey(msgspec.Struct, frozen=True):
    """A key to store. Without a response it is stored as placed, for a retry to carry on."""

    key: str
    request_hash: bytes
    subject_id: UUID
    response: bytes | None


def hash_request(body: bytes) -> bytes:
    """What tells one body from another."""
    return hashlib.sha256(body).digest()


async def find(
    connection: Connection, *, scope: str, keys: Sequence[str]
) -> dict[str, StoredAnswer]:
    """What is stored under these keys."""
    rows = await connection.all(sql.FIND_KEYS, scope, keys)
    return {
        row.key: StoredAnswer(row.request_hash, row.subject_id, row.status, row.response)
        for row in rows
    }


async def insert(
    tx: Transaction, *, scope: str, status: int, keys: Sequence[NewKey], now: datetime
) -> None:
    """Store keys with what they came to; ``status`` is that of every response there is.

    They are written in key order, so that two processes that insert some of the same keys wait
    for each other in a line and not in a circle.

    Raises:
        asyncpg.UniqueViolationError: Another process was first; look again.
    """
    ordered = sorted(keys, key=_BY_KEY)
    await tx.run(
        sql.INSERT_KEYS,
        scope,
        status,
        [key.key for key in ordered],
        [key.request_hash for key in ordered],
        [key.subject_id for key in ordered],
        [key.response for key in ordered],
        now,
        LIFETIME,
    )


async def finish(
    tx: Transaction, *, scope: str, key: str, status: int, response: bytes
) -> StoredAnswer:
    """Store the answer of a placed key, unless somebody did; returns what is stored."""
    await tx.run(sql.FINISH_KEY, scope, key, status, response)
    return (await find(tx, scope=scope, keys=[key]))[key]


async def prune(tx: Transaction) -> int:
    """Forget keys past their time; returns how many."""
    return await tx.run(sql.PRUNE_KEYS)
