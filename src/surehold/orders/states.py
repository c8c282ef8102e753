"""Which status may follow which, and the life of a fulfillment, as data.

The database has the same tables, and refuses.
"""

from __future__ import annotations

import enum
from typing import Final

from surehold.kernel.states import Machine
from surehold.orders.model import FulfillmentState, OrderStatus, ReturnState

S = OrderStatus

_ONWARD: Final = {
    S.PENDING_PAYMENT: {
        S.PAYMENT_FAILED,
        S.PAID,
        S.CONFIRMED,
        S.PROCESSING,  # paid again, or at last, after an authorization had lapsed
        S.READY_FOR_SHIPMENT,
        S.CANCELED,
        # Money came that does not buy it, and goes back or is held back.
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
    S.PAYMENT_FAILED: {
        S.PENDING_PAYMENT,
        S.PAID,
        S.CONFIRMED,
        S.PROCESSING,
        S.READY_FOR_SHIPMENT,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
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
        S.PENDING_PAYMENT,  # what was authorized lapsed
        S.PAYMENT_FAILED,
        S.PROCESSING,
        S.READY_FOR_SHIPMENT,
        S.SHIPPED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
    S.PROCESSING: {
        S.PENDING_PAYMENT,
        S.PAYMENT_FAILED,
        S.READY_FOR_SHIPMENT,
        S.SHIPPED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
    S.READY_FOR_SHIPMENT: {
        S.PENDING_PAYMENT,
        S.PAYMENT_FAILED,
        S.PROCESSING,
        S.SHIPPED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
    # Canceled: refused at the door.
    S.SHIPPED: {
        S.IN_TRANSIT,
        S.DELIVERED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
    # Shipped, in part: something else is still to be sent for what came back.
    S.IN_TRANSIT: {
        S.SHIPPED,
        S.DELIVERED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
    },
    S.DELIVERED: {S.SHIPPED, S.PARTIALLY_REFUNDED, S.REFUNDED, S.DISPUTED, S.ARCHIVED},
    # Money may arrive after the shop gave the order up: it is revived, or refunded.
    S.CANCELED: {
        S.PAID,
        S.CONFIRMED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.DISPUTED,
        S.ARCHIVED,
    },
    S.PARTIALLY_REFUNDED: {
        S.PAID,
        S.CONFIRMED,
        S.PROCESSING,
        S.READY_FOR_SHIPMENT,
        S.SHIPPED,
        S.IN_TRANSIT,
        S.DELIVERED,
        S.CANCELED,
        S.REFUNDED,
        S.DISPUTED,
        S.ARCHIVED,
    },
    # What the buyer's bank gave back may come back to the store: as far as the goods have come.
    S.REFUNDED: {
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.PAID,
        S.CONFIRMED,  # paid late and given back as sold out, and then authorized by another way
        S.PROCESSING,
        S.READY_FOR_SHIPMENT,
        S.SHIPPED,
        S.IN_TRANSIT,
        S.DELIVERED,
        S.DISPUTED,
        S.ARCHIVED,
    },
    S.DISPUTED: {
        S.PENDING_PAYMENT,
        S.PAYMENT_FAILED,
        S.PAID,
        S.CONFIRMED,
        S.PROCESSING,
        S.READY_FOR_SHIPMENT,
        S.SHIPPED,
        S.IN_TRANSIT,
        S.DELIVERED,
        S.CANCELED,
        S.PARTIALLY_REFUNDED,
        S.REFUNDED,
        S.ARCHIVED,
    },
    # Late money brings back what was given up and put away, or goes back itself; what a bank had
    # given back comes back to the store.
    S.ARCHIVED: {
        S.DISPUTED,
        S.PAID,
        S.CONFIRMED,
        S.SHIPPED,
        S.IN_TRANSIT,
        S.PARTIALLY_REFUNDED,
    },
}

#: Every allowed move.
MOVES: Final = frozenset((source, target) for source in _ONWARD for target in _ONWARD[source])

#: The statuses that an order may begin with.
INITIAL: Final = frozenset({S.PENDING_PAYMENT, S.CONFIRMED})


def is_allowed(source: OrderStatus, target: OrderStatus) -> bool:
    """Whether the first status may become the second."""
    return (source, target) in MOVES


class FulfillmentEvent(enum.Enum):
    """What can happen to a parcel, from its first line on a list to the buyer's door."""

    PACK = "pack"
    SHIP = "ship"
    MOVE = "move"
    DELIVER = "deliver"
    CANCEL = "cancel"
    LOSE = "lose"
    RETURN = "return"


F, FE = FulfillmentState, FulfillmentEvent

#: Units leave the shelf with SHIP and with nothing else.
FULFILLMENT: Final = Machine(
    initial=F.OPEN,
    table={
        (F.OPEN, FE.PACK): F.PACKED,
        (F.OPEN, FE.SHIP): F.SHIPPED,
        (F.OPEN, FE.CANCEL): F.CANCELED,
        (F.PACKED, FE.SHIP): F.SHIPPED,
        (F.PACKED, FE.CANCEL): F.CANCELED,
        (F.SHIPPED, FE.MOVE): F.IN_TRANSIT,
        (F.SHIPPED, FE.DELIVER): F.DELIVERED,  # not every carrier tells of the way
        (F.SHIPPED, FE.LOSE): F.LOST,
        (F.SHIPPED, FE.RETURN): F.RETURNED_TO_SENDER,
        (F.IN_TRANSIT, FE.DELIVER): F.DELIVERED,
        (F.IN_TRANSIT, FE.LOSE): F.LOST,
        (F.IN_TRANSIT, FE.RETURN): F.RETURNED_TO_SENDER,
        (F.LOST, FE.DELIVER): F.DELIVERED,  # it turned up
        (F.LOST, FE.RETURN): F.RETURNED_TO_SENDER,
    },
)

#: What waits to be packed or sent.
WAITING: Final = frozenset({F.OPEN, F.PACKED})
#: What has left the shelf.
SENT: Final = frozenset({F.SHIPPED, F.IN_TRANSIT, F.DELIVERED, F.LOST, F.RETURNED_TO_SENDER})


class ReturnEvent(enum.Enum):
    """What can happen to a return."""

    APPROVE = "approve"
    REJECT = "reject"
    SEND = "send"
    RECEIVE = "receive"
    INSPECT = "inspect"
    COMPLETE = "complete"
    CANCEL = "cancel"


R, RE = ReturnState, ReturnEvent

#: The life of a return; the database has the same moves, and refuses others.
RETURN: Final = Machine(
    initial=R.REQUESTED,
    table={
        (R.REQUESTED, RE.APPROVE): R.APPROVED,
        (R.REQUESTED, RE.REJECT): R.REJECTED,
        (R.REQUESTED, RE.CANCEL): R.CANCELED,
        (R.APPROVED, RE.SEND): R.IN_TRANSIT,
        (R.APPROVED, RE.RECEIVE): R.RECEIVED,
        (R.APPROVED, RE.CANCEL): R.CANCELED,
        (R.IN_TRANSIT, RE.RECEIVE): R.RECEIVED,
        (R.RECEIVED, RE.INSPECT): R.INSPECTED,
        (R.INSPECTED, RE.COMPLETE): R.COMPLETED,
    },
)
