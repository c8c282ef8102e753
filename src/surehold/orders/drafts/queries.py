"""What others may read of drafts."""

from __future__ import annotations

import hashlib
from uuid import UUID

from surehold.db import Connection
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import DraftOrderId
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor
from surehold.orders.drafts import sql
from surehold.orders.drafts.errors import DraftOrderNotFound
from surehold.orders.drafts.model import Draft, DraftEvent, DraftState


def hash_token(token: str) -> bytes:
    """What is kept of a payment link."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def get_draft(connection: Connection, *, draft_id: DraftOrderId) -> Draft:
    """One draft.

    Raises:
        DraftOrderNotFound: There is none with this id.
    """
    draft = await connection.find(sql.FIND, draft_id)
    if draft is None:
        raise DraftOrderNotFound("There is no draft order with this id.")
    return draft


async def get_draft_by_link(connection: Connection, *, token: str) -> Draft:
    """The draft of a payment link, whatever has become of it.

    Raises:
        DraftOrderNotFound: There is none with this link, or another link was made since.
    """
    draft = await connection.find(sql.FIND_BY_LINK, hash_token(token))
    if draft is None:
        raise DraftOrderNotFound("There is no draft order with this link.")
    return draft


async def list_drafts(
    connection: Connection,
    *,
    state: DraftState | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Draft]:
    """Drafts in a state or in any, newest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    stored = DraftState.SENT if state is DraftState.EXPIRED else state
    rows = await connection.all(
        sql.LIST,
        stored.value if stored else None,
        state is DraftState.EXPIRED if stored is DraftState.SENT else None,
        _read_cursor(cursor),
        limit + 1,
    )
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].id)))


async def list_draft_events(
    connection: Connection, *, draft_id: DraftOrderId
) -> tuple[DraftEvent, ...]:
    """Every version of a draft, oldest first."""
    return tuple(await connection.all(sql.LIST_EVENTS, draft_id))


def _read_cursor(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    keys = decode_cursor(cursor, count=1)
    try:
        return UUID(keys[0] if keys else "")
    except ValueError:
        fault = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")
        raise InvalidInput((fault,)) from None
