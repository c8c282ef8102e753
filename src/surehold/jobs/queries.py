"""What others may read of the jobs room."""

from __future__ import annotations

from datetime import timedelta

from surehold.db import Connection
from surehold.jobs import sql


async def find_worker_silence(connection: Connection) -> timedelta | None:
    """How long ago any worker last finished a schedule; ``None`` when none ever did."""
    return (await connection.one(sql.WORKER_SILENCE)).silence
