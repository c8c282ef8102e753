"""Two people decide about one held order at once; money comes while others are counted."""

from __future__ import annotations

import asyncio

from surehold.checkout import commands
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.orders.fraud import queries
from surehold.orders.model import OrderStatus
from surehold.payments.errors import ReviewNotPossible
from surehold.payments.model import ReviewDecision
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.fraud import a_held_order, ask_for_signals
from tests.builders.orders import STAFF, a_checkout, look_at
from tests.builders.providers import PretendProvider
from tests.builders.trust import an_open_order, provider_id
from tests.support.placing import counters

ACCEPT, REJECT = ReviewDecision.ACCEPT, ReviewDecision.REJECT


async def test_of_two_who_decide_at_once_one_does(db: Database) -> None:
    card = PretendProvider()
    providers = Providers([card])
    lamp = (await a_product(db, on_hand=5)).variant_id
    await ask_for_signals(db)
    async with (
        a_checkout(db, providers=providers) as one,
        a_checkout(db, providers=providers) as two,
    ):
        kept = 0
        for turn in range(4):
            held = await a_held_order(one, card, (lamp, 1))
            assert held.payment is not None
            payment_id = held.payment.id
            answers = await asyncio.gather(
                *(
                    commands.review_payment(
                        checkout,
                        payment_id=payment_id,
                        decision=decision,
                        note="race",
                        actor=STAFF,
                    )
                    for checkout, decision in ((one, ACCEPT), (two, REJECT))[:: 1 - turn % 2 * 2]
                    for _ in range(2)
                ),
                return_exceptions=True,
            )

            refused = [one for one in answers if isinstance(one, ReviewNotPossible)]
            (done,) = [one.effect for one in answers if not isinstance(one, BaseException)]
            after = await look_at(one, held.order.id)
            assert len(refused) == 3
            assert (after.order.status is OrderStatus.PAID) is (done == "accepted")
            kept += done == "accepted"
        assert await counters(db, lamp) == (5, kept, 0)
        async with db.connection() as connection:
            assert await check_invariants(connection) == {}


async def test_money_heard_of_twice_at_once_is_judged_once(db: Database) -> None:
    card = PretendProvider()
    providers = Providers([card])
    lamp = (await a_product(db, on_hand=5)).variant_id
    await ask_for_signals(db)
    async with (
        a_checkout(db, providers=providers) as one,
        a_checkout(db, providers=providers) as two,
    ):
        placed = await an_open_order(one, (lamp, 1))
        assert placed.payment is not None
        payment_id = placed.payment.id
        card.pay(provider_id(placed))

        await asyncio.gather(
            *(commands.check_payment(each, payment_id) for each in (one, two) for _ in range(4))
        )

        async with db.connection() as connection:
            page = await queries.list_open(connection)
            assert [row.payment_id for row in page.items] == [payment_id]
            assert await check_invariants(connection) == {}
