"""Staff say that the money of a transfer will not come."""

from __future__ import annotations

from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor
from surehold.checkout.settlements import Outcome, RejectTransfer
from surehold.kernel.ids import PaymentId
from surehold.kernel.permissions import Permission, require
from surehold.payments import queries as payments


async def reject_transfer(
    checkout: Checkout, *, payment_id: PaymentId, reason: str, actor: Actor
) -> Outcome:
    """Give a transfer up; its buyer reads the reason, and may pay again. Twice is once.

    Raises:
        PaymentNotFound: No such payment.
        PaymentNotConfirmable: It is not by transfer, was paid, or is for a person to look at.
    """
    require(Permission.PAYMENTS_CONFIRM)
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    return await checkout.settling.submit(
        RejectTransfer(payment.order_id, payment.id, reason, actor)
    )
