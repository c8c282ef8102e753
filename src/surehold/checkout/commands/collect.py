"""What couriers report of orders that are paid at the door."""

from __future__ import annotations

from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor
from surehold.checkout.settlements import CollectCash, Outcome, RefuseDelivery
from surehold.kernel.ids import PaymentId
from surehold.kernel.money import Money
from surehold.kernel.permissions import Permission, require
from surehold.payments import queries as payments


async def collect_cash(
    checkout: Checkout,
    *,
    payment_id: PaymentId,
    received: Money,
    collected_by: str,
    actor: Actor,
) -> Outcome:
    """Cash was taken at the door. Reported again it is the same cash; another amount is held.

    Raises:
        PaymentNotFound: No such payment.
        PaymentNotCollectable: It is not one of cash.
    """
    require(Permission.PAYMENTS_CONFIRM)
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    return await checkout.settling.submit(
        CollectCash(payment.order_id, payment.id, actor, received, collected_by)
    )


async def refuse_delivery(
    checkout: Checkout, *, payment_id: PaymentId, reason: str, actor: Actor
) -> Outcome:
    """The buyer did not take the order: it is given up, and comes back. Twice is once.

    Raises:
        PaymentNotFound: No such payment.
        PaymentNotCollectable: Nothing was to be collected for it.
        OrderNotCancelable: Some of the order was delivered.
    """
    require(Permission.PAYMENTS_CONFIRM)
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    return await checkout.settling.submit(
        RefuseDelivery(payment.order_id, payment.id, actor, reason)
    )
