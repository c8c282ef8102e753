"""What others may read of authorizations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from surehold.db import Connection
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import PaymentId
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor
from surehold.payments.authorizations import sql
from surehold.payments.authorizations.model import Authorization, Held

_FIRST: Final = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))
_INVALID_CURSOR: Final = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")


async def list_of_payments(
    connection: Connection, *, payment_ids: Sequence[PaymentId]
) -> list[Authorization]:
    """What is held, or was, for these payments."""
    return await connection.all(sql.LIST_OF_PAYMENTS, list(payment_ids))


async def list_lapsing(
    connection: Connection,
    *,
    before: datetime,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Held]:
    """Money that is held and lapses before an instant, whatever lapses first at the beginning.

    Raises:
        InvalidInput: The cursor is not one.
    """
    seen = _FIRST if cursor is None else _read_cursor(cursor)
    rows = await connection.all(sql.LIST_LAPSING, before, *seen, limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    last = rows[limit - 1]
    key = encode_cursor(last.capture_before.isoformat(), str(last.payment_id))
    return Page(tuple(rows[:limit]), key)


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    keys = decode_cursor(cursor, count=2)
    try:
        if keys is not None:
            at = datetime.fromisoformat(keys[0])
            if at.tzinfo is not None:
                return at, UUID(keys[1])
    except ValueError:
        pass
    raise InvalidInput((_INVALID_CURSOR,))
