"""What the server says about itself, for ``surehold doctor`` and the health routes."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from surehold.db.database import Connection
from surehold.db.statement import query

OLDEST_VERSION: Final = 150_000


class ServerFacts(msgspec.Struct, frozen=True):
    """One PostgreSQL server. ``version_number`` is 180006 for 18.6; ``now`` is its own clock."""

    version: str
    version_number: int
    now: datetime
    is_standby: bool
    is_synced: bool
    connections_max: int


SERVER_FACTS: Final = query(
    """
    /* db.server_facts */
    SELECT current_setting('server_version') AS version,
           current_setting('server_version_num')::int AS version_number,
           clock_timestamp() AS now,
           pg_is_in_recovery() AS is_standby,
           current_setting('fsync')::boolean AND current_setting('synchronous_commit') <> 'off'
               AS is_synced,
           current_setting('max_connections')::int AS connections_max
    """,
    ServerFacts,
)


async def get_server_facts(connection: Connection) -> ServerFacts:
    """Ask the server."""
    return await connection.one(SERVER_FACTS)
