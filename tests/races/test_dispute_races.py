"""What a provider said of a dispute, heard by two processes at once and out of order."""

from __future__ import annotations

import asyncio
from typing import Any

from surehold.checkout import commands
from surehold.checkout.settlements import TakeEvidence
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.money import Money
from surehold.orders.model import OrderStatus
from surehold.payments.disputes import queries
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.orders import a_checkout, a_placed_order, begin_payment, look_at
from tests.builders.providers import PretendProvider


def told(payment: Any, state: DisputeState) -> DisputeSnapshot:
    amount = Money(payment.requested_minor, payment.currency)
    return DisputeSnapshot("dp", amount, DisputeStage.CHARGEBACK, state, "fraudulent")


async def test_old_word_about_a_dispute_is_asked_for_again(db: Database) -> None:
    pretend = PretendProvider()
    providers = Providers([pretend])
    lamp = await a_product(db, on_hand=5)
    async with (
        a_checkout(db, providers=providers) as one,
        a_checkout(db, providers=providers) as two,
    ):
        placed = await begin_payment(
            one, await a_placed_order(one, [(lamp.variant_id, 1)], provider="pretend")
        )
        payment = placed.payment
        assert payment is not None
        name = f"pp_{payment.merchant_reference}"
        pretend.pay(name)
        await commands.check_payment(one, payment.id)

        # Read while it was open, and heard after it was lost.
        pretend.dispute(name, told(payment, DisputeState.NEEDS_RESPONSE))
        old = TakeEvidence(placed.order.id, payment.id, pretend.payments[name], dispute_moves=0)
        pretend.dispute(name, told(payment, DisputeState.LOST))
        await asyncio.gather(
            *(commands.check_payment(each, payment.id) for each in (one, two) for _ in range(4))
        )
        late = await two.settling.submit(old)

        assert late.is_stale
        async with db.connection() as connection:
            rows = await queries.list_of_payments(connection, payment_ids=[payment.id])
            assert [(row.state, row.version) for row in rows] == [(DisputeState.LOST, 2)]
            assert await check_invariants(connection) == {}
        assert (await look_at(one, placed.order.id)).order.status is OrderStatus.REFUNDED
