"""The labels of an order, computed from its facts. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.orders.model import (
    FulfillmentState,
    FulfillmentStatus,
    Order,
    OrderStatus,
    PaymentStatus,
)
from surehold.orders.states import is_allowed


class MoneyFacts(msgspec.Struct, frozen=True):
    """What an order's payments come to. Amounts in minor units of the order's currency."""

    paid_minor: int = 0
    refunded_minor: int = 0
    disputed_minor: int = 0
    #: Given back by the buyer's bank, for good.
    lost_minor: int = 0
    #: On its way back, and no part of the sale any more: it pays for nothing that is due.
    returning_minor: int = 0
    authorized_minor: int = 0
    #: Some payment waits for its buyer or its bank.
    is_under_way: bool = False
    #: The latest payment failed or was given up.
    is_failed: bool = False
    #: The goods may leave before the money comes: it is authorized, or is paid at the door.
    is_secured: bool = False
    #: Something was sent unpaid, and its money is owed.
    is_owed: bool = False


class StatusNotReachable(AssertionError):
    """The facts changed in a way that the table of moves does not know: our bug, so stop."""


def derive_payment_status(money: MoneyFacts, *, total_minor: int) -> PaymentStatus:
    """How far an order is paid."""
    if money.disputed_minor:
        return PaymentStatus.DISPUTED
    gone_minor = money.refunded_minor + money.lost_minor
    if money.paid_minor - gone_minor - money.returning_minor >= total_minor:
        return PaymentStatus.PAID  # a second payment may have come and gone back
    is_back = money.paid_minor and gone_minor >= money.paid_minor
    if is_back and not money.is_secured:
        return PaymentStatus.REFUNDED
    if gone_minor and not is_back:
        return PaymentStatus.PARTIALLY_REFUNDED
    if money.authorized_minor:
        return PaymentStatus.AUTHORIZED
    if money.is_under_way:
        return PaymentStatus.PENDING
    return PaymentStatus.FAILED if money.is_failed else PaymentStatus.NOT_PAID


class FulfillmentFacts(msgspec.Struct, frozen=True):
    """What an order's units have come to. ``parcels`` leaves out the canceled ones."""

    #: Units that the order owns, sent or not.
    owned_units: int = 0
    sent_units: int = 0
    #: The state of each parcel, and its units.
    parcels: tuple[tuple[FulfillmentState, int], ...] = ()
    #: Staff have begun to work on it.
    is_in_processing: bool = False


_WAY: Final = {
    FulfillmentState.SHIPPED: 0,
    FulfillmentState.IN_TRANSIT: 1,
    FulfillmentState.LOST: 1,  # on its way as far as anybody knows
    FulfillmentState.DELIVERED: 2,
}
_COME: Final = (
    FulfillmentStatus.SHIPPED,
    FulfillmentStatus.IN_TRANSIT,
    FulfillmentStatus.DELIVERED,
)


def derive_fulfillment_status(facts: FulfillmentFacts) -> FulfillmentStatus:
    """How far an order is sent: as far as the parcel that is furthest behind.

    What came back to the sender is left out, unless everything did.
    """
    if facts.sent_units:
        if facts.sent_units < facts.owned_units:
            return FulfillmentStatus.PARTIALLY_SHIPPED
        way = [_WAY[state] for state, _ in facts.parcels if state in _WAY]
        return _COME[min(way)] if way else FulfillmentStatus.RETURNED
    packed = sum(units for state, units in facts.parcels if state is FulfillmentState.PACKED)
    if facts.owned_units and packed >= facts.owned_units:
        return FulfillmentStatus.READY_FOR_SHIPMENT
    if facts.owned_units and (facts.parcels or facts.is_in_processing):
        return FulfillmentStatus.PROCESSING
    return FulfillmentStatus.UNFULFILLED


_LABELS: Final = {
    FulfillmentStatus.PROCESSING: OrderStatus.PROCESSING,
    FulfillmentStatus.READY_FOR_SHIPMENT: OrderStatus.READY_FOR_SHIPMENT,
    # Nobody cancels an order of which something is on its way.
    FulfillmentStatus.PARTIALLY_SHIPPED: OrderStatus.SHIPPED,
    FulfillmentStatus.SHIPPED: OrderStatus.SHIPPED,
    FulfillmentStatus.IN_TRANSIT: OrderStatus.IN_TRANSIT,
    FulfillmentStatus.DELIVERED: OrderStatus.DELIVERED,
    # It was on its way and never came; what becomes of the money is said by the money.
    FulfillmentStatus.RETURNED: OrderStatus.IN_TRANSIT,
}


def derive_status(
    payment_status: PaymentStatus,
    fulfillment_status: FulfillmentStatus,
    *,
    is_canceled: bool,
    is_confirmed: bool,
    is_trusted: bool = False,
) -> OrderStatus:
    """The one label, from the strongest fact to the weakest: money first, then the goods.

    ``is_trusted``: the goods go before the money.
    """
    if payment_status is PaymentStatus.DISPUTED:
        return OrderStatus.DISPUTED
    if payment_status is PaymentStatus.REFUNDED:
        return OrderStatus.REFUNDED
    if is_canceled:
        return OrderStatus.CANCELED
    if payment_status is PaymentStatus.PARTIALLY_REFUNDED:
        return OrderStatus.PARTIALLY_REFUNDED
    if payment_status is PaymentStatus.PAID or is_trusted:
        otherwise = OrderStatus.CONFIRMED if is_confirmed else OrderStatus.PAID
        return _LABELS.get(fulfillment_status, otherwise)
    if payment_status is PaymentStatus.FAILED:
        return OrderStatus.PAYMENT_FAILED
    return OrderStatus.PENDING_PAYMENT


#: What may be put away: nothing more is to be done about it.
_OVER: Final = frozenset({OrderStatus.DELIVERED, OrderStatus.CANCELED, OrderStatus.REFUNDED})
_ARRIVED: Final = frozenset({FulfillmentStatus.DELIVERED, FulfillmentStatus.RETURNED})


def is_over(order: Order) -> bool:
    """Whether an order has come to its end, by its labels."""
    if order.status is OrderStatus.PARTIALLY_REFUNDED:
        return order.fulfillment_status in _ARRIVED
    return order.status in _OVER


def relabel(order: Order, money: MoneyFacts, goods: FulfillmentFacts) -> Order:
    """The order with its paid and refunded totals and its labels brought up to date.

    An archived order that is not over any more (late money, a dispute) is archived no longer.

    Raises:
        StatusNotReachable: The table of moves has no such step.
    """
    payment_status = derive_payment_status(money, total_minor=order.due_minor)
    fulfillment_status = derive_fulfillment_status(goods)
    status = derive_status(
        payment_status,
        fulfillment_status,
        is_canceled=order.canceled_at is not None,
        is_confirmed=order.confirmed_at is not None,
        is_trusted=goods.owned_units > 0 and (money.is_secured or money.is_owed),
    )
    after = msgspec.structs.replace(
        order,
        status=status,
        payment_status=payment_status,
        fulfillment_status=fulfillment_status,
        paid_minor=money.paid_minor,
        refunded_minor=money.refunded_minor,
    )
    if order.archived_at is not None:
        stays = is_over(after)
        after = msgspec.structs.replace(
            after,
            status=OrderStatus.ARCHIVED if stays else status,
            archived_at=order.archived_at if stays else None,
        )
    if after.status is not order.status and not is_allowed(order.status, after.status):
        raise StatusNotReachable(f"{order.number}: {order.status.value} to {after.status.value}")
    return after
