"""Moving the clock that decides.

Two ways: open a pool whose whole life lies elsewhere in time, or move an open pool onward in the
middle of a test. Only the database's ``store_now()`` moves; nothing sleeps.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import msgspec

from surehold.db import Database
from surehold.db.database import Settings


@asynccontextmanager
async def open_shifted(settings: Settings, shift: timedelta) -> AsyncIterator[Database]:
    """A pool on the same database that lives ``shift`` later; negative is earlier."""
    async with Database(msgspec.structs.replace(settings, clock_shift=shift)) as db:
        yield db


async def shift(db: Database, by: timedelta) -> None:
    """From here on every connection of the pool lives ``by`` later than the server's clock.

    Counted from the real clock, not from an earlier shift. All connections must be at rest.
    Connections of their own (lanes, listeners) keep the shift that they were opened with.
    """
    value = f"{by // timedelta(microseconds=1)} microseconds"
    # Taking all of them makes the pool open the ones it had not opened, too.
    async with AsyncExitStack() as stack:
        for _ in range(db.settings.pool_max):
            connection = await stack.enter_async_context(db.connection())
            await connection.raw.execute(
                "SELECT set_config('surehold.clock_shift', $1, false)", value
            )
