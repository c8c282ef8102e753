"""What may be read about erasures. Of whom they were is not kept."""

from __future__ import annotations

from uuid import UUID

from surehold.db import Connection
from surehold.privacy import sql
from surehold.privacy.errors import ErasureNotFound
from surehold.privacy.model import Erasure


async def get_erasure(connection: Connection, *, erasure_id: UUID) -> Erasure:
    """One erasure, and what it has changed by now.

    Raises:
        ErasureNotFound: There is no such erasure.
    """
    found = await connection.find(sql.GET_ERASURE, erasure_id)
    if found is None:
        raise ErasureNotFound("There is no such erasure.")
    return found
