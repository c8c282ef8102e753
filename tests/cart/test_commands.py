"""Changing a cart: what it has then, and what a refusal leaves untouched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from surehold.cart import commands as carts
from surehold.cart import queries
from surehold.cart.errors import CartFull, CartLineNotFound, CartNotFound
from surehold.cart.model import Cart, Problem, ProblemKind
from surehold.db import Database
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import CartId, CartLineId, VariantId, new_id
from surehold.pricing.errors import NotForSale
from tests.builders.cart import BuiltCart, a_cart
from tests.builders.catalog import a_product, archive, change_on_hand, change_price, withdraw
from tests.support import clock


async def read(db: Database, cart: BuiltCart) -> Cart:
    async with db.connection() as connection:
        return await queries.get_cart(connection, token=cart.token)


def content(cart: Cart) -> list[tuple[VariantId, int]]:
    return [(line.variant_id, line.quantity) for line in cart.lines]


async def test_a_new_cart_is_empty_and_its_token_is_kept_as_a_hash_only(db: Database) -> None:
    cart, token = await carts.create_cart(db, currency="EUR")
    other = await a_cart(db)

    async with db.connection() as connection:
        stored = await connection.raw.fetchval(
            "SELECT token_hash FROM carts WHERE id = $1", cart.id
        )
    assert (cart.currency, cart.lines, cart.subtotal_minor, cart.item_count) == ("EUR", (), 0, 0)
    assert len(token) == 43
    assert stored == carts.hash_token(token)
    assert token.encode() not in stored
    assert other.token != token


@pytest.mark.parametrize("currency", ["", "EURO", "eur", "XXX", "E\0R"])
async def test_a_cart_counts_in_a_real_currency(db: Database, currency: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await carts.create_cart(db, currency=currency)

    async with db.connection() as connection:
        count = await connection.raw.fetchval("SELECT count(*) FROM carts")
    assert [fault.pointer for fault in refused.value.faults] == ["/currency"]
    assert count == 0


async def test_adding_twice_makes_one_line_of_the_sum(db: Database) -> None:
    mug, lamp = await a_product(db, price=1900), await a_product(db, price=4200)
    cart = await a_cart(db)

    await carts.add_line(db, token=cart.token, variant_id=mug.variant_id, quantity=2)
    await carts.add_line(db, token=cart.token, variant_id=lamp.variant_id, quantity=1)
    after = await carts.add_line(
        db, token=cart.token, cart_id=cart.id, variant_id=mug.variant_id, quantity=3
    )

    assert content(after) == [(mug.variant_id, 5), (lamp.variant_id, 1)]
    assert [line.total_minor for line in after.lines] == [9500, 4200]
    assert after.subtotal_minor == 13_700
    assert after.item_count == 6
    assert after.updated_at > cart.cart.updated_at
    assert after == await read(db, cart)


async def test_adding_more_than_there_is_answers_what_there_is(db: Database) -> None:
    mug = await a_product(db, on_hand={"main": 3, "annex": 2})
    cart = await a_cart(db, lines=[(mug.variant_id, 4)])
    before = await read(db, cart)

    with pytest.raises(InsufficientStock) as refused:
        await carts.add_line(db, token=cart.token, variant_id=mug.variant_id, quantity=2)

    assert refused.value.code == "insufficient_stock"
    assert refused.value.facts == {
        "shortages": [{"variant_id": str(mug.variant_id), "requested": 6, "available": 5}]
    }
    assert await read(db, cart) == before


async def test_a_cart_reserves_nothing(db: Database) -> None:
    mug = await a_product(db, on_hand=1)

    first = await a_cart(db, lines=[(mug.variant_id, 1)])
    second = await a_cart(db, lines=[(mug.variant_id, 1)])

    assert content(await read(db, first)) == content(await read(db, second))
    async with db.connection() as connection:
        reserved = await connection.raw.fetchval("SELECT sum(reserved) FROM stock_levels")
    assert reserved == 0


@pytest.mark.parametrize("quantity", [0, -1, 1000, 2**31, 2**63])
async def test_a_quantity_is_from_one_to_999(db: Database, quantity: int) -> None:
    mug = await a_product(db, on_hand=5000)
    cart = await a_cart(db, lines=[(mug.variant_id, 1)])
    before = await read(db, cart)

    with pytest.raises(InvalidInput) as added:
        await carts.add_line(db, token=cart.token, variant_id=mug.variant_id, quantity=quantity)
    with pytest.raises(InvalidInput) as changed:
        await carts.change_line(
            db, token=cart.token, line_id=before.lines[0].id, quantity=quantity
        )

    for refused in (added, changed):
        assert [fault.pointer for fault in refused.value.faults] == ["/quantity"]
    assert await read(db, cart) == before


async def test_a_line_never_comes_to_over_999(db: Database) -> None:
    mug = await a_product(db, on_hand=5000)
    cart = await a_cart(db, lines=[(mug.variant_id, 998)])
    full = await carts.add_line(db, token=cart.token, variant_id=mug.variant_id, quantity=1)

    with pytest.raises(CartFull) as refused:
        await carts.add_line(db, token=cart.token, variant_id=mug.variant_id, quantity=1)

    assert (refused.value.code, refused.value.facts) == (
        "cart_full",
        {"limit": 999, "requested": 1000},
    )
    assert await read(db, cart) == full


async def test_a_cart_has_at_most_100_lines(db: Database) -> None:
    many = await a_product(db, sizes=[str(index) for index in range(101)])
    cart = await a_cart(db, lines=[(variant_id, 1) for variant_id in many.variant_ids[:100]])

    with pytest.raises(CartFull) as refused:
        await carts.add_line(db, token=cart.token, variant_id=many.variant_ids[100], quantity=1)
    after = await carts.add_line(db, token=cart.token, variant_id=many.variant_ids[99], quantity=1)

    assert refused.value.facts == {"limit": 100}
    assert len(after.lines) == 100
    assert after.item_count == 101


async def test_what_is_not_for_sale_is_not_added(db: Database) -> None:
    euro = await a_product(db, currencies=("EUR",))
    withdrawn = await a_product(db)
    await withdraw(db, withdrawn.variant_id)
    archived = await a_product(db)
    await archive(db, archived.product_id)
    cart = await a_cart(db, currency="USD")

    for variant_id in (
        euro.variant_id,
        withdrawn.variant_id,
        archived.variant_id,
        VariantId(new_id()),
    ):
        with pytest.raises(NotForSale) as refused:
            await carts.add_line(db, token=cart.token, variant_id=variant_id, quantity=1)
        assert refused.value.facts == {"variant_ids": [str(variant_id)], "currency": "USD"}

    assert await read(db, cart) == cart.cart


async def test_a_line_is_set_to_a_quantity(db: Database) -> None:
    mug = await a_product(db, on_hand=10)
    cart = await a_cart(db, lines=[(mug.variant_id, 4)])
    line_id = (await read(db, cart)).lines[0].id

    fewer = await carts.change_line(db, token=cart.token, line_id=line_id, quantity=2)
    more = await carts.change_line(db, token=cart.token, line_id=line_id, quantity=10)
    with pytest.raises(InsufficientStock) as refused:
        await carts.change_line(db, token=cart.token, line_id=line_id, quantity=11)

    assert content(fewer) == [(mug.variant_id, 2)]
    assert content(more) == [(mug.variant_id, 10)]
    assert refused.value.shortages[0].available == 10
    assert await read(db, cart) == more


async def test_a_line_of_what_was_withdrawn_cannot_be_changed_but_removed(db: Database) -> None:
    mug = await a_product(db)
    cart = await a_cart(db, lines=[(mug.variant_id, 4)])
    line_id = (await read(db, cart)).lines[0].id
    await withdraw(db, mug.variant_id)

    with pytest.raises(NotForSale):
        await carts.change_line(db, token=cart.token, line_id=line_id, quantity=1)
    unchanged = await read(db, cart)
    after = await carts.remove_line(db, token=cart.token, line_id=line_id)

    assert content(unchanged) == [(mug.variant_id, 4)]
    assert after.lines == ()


async def test_a_line_is_removed_once(db: Database) -> None:
    mug, lamp = await a_product(db), await a_product(db)
    cart = await a_cart(db, lines=[(mug.variant_id, 1), (lamp.variant_id, 2)])
    line_id = (await read(db, cart)).lines[0].id

    after = await carts.remove_line(db, token=cart.token, line_id=line_id)
    with pytest.raises(CartLineNotFound) as refused:
        await carts.remove_line(db, token=cart.token, line_id=line_id)
    with pytest.raises(CartLineNotFound):
        await carts.change_line(db, token=cart.token, line_id=line_id, quantity=1)

    assert content(after) == [(lamp.variant_id, 2)]
    assert refused.value.code == "cart_line_not_found"
    assert await read(db, cart) == after


async def test_clearing_leaves_an_empty_cart(db: Database) -> None:
    mug, lamp = await a_product(db), await a_product(db)
    cart = await a_cart(db, lines=[(mug.variant_id, 1), (lamp.variant_id, 2)])
    other = await a_cart(db, lines=[(mug.variant_id, 3)])

    once = await carts.clear_cart(db, token=cart.token)
    twice = await carts.clear_cart(db, token=cart.token)

    assert (once.id, once.lines, twice.lines) == (cart.id, (), ())
    assert content(await read(db, other)) == [(mug.variant_id, 3)]


async def test_no_command_opens_a_cart_without_its_token(db: Database) -> None:
    mug = await a_product(db)
    mine = await a_cart(db, lines=[(mug.variant_id, 1)])
    other = await a_cart(db, lines=[(mug.variant_id, 2)])
    before, line_id = await read(db, mine), (await read(db, mine)).lines[0].id
    attempts: list[dict[str, Any]] = [
        {"token": "wrong"},
        {"token": ""},
        {"token": "\ud800\0" * 100},
        {"token": other.token, "cart_id": mine.id},
        {"token": mine.token, "cart_id": CartId(new_id())},
    ]

    for opened in attempts:
        with pytest.raises(CartNotFound):
            await carts.add_line(db, variant_id=mug.variant_id, quantity=1, **opened)
        with pytest.raises(CartNotFound):
            await carts.change_line(db, line_id=line_id, quantity=2, **opened)
        with pytest.raises(CartNotFound):
            await carts.remove_line(db, line_id=line_id, **opened)
        with pytest.raises(CartNotFound):
            await carts.clear_cart(db, **opened)
        with pytest.raises(CartNotFound):
            await carts.change_currency(db, currency="EUR", **opened)
        with pytest.raises(CartNotFound) as refused:
            await carts.accept_changes(db, **opened)
        assert refused.value.code == "cart_not_found"

    assert await read(db, mine) == before


async def test_the_line_of_another_cart_is_out_of_reach(db: Database) -> None:
    mug = await a_product(db)
    mine = await a_cart(db, lines=[(mug.variant_id, 1)])
    other = await a_cart(db, lines=[(mug.variant_id, 2)])
    line_id: CartLineId = (await read(db, other)).lines[0].id

    with pytest.raises(CartLineNotFound):
        await carts.remove_line(db, token=mine.token, line_id=line_id)
    with pytest.raises(CartLineNotFound):
        await carts.change_line(db, token=mine.token, line_id=line_id, quantity=5)

    assert content(await read(db, other)) == [(mug.variant_id, 2)]


async def test_another_currency_prices_every_line_anew(db: Database) -> None:
    mug = await a_product(db, price={"USD": 1900, "EUR": 1800})
    cart = await a_cart(db, currency="USD", lines=[(mug.variant_id, 2)])
    await change_price(db, mug.variant_id, currency="EUR", price=1700)

    after = await carts.change_currency(db, token=cart.token, currency="EUR")

    assert (after.currency, after.subtotal_minor, after.problems) == ("EUR", 3400, ())
    assert after.lines[0].seen_price_minor == 1700


async def test_a_currency_without_some_price_is_refused_and_lists_them(db: Database) -> None:
    both = await a_product(db, price={"USD": 1900, "EUR": 1800})
    dollars = await a_product(db, currencies=("USD",))
    cart = await a_cart(db, lines=[(both.variant_id, 1), (dollars.variant_id, 1)])
    before = await read(db, cart)

    with pytest.raises(NotForSale) as refused:
        await carts.change_currency(db, token=cart.token, currency="EUR")
    with pytest.raises(InvalidInput):
        await carts.change_currency(db, token=cart.token, currency="EURO")

    assert refused.value.facts == {
        "variant_ids": [str(dollars.variant_id)],
        "currency": "EUR",
    }
    assert await read(db, cart) == before


async def test_the_same_currency_again_changes_nothing(db: Database) -> None:
    mug = await a_product(db, price=1900)
    cart = await a_cart(db, lines=[(mug.variant_id, 1)])
    await change_price(db, mug.variant_id, currency="USD", price=2000)

    after = await carts.change_currency(db, token=cart.token, currency="USD")

    assert [problem.kind for problem in after.problems] == [ProblemKind.PRICE_CHANGED]
    assert after == await read(db, cart)


async def test_changes_are_accepted_and_what_is_gone_stays_to_be_removed(db: Database) -> None:
    mug = await a_product(db, price=1900, on_hand=5)
    lamp = await a_product(db, price=4200, on_hand=5)
    sold_out = await a_product(db, price=700, on_hand=5)
    withdrawn = await a_product(db, price=300, on_hand=5)
    untouched = await a_product(db, price=100, on_hand=5)
    products = (mug, lamp, sold_out, withdrawn, untouched)
    cart = await a_cart(db, lines=[(product.variant_id, 4) for product in products])
    await change_price(db, mug.variant_id, currency="USD", price=2000)
    await change_on_hand(db, mug.variant_id, on_hand=3)
    await change_price(db, lamp.variant_id, currency="USD", price=3900)
    await change_on_hand(db, sold_out.variant_id, on_hand=0)
    await change_price(db, sold_out.variant_id, currency="USD", price=800)
    await withdraw(db, withdrawn.variant_id)
    before = await read(db, cart)

    accepted = await carts.accept_changes(db, token=cart.token)
    again = await carts.accept_changes(db, token=cart.token)

    ids = [line.id for line in before.lines]
    assert accepted.changes == (
        Problem(
            kind=ProblemKind.TOO_FEW,
            line_id=ids[0],
            variant_id=mug.variant_id,
            requested=4,
            available=3,
        ),
        Problem(
            kind=ProblemKind.PRICE_CHANGED,
            line_id=ids[0],
            variant_id=mug.variant_id,
            old_price_minor=1900,
            new_price_minor=2000,
        ),
        Problem(
            kind=ProblemKind.PRICE_CHANGED,
            line_id=ids[1],
            variant_id=lamp.variant_id,
            old_price_minor=4200,
            new_price_minor=3900,
        ),
        Problem(
            kind=ProblemKind.PRICE_CHANGED,
            line_id=ids[2],
            variant_id=sold_out.variant_id,
            old_price_minor=700,
            new_price_minor=800,
        ),
    )
    assert [(line.quantity, line.seen_price_minor) for line in accepted.cart.lines] == [
        (3, 2000),
        (4, 3900),
        (4, 800),
        (4, 300),
        (4, 100),
    ]
    assert [(row.line_id, row.kind) for row in accepted.cart.problems] == [
        (ids[2], ProblemKind.TOO_FEW),
        (ids[3], ProblemKind.GONE),
    ]
    assert again.changes == ()
    assert again.cart == accepted.cart


async def test_carts_are_pruned_90_days_after_the_last_touch(db: Database) -> None:
    mug = await a_product(db)
    forgotten = await a_cart(db, lines=[(mug.variant_id, 1)])
    kept = await a_cart(db)
    await clock.shift(db, timedelta(days=89, hours=23))
    async with db.transaction() as tx:
        too_soon = await carts.prune_carts(tx)
    await carts.add_line(db, token=kept.token, variant_id=mug.variant_id, quantity=1)

    await clock.shift(db, timedelta(days=90, hours=1))
    async with db.transaction() as tx:
        pruned = await carts.prune_carts(tx)

    async with db.connection() as connection:
        gone = await queries.find_cart(connection, token=forgotten.token)
        lines = await connection.raw.fetchval("SELECT count(*) FROM cart_lines")
    assert (too_soon, pruned, gone, lines) == (0, 1, None, 1)
    assert content(await read(db, kept)) == [(mug.variant_id, 1)]
