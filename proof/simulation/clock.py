"""The clock of a simulated store: one for all its connections, moved on by the simulation.

The program's ``store_now()`` has a shift per session, so two sessions could disagree about the
time. Here the function is replaced, in the simulated database only, by one that reads a single
shift: a jump is seen by every session at the same instant, in the middle of a transaction, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import asyncpg

# plpgsql, because a function in SQL may be inlined and would then read the statement's snapshot:
# a statement that waited for a lock would see the time from before its wait.
_INSTALL: Final = """
    CREATE TABLE simulated_clock (shift interval NOT NULL);
    INSERT INTO simulated_clock VALUES ('0');
    CREATE OR REPLACE FUNCTION store_now() RETURNS timestamptz
    LANGUAGE plpgsql PARALLEL SAFE AS $$
    BEGIN
        RETURN clock_timestamp() + (SELECT shift FROM store.simulated_clock);
    END
    $$
"""


class Clock:
    """Moves the time of one simulated store. Only ever forward."""

    def __init__(
        self, connection: asyncpg.Connection[Any], bank: Callable[[timedelta], Any] | None = None
    ) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()
        #: Tells the provider how far ahead it is; ``None``: its clock stands still.
        self.bank = bank
        self.shift = timedelta()

    async def install(self) -> None:
        """Put the simulated clock in the place of the store's own."""
        await self._connection.execute(_INSTALL)

    async def advance(self, by: timedelta) -> None:
        """Let so much time pass at once, for the store and then for its provider."""
        async with self._lock:
            self.shift += by
            await self._connection.execute("UPDATE simulated_clock SET shift = $1", self.shift)
            if self.bank is not None:
                await self.bank(self.shift)
