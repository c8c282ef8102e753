"""What others may read of settlement reports and their differences."""

from __future__ import annotations

from uuid import UUID

from surehold.db import Connection, shop
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import PaymentId
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor
from surehold.kernel.report_mapping import ReportMapping
from surehold.payments.reconciliation import sql
from surehold.payments.reconciliation.mappings import DEFAULTS
from surehold.payments.reconciliation.model import Cause, Difference, DifferenceState, Report


async def find_mapping(connection: Connection, *, provider: str) -> ReportMapping | None:
    """How a provider writes its reports: as the shop says, or as we know it."""
    settings = await shop.load(connection)
    return settings.settlement_mappings.get(provider) or DEFAULTS.get(provider)


async def list_reports(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Report]:
    """Files that were taken in, the newest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    seen = None if cursor is None else _read_cursor(cursor)
    rows = await connection.all(sql.LIST_REPORTS, seen, limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].id)))


async def list_doubtful(
    connection: Connection, *, after: UUID, limit: int
) -> list[tuple[UUID, PaymentId | None]]:
    """Open differences past this one, each with the payment that it is about, if it is known."""
    rows = await connection.all(sql.LIST_DOUBTFUL, after, limit)
    return [(row.id, row.payment_id) for row in rows]


async def list_differences(
    connection: Connection,
    *,
    state: DifferenceState = DifferenceState.OPEN,
    provider: str | None = None,
    cause: Cause | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Difference]:
    """Differences in one state, in the order in which they were found.

    Raises:
        InvalidInput: The cursor is not one.
    """
    seen = None if cursor is None else _read_cursor(cursor)
    rows = await connection.all(
        sql.LIST_DIFFERENCES,
        state.value,
        provider,
        None if cause is None else cause.value,
        seen,
        limit + 1,
    )
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].id)))


def _read_cursor(cursor: str) -> UUID:
    fault = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")
    keys = decode_cursor(cursor, count=1)
    try:
        return UUID("" if keys is None else keys[0])
    except ValueError:
        raise InvalidInput((fault,)) from None
