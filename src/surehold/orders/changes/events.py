"""Facts that changes announce."""

from __future__ import annotations

from surehold.jobs.outbox import Event
from surehold.orders.changes.model import OrderChange
from surehold.orders.model import Order


def order_change_moved(order: Order, change: OrderChange) -> Event:
    """A change was made, waits for its payment, lapsed, or was taken back."""
    return Event(
        f"order_change.{change.state.value}",
        change.id,
        {
            "order_id": str(order.id),
            "number": order.number,
            "email": order.email,
            "difference_minor": change.difference_minor,
            "currency": order.currency,
            "payment_id": None if change.payment_id is None else str(change.payment_id),
            "reason": change.change_reason,
        },
    )
