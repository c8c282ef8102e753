"""Facts that the orders room announces."""

from __future__ import annotations

from surehold.jobs.outbox import Event
from surehold.orders.model import Order


def order_placed(order: Order) -> Event:
    """An order was placed and its stock is held."""
    return Event(
        "order.placed",
        order.id,
        {"number": order.number, "total_minor": order.total_minor, "currency": order.currency},
    )


def order_status_changed(before: Order, after: Order) -> Event:
    """The one label of an order changed."""
    return Event(
        f"order.{after.status.value}",
        after.id,
        {
            "number": after.number,
            "from": before.status.value,
            "reason": after.change_reason,
            "email": after.email,
        },
    )
