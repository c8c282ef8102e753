"""What the lane and staff may read of fraud signals."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from surehold.db import Connection
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import FraudAssessmentId, OrderId
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor
from surehold.orders.fraud import sql
from surehold.orders.fraud.errors import AssessmentNotFound
from surehold.orders.fraud.model import AssessedOrder, Past

_BEFORE_ALL: Final = UUID(int=0)
_AFTER_ALL: Final = UUID(int=2**128 - 1)


async def read_past(
    connection: Connection, *, order_ids: Collection[OrderId]
) -> dict[OrderId, Past]:
    """What other orders say of these, in one statement; of none, without one."""
    if not order_ids:
        return {}
    rows = await connection.all(sql.READ_PAST, sorted(order_ids))
    return {row.order_id: row for row in rows}


async def get_assessment(
    connection: Connection, *, assessment_id: FraudAssessmentId
) -> AssessedOrder:
    """One assessment.

    Raises:
        AssessmentNotFound: There is none.
    """
    row = await connection.find(sql.FIND_ASSESSMENT, assessment_id)
    if row is None:
        raise AssessmentNotFound("There is no fraud assessment with this id.")
    return row


async def list_assessments(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[AssessedOrder]:
    """Everything that was ever found, newest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    seen = _AFTER_ALL if cursor is None else _read_cursor(cursor)
    rows = await connection.all(sql.LIST_ASSESSMENTS, seen, limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].id)))


async def list_open(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[AssessedOrder]:
    """What waits for a person now, whoever waits longest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    seen = _BEFORE_ALL if cursor is None else _read_cursor(cursor)
    rows = await connection.all(sql.LIST_OPEN, seen, limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].payment_id)))


def _read_cursor(cursor: str) -> UUID:
    fault = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")
    keys = decode_cursor(cursor, count=1)
    try:
        return UUID("" if keys is None else keys[0])
    except ValueError:
        raise InvalidInput((fault,)) from None
