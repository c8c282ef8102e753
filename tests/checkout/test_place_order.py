"""Placing orders: what is written, what is answered, and what a refusal leaves behind."""

from __future__ import annotations

import asyncio

import pytest

from surehold.cart import queries as carts
from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.errors import NothingToOrder
from surehold.db import Database, shop
from surehold.db.idempotency import IdempotencyKeyReused
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.errors import DomainError
from surehold.payments.errors import ProviderUnknown
from surehold.pricing.errors import NotForSale, PriceChanged, ShippingMethodUnknown
from tests.builders.cart import a_cart
from tests.builders.catalog import a_product
from tests.support.placing import WRITTEN, a_placement, count_rows, counters, told

PER_ORDER = {
    "orders": 1,
    "order_lines": 1,
    "order_events": 1,
    "reservations": 1,
    "payments": 1,
    "outbox": 1,
    "idempotency_keys": 1,
}


async def test_an_order_is_placed_with_its_stock_held(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, price=3900, on_hand=5)

    answer = await commands.place_order(checkout, a_placement((product.variant_id, 2)))

    order = told(answer).body["order"]
    assert answer.status == 201
    assert order["subtotal"] == {"amount": 7800, "currency": "EUR"}
    assert order["shipping"] == {"amount": 490, "currency": "EUR"}
    assert order["tax"] == {"amount": 1300 + 82, "currency": "EUR"}
    assert order["total"] == {"amount": 8290, "currency": "EUR"}
    assert order["status"] == "pending_payment"
    assert order["payment_status"] == "pending"
    assert [line["quantity"] for line in order["lines"]] == [2]
    assert await counters(db, product.variant_id) == (5, 0, 2)
    assert await count_rows(db) == PER_ORDER


async def test_the_same_key_again_gets_the_same_bytes(db: Database, checkout: Checkout) -> None:
    product = await a_product(db)
    placement = a_placement(product.variant_id, key="one")

    first = await commands.place_order(checkout, placement)
    later = await commands.place_order(checkout, placement)

    assert later == first
    assert await count_rows(db) == PER_ORDER


async def test_the_same_key_at_once_makes_one_order(db: Database, checkout: Checkout) -> None:
    product = await a_product(db)
    placement = a_placement(product.variant_id, key="one")

    answers = await asyncio.gather(*(commands.place_order(checkout, placement) for _ in range(30)))

    assert {answer.body for answer in answers} == {answers[0].body}
    assert await count_rows(db) == PER_ORDER
    assert await counters(db, product.variant_id) == (10, 0, 1)


@pytest.mark.parametrize("together", [True, False])
async def test_another_body_under_the_key_is_refused(
    db: Database, checkout: Checkout, *, together: bool
) -> None:
    product = await a_product(db)
    first = a_placement(product.variant_id, key="one")
    other = a_placement((product.variant_id, 2), key="one", body="another body")

    if together:
        answers = await asyncio.gather(
            commands.place_order(checkout, first),
            commands.place_order(checkout, other),
            return_exceptions=True,
        )
        assert isinstance(answers[1], IdempotencyKeyReused)
    else:
        await commands.place_order(checkout, first)
        with pytest.raises(IdempotencyKeyReused):
            await commands.place_order(checkout, other)

    assert await count_rows(db) == PER_ORDER


async def test_an_answer_equals_what_is_read_afterwards(db: Database, checkout: Checkout) -> None:
    from surehold.checkout.queries import get_placed_order

    product = await a_product(db, sizes=("S", "M"))
    answer = await commands.place_order(checkout, a_placement(*product.variant_ids))

    async with db.connection() as connection:
        placed = await get_placed_order(connection, order_id=told(answer).order_id)

    assert checkout.context.render(placed) == answer.body


async def test_one_minor_unit_off_places_nothing(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, price=1999)
    placement = a_placement(product.variant_id, expected_total_minor=2488, expected_currency="EUR")

    with pytest.raises(PriceChanged) as refusal:
        await commands.place_order(checkout, placement)

    assert refusal.value.facts["expected"] == {"amount": 2488, "currency": "EUR"}
    assert refusal.value.facts["actual"] == {"amount": 2489, "currency": "EUR"}
    assert await count_rows(db) == {}
    assert await counters(db, product.variant_id) == (10, 0, 0)


async def test_all_lines_or_none(db: Database, checkout: Checkout) -> None:
    plenty = await a_product(db, on_hand=10)
    scarce = await a_product(db, on_hand=1)
    gone = await a_product(db, on_hand=0)

    with pytest.raises(InsufficientStock) as refusal:
        await commands.place_order(
            checkout,
            a_placement(plenty.variant_id, (scarce.variant_id, 2), gone.variant_id),
        )

    assert refusal.value.facts["shortages"] == [
        {"variant_id": str(scarce.variant_id), "requested": 2, "available": 1},
        {"variant_id": str(gone.variant_id), "requested": 1, "available": 0},
    ]
    assert await count_rows(db) == {}
    assert await counters(db, plenty.variant_id) == (10, 0, 0)


async def test_a_line_is_split_over_locations(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, on_hand={"main": 2, "annex": 3})

    await commands.place_order(checkout, a_placement((product.variant_id, 4)))

    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT code, reserved FROM stock_levels"
            "  JOIN locations ON locations.id = location_id ORDER BY code"
        )
    assert sum(row["reserved"] for row in rows) == 4
    assert {row["code"]: row["reserved"] for row in rows}.keys() == {"main", "annex"}


async def test_a_cart_is_ordered_and_kept_until_paid(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, price=1000)
    cart = await a_cart(db, currency="EUR", lines=[(product.variant_id, 3)])

    answer = await commands.place_order(
        checkout, a_placement(cart_id=cart.id, cart_token_hash=cart.token_hash, currency=None)
    )

    assert told(answer).total_minor == 3490
    async with db.connection() as connection:
        kept = await carts.get_cart(connection, token=cart.token)
    assert [line.quantity for line in kept.lines] == [3]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"provider": "nobody"}, ProviderUnknown),
        ({"shipping_method": "balloon"}, ShippingMethodUnknown),
        ({"currency": "JPY"}, NotForSale),
        ({"lines": ()}, NothingToOrder),
    ],
)
async def test_a_refusal_writes_nothing(
    db: Database, checkout: Checkout, change: dict[str, object], error: type[DomainError]
) -> None:
    product = await a_product(db)

    with pytest.raises(error):
        await commands.place_order(checkout, a_placement(product.variant_id, **change))

    assert await count_rows(db) == {}
    assert await counters(db, product.variant_id) == (10, 0, 0)


async def test_one_bad_placement_costs_its_batch_nothing(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, on_hand=30)
    placements = [
        a_placement(product.variant_id, provider="nobody" if number % 3 == 0 else "bank_transfer")
        for number in range(30)
    ]

    answers = await asyncio.gather(
        *(commands.place_order(checkout, placement) for placement in placements),
        return_exceptions=True,
    )

    assert [isinstance(answer, ProviderUnknown) for answer in answers] == [
        number % 3 == 0 for number in range(30)
    ]
    assert await counters(db, product.variant_id) == (30, 0, 20)


async def test_settings_are_followed_at_once(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, price=1000)
    async with db.transaction() as tx:
        await shop.change(tx, key="tax_rate", value="0.10", actor="staff:1")
        await shop.change(tx, key="is_tax_included", value=False, actor="staff:1")

    answer = await commands.place_order(checkout, a_placement(product.variant_id))

    order = told(answer).body["order"]
    assert order["tax"]["amount"] == 100 + 49
    assert order["total"]["amount"] == 1000 + 490 + 149
    assert "quotes" not in WRITTEN


async def test_the_database_refuses_to_oversell(db: Database) -> None:
    import asyncpg

    product = await a_product(db, on_hand=1)

    async with db.connection() as connection:
        for assignment in ("on_hand = -1", "reserved = 2", "allocated = -1"):
            with pytest.raises(asyncpg.CheckViolationError):
                await connection.raw.execute(f"UPDATE stock_levels SET {assignment}")

    assert await counters(db, product.variant_id) == (1, 0, 0)
