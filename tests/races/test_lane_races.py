"""One lane with two runners: two batches of one process in the database at the same moment."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from surehold.checkout.commands import place_order
from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.inventory.errors import InsufficientStock
from tests.builders.catalog import a_product
from tests.builders.orders import a_checkout
from tests.support.placing import a_placement, count_rows, counters

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name LIKE '%:lane-placing' AND wait_event_type = 'Lock'"
    "   AND datname = current_database()"
)


async def _until_waiting(db: Database, count: int) -> None:
    async with db.connection() as connection, asyncio.timeout(2.5):
        while await connection.raw.fetchval(WAITING) < count:
            await asyncio.sleep(0.01)


async def _invariants(db: Database) -> object:
    async with db.connection() as connection:
        return await check_invariants(connection)


@pytest.mark.parametrize("others", [0, 5])
async def test_one_key_in_two_batches_at_once_makes_one_order(db: Database, others: int) -> None:
    product = await a_product(db, on_hand=20)
    placement = a_placement(product.variant_id, key="once")
    async with a_checkout(db) as checkout, db.connection() as stopper:
        # The first batch stands still after it let the second one begin.
        async with stopper.raw.transaction():
            await stopper.raw.execute("LOCK TABLE outbox IN SHARE MODE")
            first = asyncio.create_task(place_order(checkout, placement))
            await _until_waiting(db, 1)
            rest = [*(a_placement(product.variant_id) for _ in range(others)), placement]
            second = [asyncio.create_task(place_order(checkout, row)) for row in rest]
            await _until_waiting(db, 2)
        answers = await asyncio.gather(first, *second)
        figures = checkout.placing.figures

    assert answers[0] == answers[-1]
    assert len({answer.body for answer in answers}) == 1 + others
    assert figures.batches == 2
    assert figures.reruns == 0
    assert (await count_rows(db))["orders"] == 1 + others
    assert await counters(db, product.variant_id) == (20, 0, 1 + others)
    assert await _invariants(db) == {}


async def test_the_last_unit_is_sold_once_by_two_batches(db: Database) -> None:
    product = await a_product(db, on_hand=1)
    async with a_checkout(db) as checkout, db.connection() as stopper:
        async with stopper.raw.transaction():
            await stopper.raw.execute("LOCK TABLE outbox IN SHARE MODE")
            first = asyncio.create_task(place_order(checkout, a_placement(product.variant_id)))
            await _until_waiting(db, 1)
            second = asyncio.create_task(place_order(checkout, a_placement(product.variant_id)))
            await _until_waiting(db, 2)
        answers = await asyncio.gather(first, second, return_exceptions=True)

    names = sorted(type(answer).__name__ for answer in answers)
    assert names == ["Answer", "InsufficientStock"]
    assert await counters(db, product.variant_id) == (1, 0, 1)
    assert (await count_rows(db))["orders"] == 1
    assert await _invariants(db) == {}


async def test_a_key_whose_own_order_took_the_last_unit_is_not_refused(db: Database) -> None:
    product = await a_product(db, on_hand=1)
    placement = a_placement(product.variant_id, key="once")
    async with a_checkout(db) as checkout, db.connection() as stopper:
        async with stopper.raw.transaction():
            await stopper.raw.execute("LOCK TABLE outbox IN SHARE MODE")
            first = asyncio.create_task(place_order(checkout, placement))
            await _until_waiting(db, 1)
            second = asyncio.create_task(place_order(checkout, placement))
            await _until_waiting(db, 2)
        answers = await asyncio.gather(first, second)

    assert answers[0] == answers[1]
    assert (await count_rows(db))["orders"] == 1
    assert await _invariants(db) == {}


async def test_400_buyers_of_random_pairs_get_what_there_is(db: Database) -> None:
    products = [await a_product(db, on_hand=60) for _ in range(6)]
    chance = random.Random(20261121)
    sold: Counter[object] = Counter()

    async def buy(checkout: Checkout, number: int) -> type[object]:
        wanted = [(row.variant_id, chance.randint(1, 2)) for row in chance.sample(products, 2)]
        # Arrivals over some batches, so that both runners have work.
        await asyncio.sleep(0.001 * (number // 4))
        try:
            await place_order(checkout, a_placement(*wanted))
        except InsufficientStock as refusal:
            return type(refusal)
        for variant_id, quantity in wanted:
            sold[variant_id] += quantity
        return type(None)

    async with a_checkout(db) as checkout:
        outcomes = Counter(await asyncio.gather(*(buy(checkout, number) for number in range(400))))
        figures = checkout.placing.figures

    assert set(outcomes) == {type(None), InsufficientStock}
    assert figures.reruns == 0
    assert figures.batches > 4
    for product in products:
        assert await counters(db, product.variant_id) == (60, 0, sold[product.variant_id])
    assert await _invariants(db) == {}


async def test_keys_are_written_in_key_order_whoever_came_first(db: Database) -> None:
    product = await a_product(db, on_hand=20)
    names = [f"{letter}-key" for letter in "dacbe"]
    async with a_checkout(db) as checkout:
        await asyncio.gather(
            *(place_order(checkout, a_placement(product.variant_id, key=name)) for name in names)
        )
        batches = checkout.placing.figures.batches

    async with db.connection() as connection:
        rows = await connection.raw.fetch("SELECT key FROM idempotency_keys ORDER BY ctid")
    assert batches == 1
    assert [row["key"] for row in rows] == sorted(names)
