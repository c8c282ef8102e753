"""Orders in lists: filters, search, scopes, pages. Their plans: ``tests/db/test_plans.py``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from surehold.checkout import queries as checkout_queries
from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.kernel.errors import InvalidInput
from surehold.orders import queries
from surehold.orders.errors import OrderNotFound
from surehold.orders.model import (
    STAFF_SCOPE,
    FulfillmentStatus,
    OrderFilter,
    OrderStatus,
    PaymentStatus,
    Scope,
)
from tests.builders.catalog import a_product, a_vendor
from tests.builders.fulfillments import reach
from tests.builders.orders import a_checkout, a_paid_order, a_placed_order, look_at, pay

S = OrderStatus


async def three_orders(db: Database, checkout: Checkout) -> tuple[Any, Any, Any]:
    """One unpaid, one paid, one shipped; oldest first, of two vendors."""
    lamp = await a_product(db, sku="LAMP", vendor="northline", price=1000)
    mug = await a_product(db, sku="MUG", vendor="harbor", price=300)
    unpaid = await a_placed_order(checkout, [(lamp.variant_id, 1)])
    paid = await a_paid_order(checkout, [(lamp.variant_id, 1), (mug.variant_id, 2)])
    shipped = await a_paid_order(checkout, [(mug.variant_id, 1)])
    await reach(checkout, shipped.order.id, S.SHIPPED)
    return unpaid.order, paid.order, shipped.order


async def numbers(db: Database, *, scope: Scope = STAFF_SCOPE, **wanted: Any) -> list[str]:
    async with db.connection() as connection:
        page = await queries.list_orders(connection, wanted=OrderFilter(**wanted), scope=scope)
    return [row.number for row in page.items]


async def test_staff_see_all_newest_first(db: Database) -> None:
    async with a_checkout(db) as checkout:
        unpaid, paid, shipped = await three_orders(db, checkout)

    async with db.connection() as connection:
        page = await queries.list_orders(connection, wanted=OrderFilter())

    assert [row.number for row in page.items] == [shipped.number, paid.number, unpaid.number]
    row = page.items[1]
    assert (row.name, row.country, row.units, row.total_minor, row.status, row.needs_review) == (
        "Ada Buyer",
        "IE",
        3,
        paid.total_minor,
        S.PAID,
        False,
    )
    assert page.next_cursor is None


async def test_each_filter_leaves_out_what_it_should(db: Database) -> None:
    async with a_checkout(db) as checkout:
        unpaid, paid, shipped = await three_orders(db, checkout)
    u, p, s = unpaid.number, paid.number, shipped.number

    assert await numbers(db, status=S.PAID) == [p]
    assert await numbers(db, payment_status=PaymentStatus.PAID) == [s, p]
    assert await numbers(db, payment_status=PaymentStatus.FAILED) == []
    assert await numbers(db, fulfillment_status=FulfillmentStatus.SHIPPED) == [s]
    assert await numbers(db, fulfillment_status=FulfillmentStatus.UNFULFILLED) == [p, u]
    assert await numbers(db, vendor="harbor") == [s, p]
    assert await numbers(db, vendor="nobody") == []
    assert await numbers(db, currency="USD") == [s, p, u]
    assert await numbers(db, currency="EUR") == []
    assert await numbers(db, placed_from=paid.placed_at) == [s, p]
    assert await numbers(db, placed_until=paid.placed_at) == [u]
    assert await numbers(db, total_min_minor=paid.total_minor) == [p]
    assert await numbers(db, total_max_minor=shipped.total_minor) == [s]
    assert await numbers(db, needs_review=True) == []
    assert await numbers(db, needs_review=False) == [s, p, u]
    assert await numbers(db, vendor="harbor", status=S.PAID, currency="USD") == [p]


async def test_what_a_person_must_look_at_is_found(db: Database) -> None:
    async with a_checkout(db) as checkout:
        product = await a_product(db)
        placed = await a_placed_order(checkout, [(product.variant_id, 1)])
        await a_placed_order(checkout, [(product.variant_id, 1)])
        assert placed.payment is not None
        short = placed.payment.requested
        await pay(checkout, placed, received=type(short)(short.amount - 1, short.currency))

    assert await numbers(db, needs_review=True) == [placed.order.number]
    assert len(await numbers(db, needs_review=False)) == 1


async def test_orders_are_found_by_what_people_have_at_hand(db: Database) -> None:
    async with a_checkout(db) as checkout:
        unpaid, paid, shipped = await three_orders(db, checkout)
    u, p, s = unpaid.number, paid.number, shipped.number

    assert await numbers(db, search=p.lower()) == [p]
    assert await numbers(db, search="ADA@example.com") == [s, p, u]
    assert await numbers(db, search="MUG") == [s, p]
    assert await numbers(db, search="JD0146") == [s]
    assert await numbers(db, search="nothing") == []
    assert await numbers(db, search="MUG", status=S.PAID) == [p]


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_show_every_order_once(db: Database, limit: int) -> None:
    async with a_checkout(db) as checkout:
        orders = await three_orders(db, checkout)
    async with db.connection() as connection:
        # Placed at one and the same instant: told apart by their ids.
        await connection.raw.execute("UPDATE orders SET placed_at = $1", orders[0].placed_at)
        seen: list[str] = []
        cursor = None
        while True:
            page = await queries.list_orders(
                connection, wanted=OrderFilter(), cursor=cursor, limit=limit
            )
            seen += [row.number for row in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break

    assert seen == [order.number for order in reversed(orders)]


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "WyIyMDI2LTAxLTAxIiwieCJd"])
async def test_a_cursor_that_is_none_is_refused(db: Database, cursor: str) -> None:
    async with db.connection() as connection:
        with pytest.raises(InvalidInput) as refused:
            await queries.list_orders(connection, wanted=OrderFilter(), cursor=cursor)

    assert [fault.code for fault in refused.value.faults] == ["invalid_cursor"]


async def test_a_vendor_sees_its_own_lines_and_nothing_else(db: Database) -> None:
    async with a_checkout(db) as checkout:
        unpaid, paid, shipped = await three_orders(db, checkout)
        async with db.transaction() as tx:
            scope = Scope(vendor_id=await a_vendor(tx, slug="harbor"))

        assert await numbers(db, scope=scope) == [shipped.number, paid.number]
        assert await numbers(db, scope=scope, vendor="northline") == [paid.number]
        async with db.connection() as connection:
            page = await queries.list_orders(connection, wanted=OrderFilter(), scope=scope)
            mine = await checkout_queries.get_placed_order(
                connection, order_id=paid.id, scope=scope
            )
            with pytest.raises(OrderNotFound):
                await checkout_queries.get_placed_order(
                    connection, order_id=unpaid.id, scope=scope
                )
            whole = await look_at(checkout, paid.id)
    assert [(row.units, row.total_minor) for row in page.items] == [(1, 300), (2, 600)]
    assert [line.sku for line in mine.lines] == ["MUG"]
    assert [line.sku for line in whole.lines] == ["LAMP", "MUG"]


async def test_orders_of_a_vendor_come_once_each_page_by_page_and_between_two_instants(
    db: Database,
) -> None:
    """Also where clocks were hours apart, and the ids stand in another order than the instants."""
    async with a_checkout(db) as checkout:
        lamp = await a_product(db, vendor="northline")
        cord = await a_product(db, vendor="northline")
        lines = [(lamp.variant_id, 1), (cord.variant_id, 1)]
        orders = [(await a_placed_order(checkout, lines)).order for _ in range(6)]
    mine = [order.number for order in orders]
    start = orders[0].placed_at - timedelta(days=30)
    hours = (0, 49, 28, 68, 47, 96)
    async with db.connection() as connection:
        for order, hour in zip(orders, hours, strict=True):
            await connection.raw.execute(
                "UPDATE orders SET placed_at = $2 WHERE id = $1",
                order.id,
                start + timedelta(hours=hour),
            )
        for limit in (1, 4, 6):
            pages, cursor = [], None
            while not pages or cursor is not None:
                page = await queries.list_orders(
                    connection, wanted=OrderFilter(vendor="northline"), cursor=cursor, limit=limit
                )
                pages.append([row.number for row in page.items])
                cursor = page.next_cursor
            assert pages == [mine[::-1][at : at + limit] for at in range(0, 6, limit)]

    between = start + timedelta(days=2)
    assert await numbers(db, vendor="northline", placed_from=between) == [
        mine[number] for number in (5, 3, 1)
    ]
    assert await numbers(db, vendor="northline", placed_until=between) == [
        mine[number] for number in (4, 2, 0)
    ]


async def test_a_buyer_sees_orders_of_the_same_address_only(db: Database) -> None:
    async with a_checkout(db) as checkout:
        _, paid, _ = await three_orders(db, checkout)
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE orders SET email = 'mara@example.com' WHERE id = $1", paid.id
        )
        assert await numbers(db, scope=Scope(email="Mara@example.com")) == [paid.number]
        own = await queries.get_order(
            connection, order_id=paid.id, scope=Scope(email="MARA@example.com")
        )
        with pytest.raises(OrderNotFound):
            await queries.get_order(
                connection, order_id=paid.id, scope=Scope(email="ada@example.com")
            )
    assert own.id == paid.id


async def test_a_day_is_half_open(db: Database) -> None:
    async with a_checkout(db) as checkout:
        unpaid, _, shipped = await three_orders(db, checkout)
    just_after = shipped.placed_at + timedelta(microseconds=1)

    assert await numbers(
        db, placed_from=unpaid.placed_at, placed_until=just_after
    ) == await numbers(db)
