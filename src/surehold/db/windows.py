"""Counting requests of the few routes whose limit all processes share."""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta
from typing import Final

from surehold.db import sql
from surehold.db.database import Database, Transaction

WINDOW: Final = timedelta(minutes=1)
_BATCH: Final = 10_000


async def count(db: Database, *, limit: int, parts: tuple[str, ...]) -> int:
    """Count one request; returns 0, or after how many seconds to come back.

    In any window at most ``limit`` pass, however many processes ask: windows begin with their
    first request, so within any minute that overlaps two of them it is twice as many at most.
    """
    key = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()
    async with db.connection() as connection:
        if await connection.find(sql.COUNT_REQUEST, key, limit, WINDOW) is not None:
            return 0
        row = await connection.find(sql.WINDOW_LEFT, key)
    return 1 if row is None else max(1, math.ceil(row.left.total_seconds()))


async def prune(tx: Transaction) -> int:
    """Forget windows that are over; returns how many."""
    return await tx.run(sql.PRUNE_WINDOWS, _BATCH)
