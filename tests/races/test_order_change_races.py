"""Changes of one order, and what else happens to it, asked of two processes at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.model import PlacedOrder
from surehold.checkout.rules import ChangeWish
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import OrderChangeId, ReturnId, VariantId, new_id
from surehold.orders.changes.errors import ChangeAwaitsPayment
from surehold.orders.model import CancelReason, ReturnReason
from surehold.orders.states import ReturnEvent
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF, a_checkout, a_paid_order, look_at, pay, ship
from tests.support.placing import counters


@pytest.fixture
async def two(db: Database) -> AsyncIterator[tuple[Checkout, Checkout]]:
    """Two processes with lanes, and connections, of their own."""
    async with a_checkout(db) as first, a_checkout(db) as second:
        yield first, second


async def change(
    checkout: Checkout, order: PlacedOrder, variant_id: VariantId, *, give_up: int = 0
) -> PlacedOrder:
    """Add one unit of a variant, and give some of the first line up for it."""
    lines = ((order.lines[0].id, give_up),) if give_up else ()
    return await commands.change_order(
        checkout,
        order_id=order.order.id,
        change_id=OrderChangeId(new_id()),
        wish=ChangeWish(lines, ((variant_id, 1),)),
        reason="race",
        actor=STAFF,
    )


async def cancel(checkout: Checkout, order: PlacedOrder) -> PlacedOrder:
    return await commands.cancel_order(
        checkout, order_id=order.order.id, reason=CancelReason.STAFF, actor=STAFF
    )


async def meet(*work: Awaitable[Any]) -> list[Any]:
    """Everything at once; a refusal is an answer, anything else is not."""
    answers = await asyncio.gather(*work, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, DomainError):
            raise answer
    return answers


async def sound(db: Database) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


def kept_minor(placed: PlacedOrder) -> int:
    return placed.order.paid_minor - sum(row.amount_minor for row in placed.refunds)


async def test_T3_two_changes_that_cost_more_and_one_waits(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    mug = await a_product(db, price=500, on_hand=20)
    for number in range(5):
        order = await a_paid_order(two[0], [(lamp.variant_id, 1)])

        answers = await meet(*(change(one, order, mug.variant_id) for one in two))

        assert sum(isinstance(one, ChangeAwaitsPayment) for one in answers) == 1
        assert await counters(db, mug.variant_id) == (20, 0, number + 1)
    await sound(db)


async def test_T3_two_swaps_of_the_same_unit_and_one_is_made(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    mug = await a_product(db, price=500, on_hand=20)
    for number in range(5):
        order = await a_paid_order(two[0], [(lamp.variant_id, 1)])

        answers = await meet(*(change(one, order, mug.variant_id, give_up=1) for one in two))

        assert sum(isinstance(one, DomainError) for one in answers) == 1
        after = await look_at(two[0], order.order.id)
        assert (len(after.changes), len(after.lines)) == (1, 2)
        assert await counters(db, mug.variant_id) == (20, number + 1, 0)
        assert await counters(db, lamp.variant_id) == (20, 0, 0)
    await sound(db)


async def test_T5_the_last_unit_is_added_to_one_of_two_orders(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    for _ in range(5):
        last = await a_product(db, price=500, on_hand=1)
        orders = [await a_paid_order(two[0], [(lamp.variant_id, 1)]) for _ in two]

        answers = await meet(
            *(
                change(one, order, last.variant_id, give_up=index)
                for index, (one, order) in enumerate(zip(two, orders, strict=True))
            )
        )

        assert sum(isinstance(one, InsufficientStock) for one in answers) == 1
        _, owned, held = await counters(db, last.variant_id)
        assert owned + held == 1
    await sound(db)


async def test_T3_a_change_and_a_cancellation_leave_nothing_behind(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    mug = await a_product(db, price=1500, on_hand=20)
    for number in range(6):
        order = await a_paid_order(two[0], [(lamp.variant_id, 2)])

        await meet(
            change(two[0], order, mug.variant_id, give_up=number % 3), cancel(two[1], order)
        )

        after = await look_at(two[0], order.order.id)
        assert (after.order.canceled_at is None, kept_minor(after)) == (False, 0)
        assert await counters(db, lamp.variant_id) == (20, 0, 0)
        assert await counters(db, mug.variant_id) == (20, 0, 0)
    await sound(db)


async def test_T3_a_unit_is_swapped_or_sent_and_never_both(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    mug = await a_product(db, price=500, on_hand=20)
    left = 20
    for _ in range(5):
        order = await a_paid_order(two[0], [(lamp.variant_id, 1)])

        await meet(change(two[0], order, mug.variant_id, give_up=1), ship(two[1], order.order.id))

        after = await look_at(two[0], order.order.id)
        swapped = len(after.changes)
        on_hand, owned, _ = await counters(db, lamp.variant_id)
        left -= 1 - swapped
        assert (on_hand, owned) == (left, 0)
        assert kept_minor(after) == order.order.total_minor - 500 * swapped
    await sound(db)


async def test_T3_a_change_lapses_while_its_money_comes_and_is_made_or_paid_back(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    for number in range(6):
        mug = await a_product(db, price=500, on_hand=1)
        order = await a_paid_order(two[0], [(lamp.variant_id, 1)])
        waiting = await change(two[0], order, mug.variant_id)
        async with db.connection() as connection:
            await connection.raw.execute(
                "UPDATE reservations SET expires_at = store_now() - interval '1 second'"
                " WHERE holder_id = $1 AND state = 'active'",
                order.order.id,
            )
        rival = a_paid_order(two[1], [(mug.variant_id, 1)])

        work = [pay(two[0], waiting), commands.expire_reservations(two[1])]
        await meet(*work, *([rival] if number % 2 else []))
        if not number % 2:
            rival.close()

        after = await look_at(two[0], order.order.id)
        is_made = after.changes[0].state.value == "applied"
        assert kept_minor(after) == order.order.total_minor + 500 * is_made
        on_hand, owned, held = await counters(db, mug.variant_id)
        assert (on_hand, held) == (1, 0)
        assert owned <= 1
    await sound(db)


async def test_T3_a_return_is_exchanged_or_paid_back_and_never_both(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    mug = await a_product(db, price=600, on_hand=20)
    exchanged = 0
    for number in range(5):
        order = await a_paid_order(two[0], [(lamp.variant_id, 1)])
        await ship(two[0], order.order.id)
        one: dict[str, Any] = {
            "order_id": order.order.id,
            "return_id": ReturnId(new_id()),
            "actor": STAFF,
        }
        line_id = order.lines[0].id
        wanted = Wanted(line_id, 1, ReturnReason.DOES_NOT_FIT)
        await commands.request_return(two[0], lines=(wanted,), **one)
        await commands.move_return(two[0], event=ReturnEvent.APPROVE, **one)
        await commands.receive_return(two[0], **one)
        await commands.inspect_return(two[0], judged=(Judged(line_id, 0, 1),), **one)
        ways = [
            commands.exchange_return(
                process,
                change_id=OrderChangeId(new_id()),
                add=((mug.variant_id, 1),),
                **one,
            )
            for process in two
        ]
        if number % 2:
            ways.pop().close()
            ways.append(commands.complete_return(two[1], **one))

        await meet(*ways)

        after = await look_at(two[0], order.order.id)
        exchanged += len(after.changes)
        assert [row.amount_minor for row in after.refunds] == [1000]
        assert await counters(db, mug.variant_id) == (20, exchanged, 0)
        assert kept_minor(after) == order.order.total_minor - 1000 + 600 * len(after.changes)
    await sound(db)


async def test_T3_a_change_is_taken_back_while_its_money_comes(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    mug = await a_product(db, price=500, on_hand=20)
    made = 0
    for _ in range(5):
        order = await a_paid_order(two[0], [(lamp.variant_id, 1)])
        waiting = await change(two[0], order, mug.variant_id)

        await meet(
            pay(two[0], waiting),
            commands.cancel_change(
                two[1],
                order_id=order.order.id,
                change_id=waiting.changes[0].id,
                actor=STAFF,
            ),
        )

        after = await look_at(two[0], order.order.id)
        made += after.changes[0].state.value == "applied"
        is_made = after.changes[0].state.value == "applied"
        assert kept_minor(after) == order.order.total_minor + 500 * is_made
        assert await counters(db, mug.variant_id) == (20, made, 0)
    await sound(db)
