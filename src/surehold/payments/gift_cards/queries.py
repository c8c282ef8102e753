"""What others may read of gift cards."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from surehold.db import Connection
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import GiftCardId
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor
from surehold.payments.gift_cards import sql
from surehold.payments.gift_cards.errors import GiftCardNotFound
from surehold.payments.gift_cards.model import (
    Entry,
    GiftCard,
    GiftCardFilter,
    GiftCardState,
    Purse,
)

_INVALID_CURSOR: Final = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")


async def list_faces(connection: Connection, *, ids: Collection[GiftCardId]) -> tuple[Purse, ...]:
    """These cards as they are now. None cost no trip."""
    return tuple(await connection.all(sql.LIST_FACES, list(ids))) if ids else ()


async def get_card(connection: Connection, *, card_id: GiftCardId) -> GiftCard:
    """One card.

    Raises:
        GiftCardNotFound: There is none with this id.
    """
    card = await connection.find(sql.FIND_CARD, card_id)
    if card is None:
        raise GiftCardNotFound("There is no gift card with this id.")
    return card


async def get_payable(connection: Connection, *, code_hash: bytes) -> GiftCard:
    """The card of a code, if it could pay something.

    Raises:
        GiftCardNotFound: None has this code, or it is disabled or expired; nobody is told which.
    """
    card = await connection.find(sql.FIND_BY_CODE, code_hash)
    if card is None or card.state not in (GiftCardState.ACTIVE, GiftCardState.SPENT):
        raise GiftCardNotFound("No gift card that could pay has this code.")
    return card


async def list_cards(
    connection: Connection,
    *,
    wanted: GiftCardFilter,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[GiftCard]:
    """Cards that match everything that is wanted, newest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    start = "email" if wanted.email else "last_four" if wanted.last_four else "newest"
    rows = await connection.all(
        sql.LIST[start],
        wanted.email,
        wanted.last_four,
        wanted.state.value if wanted.state else None,
        _read_cursor(cursor),
        limit + 1,
    )
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].id)))


async def list_entries(
    connection: Connection,
    *,
    card_id: GiftCardId,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Entry]:
    """What happened to a card, oldest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    rows = await connection.all(sql.LIST_ENTRIES, card_id, _read_cursor(cursor), limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].id)))


def _read_cursor(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    keys = decode_cursor(cursor, count=1)
    try:
        return UUID(keys[0]) if keys else _refuse()
    except ValueError:
        return _refuse()


def _refuse() -> UUID:
    raise InvalidInput((_INVALID_CURSOR,))
