"""What people say to disputes, write down of them, and decide about payments held for them."""

from __future__ import annotations

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import UNCHANGED, Actor, provider_actor
from surehold.checkout.settlements.model import Keep, Outcome, Settlement
from surehold.kernel.ids import DisputeId, PaymentId
from surehold.payments.disputes.errors import DisputeFeeReported, DisputeNotRecordable
from surehold.payments.errors import PaymentNotFound
from surehold.payments.model import Operation, PaymentState, ReviewDecision
from surehold.payments.providers.disputes import DisputeSnapshot
from surehold.payments.providers.port import (
    ProviderSnapshot,
)
from surehold.payments.states import OperationEvent


class AnswerDispute(Settlement, frozen=True):
    """Staff say something to a dispute: the evidence, or (none) that the store gives in."""

    dispute_id: DisputeId
    evidence: str | None
    actor: Actor

    def decide(self, case: Case, context: Context) -> Outcome:
        """Write it down, and ask for it to be sent where it can be. The same again is once.

        Raises:
            DisputeNotFound, DisputeOver, DisputeAnswered: As named.
        """
        effect = rules.answer_dispute(
            case, self.dispute_id, self.evidence, actor=self.actor, providers=context.providers
        )
        return Outcome(effect, case.disputes[self.dispute_id].payment_id)


class RecordAnswer(Settlement, frozen=True):
    """A provider took what the store said to a dispute, refused it, or its answer was lost."""

    operation: Operation
    event: OperationEvent
    failure_code: str | None

    def decide(self, case: Case, _: Context) -> Outcome:
        """Note it. What comes of the dispute is read with its payment."""
        rules.end_operation(case, self.operation, self.event, self.failure_code)
        payment = case.payment(self.operation.payment_id)
        actor = provider_actor(payment.provider)
        effect = rules.record_answer(case, self.operation, self.event, actor=actor)
        return Outcome(effect, payment.id)


class RecordDispute(Settlement, frozen=True):
    """Staff write down what a provider told them by letter or on its dashboard."""

    payment_id: PaymentId
    told: DisputeSnapshot
    actor: Actor

    @property
    def writes_fee_of(self) -> PaymentId | None:
        """The payment, when a fee is told with it."""
        return self.payment_id if self.told.fee_minor else None

    def decide(self, case: Case, context: Context) -> Outcome:
        """Take it as the provider's word. The same again changes nothing.

        Raises:
            PaymentNotFound: The order has no such payment.
            DisputeNotRecordable: Its provider tells of disputes itself, or no money came.
            DisputeFeeReported: A report had the fee booked; send it without.
        """
        payment = case.payments.get(self.payment_id)
        if payment is None:
            raise PaymentNotFound("There is no payment with this id.")
        provider = context.providers.find_remote(payment.provider)
        if provider is not None and provider.capabilities.can_read_disputes:
            raise DisputeNotRecordable(f"{provider.capabilities.title} tells of its disputes.")
        if payment.state is not PaymentState.CAPTURED or payment.gift_card_id is not None:
            raise DisputeNotRecordable("No bank has anything to give back of this payment.")
        if (
            self.told.fee_minor
            and (payment.id, self.told.provider_dispute_id) in case.reported_fees
        ):
            raise DisputeFeeReported("A report of the provider's has its fee: send it without.")
        effect = rules.take_disputes(
            case, payment, (self.told,), actor=self.actor, providers=context.providers
        )
        return Outcome(effect or UNCHANGED, payment.id)


class ReviewPayment(Settlement, frozen=True):
    """A person decides about a payment that is held for one; ``None``: what may be decided?"""

    payment_id: PaymentId
    decision: ReviewDecision | None
    note: str
    actor: Actor
    #: The provider's view of it, where that is to be booked.
    evidence: ProviderSnapshot | None = None
    keep: Keep | None = None

    @property
    def kept(self) -> Keep | None:
        """Decided once it is not asked any more, or for another reason: a key tells the two."""
        return self.keep

    def decide(self, case: Case, context: Context) -> Outcome:
        """Clear the reason, and put the books right. A key makes it one.

        Raises:
            PaymentNotFound: The order has no such payment.
            ReviewNotPossible: It is not held, or for a reason that this does not settle.
        """
        payment = case.payments.get(self.payment_id)
        if payment is None:
            raise PaymentNotFound("There is no payment with this id.")
        if self.decision is None:
            return Outcome(UNCHANGED, payment.id, allowed=rules.list_decisions(case, payment))
        effect = rules.review(
            case,
            payment,
            self.decision,
            self.evidence,
            note=self.note,
            actor=self.actor,
            providers=context.providers,
        )
        return Outcome(effect, payment.id)
