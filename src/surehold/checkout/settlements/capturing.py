"""Staff ask for money that a buyer's bank holds."""

from __future__ import annotations

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import Actor
from surehold.checkout.settlements.model import Outcome, Settlement
from surehold.kernel.ids import PaymentId
from surehold.payments.errors import PaymentNotFound


class CapturePayment(Settlement, frozen=True):
    """The money is wanted now: before anything was sent, or again after a refusal."""

    payment_id: PaymentId
    actor: Actor

    def decide(self, case: Case, context: Context) -> Outcome:
        """Ask for it, unless it is asked for already.

        Raises:
            PaymentNotFound: The order has no such payment.
            PaymentNotCapturable: Nothing is held that the order is owed.
        """
        payment = case.payments.get(self.payment_id)
        if payment is None:
            raise PaymentNotFound("There is no payment with this id.")
        effect = rules.capture_now(case, payment, actor=self.actor, providers=context.providers)
        return Outcome(effect, payment.id)
