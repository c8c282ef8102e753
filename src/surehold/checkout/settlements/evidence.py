"""A provider says where a payment stands."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import UNCHANGED, Actor, provider_actor
from surehold.checkout.settlements.model import Outcome, Settlement
from surehold.kernel.ids import PaymentId
from surehold.payments.errors import PaymentNotConfirmable, PaymentNotFound
from surehold.payments.model import NoAction, Operation, PaymentState, PaymentTerms
from surehold.payments.providers.port import (
    ProviderSnapshot,
)
from surehold.payments.states import OPEN, OperationEvent

#: What is kept of a transfer that staff gave up.
REJECTED: Final = "transfer_rejected"


class RejectTransfer(Settlement, frozen=True):
    """Staff say that the money of a transfer will not come."""

    payment_id: PaymentId
    reason: str
    actor: Actor

    def decide(self, case: Case, context: Context) -> Outcome:
        """Give it up, once. The order waits to be paid otherwise.

        Raises:
            PaymentNotFound: The order has no such payment.
            PaymentNotConfirmable: It is not by transfer, was paid, or is for a person.
        """
        payment = case.payments.get(self.payment_id)
        if payment is None:
            raise PaymentNotFound("There is no payment with this id.")
        if payment.failure_code == REJECTED:
            return Outcome(UNCHANGED, payment.id)
        is_local = context.providers.find_local(payment.provider) is not None
        is_open = payment.state in OPEN and payment.review_reason is None
        if not is_local or not is_open or payment.terms is not PaymentTerms.NOW:
            raise PaymentNotConfirmable("No transfer is awaited for this payment.")
        case.put_payment(
            msgspec.structs.replace(
                payment,
                state=PaymentState.FAILED,
                failure_code=REJECTED,
                failure_message=self.reason,
                next_action=NoAction(),
                next_check_at=None,
            )
        )
        case.change_order(actor=self.actor.name, reason="transfer rejected")
        case.relabel()
        return Outcome("rejected", payment.id)


class TakeEvidence(Settlement, frozen=True):
    """A provider says where a payment stands; a person does for a local one."""

    payment_id: PaymentId
    snapshot: ProviderSnapshot
    actor: Actor | None = None
    #: The question that this answers, where one was asked.
    operation: Operation | None = None
    #: How that question ended, and the code of a refusal.
    event: OperationEvent = OperationEvent.SUCCEED
    failure_code: str | None = None
    #: What was written of the payment's disputes before the provider was read: what it says of
    #: them is taken only if nothing was since. ``None``: it is not taken.
    dispute_moves: int | None = None

    @property
    def brings_money(self) -> bool:
        """Whether the money is there, or sure."""
        return self.snapshot.state in (PaymentState.CAPTURED, PaymentState.AUTHORIZED)

    def decide(self, case: Case, context: Context) -> Outcome:
        """Book what it proves.

        Raises:
            PaymentNotFound: The order has no such payment.
        """
        payment = case.payments.get(self.payment_id)
        if payment is None:
            raise PaymentNotFound("There is no payment with this id.")
        if self.operation is not None:
            rules.end_operation(case, self.operation, self.event, self.failure_code)
        is_stale = self.dispute_moves != payment.dispute_moves
        snapshot = self.snapshot
        if is_stale:
            nothing = msgspec.structs.replace(snapshot.disputed, amount=0)
            snapshot = msgspec.structs.replace(snapshot, disputes=(), disputed=nothing)
        effect = rules.settle(
            case,
            payment,
            snapshot,
            actor=self.actor or provider_actor(payment.provider),
            providers=context.providers,
        )
        return Outcome(effect, payment.id, is_stale=is_stale)
