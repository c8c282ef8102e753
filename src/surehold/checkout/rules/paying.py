"""What a provider's word for a payment does to its order: paid, late, short, mismatched."""

from __future__ import annotations

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.errors import OrderNotPayable
from surehold.checkout.model import HELD_FOR_REVIEW, PAID, UNCHANGED, Actor
from surehold.checkout.rules.changing import follow_payment, take_difference
from surehold.checkout.rules.gift_cards import (
    capture_parts,
    cover_again,
    give_parts_back,
    rest_minor,
)
from surehold.checkout.rules.returning import Cause, find_unasked, record_refund, return_money
from surehold.checkout.rules.selling import sale_left
from surehold.inventory import rules as inventory
from surehold.inventory.model import Reservation, ReservationState
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import ReservationId, new_id
from surehold.orders.model import CancelReason, OrderStatus
from surehold.payments import ledger
from surehold.payments.errors import PaymentInProgress
from surehold.payments.model import (
    NoAction,
    Payment,
    PaymentState,
    RefundState,
)
from surehold.payments.providers.port import (
    ProviderSnapshot,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import EVENT_FOR, IN_FLIGHT, OPEN, PAYMENT


def settle(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, actor: Actor, providers: Providers
) -> str:
    """Take a provider's word for where a payment stands. Twice changes nothing.

    Amount, currency and our reference must match, or a person must look.
    """
    if payment.review_reason is not None:
        return HELD_FOR_REVIEW
    reason = _find_mismatch(payment, evidence)
    if reason is not None:
        return _hold_for_review(case, payment, evidence, reason=reason)
    if payment.state is PaymentState.CAPTURED:
        effect = _take_refunds(case, evidence)
        return _park_unasked(case, case.payment(payment.id), evidence) or effect
    event = EVENT_FOR[evidence.state]
    if PAYMENT.find_next(payment.state, event) is None:
        return UNCHANGED  # an older fact than the one we have
    if evidence.state is PaymentState.CAPTURED:
        effect = _capture(case, payment, evidence, actor=actor, providers=providers)
        # What else happened meanwhile, in whatever order we hear of it.
        return _park_unasked(case, case.payment(payment.id), evidence) or effect
    is_over = evidence.state in (PaymentState.FAILED, PaymentState.VOIDED)
    case.put_payment(
        msgspec.structs.replace(
            payment,
            state=evidence.state,
            provider_payment_id=evidence.provider_payment_id,
            authorized_minor=evidence.authorized.amount,
            failure_code=evidence.failure_code,
            failure_message=evidence.failure_message,
            next_action=NoAction() if is_over else payment.next_action,
            next_check_at=None if is_over else payment.next_check_at,
        )
    )
    if is_over:
        follow_payment(case, payment, actor=actor)
    case.change_order(actor=actor.name, reason=f"payment {evidence.state.value}")
    case.relabel()
    return str(evidence.state.value)


def _take_refunds(case: Case, evidence: ProviderSnapshot) -> str:
    """Our refunds that the provider has finished since we asked."""
    effect = UNCHANGED
    for snapshot in evidence.refunds:
        refund = next(
            (row for row in case.refunds.values() if str(row.id) == snapshot.refund_reference),
            None,
        )
        if refund is not None and refund.state is RefundState.REQUESTED:
            effect = record_refund(case, refund, snapshot, failure_code=None)
    return effect


def _park_unasked(case: Case, payment: Payment, evidence: ProviderSnapshot) -> str | None:
    """Let a person look at what the provider did with collected money without being asked."""
    reason = find_unasked(case, payment, evidence)
    if reason is None or payment.review_reason is not None:
        return None
    case.put_payment(msgspec.structs.replace(payment, review_reason=reason))
    return HELD_FOR_REVIEW


def _find_mismatch(payment: Payment, evidence: ProviderSnapshot) -> str | None:
    if evidence.merchant_reference != payment.merchant_reference:
        return "reference_mismatch"
    if evidence.requested is None:
        return None  # no money has moved, and the provider names no amount before it has
    if evidence.requested.currency != payment.currency:
        return "currency_mismatch"
    if evidence.requested.amount != payment.requested_minor:
        return "amount_mismatch"
    if evidence.captured.currency != payment.currency:
        return "currency_mismatch"
    is_whole = evidence.captured.amount == payment.requested_minor
    if (evidence.state is PaymentState.CAPTURED) != is_whole or (
        evidence.captured.amount and not is_whole
    ):
        return "amount_mismatch"
    return None


def _hold_for_review(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, reason: str
) -> str:
    """Park what came; never mark the order paid. The money is in the books, under suspense."""
    case.put_payment(msgspec.structs.replace(payment, review_reason=reason, next_check_at=None))
    if evidence.captured.amount and payment.state is not PaymentState.CAPTURED:
        case.writes.journals.append(
            ledger.suspense(
                payment_id=payment.id,
                order_id=payment.order_id,
                provider=payment.provider,
                currency=evidence.captured.currency,
                amount_minor=evidence.captured.amount,
            )
        )
    return HELD_FOR_REVIEW


def _capture(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, actor: Actor, providers: Providers
) -> str:
    """Book the money first, then decide what it buys."""
    change = case.change_paid_by(payment.id)
    if change is None and _is_too_little(case, evidence.captured.amount):
        return _hold_for_review(case, payment, evidence, reason="amount_mismatch")
    is_covered = case.order.paid_minor - case.order.refunded_minor >= case.order.due_minor
    payment = msgspec.structs.replace(
        payment,
        state=PaymentState.CAPTURED,
        provider_payment_id=evidence.provider_payment_id,
        captured_minor=evidence.captured.amount,
        authorized_minor=0,
        failure_code=None,
        failure_message=None,
        next_action=NoAction(),
        next_check_at=None,
    )
    case.put_payment(payment)
    case.writes.journals.append(
        ledger.capture(
            payment_id=payment.id,
            order_id=payment.order_id,
            provider=payment.provider,
            currency=payment.currency,
            amount_minor=payment.captured_minor,
        )
    )
    if change is not None:
        return take_difference(case, change, payment, actor=actor, providers=providers)
    if is_covered or case.is_bought:
        return return_money(
            case, payment, cause=Cause("duplicate_payment", actor), providers=providers
        )
    canceled = case.order.cancel_reason
    if canceled in (CancelReason.BUYER, CancelReason.STAFF):
        return return_money(
            case, payment, cause=Cause("paid_after_cancel", actor), providers=providers
        )
    missing = rest_minor(case) - payment.captured_minor
    if case.is_whole_held and cover_again(case, missing, actor=actor):
        case.commit_holds()
        return _sell(case, payment, actor=actor, providers=providers, reason="payment captured")
    taken = _take_again(case)
    if taken is not None and case.take_coupon_again() and cover_again(case, missing, actor=actor):
        case.own_afresh(_owned(case, taken))
        case.promise(taken.takes)
        reason = "paid after the hold had ended"
        return _sell(case, payment, actor=actor, providers=providers, reason=reason)
    return _shortfall(case, payment, actor=actor, providers=providers)


def _is_too_little(case: Case, captured_minor: int) -> bool:
    """Whether money was asked for before something was added to an order that waits for it.

    What its cards could pay counts as there.
    """
    if not case.order.added_minor or case.is_bought or case.order.canceled_at is not None:
        return False
    by_card = {
        row.gift_card_id: row.requested_minor for row in case.payments.values() if row.gift_card_id
    }
    return captured_minor + sum(by_card.values()) < case.order.due_minor


def sell_covered(case: Case, *, actor: Actor, providers: Providers) -> str:
    """Sell an order that gift cards pay in full: nobody else is asked. Twice changes nothing."""
    parts = case.card_parts
    if case.order.canceled_at is not None or not parts or rest_minor(case) or case.is_bought:
        return UNCHANGED
    if not case.is_whole_held:
        return UNCHANGED  # paying again holds the items afresh, or says what is left of them
    case.commit_holds()
    last = case.payment(parts[-1].id)
    return _sell(case, last, actor=actor, providers=providers, reason="paid by gift card")


def _take_again(case: Case) -> inventory.Admitted | None:
    """All lines from what is left now, back-orders included; or nothing."""
    case.free_holds(ReservationEvent.RELEASE, reason="taken afresh")
    outcome = case.admit()
    if isinstance(outcome, inventory.Refused):
        return None
    return outcome


def _owned(case: Case, taken: inventory.Admitted) -> tuple[Reservation, ...]:
    """What was taken, owned at once."""
    at = case.stock.next_place(case.now)
    return tuple(
        Reservation(
            id=ReservationId(new_id()),
            holder_id=case.order.id,
            order_line_id=case.due_lines[take.line].id,
            variant_id=take.variant_id,
            location_id=take.location_id,
            quantity=take.quantity,
            state=ReservationState.COMMITTED,
            expires_at=case.now,
            is_grace_used=False,
            created_at=at,
            ended_at=at,
            end_reason="paid late",
        )
        for take in taken.takes
    )


def _sell(case: Case, payment: Payment, *, actor: Actor, providers: Providers, reason: str) -> str:
    """The order owns its stock and the money is earned; the cart has done its work.

    A payment that was begun before a part was canceled asked for more than is due: that goes back.
    What gift cards were to pay is captured with it.
    """
    by_card = capture_parts(case)
    by_money = payment.captured_minor if payment.gift_card_id is None else 0
    case.change_order(actor=actor.name, reason=reason, canceled_at=None, cancel_reason=None)
    case.relabel()
    case.writes.journals.append(
        ledger.sale(
            reference=payment.id,
            order_id=case.order.id,
            currency=case.order.currency,
            parts=sale_left(case),
        )
    )
    if case.order.cart_id is not None:
        case.writes.taken_from_carts += [
            (case.order.cart_id, line.variant_id, line.quantity)
            for line in case.lines
            if line.change_id is None
        ]
    excess = min(by_money, by_money + by_card - case.order.due_minor)
    if excess > 0:
        return_money(
            case,
            payment,
            amount_minor=excess,
            cause=Cause("paid_more_than_due", actor, is_excess=True),
            providers=providers,
        )
    return PAID


def _shortfall(case: Case, payment: Payment, *, actor: Actor, providers: Providers) -> str:
    """Paid, and the goods, the coupon or a card's money are gone: everything goes back."""
    give_parts_back(case, actor=actor)
    case.give_coupon_back(reason=CancelReason.SOLD_OUT_AFTER_PAYMENT.value)
    case.change_order(
        actor=actor.name,
        reason=CancelReason.SOLD_OUT_AFTER_PAYMENT.value,
        canceled_at=case.now,
        cancel_reason=CancelReason.SOLD_OUT_AFTER_PAYMENT,
    )
    case.relabel()
    return return_money(
        case,
        payment,
        cause=Cause(CancelReason.SOLD_OUT_AFTER_PAYMENT.value, actor),
        providers=providers,
    )


def check_payable(case: Case) -> None:
    """An order that waits for money, and no payment of it that may turn into money by itself.

    Raises:
        OrderNotPayable: It is paid, canceled or over.
        PaymentInProgress: An earlier payment is not decided.
    """
    order = case.order
    if order.canceled_at is not None or order.status not in (
        OrderStatus.PENDING_PAYMENT,
        OrderStatus.PAYMENT_FAILED,
    ):
        raise OrderNotPayable(
            f"Order {order.number} is {order.status.value}.", order_status=order.status.value
        )
    stuck = [
        row
        for row in case.payments.values()
        if row.state in IN_FLIGHT or (row.review_reason is not None and row.state in OPEN)
    ]
    if stuck:
        raise PaymentInProgress(
            "We are still checking an earlier payment of this order.",
            payment_id=str(stuck[0].id),
        )
