"""What may be read about erasures and exports. Of whom an erasure was is not kept."""

from __future__ import annotations

from uuid import UUID

from surehold.db import Connection
from surehold.identity.secrets import hash_token
from surehold.kernel.ids import AccountId
from surehold.privacy import sql
from surehold.privacy.errors import ErasureNotFound
from surehold.privacy.model import Erasure, ExportProgress


async def get_erasure(connection: Connection, *, erasure_id: UUID) -> Erasure:
    """One erasure, and what it has changed by now.

    Raises:
        ErasureNotFound: There is no such erasure.
    """
    found = await connection.find(sql.GET_ERASURE, erasure_id)
    if found is None:
        raise ErasureNotFound("There is no such erasure.")
    return found


async def find_export(
    connection: Connection, *, account_id: AccountId, token: str
) -> ExportProgress | None:
    """How far the copy is that a token opens, for the account that it is of."""
    return await connection.find(sql.FIND_PROGRESS, hash_token(token), account_id)
