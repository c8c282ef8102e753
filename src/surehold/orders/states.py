"""Which status may follow which, as data. The database has the same table, and refuses."""

from __future__ import annotations

from typing import Final

from surehold.orders.model import OrderStatus

S = OrderStatus

_ONWARD: Final = {
    S.PENDING_PAYMENT: {
        S.PAYMENT_FAILED,
        S.PAID,
        S.CONFIRMED,
        S.CANCELED,
        S.REFUNDED,
    },
    S.PAYMENT_FAILED: {S.PENDING_PAYMENT, S.PAID, S.CANCELED, S.REFUNDED},
    S.PAID: {
        S.CONFIRMED,
        S.PROCESSING,
        S.READY_FOR_SHIPMENT,
        S.SHIPPED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
    S.CONFIRMED: {
        S.PAID,
        S.PROCESSING,
        S.READY_FOR_SHIPMENT,
        S.SHIPPED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
    S.PROCESSING: {
        S.READY_FOR_SHIPMENT,
        S.SHIPPED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
    S.READY_FOR_SHIPMENT: {
        S.PROCESSING,
        S.SHIPPED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
    S.SHIPPED: {S.IN_TRANSIT, S.DELIVERED, S.PARTIALLY_REFUNDED, S.REFUNDED, S.DISPUTED},
    S.IN_TRANSIT: {S.DELIVERED, S.PARTIALLY_REFUNDED, S.REFUNDED, S.DISPUTED},
    S.DELIVERED: {S.PARTIALLY_REFUNDED, S.REFUNDED, S.DISPUTED, S.ARCHIVED},
    # Money may arrive after the shop gave the order up: it is revived, or refunded.
    S.CANCELED: {S.PAID, S.PARTIALLY_REFUNDED, S.REFUNDED, S.DISPUTED, S.ARCHIVED},
    S.PARTIALLY_REFUNDED: {
        S.PAID,
        S.PROCESSING,
        S.SHIPPED,
        S.DELIVERED,
        S.CANCELED,
        S.REFUNDED,
        S.DISPUTED,
        S.ARCHIVED,
    },
    S.REFUNDED: {S.CANCELED, S.PARTIALLY_REFUNDED, S.PAID, S.DISPUTED, S.ARCHIVED},
    S.DISPUTED: {
        S.PAID,
        S.PROCESSING,
        S.SHIPPED,
        S.DELIVERED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.ARCHIVED,
    },
    S.ARCHIVED: {S.DISPUTED},
}

#: Every allowed move.
MOVES: Final = frozenset((source, target) for source in _ONWARD for target in _ONWARD[source])

#: The statuses that an order may begin with.
INITIAL: Final = frozenset({S.PENDING_PAYMENT, S.CONFIRMED})


def is_allowed(source: OrderStatus, target: OrderStatus) -> bool:
    """Whether the first status may become the second."""
    return (source, target) in MOVES
