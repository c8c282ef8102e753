"""Buyers pay at every provider's fake: order, page, webhook over HTTP, paid; some of it back.

One shop takes them all, as in life, so one server is started for all of them.
"""

from __future__ import annotations

from surehold.db.invariants import check_invariants
from tests.fakes import FAKES
from tests.payments.contract.rig import capabilities_of
from tests.support.provided import Counter, a_counter


async def test_buyers_pay_at_every_provider(fresh_url: str) -> None:
    async with a_counter(fresh_url, *FAKES) as counter:
        for name in FAKES:
            await _pays_and_gets_some_of_it_back(counter, name)
            await _pays_although_the_first_answer_was_lost(counter, name)
            await _is_looked_at_when_money_does_not_match(counter, name)

        async with counter.db.connection() as connection:
            assert await check_invariants(connection) == {}


async def _pays_and_gets_some_of_it_back(counter: Counter, name: str) -> None:
    placed = await counter.buy(name)
    total = placed["order"]["total"]["amount"]
    handle = counter.handle(placed["payment"])

    counter.fakes[name].on_pay(handle)
    paid = await counter.wait_for(placed, "paid")
    await counter.refund(placed, 500)
    if not capabilities_of(name).ends_refunds_at_once:
        counter.fakes[name].on_refunds_arrive(handle)
        await counter.sweep()
    after = await counter.wait_for(placed, "partially_refunded")

    assert paid["paid"]["amount"] == total
    assert after["refunded"]["amount"] == 500
    assert counter.fakes[name].on_show(handle) == {"captured": total, "refunded": 500}
    assert await counter.list_payments(placed) == [("captured", total, 500, None)]


async def _pays_although_the_first_answer_was_lost(counter: Counter, name: str) -> None:
    counter.fakes[name].fault("lose", on="create")
    placed = await counter.buy(name)
    assert placed["payment"]["state"] == "unknown"

    await counter.sweep()
    again = await counter.pay_again(placed)
    counter.fakes[name].on_pay(counter.handle(again["payment"]))
    paid = await counter.wait_for(placed, "paid")

    assert paid["paid"] == paid["total"]
    captured = [row[1] for row in await counter.list_payments(placed) if row[1]]
    assert captured == [placed["order"]["total"]["amount"]]


async def _is_looked_at_when_money_does_not_match(counter: Counter, name: str) -> None:
    fake, short, returned = counter.fakes[name], await counter.buy(name), await counter.buy(name)
    total = short["order"]["total"]["amount"]

    fake.on_pay(counter.handle(short["payment"]), total - 1)
    await counter.wait_for_review(short)
    fake.on_pay(counter.handle(returned["payment"]))
    await counter.wait_for(returned, "paid")
    assert [row[3] for row in await counter.list_payments(short)] == ["amount_mismatch"]
    assert (await counter.read(short))["status"] == "pending_payment"
    fake.on_refund(counter.handle(returned["payment"]), 300)
    if capabilities_of(name).tells_refunds:
        await counter.wait_for_review(returned)
        assert [row[3] for row in await counter.list_payments(returned)] == [
            "refunded_at_provider"
        ]
