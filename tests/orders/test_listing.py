"""Orders in lists: filters, search, scopes, pages; and the index that each list begins at."""

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
from surehold.orders.sql import listing
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


#: How each list begins, and what it may walk.
INDEXES = {
    "newest": {"orders_newest"},
    "search": {
        "orders_number_key",
        "orders_email",
        "fulfillments_tracking",
        "order_lines_variant",
        "variants_sku_key",
        "orders_pkey",
    },
    "email": {"orders_email"},
    "vendor": {"order_lines_vendor", "orders_pkey"},
    "review": {"payments_in_review", "orders_pkey"},
    "status": {"orders_by_status"},
    "fulfillment": {"orders_by_fulfillment"},
    "payment": {"orders_by_payment"},
}

_FILL = """
    INSERT INTO orders (id, number, email, currency, subtotal_minor, shipping_minor,
                        shipping_tax_minor, tax_minor, total_minor, is_tax_included,
                        shipping_method, shipping_address, provider, status, payment_status,
                        fulfillment_status, placed_at, changed_by, change_reason, updated_at)
    SELECT gen_random_uuid(), 'SH-' || n, 'b' || n || '@example.com', 'USD', 1000, 0, 0, 0, 1000,
           true, 'standard', '{}', 'bank_transfer',
           CASE WHEN n % 50 = 0 THEN 'shipped' ELSE 'paid' END,
           CASE WHEN n % 100 = 0 THEN 'refunded' ELSE 'paid' END,
           CASE WHEN n % 50 = 0 THEN 'shipped' ELSE 'unfulfilled' END,
           store_now() - n * interval '1 minute', 'x', 'x', store_now()
      FROM generate_series(1, 6000) AS n
"""
_FILL_LINES = """
    INSERT INTO order_lines (id, order_id, position, product_id, variant_id, vendor_id, sku, name,
                             options, quantity, unit_price_minor, total_minor, tax_rate,
                             net_minor, tax_minor, gross_minor)
    SELECT gen_random_uuid(), orders.id, 0, variants.product_id, variants.id,
           products.vendor_id, variants.sku, 'x', '[]', 1, 1000, 1000, 0, 1000, 0, 1000
      FROM orders
      JOIN variants ON variants.sku = CASE WHEN right(number, 2) = '00' THEN 'MUG'
                           ELSE 'LAMP-' || 1 + ltrim(right(number, 2), '-')::int % 40 END
      JOIN products ON products.id = variants.product_id
"""
_FILL_PAYMENTS = """
    INSERT INTO payments (id, order_id, provider, account, state, currency, requested_minor,
                          next_action, review_reason, created_at, updated_at)
    SELECT gen_random_uuid(), id, 'bank_transfer', 'x', 'pending', 'USD', 1000, '{}',
           CASE WHEN right(number, 2) = '00' THEN 'amount_mismatch' END, store_now(), store_now()
      FROM orders
"""


async def test_every_list_begins_at_an_index(db: Database) -> None:
    await a_product(db, sku="LAMP", sizes=[str(size) for size in range(40)])
    await a_product(db, sku="MUG", vendor="harbor")
    async with db.connection() as connection:
        raw = connection.raw
        for fill in (_FILL, _FILL_LINES, _FILL_PAYMENTS):
            await raw.execute(fill)
        await raw.execute("ANALYZE orders, order_lines, payments, fulfillments, variants")
        vendor_id = await raw.fetchval("SELECT id FROM vendors WHERE slug = 'harbor'")
        values: list[Any] = [None] * 15
        values.append(25)
        given = {
            "newest": {},
            "search": {0: "b77@example.com"},
            "email": {12: "b77@example.com"},
            "vendor": {4: vendor_id},
            "review": {10: True},
            "status": {1: "shipped"},
            "fulfillment": {3: "shipped"},
            "payment": {2: "refunded"},
        }
        for mode in ("force_custom_plan", "force_generic_plan"):
            await raw.execute(f"SET plan_cache_mode = {mode}")
            for start, changes in given.items():
                chosen = [changes.get(place, value) for place, value in enumerate(values)]
                rows = await raw.fetch(f"EXPLAIN {listing.LIST[start].text}", *chosen)
                plan = "\n".join(row[0] for row in rows)
                walked = {name for name in INDEXES[start] if name in plan}
                assert walked, f"{mode} {start}:\n{plan}"
                assert "Seq Scan on orders" not in plan, f"{mode} {start}:\n{plan}"
                assert "Seq Scan on order_lines" not in plan, f"{mode} {start}:\n{plan}"
        await raw.execute("RESET plan_cache_mode")


async def test_a_day_is_half_open(db: Database) -> None:
    async with a_checkout(db) as checkout:
        unpaid, _, shipped = await three_orders(db, checkout)
    just_after = shipped.placed_at + timedelta(microseconds=1)

    assert await numbers(
        db, placed_from=unpaid.placed_at, placed_until=just_after
    ) == await numbers(db)
