"""Goods that go before their money: to be paid at the door, or authorized and captured later.

Such an order owns its goods as a paid one does, and may be worked on. It is no sale before its
money comes or something of it is sent: then the rest is owed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import SYSTEM, UNCHANGED, Actor
from surehold.checkout.rules.canceling import cancel_sent
from surehold.checkout.rules.fulfilling import bring_back
from surehold.checkout.rules.gift_cards import capture_parts, rest_minor
from surehold.checkout.rules.lapsing import ask_capture
from surehold.checkout.rules.returning import end_operation
from surehold.checkout.rules.selling import book_sale
from surehold.db.shop import ShopSettings
from surehold.kernel.money import Money
from surehold.orders.errors import OrderNotCancelable
from surehold.orders.model import CancelReason, FulfillmentState
from surehold.payments.authorizations.events import capture_refused
from surehold.payments.authorizations.model import CaptureState
from surehold.payments.commands import capture_key
from surehold.payments.errors import (
    CashOnDeliveryNotOffered,
    PaymentNotCapturable,
    PaymentNotCollectable,
)
from surehold.payments.model import (
    Operation,
    Payment,
    PaymentState,
    PaymentTerms,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import OperationEvent

#: Why a person must look at a payment whose capture was refused; begins the reason.
CAPTURE_FAILED: Final = "capture_failed"


def check_on_delivery(due: Money, country: str, settings: ShopSettings) -> None:
    """Refuse to send goods unpaid where, or for so much as, the store does not.

    Raises:
        CashOnDeliveryNotOffered: As said.
    """
    countries = settings.cash_on_delivery_countries or (settings.shop_country,)
    limit = settings.cash_on_delivery_limit.get(due.currency)
    if country in countries and limit is not None and due.amount <= limit:
        return
    raise CashOnDeliveryNotOffered(
        "This order cannot be paid on delivery; choose another way.",
        countries=list(countries),
        limit=None if limit is None else {"amount": limit, "currency": due.currency},
    )


def trust(case: Case, *, actor: Actor, reason: str) -> None:
    """Confirm an order that owns its goods: they may go before their money comes."""
    case.empty_cart()
    case.revive(actor=actor.name, reason=reason, confirmed_at=case.order.confirmed_at or case.now)
    case.relabel()


def trust_to_delivery(case: Case, *, actor: Actor = SYSTEM) -> str:
    """Confirm an order that is to be paid at the door, once: its goods are its own.

    One whose hold has ended stays unpaid, and is paid another way or again.
    """
    found = next(
        (
            row
            for row in reversed(case.payments.values())
            if row.terms is PaymentTerms.ON_DELIVERY and row.is_secured
        ),
        None,
    )
    if found is None:
        return UNCHANGED
    if case.order.canceled_at is not None:
        return UNCHANGED
    case.put_payment(msgspec.structs.replace(found, next_check_at=None))
    if case.is_bought or not case.is_whole_held or rest_minor(case) > found.requested_minor:
        return UNCHANGED
    case.commit_holds(reason="to be paid on delivery")
    trust(case, actor=actor, reason="to be paid on delivery")
    return "confirmed"


def bill(case: Case, *, providers: Providers) -> None:
    """Make a sale of what was sent unpaid: it is owed, and captured where it was authorized.

    What gift cards were to pay is captured at once. Twice changes nothing.
    """
    found = case.security
    if case.is_sold or not case.has_shipped or found is None:
        return
    by_card = capture_parts(case)
    book_sale(case, found.id, owed_minor=max(case.order.due_minor - by_card, 0))
    case.relabel()
    ask_capture(case, found, providers=providers)


def record_capture_loss(
    case: Case, payment: Payment, operation: Operation, event: OperationEvent, code: str | None
) -> str:
    """Note that a capture is lost, or was refused: a person must look, who may ask again."""
    end_operation(case, operation, event, code)
    payment, held = case.payment(payment.id), case.authorizations.get(payment.id)
    is_latest = held is None or operation.idempotency_key == capture_key(
        payment.id, held.capture_count
    )
    is_refused = event is OperationEvent.DECLINE and payment.state is PaymentState.AUTHORIZED
    if not is_refused or not is_latest:
        return str(event.value)
    if held is not None and held.capture_state is CaptureState.ASKED:
        held = msgspec.structs.replace(held, capture_state=CaptureState.REFUSED)
        case.authorizations[payment.id] = held
        case.writes.events.append(capture_refused(payment, held, reason=f"{code}"))
    if payment.review_reason is None:
        reason = f"{CAPTURE_FAILED}: {code}"
        case.put_payment(msgspec.structs.replace(payment, review_reason=reason))
    return str(event.value)


def capture_now(case: Case, payment: Payment, *, actor: Actor, providers: Providers) -> str:
    """Ask for the money that is held now: before anything is sent, or again after a refusal.

    One that is asked for already is not asked for twice.

    Raises:
        PaymentNotCapturable: Nothing is held, nothing is owed for it, or a person must look first.
    """
    if payment.state is PaymentState.CAPTURED:
        return UNCHANGED
    is_refused = case.is_refused(payment)
    is_wanted = case.security is not None and case.security.id == payment.id
    is_doubtful = payment.review_reason is not None and not is_refused
    is_held = payment.terms is PaymentTerms.ON_SHIPMENT and is_wanted and not is_doubtful
    if not is_held or providers.find_remote(payment.provider) is None:
        raise PaymentNotCapturable(
            f"The payment is {payment.state.value}.", payment_state=payment.state.value
        )
    if not ask_capture(case, payment, providers=providers):
        return UNCHANGED
    case.put_payment(msgspec.structs.replace(case.payment(payment.id), review_reason=None))
    case.change_order(actor=actor.name, reason="captured again" if is_refused else "captured")
    return "capturing"


def refuse(
    case: Case, payment: Payment, *, reason: str, actor: Actor, providers: Providers
) -> str:
    """Give up an order whose buyer did not take it at the door. Twice changes nothing.

    What was sent is on its way back: it is on the shelf again when staff say so of a return.

    Raises:
        PaymentNotCollectable: Nothing was to be collected for it.
        OrderNotCancelable: Some of it was delivered.
    """
    if case.order.cancel_reason is CancelReason.REFUSED:
        return UNCHANGED
    if payment.terms is not PaymentTerms.ON_DELIVERY or not payment.is_secured:
        raise not_collectable(payment)
    if any(row.state is FulfillmentState.DELIVERED for row in case.fulfillments.values()):
        raise OrderNotCancelable(
            "Some of the order was delivered; take it back as a return.",
            order_status=case.order.status.value,
        )
    bring_back(case, actor=actor, reason=reason)
    cancel_sent(case, reason=CancelReason.REFUSED, actor=actor, providers=providers)
    return "refused"


def not_collectable(payment: Payment) -> PaymentNotCollectable:
    """The refusal for a payment that is not paid at the door, or not any more."""
    return PaymentNotCollectable(
        f"The payment is {payment.state.value}.", payment_state=payment.state.value
    )
