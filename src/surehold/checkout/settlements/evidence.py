"""A provider says where a payment stands."""

from __future__ import annotations

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import Actor, provider_actor
from surehold.checkout.settlements.model import Outcome, Settlement
from surehold.kernel.ids import PaymentId
from surehold.payments.errors import PaymentNotFound
from surehold.payments.model import Operation
from surehold.payments.providers.port import ProviderSnapshot
from surehold.payments.states import OperationEvent


class TakeEvidence(Settlement, frozen=True):
    """A provider says where a payment stands; a person does for a local one."""

    payment_id: PaymentId
    snapshot: ProviderSnapshot
    actor: Actor | None = None
    #: The question that this answers, where one was asked.
    operation: Operation | None = None

    def decide(self, case: Case, context: Context) -> Outcome:
        """Book what it proves.

        Raises:
            PaymentNotFound: The order has no such payment.
        """
        payment = case.payments.get(self.payment_id)
        if payment is None:
            raise PaymentNotFound("There is no payment with this id.")
        if self.operation is not None:
            rules.end_operation(case, self.operation, OperationEvent.SUCCEED, None)
        effect = rules.settle(
            case,
            payment,
            self.snapshot,
            actor=self.actor or provider_actor(payment.provider),
            providers=context.providers,
        )
        return Outcome(effect, payment.id)
