"""Staff and buyers at the same parcels, through two processes on one database."""

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
from surehold.kernel.errors import DomainError
from surehold.orders.model import CancelReason, FulfillmentState, OrderStatus
from surehold.orders.states import FulfillmentEvent
from tests.builders.catalog import a_product
from tests.builders.fulfillments import a_parcel, move, reach
from tests.builders.orders import STAFF, a_checkout, a_paid_order, look_at
from tests.support.placing import counters

E = FulfillmentEvent
ROUNDS = 8


@pytest.fixture
async def desks(db: Database) -> AsyncIterator[tuple[Checkout, Checkout]]:
    """Two processes, each with lanes of its own."""
    async with a_checkout(db) as first, a_checkout(db) as second:
        yield first, second


async def tell(work: Awaitable[Any]) -> str:
    """``done``, or the code of the refusal."""
    try:
        await work
    except DomainError as refusal:
        return refusal.code
    return "done"


async def cancel(desk: Checkout, order_id: Any) -> None:
    await commands.cancel_order(desk, order_id=order_id, reason=CancelReason.STAFF, actor=STAFF)


async def check(db: Database) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_two_staff_plan_the_same_units_and_one_does(
    db: Database, desks: tuple[Checkout, Checkout]
) -> None:
    product = await a_product(db, on_hand=20)
    for _ in range(ROUNDS):
        placed = await a_paid_order(desks[0], [(product.variant_id, 2)])

        told = await asyncio.gather(*(tell(a_parcel(desk, placed, 2)) for desk in desks))

        assert Counter(told) == {"done": 1, "units_not_open": 1}
        assert [row.units for row in (await look_at(desks[0], placed.order.id)).fulfillments] == [
            2
        ]
    await check(db)


async def test_a_parcel_is_shipped_by_two_and_leaves_once(
    db: Database, desks: tuple[Checkout, Checkout]
) -> None:
    product = await a_product(db, on_hand=20)
    for number in range(1, ROUNDS + 1):
        placed = await a_paid_order(desks[0], [(product.variant_id, 2)])
        parcel = await a_parcel(desks[0], placed)

        told = await asyncio.gather(*(tell(move(desk, parcel, E.SHIP)) for desk in desks))

        assert told == ["done", "done"]
        assert await counters(db, product.variant_id) == (20 - 2 * number, 0, 0)
    await check(db)


async def test_shipped_or_canceled_and_never_both(
    db: Database, desks: tuple[Checkout, Checkout]
) -> None:
    product = await a_product(db, on_hand=20)
    ship_first, seen = Counter[str](), 20
    for number in range(ROUNDS):
        placed = await a_paid_order(desks[0], [(product.variant_id, 2)])
        parcel = await a_parcel(desks[0], placed)
        both = [move(desks[0], parcel, E.SHIP), cancel(desks[1], placed.order.id)]

        told = await asyncio.gather(*(tell(one) for one in (both if number % 2 else both[::-1])))
        shipped, canceled = told if number % 2 else told[::-1]

        ship_first[shipped] += 1
        if shipped == "done":
            assert canceled == "order_not_cancelable"
            seen -= 2
        else:
            assert (shipped, canceled) == ("fulfillment_not_movable", "done")
            after = await look_at(desks[0], placed.order.id)
            # Its money is on its way back, all of it.
            assert [row.amount_minor for row in after.refunds] == [after.order.total_minor]
        assert await counters(db, product.variant_id) == (seen, 0, 0)
    assert ship_first.total() == ROUNDS
    await check(db)


async def test_a_parcel_is_shipped_or_given_up_and_never_both(
    db: Database, desks: tuple[Checkout, Checkout]
) -> None:
    product = await a_product(db, on_hand=20)
    seen = 20
    for _ in range(ROUNDS):
        placed = await a_paid_order(desks[0], [(product.variant_id, 1)])
        parcel = await a_parcel(desks[0], placed)

        told = await asyncio.gather(
            tell(move(desks[0], parcel, E.SHIP)), tell(move(desks[1], parcel, E.CANCEL))
        )

        assert sorted(told) == ["done", "fulfillment_not_movable"]
        after = await look_at(desks[0], placed.order.id)
        is_shipped = told[0] == "done"
        seen -= is_shipped
        assert after.fulfillments[0].state is (
            FulfillmentState.SHIPPED if is_shipped else FulfillmentState.CANCELED
        )
    async with db.connection() as connection:
        assert await connection.raw.fetchval("SELECT sum(on_hand) FROM stock_levels") == seen
    await check(db)


async def test_everything_is_shipped_twice_at_once_and_leaves_once(
    db: Database, desks: tuple[Checkout, Checkout]
) -> None:
    product = await a_product(db, on_hand={"main": 4, "annex": 30})
    for _ in range(ROUNDS):
        placed = await a_paid_order(desks[0], [(product.variant_id, 3)])

        told = await asyncio.gather(
            *(reach(desk, placed.order.id, OrderStatus.SHIPPED) for desk in desks)
        )

        assert sorted(told) == ["shipped", "unchanged"]
    assert await counters(db, product.variant_id) == (34 - 3 * ROUNDS, 0, 0)
    await check(db)


async def test_a_note_with_one_key_is_written_once(
    db: Database, desks: tuple[Checkout, Checkout]
) -> None:
    product = await a_product(db)
    placed = await a_paid_order(desks[0], [(product.variant_id, 1)])

    told = await asyncio.gather(
        *(
            commands.write_note(
                desks[number % 2],
                order_id=placed.order.id,
                text="Fragile",
                is_visible=False,
                actor=STAFF,
                key="one",
            )
            for number in range(10)
        )
    )

    assert sorted(told) == [False] * 9 + [True]
    async with db.connection() as connection:
        assert await connection.raw.fetchval("SELECT count(*) FROM order_notes") == 1
