"""Buyers, staff and the worker at what is not there yet, through two processes on one database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.inventory import commands as inventory
from surehold.inventory.model import BackorderKind
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import LocationId, OrderId, VariantId
from surehold.orders.model import CancelReason
from tests.builders.catalog import a_product
from tests.builders.fulfillments import a_parcel
from tests.builders.orders import STAFF, a_checkout, a_paid_order
from tests.support.placing import a_placement, count_rows, counters, told

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name LIKE '%:lane-placing' AND wait_event_type = 'Lock'"
    "   AND datname = current_database()"
)


@pytest.fixture
async def desks(db: Database) -> AsyncIterator[tuple[Checkout, Checkout]]:
    """Two processes, each with lanes of its own."""
    async with a_checkout(db) as first, a_checkout(db) as second:
        yield first, second


async def tell(work: Awaitable[Any]) -> Any:
    """What came of it, or the code of the refusal."""
    try:
        return await work
    except DomainError as refusal:
        return refusal.code


async def sell_ahead(db: Database, variant_id: VariantId, limit: int) -> Any:
    wish = inventory.BackorderWish(BackorderKind.BACKORDER, limit)
    return await inventory.set_backorders(db, variant_id=variant_id, wish=wish, actor="test")


async def arrive(db: Database, variant_id: VariantId, quantity: int) -> int:
    async with db.connection() as connection:
        place = await connection.raw.fetchval("SELECT id FROM locations WHERE code = 'main'")
    arrivals = [inventory.Arrival(variant_id, LocationId(place), quantity)]
    return await inventory.receive_stock(db, arrivals=arrivals, reference="D", actor="test")


async def until_waiting(db: Database, count: int) -> None:
    async with db.connection() as connection, asyncio.timeout(2.5):
        while await connection.raw.fetchval(WAITING) < count:
            await asyncio.sleep(0.01)


async def check(db: Database) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_100_buyers_of_10_units_and_20_owed_get_30(
    db: Database, desks: tuple[Checkout, Checkout]
) -> None:
    product = await a_product(db, on_hand=10)
    await sell_ahead(db, product.variant_id, 20)

    answers = await asyncio.gather(
        *(
            tell(commands.place_order(desks[index % 2], a_placement(product.variant_id)))
            for index in range(100)
        )
    )

    placed = [told(answer).body["order"] for answer in answers if not isinstance(answer, str)]
    assert Counter(row for row in answers if isinstance(row, str)) == {"insufficient_stock": 70}
    assert Counter(order["lines"][0]["waiting_quantity"] for order in placed) == {0: 10, 1: 20}
    assert await counters(db, product.variant_id) == (10, 0, 30)
    assert await count_rows(db, ["orders", "backorder_promises"]) == {
        "orders": 30,
        "backorder_promises": 20,
    }
    async with db.connection() as connection:
        waiting = await inventory.list_waiting(
            connection, order_ids=[order["id"] for order in placed]
        )
    # Whoever was told that it is there stands before whoever was told to wait.
    assert {str(row.order_id) for row in waiting} == {
        order["id"] for order in placed if order["lines"][0]["waiting_quantity"]
    }
    await check(db)


async def test_the_unit_that_is_there_is_had_by_one_of_two_batches(db: Database) -> None:
    product = await a_product(db, on_hand=1)
    await sell_ahead(db, product.variant_id, 5)
    async with a_checkout(db) as checkout, db.connection() as stopper:
        # Both batches have read the one unit before either takes it.
        async with stopper.raw.transaction():
            await stopper.raw.execute("LOCK TABLE outbox IN SHARE MODE")
            buyers = []
            for count in (1, 2):
                placing = commands.place_order(checkout, a_placement(product.variant_id))
                buyers.append(asyncio.create_task(placing))
                await until_waiting(db, count)
        answers = await asyncio.gather(*buyers)

    lines = [told(answer).body["order"]["lines"][0] for answer in answers]
    assert sorted(line["waiting_quantity"] for line in lines) == [0, 1]
    await check(db)


async def test_the_limit_falls_or_the_units_are_sold_and_never_both(
    db: Database, desks: tuple[Checkout, Checkout]
) -> None:
    product = await a_product(db, on_hand=0)
    for _ in range(6):
        await sell_ahead(db, product.variant_id, 2)
        order, terms = await asyncio.gather(
            tell(commands.place_order(desks[0], a_placement((product.variant_id, 2)))),
            tell(sell_ahead(db, product.variant_id, 1)),
        )
        if order == "insufficient_stock":
            assert terms.levels[0].backorder_limit == 1
            continue
        assert terms == "backorders_owed"
        await commands.cancel_order(
            desks[0],
            order_id=OrderId(told(order).order_id),
            reason=CancelReason.STAFF,
            actor=STAFF,
        )
    await check(db)


async def test_one_unit_arrives_while_two_wait_and_the_first_has_it(
    db: Database, desks: tuple[Checkout, Checkout]
) -> None:
    for _ in range(4):
        product = await a_product(db, on_hand=0)
        await sell_ahead(db, product.variant_id, 2)
        first = await a_paid_order(desks[0], [(product.variant_id, 1)])
        second = await a_paid_order(desks[1], [(product.variant_id, 1)])

        came = await asyncio.gather(
            tell(a_parcel(desks[0], second)),
            tell(a_parcel(desks[1], first)),
            arrive(db, product.variant_id, 1),
            tell(inventory.tell_backorders(db)),
            tell(inventory.tell_backorders(db)),
        )

        assert came[0] == "units_not_on_hand"
        assert came[1] == "units_not_on_hand" or came[1].units == 1
        assert sum(came[3:]) <= 1
        assert await inventory.tell_backorders(db) == 1 - sum(came[3:])
        assert await inventory.tell_backorders(db) == 0
    assert await count_rows(db, ["backorder_promises"]) == {"backorder_promises": 8}
    await check(db)
