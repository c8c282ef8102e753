"""What others may read of collected cash."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from surehold.db import Connection
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor
from surehold.payments.cash import sql
from surehold.payments.cash.model import Collection

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


async def list_held(
    connection: Connection,
    *,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Collection]:
    """Cash that was collected and is not at the bank, the oldest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    seen_at, seen_id = (_BEGINNING, sql.FIRST) if cursor is None else _read_cursor(cursor)
    rows = await connection.all(sql.LIST_HELD, seen_at, seen_id, limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    last = rows[limit - 1]
    return Page(
        tuple(rows[:limit]), encode_cursor(last.collected_at.isoformat(), str(last.payment_id))
    )


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    fault = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")
    keys = decode_cursor(cursor, count=2)
    if keys is None:
        raise InvalidInput((fault,))
    try:
        return datetime.fromisoformat(keys[0]).astimezone(UTC), UUID(keys[1])
    except ValueError:
        raise InvalidInput((fault,)) from None
