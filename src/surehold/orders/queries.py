"""What others may read of orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from surehold.catalog import queries as catalog
from surehold.catalog.errors import VendorNotFound
from surehold.db import Connection
from surehold.identity.model import ClaimedOrder
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import (
    AccountId,
    CartId,
    FulfillmentId,
    OrderId,
    ReturnId,
    VariantId,
    VendorId,
)
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor
from surehold.orders import sql
from surehold.orders.errors import FulfillmentNotFound, OrderNotFound
from surehold.orders.model import (
    STAFF_SCOPE,
    Fulfillment,
    Order,
    OrderEvent,
    OrderFilter,
    OrderLine,
    OrderSummary,
    Return,
    ReturnLine,
    Scope,
    TimelineEntry,
    TimelineKind,
    WaitingLine,
)
from surehold.orders.sql import fulfilling, listing, own, timeline, waiting

#: No subject has more lines; what PostgreSQL's int can hold.
_SEQ_MAX: Final = (1 << 31) - 1
_INVALID_CURSOR: Final = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")


async def get_order(
    connection: Connection, *, order_id: OrderId, scope: Scope = STAFF_SCOPE
) -> Order:
    """One order within a scope.

    Raises:
        OrderNotFound: There is none with this id, or it is outside the scope.
    """
    order = await connection.find(sql.FIND_ORDER_WITHIN, order_id, *_keys_of(scope))
    if order is None:
        raise OrderNotFound("There is no order with this id.")
    return order


async def list_orders(
    connection: Connection,
    *,
    wanted: OrderFilter,
    scope: Scope = STAFF_SCOPE,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[OrderSummary]:
    """Orders within a scope that match everything that is wanted, newest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    vendor_id: VendorId | None = None
    if wanted.vendor is not None:
        try:
            vendor_id = (await catalog.get_vendor(connection, slug=wanted.vendor)).id
        except VendorNotFound:
            return Page(())
    seen_at, seen_id = _read_cursor(cursor)
    rows = await connection.all(
        listing.LIST[_start_of(wanted, scope)],
        wanted.search,
        wanted.status.value if wanted.status else None,
        wanted.payment_status.value if wanted.payment_status else None,
        wanted.fulfillment_status.value if wanted.fulfillment_status else None,
        vendor_id,
        wanted.currency,
        wanted.placed_from,
        wanted.placed_until,
        wanted.total_min_minor,
        wanted.total_max_minor,
        wanted.needs_review,
        *_keys_of(scope),
        seen_at,
        seen_id,
        limit + 1,
    )
    if len(rows) <= limit:
        return Page(tuple(rows))
    last = rows[limit - 1]
    return Page(tuple(rows[:limit]), encode_cursor(last.placed_at.isoformat(), str(last.id)))


async def list_own_orders(
    connection: Connection,
    *,
    account_id: AccountId,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[OrderSummary]:
    """The orders that are an account's own, newest first.

    Raises:
        InvalidInput: The cursor is not one.
    """
    rows = await connection.all(own.LIST_OWN, account_id, *_read_cursor(cursor), limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    last = rows[limit - 1]
    return Page(tuple(rows[:limit]), encode_cursor(last.placed_at.isoformat(), str(last.id)))


async def find_pulse(connection: Connection, *, order_id: OrderId) -> str:
    """A short text that is another one as soon as its buyer could see something new.

    Raises:
        OrderNotFound: There is no such order.
    """
    found = await list_pulses(connection, order_ids=[order_id])
    if order_id not in found:
        raise OrderNotFound("There is no order with this id.")
    return found[order_id]


async def list_pulses(
    connection: Connection, *, order_ids: Sequence[OrderId]
) -> Mapping[OrderId, str]:
    """The pulses of these orders, as far as there are any."""
    return {
        row.order_id: "-".join(str(count) for count in msgspec.structs.astuple(row)[1:])
        for row in await connection.all(own.LIST_PULSES, order_ids)
    }


async def list_unclaimed(connection: Connection, *, email: str) -> tuple[ClaimedOrder, ...]:
    """Orders with this address that are nobody's own yet. Whoever asks has proven the address."""
    return tuple(await connection.all(own.LIST_UNCLAIMED, email.lower()))


def _start_of(wanted: OrderFilter, scope: Scope) -> str:
    """The filter that leaves least: its index is where the list begins."""
    if wanted.search is not None:
        return "search"
    if scope.email is not None:
        return "email"
    if wanted.needs_review:
        return "review"
    if scope.vendor_id is not None or wanted.vendor is not None:
        return "vendor"
    if wanted.status is not None:
        return "status"
    for start, found in (
        ("fulfillment", wanted.fulfillment_status),
        ("payment", wanted.payment_status),
    ):
        if found is not None and found.value not in listing.UNINDEXED:
            return start
    return "newest"


def _keys_of(scope: Scope) -> tuple[VendorId | None, str | None]:
    return scope.vendor_id, scope.email.lower() if scope.email is not None else None


def _read_cursor(cursor: str | None) -> tuple[datetime | None, UUID | None]:
    if cursor is None:
        return None, None
    placed_at, order_id = _keys_in(cursor, count=2)
    try:
        return _read_instant(placed_at), UUID(order_id)
    except ValueError:
        raise InvalidInput((_INVALID_CURSOR,)) from None


def _keys_in(cursor: str, *, count: int) -> tuple[str, ...]:
    keys = decode_cursor(cursor, count=count)
    if keys is None:
        raise InvalidInput((_INVALID_CURSOR,))
    return keys


def _read_instant(key: str) -> datetime:
    instant = datetime.fromisoformat(key)
    if instant.tzinfo is None:
        raise ValueError("an instant names its zone")
    return instant


async def find_order_by_number(connection: Connection, *, number: str) -> Order | None:
    """One order by the number that people know."""
    return await connection.find(sql.FIND_ORDER_BY_NUMBER, number)


async def list_lines(
    connection: Connection, *, order_ids: Sequence[OrderId], scope: Scope = STAFF_SCOPE
) -> dict[OrderId, tuple[OrderLine, ...]]:
    """The lines of these orders, in their order; within a vendor's scope only the vendor's."""
    found: dict[OrderId, tuple[OrderLine, ...]] = {}
    for line in await connection.all(sql.LIST_LINES, list(order_ids)):
        if scope.vendor_id not in (None, line.vendor_id):
            continue
        found[line.order_id] = (*found.get(line.order_id, ()), line)
    return found


async def list_events(connection: Connection, *, order_id: OrderId) -> tuple[OrderEvent, ...]:
    """The history of one order, oldest first."""
    return tuple(await connection.all(sql.LIST_EVENTS, order_id))


async def list_timeline(
    connection: Connection,
    *,
    order_id: OrderId,
    is_visible_only: bool,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[TimelineEntry]:
    """Everything that happened to an order, oldest first: its moves, money, parcels and notes.

    Raises:
        InvalidInput: The cursor is not one.
    """
    after = _read_place(cursor)
    rows = await connection.all(
        timeline.LIST_TIMELINE, order_id, is_visible_only, *after, limit + 1
    )
    if len(rows) <= limit:
        return Page(tuple(rows))
    last = rows[limit - 1]
    place = (last.happened_at.isoformat(), last.kind.value, str(last.subject_id), str(last.seq))
    return Page(tuple(rows[:limit]), encode_cursor(*place))


def _read_place(
    cursor: str | None,
) -> tuple[datetime | None, str | None, UUID | None, int | None]:
    if cursor is None:
        return None, None, None, None
    happened_at, kind, subject_id, seq = _keys_in(cursor, count=4)
    try:
        return (
            _read_instant(happened_at),
            TimelineKind(kind).value,
            UUID(subject_id),
            max(0, min(int(seq), _SEQ_MAX)),
        )
    except ValueError:
        raise InvalidInput((_INVALID_CURSOR,)) from None


async def list_fulfillments(
    connection: Connection, *, order_id: OrderId, scope: Scope = STAFF_SCOPE
) -> tuple[Fulfillment, ...]:
    """Every fulfillment of an order, oldest first; within a vendor's scope only the vendor's."""
    rows = await connection.all(fulfilling.LIST_FULFILLMENTS, [order_id])
    return tuple(row for row in rows if scope.vendor_id in (None, row.vendor_id))


async def get_fulfillment(
    connection: Connection, *, fulfillment_id: FulfillmentId, scope: Scope = STAFF_SCOPE
) -> Fulfillment:
    """One fulfillment within a scope.

    Raises:
        FulfillmentNotFound: There is none with this id, or it is outside the scope.
    """
    found = await connection.find(fulfilling.FIND_FULFILLMENT, fulfillment_id, scope.vendor_id)
    if found is None:
        raise FulfillmentNotFound("There is no fulfillment with this id.")
    return found


async def list_to_archive(
    connection: Connection, *, older_than: timedelta, limit: int
) -> tuple[OrderId, ...]:
    """Orders that are over and that nothing has happened to in this time, oldest first."""
    rows = await connection.all(sql.LIST_TO_ARCHIVE, older_than, limit)
    return tuple(row.id for row in rows)


async def list_unpaid(
    connection: Connection, *, older_than: timedelta, limit: int
) -> tuple[OrderId, ...]:
    """Orders that nobody paid for in this time, oldest first."""
    rows = await connection.all(sql.LIST_UNPAID, older_than, limit)
    return tuple(row.id for row in rows)


async def find_returning(connection: Connection, *, emails: Iterable[str]) -> frozenset[str]:
    """Those of these addresses, as they are written, whose buyers have paid for an order before.

    A mailbox is one buyer, guest or not, as for coupons; an order that was paid counts whatever
    became of it, one that was not does not.
    """
    rows = await connection.all(sql.FIND_RETURNING, list(emails))
    return frozenset(row.email for row in rows)


async def list_ordered_carts(
    connection: Connection, *, cart_ids: Sequence[CartId]
) -> frozenset[CartId]:
    """Those of these carts from which an order was ever placed, whatever became of it."""
    rows = await connection.all(sql.LIST_ORDERED_CARTS, list(cart_ids))
    return frozenset(row.cart_id for row in rows)


async def list_returns(
    connection: Connection, *, order_ids: Sequence[OrderId], scope: Scope = STAFF_SCOPE
) -> tuple[tuple[Return, ...], dict[ReturnId, tuple[ReturnLine, ...]]]:
    """The returns of these orders, oldest first, and the lines of each.

    Within a vendor's scope only the vendor's lines, and the returns that have any.
    """
    returns = tuple(await connection.all(sql.LIST_RETURNS, list(order_ids)))
    found: dict[ReturnId, tuple[ReturnLine, ...]] = {row.id: () for row in returns}
    ids = list(found)
    for line in await connection.all(sql.LIST_RETURN_LINES, ids, scope.vendor_id) if ids else ():
        found[line.return_id] = (*found[line.return_id], line)
    if scope.vendor_id is not None:
        found = {return_id: lines for return_id, lines in found.items() if lines}
    return tuple(row for row in returns if row.id in found), found


async def list_waiting(
    connection: Connection,
    *,
    variant_id: VariantId | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[WaitingLine]:
    """Lines that wait for units, in the order in which these were taken; of one variant or all.

    Raises:
        InvalidInput: The cursor is not one.
    """
    seen_at, seen_id = _read_cursor(cursor)
    rows = await connection.all(
        waiting.LIST_WAITING_LINES, variant_id, seen_at, seen_id, limit + 1
    )
    if len(rows) <= limit:
        return Page(tuple(rows))
    last = rows[limit - 1]
    cursor = encode_cursor(last.since.isoformat(), str(last.order_line_id))
    return Page(tuple(rows[:limit]), cursor)
