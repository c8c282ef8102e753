"""Money going back: asking for it, and taking the provider's word for what became of it."""

from __future__ import annotations

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import HELD_FOR_REVIEW, REFUND_REQUESTED, UNCHANGED, Actor
from surehold.kernel.ids import OperationId, RefundId, new_id
from surehold.payments import ledger
from surehold.payments.commands import refund_key
from surehold.payments.model import (
    Operation,
    OperationKind,
    OperationState,
    Payment,
    Refund,
    RefundState,
)
from surehold.payments.providers.port import (
    ProviderRefundState,
    ProviderSnapshot,
    RefundRequest,
    RefundSnapshot,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import OPERATION, OperationEvent


def return_money(
    case: Case, payment: Payment, *, reason: str, actor: Actor, providers: Providers
) -> str:
    """Ask for everything of a payment that is still there to go back to the buyer."""
    amount = case.refundable_minor(payment)
    if amount <= 0:
        return UNCHANGED
    refund = Refund(
        id=RefundId(new_id()),
        payment_id=payment.id,
        order_id=payment.order_id,
        state=RefundState.REQUESTED,
        currency=payment.currency,
        amount_minor=amount,
        reason=reason,
        requested_by=actor.name,
        provider_refund_id=None,
        failure_code=None,
        created_at=case.now,
        ended_at=None,
    )
    case.refunds[refund.id] = refund
    case.writes.refunds.append(refund)
    provider = providers.find_remote(payment.provider)
    if provider is not None and payment.provider_payment_id is not None:
        request = RefundRequest(
            provider_payment_id=payment.provider_payment_id,
            amount=msgspec.structs.replace(payment.requested, amount=amount),
            refund_reference=str(refund.id),
            reason=reason,
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
    case.change_order(actor=actor.name, reason=reason)
    case.relabel()
    return REFUND_REQUESTED


def record_refund(
    case: Case, refund: Refund, snapshot: RefundSnapshot | None, *, failure_code: str | None
) -> str:
    """Take the provider's word for a refund. ``None`` and a code: the provider refused it."""
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
    case.refunds[refund.id] = ended
    case.writes.refunds_ended.append(ended)
    if not is_done:
        case.put_payment(
            msgspec.structs.replace(payment, review_reason=f"refund_failed: {failure_code}")
        )
        return HELD_FOR_REVIEW
    case.put_payment(
        msgspec.structs.replace(
            payment, refunded_minor=payment.refunded_minor + refund.amount_minor
        )
    )
    case.writes.journals.append(
        ledger.refund(
            refund_id=refund.id,
            order_id=refund.order_id,
            provider=payment.provider,
            currency=refund.currency,
            amount_minor=refund.amount_minor,
        )
    )
    case.change_order(actor="system", reason="refund sent")
    case.relabel()
    return "refunded"


def find_unasked(case: Case, payment: Payment, evidence: ProviderSnapshot) -> str | None:
    """What became of collected money that nobody here asked for and nothing here books: a reason.

    A dispute, a refund that a person began at the provider, a refund of ours that came back.
    """
    if evidence.disputed.amount > payment.disputed_minor:
        return "disputed"
    ours = {str(row.id): row for row in case.refunds.values()}
    for snapshot in evidence.refunds:
        refund = ours.get(snapshot.refund_reference or "")
        is_failed = snapshot.state is ProviderRefundState.FAILED
        if refund is None and not is_failed:
            return "refunded_at_provider"
        if refund is not None and is_failed and refund.state is RefundState.SUCCEEDED:
            return "refund_taken_back"
    return None


def end_operation(
    case: Case, operation: Operation, event: OperationEvent, code: str | None
) -> None:
    """Note what is known of an answer."""
    after = OPERATION.find_next(operation.state, event)
    if after is not None:
        ended = msgspec.structs.replace(operation, state=after)
        case.writes.operations_ended.append((ended, code))
