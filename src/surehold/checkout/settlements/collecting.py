"""What whoever brings an order says of its money: collected at the door, or refused there."""

from __future__ import annotations

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import Actor
from surehold.checkout.settlements.model import Outcome, Settlement
from surehold.kernel.ids import PaymentId
from surehold.kernel.money import Money
from surehold.payments.cash.model import Collection
from surehold.payments.errors import PaymentNotFound
from surehold.payments.model import Payment, PaymentState, PaymentTerms
from surehold.payments.providers.port import (
    ProviderSnapshot,
)


class _AtTheDoor(Settlement, frozen=True):
    """Something that happens to a payment at its buyer's door."""

    payment_id: PaymentId
    actor: Actor

    def _payment(self, case: Case) -> Payment:
        payment = case.payments.get(self.payment_id)
        if payment is None:
            raise PaymentNotFound("There is no payment with this id.")
        if payment.terms is not PaymentTerms.ON_DELIVERY:
            raise rules.not_collectable(payment)
        return payment


class CollectCash(_AtTheDoor, frozen=True):
    """Cash was taken at the door. What is reported again is the same cash."""

    received: Money
    #: Who has it.
    collected_by: str

    def decide(self, case: Case, context: Context) -> Outcome:
        """Book it, once. Another amount than was asked for is held for a person.

        Raises:
            PaymentNotFound: The order has no such payment.
            PaymentNotCollectable: It is not one of cash.
        """
        payment = self._payment(case)
        is_first = payment.state is not PaymentState.CAPTURED and payment.review_reason is None
        nothing = Money(0, self.received.currency)
        evidence = ProviderSnapshot(
            provider_payment_id=payment.provider_payment_id or payment.merchant_reference,
            merchant_reference=payment.merchant_reference,
            state=PaymentState.CAPTURED,
            requested=payment.requested,
            authorized=nothing,
            captured=self.received,
            refunded=nothing,
            disputed=nothing,
            is_live=True,
        )
        effect = rules.settle(
            case, payment, evidence, actor=self.actor, providers=context.providers
        )
        if is_first:
            case.writes.collections.append(
                Collection(
                    payment_id=payment.id,
                    order_id=payment.order_id,
                    currency=self.received.currency,
                    amount_minor=self.received.amount,
                    collected_by=self.collected_by,
                    actor=self.actor.name,
                    collected_at=case.now,
                )
            )
        return Outcome(effect, payment.id)


class RefuseDelivery(_AtTheDoor, frozen=True):
    """The buyer did not take the order at the door."""

    reason: str

    def decide(self, case: Case, context: Context) -> Outcome:
        """Give the order up, once; its goods are on their way back.

        Raises:
            PaymentNotFound: The order has no such payment.
            PaymentNotCollectable: It is not one of cash, or not awaited any more.
            OrderNotCancelable: Some of the order was delivered.
        """
        payment = self._payment(case)
        effect = rules.refuse(
            case, payment, reason=self.reason, actor=self.actor, providers=context.providers
        )
        return Outcome(effect, payment.id)
