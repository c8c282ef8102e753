"""What a person decides about a payment that was held for one."""

from __future__ import annotations

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import Actor
from surehold.checkout.rules.canceling import cancel_sent
from surehold.checkout.rules.disputing import WON_AFTER_CANCEL
from surehold.checkout.rules.finding import book_gone, list_gone
from surehold.checkout.rules.returning import (
    AT_PROVIDER,
    REFUND_FAILED,
    Cause,
    find_unasked,
    return_money,
)
from surehold.kernel.ids import PaymentReviewId, new_id
from surehold.orders.model import CancelReason
from surehold.payments.errors import ReviewNotPossible
from surehold.payments.model import (
    Payment,
    PaymentReview,
    PaymentState,
    RefundState,
    ReviewDecision,
)
from surehold.payments.providers.port import (
    ProviderSnapshot,
)
from surehold.payments.providers.registry import Providers

#: Reasons for which the books are right as they are, once nothing is kept that is not due.
_ABOUT_MONEY_KEPT = frozenset({WON_AFTER_CANCEL, "dispute_currency_mismatch"})


def list_decisions(case: Case, payment: Payment) -> tuple[ReviewDecision, ...]:
    """What may be decided about a payment now.

    Money that was never booked as collected, or that came back from a refund, is put right with
    the provider first. Of an order that is held for fraud signals, nothing was sent; while its
    money is at the buyer's bank, nothing can be given back.
    """
    reason = payment.review_reason
    if payment.is_suspected:
        is_there = not payment.disputed_minor
        return (ReviewDecision.ACCEPT, *((ReviewDecision.REJECT,) if is_there else ()))
    if reason is None or payment.state is not PaymentState.CAPTURED:
        return ()
    if reason == AT_PROVIDER:
        return (ReviewDecision.ACCEPT,)
    if reason not in _ABOUT_MONEY_KEPT and not reason.startswith(REFUND_FAILED):
        return ()
    excess = min(case.excess_minor, case.refundable_minor(payment))
    if excess <= 0:
        return (ReviewDecision.ACCEPT,)
    return () if payment.disputed_minor else (ReviewDecision.REFUND,)


def review(
    case: Case,
    payment: Payment,
    decision: ReviewDecision,
    evidence: ProviderSnapshot | None,
    *,
    note: str,
    actor: Actor,
    providers: Providers,
) -> str:
    """Decide about a payment that is held; ``evidence`` is the provider's view of it.

    ``accept`` of what went back at the provider books it. ``refund`` asks for what is kept beyond
    what is due to go back. Of an order that is held for fraud signals, ``accept`` lets it go on;
    ``reject`` gives it up: its stock is free, and its money goes back or is not taken.

    Raises:
        ReviewNotPossible: It is not held, or for a reason that this does not settle.
    """
    allowed = list_decisions(case, payment)
    if decision not in allowed:
        raise _not_possible(payment, allowed)
    reason = payment.review_reason or ""
    gone = list_gone(case, payment, evidence) if reason == AT_PROVIDER else ()
    if reason == AT_PROVIDER and not gone:
        raise _not_possible(payment, ())
    case.put_payment(msgspec.structs.replace(payment, review_reason=None))
    effect = "accepted"
    if gone:
        book_gone(case, payment, gone, actor=actor, providers=providers)
    if decision is ReviewDecision.REJECT:
        cause = Cause(CancelReason.STAFF.value, actor, internal_reason=note)
        effect = cancel_sent(
            case, reason=CancelReason.STAFF, actor=actor, providers=providers, cause=cause
        )
    elif decision is ReviewDecision.REFUND:
        effect = return_money(
            case,
            case.payment(payment.id),
            cause=Cause("not due", actor, internal_reason=note),
            providers=providers,
            amount_minor=case.excess_minor,
        )
    case.writes.reviews.append(
        PaymentReview(
            id=PaymentReviewId(new_id()),
            payment_id=payment.id,
            reason=reason,
            decision=decision,
            note=note,
            actor=actor.name,
            decided_at=case.now,
        )
    )
    case.change_order(actor=actor.name, reason=f"reviewed: {decision.value}")
    case.relabel()
    _hold_what_is_kept(case, payment)
    if payment.is_suspected and decision is ReviewDecision.ACCEPT:
        _hold_what_was_hidden(case, payment, evidence)
    return effect


def _hold_what_is_kept(case: Case, payment: Payment) -> None:
    """A reason may hide another: of an order that was given up nothing is kept unseen."""
    after = case.payment(payment.id)
    if case.order.canceled_at is not None and case.refundable_minor(after) > 0:
        case.put_payment(msgspec.structs.replace(after, review_reason=WON_AFTER_CANCEL))


def _hold_what_was_hidden(case: Case, payment: Payment, evidence: ProviderSnapshot | None) -> None:
    """What became of the money while the order was held, and nobody was told of."""
    after = case.payment(payment.id)
    if after.state is not PaymentState.CAPTURED or after.review_reason is not None:
        return
    failed = [
        row
        for row in case.refunds.values()
        if row.payment_id == payment.id and row.state is RefundState.FAILED
    ]
    reason = None if evidence is None else find_unasked(case, after, evidence)
    if reason is None and failed and case.excess_minor > 0:
        reason = f"{REFUND_FAILED}: {failed[-1].failure_code}"
    case.put_payment(msgspec.structs.replace(after, review_reason=reason))


def _not_possible(payment: Payment, allowed: tuple[ReviewDecision, ...]) -> ReviewNotPossible:
    return ReviewNotPossible(
        "This decision does not settle why the payment is held."
        if payment.review_reason
        else "Nobody is asked about this payment.",
        reason=payment.review_reason,
        allowed=[one.value for one in allowed],
    )
