"""Five hundred at once: for the last unit, and for the money of one order."""

from __future__ import annotations

import asyncio
from collections import Counter

from surehold.checkout import commands
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.orders import a_checkout
from tests.builders.providers import PretendProvider
from tests.support.api import a_body, a_key, an_api, order_token
from tests.support.placing import count_rows, counters
from tests.support.shop import make_due

CROWD = 500


async def test_T5_of_500_buyers_of_one_unit_exactly_one_has_it(db: Database) -> None:
    product = await a_product(db, on_hand=1)

    async with an_api(db) as api:
        answers = await asyncio.gather(
            *(
                api.post("/checkout", a_body(product.variant_id), headers=a_key())
                for _ in range(CROWD)
            )
        )

    told = Counter(
        (answer.status, None if answer.status == 201 else answer.code) for answer in answers
    )
    assert told == {(201, None): 1, (409, "insufficient_stock"): CROWD - 1}
    assert await counters(db, product.variant_id) == (1, 0, 1)
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_T5_500_cancellations_of_a_paid_order_send_its_money_back_once(
    db: Database,
) -> None:
    product = await a_product(db, on_hand=1)
    provider = PretendProvider()

    async with an_api(db, providers=(provider,)) as api:
        placed = await api.buy(product.variant_id, payment_method={"provider": "pretend"})
        (payment,) = provider.payments
        provider.pay(payment)
        token = order_token(placed)
        await api.post(f"/payments/{placed['payment']['id']}/verify", headers=token)
        before = await count_rows(db, ["order_events"])
        answers = await asyncio.gather(
            *(
                api.post(f"/orders/{placed['order']['id']}/cancel", headers=token)
                for _ in range(CROWD)
            )
        )
        # Whoever comes back is told the same.
        again = await api.post(f"/orders/{placed['order']['id']}/cancel", headers=token)

    # On a slow machine some are told to come back: the pool is for ten at a time.
    assert {answer.status for answer in answers} <= {200, 503}
    assert again.status == 200
    done = [answer for answer in answers if answer.status == 200]
    assert {answer.body["status"] for answer in done} == {"canceled"}
    after = await count_rows(db, ["order_events", "refunds"])
    assert after == {"order_events": before["order_events"] + 1, "refunds": 1}
    assert await counters(db, product.variant_id) == (1, 0, 0)
    await make_due(db)
    async with a_checkout(db, providers=Providers([provider])) as checkout:
        await commands.ask_due_operations(checkout)
    assert len(provider.payments[payment].refunds) == 1
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}
