"""Money going back: asking for it, and taking the provider's word for what became of it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import HELD_FOR_REVIEW, REFUND_REQUESTED, SYSTEM, UNCHANGED, Actor
from surehold.checkout.rules.refunding import PlannedRefund
from surehold.checkout.rules.selling import credit_refund
from surehold.kernel.ids import CancellationId, OperationId, RefundId, ReturnId, new_id
from surehold.payments import ledger
from surehold.payments.commands import refund_key
from surehold.payments.model import (
    GIFT_CARD,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    Refund,
    RefundLine,
    RefundState,
)
from surehold.payments.providers.port import (
    ProviderRefundState,
    ProviderSnapshot,
    RefundOrigin,
    RefundRequest,
    RefundSnapshot,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import OPERATION, OperationEvent

#: Why a person must look at a payment whose refund did not go through; begins the reason.
REFUND_FAILED: Final = "refund_failed"
#: Why a person must look at money that has gone at the provider, and the books do not know.
AT_PROVIDER: Final = "refunded_at_provider"


class Cause(msgspec.Struct, frozen=True):
    """Why money goes back and on whose word. The buyer reads ``reason``, only staff the other."""

    reason: str
    actor: Actor
    #: The request that asked for it, with whatever else it asked for.
    batch_id: UUID | None = None
    internal_reason: str | None = None
    cancellation_id: CancellationId | None = None
    return_id: ReturnId | None = None
    #: More was paid than was due.
    is_excess: bool = False
    #: What was paid with money becomes credit with the store.
    is_store_credit: bool = False


def ask_planned(case: Case, planned: PlannedRefund, *, cause: Cause, providers: Providers) -> None:
    """Ask for what was planned of one payment to go back, as a part of the sale."""
    payment = case.payment(planned.payment_id)
    refund = msgspec.structs.replace(
        new_refund(case, payment, amount_minor=planned.amount_minor, cause=cause),
        is_of_sale=True,
        shipping_minor=planned.shipping_minor,
        shipping_tax_minor=planned.shipping_tax_minor,
    )
    lines = tuple(
        RefundLine(refund.id, share.line_id, share.quantity, share.net_minor, share.tax_minor)
        for share in planned.shares
    )
    ask_back(case, refund, lines, actor=cause.actor, providers=providers)


def return_money(
    case: Case,
    payment: Payment,
    *,
    cause: Cause,
    providers: Providers,
    amount_minor: int | None = None,
) -> str:
    """Ask for money that buys nothing (any more) to go back; unless said, all that is there."""
    left = case.refundable_minor(payment)
    amount = left if amount_minor is None else min(amount_minor, left)
    if amount <= 0:
        return UNCHANGED
    refund = new_refund(case, payment, amount_minor=amount, cause=cause)
    return ask_back(case, refund, actor=cause.actor, providers=providers)


def new_refund(case: Case, payment: Payment, *, amount_minor: int, cause: Cause) -> Refund:
    """A refund that is about to be asked for.

    What a gift card paid goes back to it, whatever is wanted of the rest.
    """
    is_credit = cause.is_store_credit and payment.gift_card_id is None
    return Refund(
        id=RefundId(new_id()),
        payment_id=payment.id,
        order_id=payment.order_id,
        state=RefundState.REQUESTED,
        currency=payment.currency,
        amount_minor=amount_minor,
        reason=cause.reason,
        requested_by=cause.actor.name,
        provider_refund_id=None,
        failure_code=None,
        created_at=case.now,
        ended_at=None,
        batch_id=cause.batch_id,
        cancellation_id=cause.cancellation_id,
        return_id=cause.return_id,
        is_excess=cause.is_excess,
        internal_reason=cause.internal_reason,
        store_credit_id=case.cards.credit_of(case.order, amount_minor, actor=cause.actor.name)
        if is_credit
        else None,
    )


def ask_back(
    case: Case,
    refund: Refund,
    lines: tuple[RefundLine, ...] = (),
    *,
    actor: Actor,
    providers: Providers,
) -> str:
    """Ask for a refund: its provider when it has one to ask, else staff pay it out.

    What goes back to a gift card, or becomes store credit, is there at once.
    """
    payment = case.payment(refund.payment_id)
    case.add_refund(refund, lines)
    card_id = refund.store_credit_id or payment.gift_card_id
    if card_id is not None:
        case.cards.refund(refund, card_id, actor=actor.name)
        case.change_order(actor=actor.name, reason=refund.reason)
        ended = msgspec.structs.replace(refund, state=RefundState.SUCCEEDED, ended_at=case.now)
        return book_refund(case, ended, provider=GIFT_CARD)
    provider = providers.find_remote(payment.provider)
    if provider is not None and payment.provider_payment_id is not None:
        request = RefundRequest(
            provider_payment_id=payment.provider_payment_id,
            amount=msgspec.structs.replace(payment.requested, amount=refund.amount_minor),
            refund_reference=str(refund.id),
            reason=refund.reason,
        )
        case.writes.operations.append(
            Operation(
                id=OperationId(new_id()),
                payment_id=payment.id,
                refund_id=refund.id,
                kind=OperationKind.REFUND,
                state=OperationState.PENDING,
                idempotency_key=refund_key(refund.id),
                request=provider.prepare_refund(request),
                attempts=0,
            )
        )
    case.change_order(actor=actor.name, reason=refund.reason)
    case.relabel()
    return REFUND_REQUESTED


def record_refund(
    case: Case,
    refund: Refund,
    snapshot: RefundSnapshot | None,
    *,
    failure_code: str | None,
    actor: Actor = SYSTEM,
) -> str:
    """Take the provider's word for a refund. ``None`` and a code: the provider refused it.

    A part of the sale is taken back when its money has gone; a refund that failed changes nothing
    but what may be refunded, and a person must look.
    """
    if refund.state is not RefundState.REQUESTED:
        return UNCHANGED
    payment = case.payment(refund.payment_id)
    if snapshot is not None and snapshot.state is ProviderRefundState.PENDING:
        return UNCHANGED
    is_done = snapshot is not None and snapshot.state is ProviderRefundState.SUCCEEDED
    if snapshot is not None and snapshot.amount.amount != refund.amount_minor:
        is_done, failure_code = False, "amount_mismatch"
    if snapshot is not None and not is_done:
        failure_code = failure_code or snapshot.failure_code or "refused"
    ended = msgspec.structs.replace(
        refund,
        state=RefundState.SUCCEEDED if is_done else RefundState.FAILED,
        provider_refund_id=snapshot.provider_refund_id if snapshot else None,
        failure_code=None if is_done else failure_code,
        ended_at=case.now,
    )
    if not is_done:
        case.end_refund(ended)
        if not payment.is_suspected:  # whoever decides about that finds this next
            reason = f"{REFUND_FAILED}: {failure_code}"
            case.put_payment(msgspec.structs.replace(payment, review_reason=reason))
        return HELD_FOR_REVIEW
    case.change_order(actor=actor.name, reason="refund sent")
    return book_refund(case, ended, provider=payment.provider)


def book_refund(case: Case, refund: Refund, *, provider: str) -> str:
    """Write down that the money of a refund has gone, and take its part of the sale back."""
    case.end_refund(refund)
    payment = case.payment(refund.payment_id)
    case.put_payment(
        msgspec.structs.replace(
            payment, refunded_minor=payment.refunded_minor + refund.amount_minor
        )
    )
    credit_refund(case, refund)
    case.writes.journals.append(
        ledger.refund(
            refund_id=refund.id,
            order_id=refund.order_id,
            provider=provider,
            currency=refund.currency,
            amount_minor=refund.amount_minor,
        )
    )
    case.relabel()
    return "refunded"


def find_unasked(case: Case, payment: Payment, evidence: ProviderSnapshot) -> str | None:
    """What became of collected money that nobody here asked for and nothing here books: a reason.

    A dispute that it does not name, a refund that a person began at the provider, a refund of ours
    that came back. What a provider pays back because of a dispute is booked with the dispute.
    """
    at_bank = payment.disputed_minor + payment.lost_minor
    if evidence.disputed.amount > at_bank:
        return "disputed"
    by_dispute = sum(
        row.amount.amount
        for row in evidence.refunds
        if row.origin is RefundOrigin.PROVIDER and row.state is not ProviderRefundState.FAILED
    )
    is_of_dispute = 0 < by_dispute <= at_bank
    ours = {str(row.id): row for row in case.refunds.values()}
    # What a person began at the provider and another has accepted here is known by its id there.
    accepted = {row.provider_refund_id: row for row in case.refunds.values()}
    asked_minor = evidence.refunded.amount - (by_dispute if is_of_dispute else 0)
    if asked_minor > 0 and all(
        row.state is RefundState.FAILED for row in ours.values() if row.payment_id == payment.id
    ):
        return AT_PROVIDER
    for snapshot in evidence.refunds:
        refund = ours.get(snapshot.refund_reference or "")
        if refund is None and snapshot.provider_refund_id:
            refund = accepted.get(snapshot.provider_refund_id)
        is_failed = snapshot.state is ProviderRefundState.FAILED
        if is_of_dispute and snapshot.origin is RefundOrigin.PROVIDER:
            continue
        if refund is None and not is_failed:
            return AT_PROVIDER
        if refund is not None and is_failed and refund.state is RefundState.SUCCEEDED:
            return "refund_taken_back"
    return None


def end_operation(
    case: Case, operation: Operation, event: OperationEvent, code: str | None
) -> None:
    """Note what is known of an answer. One that is known is not lost by another that is."""
    known, _ = case.writes.operations_ended.get(operation.id, (operation, None))
    after = OPERATION.find_next(known.state, event)
    if after is not None:
        ended = msgspec.structs.replace(operation, state=after)
        case.writes.operations_ended[operation.id] = ended, code
