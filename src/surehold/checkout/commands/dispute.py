"""What people have a say in of disputes: answered, given in to, or written down by hand."""

from __future__ import annotations

from surehold.checkout.commands.ask import ask
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor
from surehold.checkout.settlements import AnswerDispute, Outcome, RecordDispute
from surehold.kernel.ids import DisputeId, PaymentId
from surehold.kernel.permissions import Permission, require
from surehold.payments import queries as payments
from surehold.payments.disputes import queries as disputes
from surehold.payments.disputes.model import AnswerState
from surehold.payments.model import OperationKind
from surehold.payments.providers.disputes import DisputeSnapshot


async def answer_dispute(
    checkout: Checkout, *, dispute_id: DisputeId, evidence: str | None, actor: Actor
) -> Outcome:
    """Answer a dispute with evidence, or (none) give in. The same again changes nothing.

    It is sent now where the provider takes it, by the worker if we die; else it is written down
    and people send it at the provider. A dispute is lost when the provider says so.

    Raises:
        DisputeNotFound, DisputeOver, DisputeAnswered: As named.
    """
    require(Permission.DISPUTES_WRITE)
    async with checkout.db.connection() as connection:
        found, _ = await disputes.get_dispute(connection, dispute_id=dispute_id)
    outcome = await checkout.settling.submit(
        AnswerDispute(found.order_id, found.id, evidence, actor)
    )
    async with checkout.db.connection() as connection:
        found, _ = await disputes.get_dispute(connection, dispute_id=dispute_id)
        operation = await payments.find_operation(
            connection, payment_id=found.payment_id, kind=OperationKind.ANSWER_DISPUTE
        )
    if found.answer_state is AnswerState.SENDING and operation is not None:
        await ask(checkout, operation)
    return outcome


async def record_dispute(
    checkout: Checkout, *, payment_id: PaymentId, told: DisputeSnapshot, actor: Actor
) -> Outcome:
    """Write down how a dispute stands of which a provider tells people, and not programs.

    The same again changes nothing; told otherwise under the same id, the dispute moved.

    Raises:
        PaymentNotFound: No such payment.
        DisputeNotRecordable: Its provider tells of disputes itself, or no money came.
        DisputeFeeReported: A report of the provider's had its fee booked.
    """
    require(Permission.DISPUTES_WRITE)
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    return await checkout.settling.submit(RecordDispute(payment.order_id, payment.id, told, actor))
