"""A database that lives in the past and is moved onward: what an invented history is made on.

Only the deciding clock moves, ``store_now()``, and only for these connections; whoever works on
the same store meanwhile lives in the present.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from surehold.db import sql
from surehold.db.database import Connection, Database, Settings
from surehold.kernel import clock

#: One for what is asked outside of the lanes, and one to spare.
POOL: Final = 2


class PastDatabase(Database):
    """The pool and every connection handed out beside it live at one instant."""

    def __init__(self, settings: Settings, *, begins_at: datetime) -> None:
        shift = begins_at - clock.now()
        super().__init__(
            msgspec.structs.replace(
                settings, clock_shift=shift, pool_min=1, pool_max=POOL, pool_reserve=0
            )
        )
        self._handed_out: list[asyncpg.Connection[Any]] = []

    async def dedicated(self, *, name: str, **server_settings: str) -> asyncpg.Connection[Any]:
        """As any database's; it is moved with the rest."""
        raw = await super().dedicated(name=name, **server_settings)
        self._handed_out.append(raw)
        return raw

    async def move(self, to: datetime) -> None:
        """Go on to an instant; never back. Nothing may be under way."""
        shift = max(to - clock.now(), self.settings.clock_shift)
        # Whoever connects anew lives where the others do.
        self.settings = msgspec.structs.replace(self.settings, clock_shift=shift)
        self._handed_out = [raw for raw in self._handed_out if not raw.is_closed()]
        # Taking all of them makes the pool open the ones it had not opened, too.
        async with AsyncExitStack() as stack:
            pooled = [await stack.enter_async_context(self.connection()) for _ in range(POOL)]
            moved = (*self._handed_out, *(connection.raw for connection in pooled))
            await asyncio.gather(*(_set(raw, shift) for raw in moved))


async def _set(raw: asyncpg.Connection[Any], shift: timedelta) -> None:
    value = f"{shift // timedelta(microseconds=1)} microseconds"
    await Connection(raw).one(sql.MOVE_CLOCK, value)
