"""Payments that are held for a person, and what the person decides."""

from __future__ import annotations

from typing import Final

from surehold.checkout.commands.ask import read
from surehold.checkout.engine import Checkout
from surehold.checkout.model import SYSTEM, Actor
from surehold.checkout.settlements import Keep, Outcome, ReviewPayment
from surehold.kernel.errors import Busy
from surehold.kernel.ids import PaymentId
from surehold.kernel.permissions import Permission, require
from surehold.payments import queries as payments
from surehold.payments.model import ReviewDecision
from surehold.payments.providers.failures import (
    ProviderFailure,
)

REVIEWS: Final = "reviews"


async def preview_review(checkout: Checkout, *, payment_id: PaymentId) -> Outcome:
    """What may be decided about a payment now, in ``allowed``. Changes nothing.

    Raises:
        PaymentNotFound: No such payment.
    """
    require(Permission.PAYMENTS_CONFIRM)
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    return await checkout.settling.submit(
        ReviewPayment(payment.order_id, payment.id, None, "", SYSTEM)
    )


async def review_payment(
    checkout: Checkout,
    *,
    payment_id: PaymentId,
    decision: ReviewDecision,
    note: str,
    actor: Actor,
    keep: Keep | None = None,
) -> Outcome:
    """Decide about a payment that is held. The provider is read first: what it says is booked.

    For one key it is decided once: the key is kept under ``REVIEWS`` with the decision.

    Raises:
        PaymentNotFound: No such payment.
        ReviewNotPossible: It is not held, or for a reason that this does not settle.
        Busy: The provider could not be read now; nothing has changed.
    """
    require(Permission.PAYMENTS_CONFIRM)
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    provider = checkout.context.providers.find_remote(payment.provider)
    try:
        evidence = None if provider is None else await read(provider, payment)
    except ProviderFailure as failure:
        raise Busy("The provider cannot be read now; nothing was decided.") from failure
    return await checkout.settling.submit(
        ReviewPayment(payment.order_id, payment.id, decision, note, actor, evidence, keep)
    )
