"""Facts that the orders room announces."""

from __future__ import annotations

from surehold.jobs.outbox import Event
from surehold.orders.model import Fulfillment, Order


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


def fulfillment_moved(order: Order, fulfillment: Fulfillment) -> Event:
    """A parcel was packed, sent, seen on its way, delivered, lost, given up, or corrected."""
    return Event(
        f"fulfillment.{fulfillment.state.value}",
        fulfillment.id,
        {
            "order_id": str(order.id),
            "number": order.number,
            "email": order.email,
            "carrier": fulfillment.carrier,
            "tracking_number": fulfillment.tracking_number,
            "reason": fulfillment.change_reason,
        },
    )
