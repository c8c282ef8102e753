"""Password hashes: argon2id, off the event loop, and so many at once as the process has room for.

A hash takes tens of milliseconds and as many megabytes by intention. Unbounded, a crowd of
sign-ins would take all memory; so few run, some wait, and the rest are told to come back.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from surehold.kernel.errors import Busy

AT_ONCE: Final = 2
WAITING_MAX: Final = 64


class HashingSettings(msgspec.Struct, frozen=True):
    """What one hash costs. ``memory_kib`` is in KiB.

    Source: OWASP Password Storage Cheat Sheet, argon2id with 19 MiB, two passes, one lane.
    """

    memory_kib: int = 19_456
    passes: int = 2
    lanes: int = 1


class Passwords:
    """Makes and checks password hashes of one process."""

    def __init__(self, settings: HashingSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.passes,
            memory_cost=settings.memory_kib,
            parallelism=settings.lanes,
            type=Type.ID,
        )
        self._room = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        #: What is checked when there is no account: the same work, and nothing matches it.
        self._nobody = self._hasher.hash("nobody has this password \u2400")

    async def hash(self, password: str) -> str:
        """The hash of a new password.

        Raises:
            Busy: Too many are being hashed.
        """
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, _normalized(password))

    async def is_right(self, password: str, kept: str | None) -> bool:
        """Whether it is the password of this hash. Without one it takes as long, and is not.

        Raises:
            Busy: Too many are being hashed.
        """
        async with self._turn():
            is_same = await asyncio.to_thread(self._verify, kept or self._nobody, password)
        return is_same and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether the hash was made with other settings than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, _normalized(password))
        except (VerificationError, InvalidHashError):
            return False

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One's turn among the few that may hash at once."""
        if self._waiting >= WAITING_MAX:
            raise Busy("Too many people are signing in at once; try again.")
        self._waiting += 1
        try:
            await self._room.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._room.release()


def _normalized(password: str) -> str:
    """The same letters, whatever keyboard they were typed on.

    Source: NIST SP 800-63B-4, 3.1.1.2.
    """
    return unicodedata.normalize("NFKC", password)
