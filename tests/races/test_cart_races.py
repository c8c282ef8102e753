"""Two tabs, or fifty: nobody's change is lost and no line outgrows its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import msgspec
import pytest

from surehold.cart import commands as carts
from surehold.cart import queries
from surehold.cart.errors import CartFull, CartLineNotFound
from surehold.cart.model import Cart
from surehold.db import Database
from surehold.inventory.errors import InsufficientStock
from tests.builders.cart import BuiltCart, a_cart
from tests.builders.catalog import a_product


@pytest.fixture
async def wide(db: Database) -> AsyncIterator[Database]:
    """The same database through many connections that wait for each other as long as it takes."""
    settings = msgspec.structs.replace(
        db.settings,
        pool_min=20,
        pool_max=20,
        acquire_timeout_seconds=30,
        lock_timeout_ms=30_000,
        statement_timeout_ms=30_000,
    )
    async with Database(settings) as opened:
        yield opened


async def together(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    return await asyncio.gather(*work, return_exceptions=True)


async def read(db: Database, cart: BuiltCart) -> Cart:
    async with db.connection() as connection:
        return await queries.get_cart(connection, token=cart.token)


async def test_fifty_adds_of_the_same_line_lose_none(wide: Database) -> None:
    mug = await a_product(wide, on_hand=500)
    cart = await a_cart(wide)

    results = await together(
        *(
            carts.add_line(wide, token=cart.token, variant_id=mug.variant_id, quantity=2)
            for _ in range(50)
        )
    )

    assert [result for result in results if isinstance(result, BaseException)] == []
    assert sorted(result.item_count for result in results) == list(range(2, 101, 2))
    assert [line.quantity for line in (await read(wide, cart)).lines] == [100]


async def test_fifty_adds_of_twenty_units_add_twenty(wide: Database) -> None:
    mug = await a_product(wide, on_hand={"main": 15, "annex": 5})
    cart = await a_cart(wide)

    results = await together(
        *(
            carts.add_line(wide, token=cart.token, variant_id=mug.variant_id, quantity=1)
            for _ in range(50)
        )
    )

    assert sum(isinstance(result, InsufficientStock) for result in results) == 30
    assert sum(isinstance(result, Cart) for result in results) == 20
    assert [line.quantity for line in (await read(wide, cart)).lines] == [20]


async def test_many_tabs_never_make_a_line_of_a_thousand(wide: Database) -> None:
    mug = await a_product(wide, on_hand=5000)
    cart = await a_cart(wide)

    results = await together(
        *(
            carts.add_line(wide, token=cart.token, variant_id=mug.variant_id, quantity=300)
            for _ in range(8)
        )
    )

    assert sum(isinstance(result, CartFull) for result in results) == 5
    assert [line.quantity for line in (await read(wide, cart)).lines] == [900]


async def test_many_tabs_never_make_101_lines(wide: Database) -> None:
    many = await a_product(wide, sizes=[str(index) for index in range(110)])
    cart = await a_cart(wide, lines=[(row, 1) for row in many.variant_ids[:95]])

    results = await together(
        *(
            carts.add_line(wide, token=cart.token, variant_id=variant_id, quantity=1)
            for variant_id in many.variant_ids[95:]
        )
    )

    assert sum(isinstance(result, CartFull) for result in results) == 10
    assert len((await read(wide, cart)).lines) == 100


async def test_adding_and_removing_at_once_leaves_one_of_the_two_orders(wide: Database) -> None:
    mug = await a_product(wide, on_hand=500)
    for _ in range(15):
        cart = await a_cart(wide, lines=[(mug.variant_id, 5)])
        line_id = (await read(wide, cart)).lines[0].id

        added, removed = await together(
            carts.add_line(wide, token=cart.token, variant_id=mug.variant_id, quantity=2),
            carts.remove_line(wide, token=cart.token, line_id=line_id),
        )

        left = [line.quantity for line in (await read(wide, cart)).lines]
        assert isinstance(removed, Cart)
        # Added first: seven went with the line. Removed first: a new line of two.
        assert (added.item_count, left) in [(7, []), (2, [2])]


async def test_two_tabs_change_a_line_and_the_last_one_stands(wide: Database) -> None:
    mug = await a_product(wide, on_hand=500)
    cart = await a_cart(wide, lines=[(mug.variant_id, 5)])
    line_id = (await read(wide, cart)).lines[0].id

    results = await together(
        *(
            carts.change_line(wide, token=cart.token, line_id=line_id, quantity=quantity)
            for quantity in range(1, 21)
        )
    )

    # Each tab is answered with what it asked for, whoever came after it.
    assert [result.item_count for result in results] == list(range(1, 21))
    after = await read(wide, cart)
    last = max(results, key=lambda result: result.updated_at)
    assert after == last


async def test_two_tabs_remove_a_line_and_one_is_told_so(wide: Database) -> None:
    mug = await a_product(wide)
    cart = await a_cart(wide, lines=[(mug.variant_id, 5)])
    line_id = (await read(wide, cart)).lines[0].id

    results = await together(
        *(carts.remove_line(wide, token=cart.token, line_id=line_id) for _ in range(10))
    )

    assert sum(isinstance(result, Cart) for result in results) == 1
    assert sum(isinstance(result, CartLineNotFound) for result in results) == 9


async def test_adding_while_an_order_is_settled_keeps_what_was_added(wide: Database) -> None:
    mug, lamp = await a_product(wide, on_hand=500), await a_product(wide, on_hand=500)

    async def settle(*cart: BuiltCart) -> None:
        async with wide.transaction() as tx:
            await carts.take_ordered(
                tx,
                taken=[(one.id, row.variant_id, 5) for one in cart for row in (mug, lamp)],
            )

    for _ in range(10):
        first = await a_cart(wide, lines=[(mug.variant_id, 5), (lamp.variant_id, 6)])
        second = await a_cart(wide, lines=[(lamp.variant_id, 5), (mug.variant_id, 6)])

        results = await together(
            *(
                carts.add_line(wide, token=cart.token, variant_id=row.variant_id, quantity=1)
                for cart in (first, second)
                for row in (mug, lamp)
            ),
            settle(first, second),
        )

        assert [result for result in results if isinstance(result, BaseException)] == []
        left = {line.variant_id: line.quantity for line in (await read(wide, first)).lines}
        assert left == {mug.variant_id: 1, lamp.variant_id: 2}
        left = {line.variant_id: line.quantity for line in (await read(wide, second)).lines}
        assert left == {mug.variant_id: 2, lamp.variant_id: 1}


async def test_settlements_that_name_the_same_carts_do_not_deadlock(wide: Database) -> None:
    mug = await a_product(wide, on_hand=500)
    built = [await a_cart(wide, lines=[(mug.variant_id, 20)]) for _ in range(5)]

    async def settle(chosen: list[BuiltCart]) -> None:
        async with wide.transaction() as tx:
            await carts.take_ordered(tx, taken=[(cart.id, mug.variant_id, 1) for cart in chosen])

    results = await together(*(settle(built[::step]) for step in (1, -1) * 10))

    assert [result for result in results if isinstance(result, BaseException)] == []
    for cart in built:
        assert (await read(wide, cart)).lines == ()


async def test_accepting_while_another_tab_adds_loses_no_unit(wide: Database) -> None:
    mug = await a_product(wide, on_hand=500)
    for _ in range(10):
        cart = await a_cart(wide, lines=[(mug.variant_id, 5)])

        results = await together(
            *(carts.accept_changes(wide, token=cart.token) for _ in range(3)),
            *(
                carts.add_line(wide, token=cart.token, variant_id=mug.variant_id, quantity=1)
                for _ in range(5)
            ),
        )

        assert [result for result in results if isinstance(result, BaseException)] == []
        assert [line.quantity for line in (await read(wide, cart)).lines] == [10]


async def test_every_kind_of_change_at_once_loses_no_unit(wide: Database) -> None:
    mug, lamp = await a_product(wide, on_hand=500), await a_product(wide, on_hand=500)
    tray, cup = await a_product(wide, on_hand=500), await a_product(wide, on_hand=500)
    for _ in range(5):
        cart = await a_cart(wide, lines=[(lamp.variant_id, 1), (tray.variant_id, 1)])
        changed, removed = (line.id for line in (await read(wide, cart)).lines)

        results = await together(
            *(
                carts.add_line(wide, token=cart.token, variant_id=row.variant_id, quantity=1)
                for row in (mug, cup) * 8
            ),
            *(
                carts.change_line(wide, token=cart.token, line_id=changed, quantity=7)
                for _ in range(4)
            ),
            carts.remove_line(wide, token=cart.token, line_id=removed),
        )

        assert [result for result in results if isinstance(result, BaseException)] == []
        left = {line.variant_id: line.quantity for line in (await read(wide, cart)).lines}
        assert left == {mug.variant_id: 8, cup.variant_id: 8, lamp.variant_id: 7}


async def test_clearing_between_adds_leaves_what_came_after(wide: Database) -> None:
    mug = await a_product(wide, on_hand=500)
    for _ in range(5):
        cart = await a_cart(wide, lines=[(mug.variant_id, 5)])

        *added, cleared = await together(
            *(
                carts.add_line(wide, token=cart.token, variant_id=mug.variant_id, quantity=1)
                for _ in range(10)
            ),
            carts.clear_cart(wide, token=cart.token),
        )

        after = (await read(wide, cart)).item_count
        assert cleared.lines == ()
        # Before the clearing the cart grew from five, after it from none.
        assert sorted(result.item_count for result in added) == sorted(
            [*range(6, 16 - after), *range(1, after + 1)]
        )


async def test_merges_at_once_lose_nothing(wide: Database) -> None:
    mug = await a_product(wide, on_hand=500)
    for _ in range(10):
        mine = await a_cart(wide, lines=[(mug.variant_id, 5)])
        other = await a_cart(wide, lines=[(mug.variant_id, 7)])

        results = await together(
            carts.merge_carts(wide, into=mine.id, other=other.id),
            carts.merge_carts(wide, into=other.id, other=mine.id),
            carts.merge_carts(wide, into=mine.id, other=other.id),
            carts.add_line(wide, token=mine.token, variant_id=mug.variant_id, quantity=1),
            carts.add_line(wide, token=other.token, variant_id=mug.variant_id, quantity=1),
        )

        assert [result for result in results if isinstance(result, BaseException)] == []
        left = [(await read(wide, cart)).item_count for cart in (mine, other)]
        assert sum(left) == 14


async def test_two_carts_take_over_a_third_and_one_has_it(wide: Database) -> None:
    mug = await a_product(wide, on_hand=500)
    for _ in range(10):
        first, second = await a_cart(wide), await a_cart(wide)
        third = await a_cart(wide, lines=[(mug.variant_id, 7)])

        await together(
            carts.merge_carts(wide, into=first.id, other=third.id),
            carts.merge_carts(wide, into=second.id, other=third.id),
        )

        counts = [(await read(wide, cart)).item_count for cart in (first, second, third)]
        assert sorted(counts) == [0, 0, 7]
        assert counts[2] == 0


async def test_saving_and_putting_back_at_once_keeps_every_unit(wide: Database) -> None:
    mug = await a_product(wide, on_hand=500)
    for _ in range(10):
        cart = await a_cart(wide, lines=[(mug.variant_id, 5)])
        line_id = (await read(wide, cart)).lines[0].id

        results = await together(
            *(carts.save_line(wide, token=cart.token, line_id=line_id) for _ in range(3)),
            *(
                carts.restore_saved(wide, token=cart.token, variant_id=mug.variant_id)
                for _ in range(3)
            ),
        )

        refused = [result for result in results if isinstance(result, BaseException)]
        assert all(isinstance(result, CartLineNotFound) for result in refused)
        after = await read(wide, cart)
        assert after.item_count + sum(line.quantity for line in after.saved) == 5
