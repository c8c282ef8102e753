"""Everything that writes orders. Checkout decides; this writes, in checkout's transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from surehold.db import Database, Transaction, clock
from surehold.kernel.ids import NoteId, OrderId, new_id
from surehold.orders import sql
from surehold.orders.errors import OrderNotFound
from surehold.orders.fraud.model import Origin
from surehold.orders.model import (
    Cancellation,
    Fulfillment,
    Order,
    OrderLine,
    OrderNote,
    Return,
    ReturnLine,
)
from surehold.orders.sql import fulfilling, timeline


class ConcurrentChange(RuntimeError):
    """An order was written under us although we hold its lock: a bug, so the batch is refused."""


async def lock_orders(tx: Transaction, *, ids: Sequence[OrderId]) -> dict[OrderId, Order]:
    """Lock orders, in id order; the unknown ones are left out."""
    return {order.id: order for order in await tx.all(sql.LOCK_ORDERS, list(ids))}


async def insert_orders(
    tx: Transaction, *, orders: Sequence[Order], origins: Mapping[OrderId, Origin], now: datetime
) -> None:
    """Write orders just placed; the database writes the first line of each history.

    ``origins``: where they came from, in a store that asks for fraud signals.
    """
    known = [origins.get(row.id) for row in orders]
    await tx.run(
        sql.INSERT_ORDERS,
        [row.id for row in orders],
        [row.number for row in orders],
        [row.cart_id for row in orders],
        [row.email for row in orders],
        [row.currency for row in orders],
        [row.subtotal_minor for row in orders],
        [row.discount_minor for row in orders],
        [row.shipping_minor for row in orders],
        [row.shipping_tax_minor for row in orders],
        [row.tax_minor for row in orders],
        [row.total_minor for row in orders],
        [row.is_tax_included for row in orders],
        [row.shipping_method for row in orders],
        [row.shipping_address for row in orders],
        [row.billing_address for row in orders],
        [row.provider for row in orders],
        now,
        [row.coupon_code for row in orders],
        # As text: a list of lists would be taken for an array of two dimensions.
        [msgspec.json.encode(row.adjustments).decode() for row in orders],
        [row.changed_by for row in orders],
        [row.change_reason for row in orders],
        [None if row is None else row.network_hash for row in known],
        [None if row is None else row.address_hash for row in known],
    )


async def insert_lines(tx: Transaction, *, lines: Sequence[OrderLine]) -> None:
    """Write the lines of placed orders."""
    await tx.run(
        sql.INSERT_LINES,
        [row.id for row in lines],
        [row.order_id for row in lines],
        [row.position for row in lines],
        [row.product_id for row in lines],
        [row.variant_id for row in lines],
        [row.vendor_id for row in lines],
        [row.sku for row in lines],
        [row.name for row in lines],
        # As text: a list of lists would be taken for an array of two dimensions.
        [msgspec.json.encode(row.options).decode() for row in lines],
        [row.image for row in lines],
        [row.quantity for row in lines],
        [row.unit_price_minor for row in lines],
        [row.discount_minor for row in lines],
        [row.total_minor for row in lines],
        [row.tax_rate for row in lines],
        [row.net_minor for row in lines],
        [row.tax_minor for row in lines],
        [row.gross_minor for row in lines],
    )


async def update_orders(
    tx: Transaction, *, changes: Sequence[tuple[Order, Order]], now: datetime
) -> None:
    """Write what became of locked orders, each as (before, after).

    A change of status raises the version, and the database adds the line of history.

    Raises:
        ConcurrentChange: One of them was written since it was read.
    """
    if not changes:
        return
    rows = [
        msgspec.structs.replace(after, version=before.version + (before.status != after.status))
        for before, after in changes
    ]
    count = await tx.run(
        sql.UPDATE_ORDERS,
        [row.id for row in rows],
        [before.version for before, _ in changes],
        [row.status.value for row in rows],
        [row.payment_status.value for row in rows],
        [row.paid_minor for row in rows],
        [row.refunded_minor for row in rows],
        [row.canceled_at for row in rows],
        [row.cancel_reason.value if row.cancel_reason else None for row in rows],
        [row.extensions_used for row in rows],
        [row.provider for row in rows],
        [row.version for row in rows],
        [row.changed_by for row in rows],
        [row.change_reason for row in rows],
        now,
        [row.fulfillment_status.value for row in rows],
        [row.confirmed_at for row in rows],
        [row.processing_at for row in rows],
        [row.archived_at for row in rows],
        [row.canceled_minor for row in rows],
        [row.added_minor for row in rows],
        [row.change_count for row in rows],
        [row.sold_at for row in rows],
        [row.owed_minor for row in rows],
    )
    if count != len(rows):
        raise ConcurrentChange("an order changed under its lock")


async def lock_fulfillments(tx: Transaction, *, order_ids: Sequence[OrderId]) -> list[Fulfillment]:
    """Lock every fulfillment of these orders, in id order. Their orders are locked already."""
    return await tx.all(fulfilling.LOCK_FULFILLMENTS, list(order_ids))


async def insert_fulfillments(tx: Transaction, *, fulfillments: Sequence[Fulfillment]) -> None:
    """Write new fulfillments, as they were opened; the database writes their histories.

    What one of them has come to since is for ``update_fulfillments``.
    """
    if not fulfillments:
        return
    await tx.run(
        fulfilling.INSERT_FULFILLMENTS,
        [row.id for row in fulfillments],
        [row.order_id for row in fulfillments],
        [row.location_id for row in fulfillments],
        [row.vendor_id for row in fulfillments],
        [row.created_at for row in fulfillments],
        [row.changed_by for row in fulfillments],
        [row.change_reason for row in fulfillments],
    )
    await tx.run(
        fulfilling.INSERT_LINES,
        [row.id for row in fulfillments for _ in row.lines],
        [line.allocation_id for row in fulfillments for line in row.lines],
        [line.quantity for row in fulfillments for line in row.lines],
    )


async def update_fulfillments(
    tx: Transaction, *, changes: Sequence[tuple[Fulfillment, Fulfillment]], now: datetime
) -> None:
    """Write what became of locked fulfillments, each as (before, after).

    Raises:
        ConcurrentChange: One of them was written since it was read.
    """
    if not changes:
        return
    rows = [after for _, after in changes]
    count = await tx.run(
        fulfilling.UPDATE_FULFILLMENTS,
        [row.id for row in rows],
        [before.version for before, _ in changes],
        [row.state.value for row in rows],
        [row.carrier for row in rows],
        [row.tracking_number for row in rows],
        [row.packed_at for row in rows],
        [row.shipped_at for row in rows],
        [row.delivered_at for row in rows],
        [row.changed_by for row in rows],
        [row.change_reason for row in rows],
        now,
    )
    if count != len(rows):
        raise ConcurrentChange("a fulfillment changed under its lock")


#: Writes down, in the transaction that writes a note, what was written.
KeepNote = Callable[[Transaction, OrderNote], Awaitable[None]]


async def add_note(
    db: Database,
    *,
    order_id: OrderId,
    text: str,
    is_visible: bool,
    actor: str,
    keep: KeepNote | None = None,
) -> OrderNote:
    """Write a note about an order. Each call writes one; ``keep`` comes before the commit.

    Raises:
        OrderNotFound: There is no order with this id.
    """

    async def work(tx: Transaction) -> OrderNote:
        if await tx.find(sql.FIND_ORDER, order_id) is None:
            raise OrderNotFound("There is no order with this id.")
        now = await clock.now(tx)
        note = OrderNote(NoteId(new_id()), order_id, text, is_visible, actor, now)
        await tx.run(timeline.INSERT_NOTE, note.id, order_id, text, is_visible, actor, now)
        if keep is not None:
            await keep(tx, note)
        return note

    return await db.retrying(work)


async def insert_notes(tx: Transaction, *, notes: Sequence[OrderNote]) -> None:
    """Write notes about orders of this transaction."""
    for note in notes:
        await tx.run(
            timeline.INSERT_NOTE,
            note.id,
            note.order_id,
            note.text,
            note.is_visible,
            note.actor,
            note.written_at,
        )


async def insert_cancellations(
    tx: Transaction, *, cancellations: Sequence[Cancellation], now: datetime
) -> None:
    """Write what was given up of orders; their lines count it.

    Raises:
        asyncpg.CheckViolationError: More than a line has left.
    """
    if not cancellations:
        return
    await tx.run(
        sql.INSERT_CANCELLATIONS,
        [row.id for row in cancellations],
        [row.order_id for row in cancellations],
        [row.reason for row in cancellations],
        [row.actor for row in cancellations],
        [row.is_sold for row in cancellations],
        now,
    )
    lines = [(row.id, share) for row in cancellations for share in row.shares]
    await tx.run(
        sql.INSERT_CANCELLATION_LINES,
        [one for one, _ in lines],
        [share.line_id for _, share in lines],
        [share.quantity for _, share in lines],
        [share.net_minor for _, share in lines],
        [share.tax_minor for _, share in lines],
    )


async def insert_returns(
    tx: Transaction,
    *,
    returns: Sequence[Return],
    lines: Sequence[ReturnLine],
    now: datetime,
) -> None:
    """Write requested returns; the order's lines count their units.

    Raises:
        asyncpg.CheckViolationError: More units than were sent.
    """
    if not returns:
        return
    await tx.run(
        sql.INSERT_RETURNS,
        [row.id for row in returns],
        [row.order_id for row in returns],
        [row.note for row in returns],
        [row.changed_by for row in returns],
        [row.change_reason for row in returns],
        now,
    )
    await tx.run(
        sql.INSERT_RETURN_LINES,
        [row.id for row in lines],
        [row.return_id for row in lines],
        [row.order_line_id for row in lines],
        [row.quantity for row in lines],
        [row.reason.value for row in lines],
        [row.note for row in lines],
    )


async def update_returns(
    tx: Transaction,
    *,
    changes: Sequence[tuple[Return, Return]],
    lines: Sequence[ReturnLine],
    now: datetime,
) -> None:
    """Write a move of each of these returns, as (before, after), and what its lines came to.

    Raises:
        ConcurrentChange: One of them left the state that it was read in.
    """
    if not changes:
        return
    if lines:
        await tx.run(
            sql.UPDATE_RETURN_LINES,
            [row.id for row in lines],
            [row.received_quantity for row in lines],
            [row.sellable_quantity for row in lines],
            [row.damaged_quantity for row in lines],
            [row.location_id for row in lines],
        )
    count = await tx.run(
        sql.UPDATE_RETURNS,
        [after.id for _, after in changes],
        [before.state.value for before, _ in changes],
        [after.state.value for _, after in changes],
        [after.answer for _, after in changes],
        [after.changed_by for _, after in changes],
        [after.change_reason for _, after in changes],
        now,
    )
    if count != len(changes):
        raise ConcurrentChange("a return changed under its order's lock")
