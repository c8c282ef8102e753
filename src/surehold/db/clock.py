"""The clock that decides: the database's, read after the locks are held.

``store_now()`` is ``clock_timestamp()`` plus the session's shift, which is zero outside tests and
the demo's simulator. Statements that lock fold it in; everything else asks ``now``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from surehold.db.database import Connection
from surehold.db.statement import query


class NowRow(msgspec.Struct, frozen=True):
    """One instant."""

    now: datetime


NOW: Final = query("/* db.now */ SELECT store_now() AS now", NowRow)


async def now(connection: Connection) -> datetime:
    """The deciding instant, in UTC."""
    return (await connection.one(NOW)).now
