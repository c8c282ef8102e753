"""Money that a buyer's bank holds, taken when staff say so."""

from __future__ import annotations

from surehold.checkout.commands.ask import UNANSWERED, ask
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor
from surehold.checkout.settlements import CapturePayment, Outcome
from surehold.kernel.ids import PaymentId
from surehold.kernel.permissions import Permission, require
from surehold.payments import queries as payments
from surehold.payments.model import OperationKind


async def capture_payment(checkout: Checkout, *, payment_id: PaymentId, actor: Actor) -> Outcome:
    """Take what is held for a payment: before anything is sent, or again after a refusal.

    It is asked now, and by the worker if we die or the answer is lost. Two who ask at the same
    moment ask one question; what was captured before stays as it is.

    Raises:
        PaymentNotFound: No such payment.
        PaymentNotCapturable: Nothing is held that its order is owed, or a person must look first.
    """
    require(Permission.PAYMENTS_CONFIRM)
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    outcome = await checkout.settling.submit(CapturePayment(payment.order_id, payment.id, actor))
    async with checkout.db.connection() as connection:
        operation = await payments.find_operation(
            connection, payment_id=payment.id, kind=OperationKind.CAPTURE
        )
    if operation is None or operation.state not in UNANSWERED:
        return outcome
    return await ask(checkout, operation) or outcome
