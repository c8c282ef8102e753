"""What a provider answered to a question: the third beat."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import provider_actor
from surehold.checkout.settlements.model import Outcome, Settlement
from surehold.kernel.ids import RefundId
from surehold.orders.changes.model import ChangeState
from surehold.payments.model import NoAction, Operation, Payment, PaymentState
from surehold.payments.providers.port import (
    CreateResult,
    RefundSnapshot,
)
from surehold.payments.states import EVENT_FOR, OPEN, PAYMENT, OperationEvent

#: A webhook usually comes sooner; after this the worker asks.
FIRST_CHECK: Final = timedelta(seconds=30)
#: Why a person must look at money that was held, and may have been taken by another account.
NOT_KNOWN_THERE: Final = "provider_does_not_know_it"

#: What the answer to a creation may say of a payment; everything else is read, with its amounts.
BEGINNINGS: Final = frozenset({PaymentState.REQUIRES_ACTION, PaymentState.PENDING})


class RecordCreate(Settlement, frozen=True):
    """A provider answered, refused or lost the creation of a payment."""

    operation: Operation
    result: CreateResult | None
    event: OperationEvent
    failure_code: str | None = None
    failure_message: str | None = None

    def decide(self, case: Case, context: Context) -> Outcome:
        """Note what was begun. A later fact than this answer is left alone."""
        payment = case.payment(self.operation.payment_id)
        rules.end_operation(case, self.operation, self.event, self.failure_code)
        after = payment
        if self.result is not None:
            after = _begun(payment, self.result, now=case.now)
        elif self.event is OperationEvent.DECLINE:
            after = _refused(payment, self.failure_code, self.failure_message)
        elif PAYMENT.find_next(payment.state, EVENT_FOR[PaymentState.UNKNOWN]) is not None:
            after = msgspec.structs.replace(payment, state=PaymentState.UNKNOWN)
        if after is not payment:
            case.put_payment(after)
            case.change_order(
                actor=provider_actor(payment.provider).name,
                reason=f"payment {after.state.value}",
            )
            if after.state is PaymentState.FAILED:
                rules.follow_payment(case, after, actor=provider_actor(payment.provider))
            case.relabel()
        change = case.change_paid_by(payment.id)
        is_orphan = case.order.canceled_at is not None or (
            change is not None and change.state is not ChangeState.AWAITING_PAYMENT
        )
        if is_orphan and self.result is not None and after.state is not PaymentState.CAPTURED:
            rules.give_up_payment(case, after, providers=context.providers)
        return Outcome(after.state.value, payment.id)


class RecordRefund(Settlement, frozen=True):
    """A provider answered, refused or lost a refund."""

    refund_id: RefundId
    operation: Operation
    snapshot: RefundSnapshot | None
    event: OperationEvent
    failure_code: str | None = None

    def decide(self, case: Case, _: Context) -> Outcome:
        """Book what became of it."""
        rules.end_operation(case, self.operation, self.event, self.failure_code)
        refund = case.refund(self.refund_id)
        if self.event is OperationEvent.LOSE:
            return Outcome("unknown", refund.payment_id)
        effect = rules.record_refund(case, refund, self.snapshot, failure_code=self.failure_code)
        return Outcome(effect, refund.payment_id)


class RecordCapture(Settlement, frozen=True):
    """A capture was refused, or its answer was lost."""

    operation: Operation
    event: OperationEvent
    failure_code: str | None

    def decide(self, case: Case, _: Context) -> Outcome:
        """Let a person look at what was refused."""
        payment = case.payment(self.operation.payment_id)
        effect = rules.record_capture_loss(
            case, payment, self.operation, self.event, self.failure_code
        )
        return Outcome(effect, payment.id)


class RecordRenewal(Settlement, frozen=True):
    """A provider authorized money again, refused to, or its answer was lost."""

    operation: Operation
    event: OperationEvent
    failure_code: str | None = None

    def decide(self, case: Case, context: Context) -> Outcome:
        """Note until when it is sure; of what was refused staff are told. It is read soon."""
        rules.end_operation(case, self.operation, self.event, self.failure_code)
        payment = case.payment(self.operation.payment_id)
        if self.event is not OperationEvent.LOSE:
            is_refused = self.event is OperationEvent.DECLINE
            refusal = f"{self.failure_code}" if is_refused else None
            rules.end_renewal(case, payment, refusal=refusal, providers=context.providers)
        return Outcome(self.event.value, payment.id)


class RecordLoss(Settlement, frozen=True):
    """A question about a payment ended without an answer that changes the payment."""

    operation: Operation
    event: OperationEvent
    failure_code: str | None
    #: The provider says that it has no such payment: of another account, or long forgotten.
    is_not_known: bool = False

    def decide(self, case: Case, _: Context) -> Outcome:
        """Note how it ended. Money that was held, and is not known there, is for a person."""
        rules.end_operation(case, self.operation, self.event, self.failure_code)
        payment = case.payment(self.operation.payment_id)
        is_held = payment.state is PaymentState.AUTHORIZED and payment.review_reason is None
        if self.is_not_known and is_held:
            reason = {"review_reason": NOT_KNOWN_THERE, "next_check_at": None}
            case.put_payment(msgspec.structs.replace(payment, **reason))
        return Outcome(self.event.value, self.operation.payment_id)


def _begun(payment: Payment, result: CreateResult, *, now: datetime) -> Payment:
    known = msgspec.structs.replace(
        payment, provider_payment_id=result.provider_payment_id, next_check_at=now
    )
    if result.state not in BEGINNINGS:
        # Decided already: the worker reads what it came to, amounts and all, unless a webhook was
        # faster and nothing is left to read.
        return known if payment.state in OPEN else payment
    # Evidence may have come before a lost answer was asked for again: the state is the same, but
    # only the answer says what the buyer must do.
    is_known = payment.state is result.state
    if not is_known and PAYMENT.find_next(payment.state, EVENT_FOR[result.state]) is None:
        return payment
    return msgspec.structs.replace(
        payment,
        state=result.state,
        provider_payment_id=result.provider_payment_id,
        next_action=result.next_action,
        next_check_at=now + FIRST_CHECK,
    )


def _refused(payment: Payment, code: str | None, message: str | None) -> Payment:
    if PAYMENT.find_next(payment.state, EVENT_FOR[PaymentState.FAILED]) is None:
        return payment
    return msgspec.structs.replace(
        payment,
        state=PaymentState.FAILED,
        next_action=NoAction(),
        next_check_at=None,
        failure_code=code,
        failure_message=message,
    )
