"""The labels of an order, computed from its facts. Pure."""

from __future__ import annotations

import msgspec

from surehold.orders.model import Order, OrderStatus, PaymentStatus
from surehold.orders.states import is_allowed


class MoneyFacts(msgspec.Struct, frozen=True):
    """What an order's payments come to. Amounts in minor units of the order's currency."""

    paid_minor: int = 0
    refunded_minor: int = 0
    disputed_minor: int = 0
    authorized_minor: int = 0
    #: Some payment waits for its buyer or its bank.
    is_under_way: bool = False
    #: The latest payment failed or was given up.
    is_failed: bool = False


class StatusNotReachable(AssertionError):
    """The facts changed in a way that the table of moves does not know: our bug, so stop."""


def derive_payment_status(money: MoneyFacts, *, total_minor: int) -> PaymentStatus:
    """How far an order is paid."""
    if money.disputed_minor:
        return PaymentStatus.DISPUTED
    if money.paid_minor - money.refunded_minor >= total_minor:
        return PaymentStatus.PAID  # a second payment may have come and gone back
    if money.paid_minor and money.refunded_minor >= money.paid_minor:
        return PaymentStatus.REFUNDED
    if money.refunded_minor:
        return PaymentStatus.PARTIALLY_REFUNDED
    if money.authorized_minor:
        return PaymentStatus.AUTHORIZED
    if money.is_under_way:
        return PaymentStatus.PENDING
    return PaymentStatus.FAILED if money.is_failed else PaymentStatus.NOT_PAID


def derive_status(
    payment_status: PaymentStatus, *, is_canceled: bool, is_archived: bool
) -> OrderStatus:
    """The one label, from the strongest fact to the weakest."""
    if is_archived:
        return OrderStatus.ARCHIVED
    if payment_status is PaymentStatus.DISPUTED:
        return OrderStatus.DISPUTED
    if payment_status is PaymentStatus.REFUNDED:
        return OrderStatus.REFUNDED
    if is_canceled:
        return OrderStatus.CANCELED
    if payment_status is PaymentStatus.PARTIALLY_REFUNDED:
        return OrderStatus.PARTIALLY_REFUNDED
    if payment_status is PaymentStatus.PAID:
        return OrderStatus.PAID
    if payment_status is PaymentStatus.FAILED:
        return OrderStatus.PAYMENT_FAILED
    return OrderStatus.PENDING_PAYMENT


def relabel(order: Order, money: MoneyFacts) -> Order:
    """The order with its paid and refunded totals and both labels brought up to date.

    Raises:
        StatusNotReachable: The table of moves has no such step.
    """
    payment_status = derive_payment_status(money, total_minor=order.total_minor)
    status = derive_status(
        payment_status,
        is_canceled=order.canceled_at is not None,
        is_archived=order.archived_at is not None,
    )
    if status is not order.status and not is_allowed(order.status, status):
        raise StatusNotReachable(f"{order.number}: {order.status.value} to {status.value}")
    return msgspec.structs.replace(
        order,
        status=status,
        payment_status=payment_status,
        paid_minor=money.paid_minor,
        refunded_minor=money.refunded_minor,
    )
