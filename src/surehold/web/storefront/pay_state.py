"""What the payment page says: one pure function from an order's facts to its state.

Only facts that we have recorded count; nothing that a browser brings along does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from surehold.inventory.model import Reservation, ReservationState
from surehold.orders.model import CancelReason, Order, OrderStatus
from surehold.payments.model import (
    ClientSecret,
    Instructions,
    JsCheckout,
    Payment,
    PaymentState,
    PaymentTerms,
    PostForm,
    PushPrompt,
    Redirect,
    find_main,
)
from surehold.web.storefront.views import PayState
from surehold.web.translations import gettext, gettext_noop

#: What inventory writes when late money found the goods still there.
PAID_LATE: Final = "paid late"
UNPAID: Final = frozenset({OrderStatus.PENDING_PAYMENT, OrderStatus.PAYMENT_FAILED})
#: From here on the payment page has nothing to add to the order's own.
AFTER_PAYMENT: Final = frozenset(
    {
        OrderStatus.PROCESSING,
        OrderStatus.READY_FOR_SHIPMENT,
        OrderStatus.SHIPPED,
        OrderStatus.IN_TRANSIT,
        OrderStatus.DELIVERED,
        OrderStatus.PARTIALLY_REFUNDED,
        OrderStatus.DISPUTED,
        OrderStatus.ARCHIVED,
    }
)

#: The provider's reasons in plain words; without one the sentence is left out.
DECLINE_REASONS: Final = MappingProxyType(
    {
        "insufficient_funds": gettext_noop(
            "Your bank says there is not enough money on this card."
        ),
        "do_not_honor": gettext_noop("Your bank gave no reason; it can tell you."),
        "expired_card": gettext_noop("Your bank says this card has expired."),
        "lost_card": gettext_noop("Your bank says this card was reported lost."),
        "incorrect_cvc": gettext_noop("The security code was not right."),
        "processing_error": gettext_noop("Your bank had a technical problem."),
        "authentication_refused": gettext_noop("The payment was not confirmed with your bank."),
    }
)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides. ``payments`` are the order's, oldest first."""

    order: Order
    payments: Sequence[Payment]
    reservations: Sequence[Reservation]
    now: datetime

    @property
    def latest(self) -> Payment | None:
        """The payment that the page is about."""
        return find_main(self.payments)

    @property
    def reserved_until(self) -> datetime | None:
        """Until when all of it is held; ``None`` when the time is over."""
        active = [row for row in self.reservations if row.state is ReservationState.ACTIVE]
        until = min((row.expires_at for row in active), default=None)
        return until if until is not None and until > self.now else None


def decide(standing: Standing) -> PayState:
    """The state of the payment page."""
    order = standing.order
    if any(payment.is_suspected for payment in standing.payments):
        return PayState.REVIEW
    if order.status in UNPAID and order.canceled_at is None:
        if any(payment.review_reason is not None for payment in standing.payments):
            return PayState.REVIEW
        return _decide_unpaid(standing)
    if order.cancel_reason is CancelReason.SOLD_OUT_AFTER_PAYMENT:
        return PayState.LATE_REFUNDED
    if order.canceled_at is not None or order.status is OrderStatus.REFUNDED:
        return PayState.CANCELED
    if any(row.end_reason == PAID_LATE for row in standing.reservations):
        return PayState.LATE_CONFIRMED
    is_due = any(row.terms is PaymentTerms.ON_DELIVERY for row in standing.payments)
    return PayState.CASH if is_due and not order.paid_minor else PayState.PAID


def _decide_unpaid(standing: Standing) -> PayState:
    payment = standing.latest
    is_held = standing.reserved_until is not None
    if payment is None:
        return PayState.PROVIDER_DOWN if is_held else PayState.HOLD_ENDED
    match payment.state:
        case PaymentState.UNKNOWN:
            # Without an id at the provider there is no page on which anybody could have paid.
            is_begun = payment.provider_payment_id is not None
            return PayState.UNKNOWN if is_begun else PayState.PROVIDER_DOWN
        case PaymentState.PENDING | PaymentState.AUTHORIZED:
            return PayState.PENDING
        case PaymentState.CAPTURED:
            return PayState.UNKNOWN  # money came, and the order does not say so yet
        case _ if not is_held:
            return PayState.HOLD_ENDED
        case PaymentState.REQUIRES_ACTION:
            return _ACTIONS.get(type(payment.next_action), PayState.PENDING)
        case PaymentState.FAILED if payment.provider_payment_id is None:
            return PayState.PROVIDER_DOWN  # it refused to begin; no bank was asked
        case _:
            return PayState.DECLINED


#: What the page shows for what the buyer must do.
_ACTIONS: Final = MappingProxyType(
    {
        Redirect: PayState.REDIRECT,
        PostForm: PayState.REDIRECT,
        Instructions: PayState.BANK_TRANSFER,
        PushPrompt: PayState.PHONE_PROMPT,
        ClientSecret: PayState.FORM,
        JsCheckout: PayState.FORM,
    }
)


#: What staff answer when the money of a transfer will not come.
_REFUSED: Final = "transfer_rejected"


def is_refused_transfer(payment: Payment | None) -> bool:
    """Whether staff said that the money of this transfer will not come."""
    return payment is not None and payment.failure_code == _REFUSED


def describe_decline(payment: Payment | None) -> tuple[str, str | None]:
    """The headline of a payment that came to nothing, and its reason in plain words."""
    if payment is None or payment.state is not PaymentState.FAILED:
        reason = gettext("It was canceled or took too long.")
        return gettext("The payment was not finished"), reason
    if is_refused_transfer(payment):
        return gettext("We could not match your transfer"), payment.failure_message
    known = DECLINE_REASONS.get(payment.failure_code or "")
    return gettext("Your bank declined the card"), None if known is None else gettext(known)


def may_retry(state: PayState) -> bool:
    """Whether paying (again) is safe: never while money may be on its way."""
    return state in {
        PayState.REDIRECT,
        PayState.PHONE_PROMPT,
        PayState.FORM,
        PayState.ELSEWHERE,
        PayState.BANK_TRANSFER,
        PayState.DECLINED,
        PayState.HOLD_ENDED,
    }


#: When the page asks next: soon at first, then ever more calmly.
POLL_SECONDS: Final = (2, 5, 15)


def poll_after(asked: int) -> int:
    """Seconds until the next question, after so many were asked.

    >>> [poll_after(asked) for asked in (0, 1, 2, 9)]
    [2, 5, 15, 15]
    """
    return POLL_SECONDS[min(max(asked, 0), len(POLL_SECONDS) - 1)]
