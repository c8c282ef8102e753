"""What staff may read of vendors' accounts."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from surehold.catalog.errors import VendorNotFound
from surehold.db import Connection
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor
from surehold.orders.vendor_accounts import rules, sql
from surehold.orders.vendor_accounts.errors import PayoutBatchNotFound
from surehold.orders.vendor_accounts.model import (
    Batch,
    CommissionRule,
    Statement,
    WholeBatch,
)


async def list_rules(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[CommissionRule]:
    """Every rule there is or was, the oldest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    seen = None if cursor is None else _read_cursor(cursor)
    rows = await connection.all(sql.LIST_RULES, seen, limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].id)))


async def list_batches(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Batch]:
    """Batches of payouts, the newest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    seen = None if cursor is None else _read_cursor(cursor)
    rows = await connection.all(sql.LIST_BATCHES, seen, limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].id)))


async def get_batch(connection: Connection, *, batch_id: UUID) -> WholeBatch:
    """One batch with its payouts and its history.

    Raises:
        PayoutBatchNotFound: There is none with this id.
    """
    batch = await connection.find(sql.FIND_BATCH, batch_id)
    if batch is None:
        raise PayoutBatchNotFound("There is no batch with this id.")
    payouts = await connection.all(sql.LIST_PAYOUTS, batch_id)
    events = await connection.all(sql.LIST_BATCH_EVENTS, batch_id)
    return WholeBatch(batch, tuple(payouts), tuple(events))


async def get_statements(
    connection: Connection, *, vendor: str, since: datetime, until: datetime
) -> tuple[Statement, ...]:
    """A vendor's account over a period, a statement for each currency that ever moved in it.

    Raises:
        VendorNotFound: There is no such vendor.
        InvalidInput: The period ends before it begins.
    """
    if until < since:
        raise InvalidInput((Fault("/until", "out_of_order", "A period ends after it begins."),))
    found = await connection.find(sql.FIND_VENDOR, vendor)
    if found is None:
        raise VendorNotFound("There is no such vendor.")
    sums: defaultdict[str, dict[tuple[bool, str, str], int]] = defaultdict(dict)
    for row in await connection.all(sql.SUM_ACCOUNT, found.id, since, until):
        sums[row.currency][row.is_before, row.kind, row.account] = row.amount_minor
    return tuple(rules.statement_of(currency, parts) for currency, parts in sums.items())


def _read_cursor(cursor: str) -> UUID:
    fault = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")
    keys = decode_cursor(cursor, count=1)
    try:
        return UUID("" if keys is None else keys[0])
    except ValueError:
        raise InvalidInput((fault,)) from None
