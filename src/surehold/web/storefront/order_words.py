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
from surehold.web.translations import gettext, gettext_noop

_S: Final = OrderStatus
#: Reasons of our own are codes; what staff wrote is a sentence.
_is_code: Final = re.compile(r"[a-z]+(_[a-z]+)*").fullmatch
#: Working days until money is back, at the latest.
_REFUND_DAYS: Final = 10

#: The steps of the way, and the statuses that prove each was reached.
_STEPS: Final = (
    (gettext_noop("Placed"), frozenset({_S.PENDING_PAYMENT})),
    (gettext_noop("Paid"), frozenset({_S.PAID, _S.CONFIRMED})),
    (gettext_noop("Packed"), frozenset({_S.READY_FOR_SHIPMENT})),
    (gettext_noop("Shipped"), frozenset({_S.SHIPPED})),
    (gettext_noop("In transit"), frozenset({_S.IN_TRANSIT})),
    (gettext_noop("Delivered"), frozenset({_S.DELIVERED})),
)
_PAID: Final = 1
#: Orders that are not on their way have no steps to show.
_OFF_THE_WAY: Final = frozenset({_S.CANCELED, _S.REFUNDED, _S.PAYMENT_FAILED, _S.DISPUTED})

_CANCELED_BECAUSE: Final[Mapping[str, str]] = MappingProxyType(
    {
        CancelReason.BUYER.value: gettext_noop("You canceled it."),
        CancelReason.STAFF.value: gettext_noop("The store canceled it."),
        CancelReason.UNPAID.value: gettext_noop("It was not paid in time."),
        CancelReason.SOLD_OUT_AFTER_PAYMENT.value: gettext_noop(
            "Your payment arrived after the holding time, and the items were gone."
        ),
        CancelReason.REFUSED.value: gettext_noop("It was not taken at the door."),
        CancelReason.DISPUTE_LOST.value: gettext_noop("Your bank gave you the money back."),
    }
)

_TEXTS: Final[Mapping[OrderStatus, str]] = MappingProxyType(
    {
        _S.PENDING_PAYMENT: gettext_noop("Waiting for your payment again"),
        _S.PAYMENT_FAILED: gettext_noop("A payment did not go through"),
        _S.CONFIRMED: gettext_noop("We confirmed your order"),
        _S.PROCESSING: gettext_noop("We began packing"),
        _S.READY_FOR_SHIPMENT: gettext_noop("Your order was packed"),
        _S.SHIPPED: gettext_noop("Your parcel left us"),
        _S.IN_TRANSIT: gettext_noop("Your parcel is on its way"),
        _S.DELIVERED: gettext_noop("Your parcel was delivered"),
        _S.CANCELED: gettext_noop("Order canceled"),
        _S.PARTIALLY_REFUNDED: gettext_noop("Part of your money was sent back"),
        _S.REFUNDED: gettext_noop("Your money was sent back in full"),
        _S.DISPUTED: gettext_noop("Your bank asked us about the payment"),
        _S.ARCHIVED: gettext_noop("Order completed"),
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
        return EventView(at, gettext("Order placed"), is_milestone=True)
    if status is OrderStatus.PAID:
        amount = format_money(order.total_minor, order.currency, locale)
        late = "after the hold had ended" in event.reason
        text = gettext("Payment of %(amount)s received", amount=amount)
        detail = gettext("It came late, and your items were still there.") if late else ""
        return EventView(at, text, detail, is_milestone=True)
    detail = ""
    if status is OrderStatus.CANCELED and event.reason in _CANCELED_BECAUSE:
        detail = gettext(_CANCELED_BECAUSE[event.reason])
    if status is OrderStatus.PAYMENT_FAILED:
        detail = gettext("No money was taken.")
    return EventView(at, gettext(_TEXTS[status]), detail, is_milestone=status in _MILESTONES)


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
        labels[_PAID] = gettext_noop("Confirmed")  # the goods go before the money
    return tuple(
        StepView(
            gettext(label),
            _step_state(index, reached),
            times[index] if index <= reached else None,
        )
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
            gettext("store credit") if refund.store_credit_id is not None else way,
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
        return gettext("gift card")
    payment: Payment | None = by_money[-1] if by_money else opened.standing.latest
    name = opened.order.provider if payment is None else payment.provider
    try:
        title = gettext(providers.get(name).capabilities.title)
    except ProviderUnknown:
        title = name
    return gettext("%(way)s and gift card", way=title) if len(captured) > len(by_money) else title
