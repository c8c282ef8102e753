"""Reading a cart: every line beside the catalog and the stock of this moment."""

from __future__ import annotations

import pytest

from surehold.cart import commands as carts
from surehold.cart import queries
from surehold.cart.errors import CartNotFound
from surehold.cart.model import Line, Problem, ProblemKind
from surehold.catalog.model import Image
from surehold.db import Database
from surehold.kernel.ids import CartId, VariantId, new_id
from tests.builders.cart import a_cart
from tests.builders.catalog import a_product, archive, change_on_hand, change_price, withdraw


async def test_a_line_says_all_that_a_page_shows(db: Database) -> None:
    mug = await a_product(
        db,
        sku="MUG",
        name="Mug",
        sizes=("Small", "Large"),
        price={"USD": 1900, "EUR": 1800},
        on_hand={"main": 2, "annex": 3},
    )
    cart = await a_cart(db, currency="EUR", lines=[(mug.variant_ids[1], 2)])

    async with db.connection() as connection:
        found = await queries.get_cart(connection, token=cart.token, cart_id=cart.id)

    assert found.lines == (
        Line(
            id=found.lines[0].id,
            variant_id=mug.variant_ids[1],
            product_id=mug.product_id,
            slug="mug",
            name="Mug",
            option_names=("Size",),
            options=("Large",),
            image=Image("mug-1.svg", "MUG, view 1", 800, 1000),
            sku="MUG-2",
            quantity=2,
            seen_price_minor=1800,
            unit_price_minor=1800,
            total_minor=3600,
            available=5,
            problems=(),
        ),
    )
    assert (found.id, found.currency, found.subtotal_minor) == (cart.id, "EUR", 3600)
    assert found.lines[0].problem is None


async def test_every_problem_of_every_line_is_found(db: Database) -> None:
    fine = await a_product(db, price=100)
    dearer = await a_product(db, price=1900, on_hand=5)
    archived = await a_product(db)
    withdrawn = await a_product(db)
    unpriced = await a_product(db)
    sold_out = await a_product(db)
    bare = await a_product(db, images=0)
    products = (fine, dearer, archived, withdrawn, unpriced, sold_out, bare)
    cart = await a_cart(db, lines=[(product.variant_id, 3) for product in products])
    await change_price(db, dearer.variant_id, currency="USD", price=2100)
    await change_on_hand(db, dearer.variant_id, on_hand=2)
    await archive(db, archived.product_id)
    await change_on_hand(db, archived.variant_id, on_hand=0)
    await withdraw(db, withdrawn.variant_id)
    await change_price(db, unpriced.variant_id, currency="USD", price=None)
    await change_on_hand(db, sold_out.variant_id, on_hand=0)

    async with db.connection() as connection:
        found = await queries.get_cart(connection, token=cart.token)
        problems = await queries.validate_cart(connection, token=cart.token)

    line = {row.variant_id: row.id for row in found.lines}

    def at(variant_id: VariantId, kind: ProblemKind, **facts: int) -> Problem:
        return Problem(kind=kind, line_id=line[variant_id], variant_id=variant_id, **facts)

    assert problems == found.problems
    assert problems == (
        at(dearer.variant_id, ProblemKind.TOO_FEW, requested=3, available=2),
        at(
            dearer.variant_id,
            ProblemKind.PRICE_CHANGED,
            old_price_minor=1900,
            new_price_minor=2100,
        ),
        at(archived.variant_id, ProblemKind.GONE),
        at(withdrawn.variant_id, ProblemKind.GONE),
        at(unpriced.variant_id, ProblemKind.NOT_FOR_SALE),
        at(sold_out.variant_id, ProblemKind.TOO_FEW, requested=3, available=0),
    )
    assert found.lines[1].problem == problems[0]
    assert [row.total_minor for row in found.lines] == [300, 6300, None, None, None, 5997, 5997]
    assert found.subtotal_minor == 300 + 6300 + 5997 + 5997
    assert found.lines[6].image is None


async def test_a_sound_cart_has_no_problem(db: Database) -> None:
    mug = await a_product(db, on_hand=3)
    cart = await a_cart(db, lines=[(mug.variant_id, 3)])

    async with db.connection() as connection:
        assert await queries.validate_cart(connection, token=cart.token) == ()


async def test_a_wrong_token_and_a_missing_cart_look_the_same(db: Database) -> None:
    cart, other = await a_cart(db), await a_cart(db)

    async with db.connection() as connection:
        answers = []
        for token, cart_id in (
            ("wrong", None),
            ("wrong", cart.id),
            (other.token, cart.id),
            (cart.token, CartId(new_id())),
        ):
            assert await queries.find_cart(connection, token=token, cart_id=cart_id) is None
            with pytest.raises(CartNotFound) as refused:
                await queries.get_cart(connection, token=token, cart_id=cart_id)
            with pytest.raises(CartNotFound):
                await queries.validate_cart(connection, token=token, cart_id=cart_id)
            answers.append((refused.value.code, refused.value.detail, refused.value.facts))

    assert len({str(answer) for answer in answers}) == 1


async def test_a_checkout_loads_the_carts_that_it_can_open(db: Database) -> None:
    mug, lamp = await a_product(db, price=1900), await a_product(db, price=4200)
    full = await a_cart(db, lines=[(lamp.variant_id, 1), (mug.variant_id, 2)])
    euro = await a_cart(db, currency="EUR", lines=[(mug.variant_id, 3)])
    empty = await a_cart(db)
    closed = await a_cart(db, lines=[(mug.variant_id, 1)])
    await change_price(db, mug.variant_id, currency="USD", price=2000)

    async with db.connection() as connection:
        found = await carts.load_lines(
            connection,
            carts=[
                (full.id, full.token_hash),
                (euro.id, euro.token_hash),
                (empty.id, empty.token_hash),
                (closed.id, full.token_hash),
                (CartId(new_id()), full.token_hash),
            ],
        )
        nothing = await carts.load_lines(connection, carts=[])

    assert found == {
        full.id: carts.CartContent("USD", ((lamp.variant_id, 1, 4200), (mug.variant_id, 2, 1900))),
        euro.id: carts.CartContent("EUR", ((mug.variant_id, 3, 1900),)),
        empty.id: carts.CartContent("USD", ()),
    }
    assert nothing == {}


async def test_what_was_ordered_is_taken_out_and_the_rest_stays(db: Database) -> None:
    mug, lamp, cup = await a_product(db), await a_product(db), await a_product(db)
    first = await a_cart(
        db, lines=[(mug.variant_id, 5), (lamp.variant_id, 2), (cup.variant_id, 1)]
    )
    second = await a_cart(db, lines=[(mug.variant_id, 5)])
    untouched = await a_cart(db, lines=[(mug.variant_id, 5)])

    async with db.transaction() as tx:
        await carts.take_ordered(
            tx,
            taken=[
                (first.id, mug.variant_id, 1),
                (first.id, lamp.variant_id, 2),
                (first.id, mug.variant_id, 2),
                (second.id, mug.variant_id, 9),
                (second.id, lamp.variant_id, 1),
                (CartId(new_id()), mug.variant_id, 1),
            ],
        )
        await carts.take_ordered(tx, taken=[])

    async with db.connection() as connection:
        found = await carts.load_lines(
            connection,
            carts=[(cart.id, cart.token_hash) for cart in (first, second, untouched)],
        )
    assert {cart_id: [line[:2] for line in row.lines] for cart_id, row in found.items()} == {
        first.id: [(mug.variant_id, 2), (cup.variant_id, 1)],
        second.id: [],
        untouched.id: [(mug.variant_id, 5)],
    }
