"""The server refuses a statement for real, at any statement that the program sends.

In the place of the statement the server is made to raise, so the transaction is as broken as the
program must think it is; or the session is ended, as an administrator or a time-out ends it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import asyncpg

T = TypeVar("T")

DEADLOCK: Final = "40P01"
SERIALIZATION: Final = "40001"
LOCK_TIMEOUT: Final = "55P03"
STATEMENT_TIMEOUT: Final = "57014"
SHUTDOWN: Final = "57P01"
#: The program was held up inside a transaction, and the server did not wait for it.
IDLE_TOO_LONG: Final = "25P03"
CODES: Final = (
    DEADLOCK,
    SERIALIZATION,
    LOCK_TIMEOUT,
    STATEMENT_TIMEOUT,
    SHUTDOWN,
    IDLE_TOO_LONG,
)

_RAISE: Final = "DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{}'; END $$"
_END_MYSELF: Final = "SELECT pg_terminate_backend(pg_backend_pid())"
#: What undoes is never refused: PostgreSQL itself does not, either.
_UNDO: Final = "ROLLBACK"


class Injector:
    """A watcher that strikes one place: a statement by name, and which time it comes."""

    def __init__(self) -> None:
        self.kinds = CODES
        self.struck = 0
        self._seen: Counter[str] = Counter()
        self._places: list[str] = []
        self._is_watching = False
        self._target: tuple[str, str] | None = None
        self._is_lasting = False

    def arm(self, place: str | None = None, kind: str = "", *, is_lasting: bool = False) -> None:
        """Watch from here on and strike at a place; a lasting one again whenever it comes."""
        self._target = None if place is None else (place, kind)
        self._is_lasting = is_lasting
        self._seen.clear()
        self._places.clear()
        self.struck = 0
        self._is_watching = True

    def rest(self) -> list[str]:
        """Strike no more; the places that were passed, in order."""
        self._is_watching = False
        return list(self._places)

    async def __call__(
        self, connection: asyncpg.Connection[Any], beat: str, carry_out: Callable[[], Awaitable[T]]
    ) -> T:
        """Carry out, or have the server refuse."""
        if not self._is_watching or beat == _UNDO:
            return await carry_out()
        self._seen[beat] += 1
        place = f"{beat}#{self._seen[beat]}"
        self._places.append(place)
        if self._target is not None:
            target, code = self._target
            is_again = self._is_lasting and self.struck and beat == target.partition("#")[0]
            if place == target or is_again:
                self.struck += 1
                await self._refuse(connection, beat, code)
        return await carry_out()

    async def _refuse(self, connection: asyncpg.Connection[Any], beat: str, code: str) -> None:
        # The plain method: the injected statement is no beat of the program's.
        send = asyncpg.Connection.execute
        if code == SHUTDOWN:
            await send(connection, _END_MYSELF)
        elif code == IDLE_TOO_LONG:
            if connection.is_in_transaction():
                await send(connection, "SET idle_in_transaction_session_timeout = 1")
                await asyncio.sleep(0.05)
        else:
            try:
                await send(connection, _RAISE.format(code))
            except asyncpg.PostgresError:
                if beat == "COMMIT":
                    # A COMMIT that is refused ends the transaction, too.
                    await send(connection, "COMMIT")
                raise
