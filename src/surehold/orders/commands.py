"""Everything that writes orders. Checkout decides; this writes, in checkout's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from surehold.db import Transaction
from surehold.kernel.ids import OrderId
from surehold.orders import sql
from surehold.orders.model import Order, OrderLine


class ConcurrentChange(RuntimeError):
    """An order was written under us although we hold its lock: a bug, so the batch is refused."""


async def lock_orders(tx: Transaction, *, ids: Sequence[OrderId]) -> dict[OrderId, Order]:
    """Lock orders, in id order; the unknown ones are left out."""
    return {order.id: order for order in await tx.all(sql.LOCK_ORDERS, list(ids))}


async def insert_orders(tx: Transaction, *, orders: Sequence[Order], now: datetime) -> None:
    """Write orders just placed by a buyer; the database writes the first line of each history."""
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
    )
    if count != len(rows):
        raise ConcurrentChange("an order changed under its lock")
