"""An order's history and way in its buyer's words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from surehold.orders.model import CancelReason, Order, OrderEvent, OrderStatus
from surehold.payments.errors import ProviderUnknown
from surehold.payments.model import Payment, PaymentState, Refund, RefundState
from surehold.payments.providers.registry import Providers
from surehold.web.format import format_money
from surehold.web.storefront import destinations
from surehold.web.storefront.order_access import Opened
from surehold.web.storefront.views import (
    EventView,
    MoneyView,
    RefundView,
    StepState,
    StepView,
)

_S: Final = OrderStatus
#: Reasons of our own are codes; what staff wrote is a sentence.
_is_code: Final = re.compile(r"[a-z]+(_[a-z]+)*").fullmatch
#: Working days until money is back, at the latest.
_REFUND_DAYS: Final = 10

#: The steps of the way, and the statuses that prove each was reached.
_STEPS: Final = (
    ("Placed", frozenset({_S.PENDING_PAYMENT})),
    ("Paid", frozenset({_S.PAID, _S.CONFIRMED})),
    ("Packed", frozenset({_S.READY_FOR_SHIPMENT})),
    ("Shipped", frozenset({_S.SHIPPED})),
    ("In transit", frozenset({_S.IN_TRANSIT})),
    ("Delivered", frozenset({_S.DELIVERED})),
)
_PAID: Final = 1
#: Orders that are not on their way have no steps to show.
_OFF_THE_WAY: Final = frozenset({_S.CANCELED, _S.REFUNDED, _S.PAYMENT_FAILED, _S.DISPUTED})

_CANCELED_BECAUSE: Final[Mapping[str, str]] = MappingProxyType(
    {
        CancelReason.BUYER.value: "You canceled it.",
        CancelReason.STAFF.value: "The store canceled it.",
        CancelReason.UNPAID.value: "It was not paid in time.",
        CancelReason.SOLD_OUT_AFTER_PAYMENT.value: (
            "Your payment arrived after the holding time, and the items were gone."
        ),
        CancelReason.REFUSED.value: "It was not taken at the door.",
        CancelReason.DISPUTE_LOST.value: "Your bank gave you the money back.",
    }
)

_TEXTS: Final[Mapping[OrderStatus, str]] = MappingProxyType(
    {
        _S.PENDING_PAYMENT: "Waiting for your payment again",
        _S.PAYMENT_FAILED: "A payment did not go through",
        _S.CONFIRMED: "We confirmed your order",
        _S.PROCESSING: "We began packing",
        _S.READY_FOR_SHIPMENT: "Your order was packed",
        _S.SHIPPED: "Your parcel left us",
        _S.IN_TRANSIT: "Your parcel is on its way",
        _S.DELIVERED: "Your parcel was delivered",
        _S.CANCELED: "Order canceled",
        _S.PARTIALLY_REFUNDED: "Part of your money was sent back",
        _S.REFUNDED: "Your money was sent back in full",
        _S.DISPUTED: "Your bank asked us about the payment",
        _S.ARCHIVED: "Order completed",
    }
)
_MILESTONES: Final = frozenset(
    {_S.PAID, _S.CONFIRMED, _S.SHIPPED, _S.DELIVERED, _S.CANCELED, _S.REFUNDED}
)


def tell_events(
    order: Order, events: Sequence[OrderEvent], *, locale: str
) -> tuple[EventView, ...]:
    """The history, newest first."""
    told = [_tell(order, event, locale) for event in events]
    return tuple(reversed(told))


def _tell(order: Order, event: OrderEvent, locale: str) -> EventView:
    at, status = event.happened_at, event.to_status
    if event.from_status is None:
        return EventView(at, "Order placed", is_milestone=True)
    if status is OrderStatus.PAID:
        amount = format_money(order.total_minor, order.currency, locale)
        late = "after the hold had ended" in event.reason
        detail = "It came late, and your items were still there." if late else ""
        return EventView(at, f"Payment of {amount} received", detail, is_milestone=True)
    detail = _CANCELED_BECAUSE.get(event.reason, "") if status is OrderStatus.CANCELED else ""
    if status is OrderStatus.PAYMENT_FAILED:
        detail = "No money was taken."
    return EventView(at, _TEXTS[status], detail, is_milestone=status in _MILESTONES)


def list_steps(order: Order, events: Sequence[OrderEvent]) -> tuple[StepView, ...]:
    """The way from placed to delivered; nothing for an order that has left it."""
    if order.status in _OFF_THE_WAY or order.canceled_at is not None:
        return ()
    times: list[datetime | None] = []
    for _, statuses in _STEPS:
        at = [event.happened_at for event in events if event.to_status in statuses]
        times.append(at[0] if at else None)
    reached = max((index for index, at in enumerate(times) if at is not None), default=0)
    labels = [label for label, _ in _STEPS]
    if times[_PAID] is not None and not order.paid_minor:
        labels[_PAID] = "Confirmed"  # the goods go before the money
    return tuple(
        StepView(label, _step_state(index, reached), times[index] if index <= reached else None)
        for index, label in enumerate(labels)
    )


def _step_state(index: int, reached: int) -> StepState:
    if index <= reached:
        return StepState.DONE
    return StepState.CURRENT if index == reached + 1 else StepState.AHEAD


def tell_refunds(refunds: Sequence[Refund], *, way: str) -> tuple[RefundView, ...]:
    """Money on its way back. One that failed is for staff to send another way: it is under way.

    Where it was sent again the failed one is not told.
    """
    again = {refund.retry_of for refund in refunds}
    return tuple(
        RefundView(
            MoneyView(refund.amount_minor, refund.currency),
            "store credit" if refund.store_credit_id is not None else way,
            expected_by=destinations.add_working_days(refund.created_at.date(), _REFUND_DAYS),
            is_done=refund.state is RefundState.SUCCEEDED,
            reason="" if _is_code(refund.reason) else refund.reason,
            is_stuck=refund.state is RefundState.FAILED,
        )
        for refund in refunds
        if refund.id not in again
    )


def paid_with(providers: Providers, opened: Opened) -> str:
    """The way that the money came, as the buyer chose it."""
    captured = [row for row in opened.payments if row.state is PaymentState.CAPTURED]
    by_money = [row for row in captured if row.gift_card_id is None]
    if captured and not by_money:
        return "gift card"
    payment: Payment | None = by_money[-1] if by_money else opened.standing.latest
    name = opened.order.provider if payment is None else payment.provider
    try:
        title = providers.get(name).capabilities.title
    except ProviderUnknown:
        title = name
    return f"{title} and gift card" if len(captured) > len(by_money) else title
