"""Every kind of work that must not cost more in a larger store: one unit of each, at random."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import uuid4

import asyncpg
import msgspec

from bench.store import ADDRESS
from surehold.cart import commands as carts
from surehold.cart import queries as cart_queries
from surehold.catalog import queries as catalog
from surehold.checkout import commands, queries, rules
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Placement
from surehold.db import Database
from surehold.inventory import commands as inventory_commands
from surehold.inventory import queries as inventory
from surehold.inventory.queries.shelf import SORTS
from surehold.jobs import outbox
from surehold.kernel.ids import OrderId, VariantId
from surehold.kernel.page import encode_cursor
from surehold.orders import queries as orders
from surehold.orders.documents import queries as documents
from surehold.orders.model import (
    FulfillmentStatus,
    OrderFilter,
    OrderStatus,
    PaymentStatus,
    Scope,
)

CURRENCY: Final = "EUR"
#: Checkouts of one round, so many at a time.
CHECKOUTS: Final = 160
CHECKOUTS_AT_ONCE: Final = 16
#: So many rows of a table are drawn from.
_SAMPLE: Final = 500


class Store:
    """One of the two stores, with what of it is asked for."""

    def __init__(self, name: str, db: Database, checkout: Checkout, rows: Rows) -> None:
        self.name = name
        self.db = db
        self.checkout = checkout
        self.rows = rows
        self.dice = random.Random(name)  # noqa: S311 - it draws work
        self.tokens: list[str] = []


class Rows(msgspec.Struct, frozen=True):
    """Some rows from all over a store, and cursors half-way through its lists."""

    variant_ids: tuple[VariantId, ...]
    sold_out_ids: tuple[VariantId, ...]
    slugs: tuple[str, ...]
    words: tuple[str, ...]
    order_ids: tuple[OrderId, ...]
    order_numbers: tuple[str, ...]
    emails: tuple[str, ...]
    trackings: tuple[str, ...]
    skus: tuple[str, ...]
    deep: dict[str, str]


Work = Callable[[Store], Awaitable[Any]]


async def read_rows(raw: asyncpg.Connection[Any]) -> Rows:
    """Draw what the work asks for."""

    async def column(text: str) -> tuple[Any, ...]:
        return tuple(row[0] for row in await raw.fetch(text))

    middle = await raw.fetchrow(
        """
        SELECT (SELECT count(*) FROM products) / 2 AS products,
               (SELECT count(*) FROM orders) / 2 AS orders,
               (SELECT count(*) FROM stock_movements) / 2 AS movements
        """
    )
    assert middle is not None
    deep: dict[str, str] = {}
    for order, key, sort in (("newest", "id", "id DESC"), ("name", "name", "name, id")):
        row = await raw.fetchrow(
            f"SELECT {key}::text AS key, id FROM products ORDER BY {sort} OFFSET $1 LIMIT 1",
            middle["products"],
        )
        deep[order] = encode_cursor(order, row[0], str(row[1]))
    for order, sort in (("price_up_of_all", "ASC"), ("price_down_of_all", "DESC")):
        row = await raw.fetchrow(
            "SELECT amount_minor::text, product_id FROM variant_prices"
            " JOIN variants ON variants.id = variant_id WHERE currency = 'EUR'"
            f" ORDER BY amount_minor {sort}, product_id {sort} OFFSET $1 LIMIT 1",
            middle["products"],
        )
        deep[order] = encode_cursor(order, row[0], str(row[1]))
    row = await raw.fetchrow(
        "SELECT placed_at, id FROM orders ORDER BY placed_at DESC, id DESC OFFSET $1 LIMIT 1",
        middle["orders"],
    )
    deep["orders"] = encode_cursor(row[0].isoformat(), str(row[1]))
    deep["movements"] = encode_cursor(
        str(
            await raw.fetchval(
                "SELECT id FROM stock_movements ORDER BY id DESC OFFSET $1 LIMIT 1",
                middle["movements"],
            )
        )
    )
    row = await raw.fetchrow(
        "SELECT sku, code FROM variants, locations ORDER BY sku, code OFFSET $1 LIMIT 1",
        middle["products"],
    )
    deep["levels"] = encode_cursor(*row)
    some = f"ORDER BY hashtext(id::text) LIMIT {_SAMPLE}"
    return Rows(
        variant_ids=await column(f"SELECT id FROM variants {some}"),
        sold_out_ids=await column(
            "SELECT variant_id FROM stock_levels WHERE on_hand - allocated - reserved <= 3"
            " ORDER BY variant_id LIMIT 50"
        ),
        slugs=await column(f"SELECT slug FROM products {some}"),
        # The longest numbers: no other number begins with one of them.
        words=await column(
            "SELECT split_part(name, ' ', 3) FROM products"
            " ORDER BY length(split_part(name, ' ', 3)) DESC, id DESC OFFSET 100 LIMIT 50"
        ),
        order_ids=await column(f"SELECT id FROM orders {some}"),
        order_numbers=await column(f"SELECT number FROM orders {some}"),
        emails=await column(f"SELECT email FROM orders {some}"),
        trackings=await column(f"SELECT tracking_number FROM fulfillments {some}"),
        skus=await column(f"SELECT sku FROM variants {some}"),
        deep=deep,
    )


# --- the shelf -----------------------------------------------------------------------------------


def _shelf(**wanted: Any) -> Work:
    """A page of products as the API lists them, with their variants and what is available."""

    async def work(store: Store) -> None:
        facts = {name: _drawn(store, value) for name, value in wanted.items()}
        async with store.db.connection() as connection:
            page = await inventory.list_shelf(connection, currency=CURRENCY, **facts)
            assert page.items, f"nothing on the page of {facts}"
            variants = await catalog.list_variants(
                connection, product_ids=[one.id for one in page.items], currency=CURRENCY
            )
            ids = [variant.id for rows in variants.values() for variant in rows]
            await inventory.available(connection, ids)

    return work


def _drawn(store: Store, value: Any) -> Any:
    """A value, or one of the store's own."""
    return value(store) if callable(value) else value


def _deep(name: str) -> Callable[[Store], str]:
    return lambda store: store.rows.deep[name]


async def _count_shelf(store: Store) -> None:
    async with store.db.connection() as connection:
        await inventory.count_shelf(connection, currency=CURRENCY)


async def _count_categories(store: Store) -> None:
    async with store.db.connection() as connection:
        await inventory.count_shelf_categories(connection, currency=CURRENCY)


async def _product(store: Store) -> None:
    async with store.db.connection() as connection:
        found = await catalog.get_product(
            connection, currency=CURRENCY, slug=store.dice.choice(store.rows.slugs)
        )
        await inventory.available(connection, [one.id for one in found.variants])


async def _soonest(store: Store) -> None:
    async with store.db.connection() as connection:
        await inventory.soonest_hold_end(
            connection, variant_id=store.dice.choice(store.rows.variant_ids)
        )


# --- carts and checkout --------------------------------------------------------------------------


async def _new_cart(store: Store) -> None:
    _, token = await carts.create_cart(store.db, currency=CURRENCY)
    await carts.add_line(store.db, token=token, variant_id=_variant(store), quantity=1)
    store.tokens.append(token)


async def _change_cart(store: Store) -> None:
    if not store.tokens:
        await _new_cart(store)
    token = store.dice.choice(store.tokens)
    cart = await carts.add_line(store.db, token=token, variant_id=_variant(store), quantity=1)
    await carts.change_line(store.db, token=token, line_id=cart.lines[0].id, quantity=2)
    if len(cart.lines) > 6:
        store.tokens.remove(token)


async def _read_cart(store: Store) -> None:
    if not store.tokens:
        await _new_cart(store)
    async with store.db.connection() as connection:
        await cart_queries.get_cart(connection, token=store.dice.choice(store.tokens))


def _variant(store: Store) -> VariantId:
    return store.dice.choice(store.rows.variant_ids)


def _lines(store: Store) -> tuple[tuple[VariantId, int], ...]:
    return tuple((one, 1) for one in store.dice.sample(store.rows.variant_ids, k=3))


async def _quote(store: Store) -> None:
    basket = queries.Basket(
        lines=_lines(store), currency=CURRENCY, destination=rules.destination_of(ADDRESS)
    )
    async with store.db.connection() as connection:
        books = store.checkout.context.books
        await queries.price_basket(connection, books=books, basket=basket)


async def checkout(store: Store) -> None:
    """One order of three variants, through the lane."""
    key = uuid4().hex
    await commands.place_order(
        store.checkout,
        Placement(
            key=key,
            request_hash=hashlib.sha256(key.encode()).digest(),
            email="mara.quinn@example.com",
            shipping_address=ADDRESS,
            billing_address=None,
            shipping_method="standard",
            provider="bank_transfer",
            lines=_lines(store),
            currency=CURRENCY,
        ),
    )


# --- staff ---------------------------------------------------------------------------------------


def _orders(*, scope: Scope | None = None, cursor: Any = None, **wanted: Any) -> Work:
    async def work(store: Store) -> None:
        facts = {name: _drawn(store, value) for name, value in wanted.items()}
        async with store.db.connection() as connection:
            found = await orders.list_orders(
                connection,
                wanted=OrderFilter(**facts),
                cursor=_drawn(store, cursor),
                **({} if scope is None else {"scope": scope}),
            )
        assert found.items, f"no order of {facts}"

    return work


async def _orders_of_buyer(store: Store) -> None:
    async with store.db.connection() as connection:
        found = await orders.list_orders(
            connection,
            wanted=OrderFilter(),
            scope=Scope(email=store.dice.choice(store.rows.emails)),
        )
    assert found.items


async def _order(store: Store) -> None:
    async with store.db.connection() as connection:
        await queries.get_placed_order(
            connection, order_id=store.dice.choice(store.rows.order_ids)
        )


async def _timeline(store: Store) -> None:
    async with store.db.connection() as connection:
        order_id = store.dice.choice(store.rows.order_ids)
        await orders.list_timeline(connection, order_id=order_id, is_visible_only=False)
        await documents.list_documents(connection, order_id=order_id)


def _levels(**wanted: Any) -> Work:
    async def work(store: Store) -> None:
        facts = {name: _drawn(store, value) for name, value in wanted.items()}
        async with store.db.connection() as connection:
            found = await inventory.list_levels(connection, **facts)
        assert found.items

    return work


def _movements(**wanted: Any) -> Work:
    async def work(store: Store) -> None:
        facts = {name: _drawn(store, value) for name, value in wanted.items()}
        async with store.db.connection() as connection:
            found = await inventory.list_movements(connection, **facts)
        assert found.items

    return work


# --- by itself -----------------------------------------------------------------------------------


def _swept(sweep: Callable[[Checkout], Awaitable[int]]) -> Work:
    async def work(store: Store) -> None:
        found = await sweep(store.checkout)
        assert not found, f"{found} were due in {store.name}"

    return work


async def _alerts(store: Store) -> None:
    await inventory_commands.raise_low_stock_alerts(store.db, limit=200)


async def _publish(store: Store) -> None:
    await outbox.publish(store.db, subscribers=(), limit=200)


class Kind(msgspec.Struct, frozen=True):
    """One kind of work. ``why``: the reason, where there is more to do in a larger store."""

    name: str
    work: Work
    why: str = ""


def _word(store: Store) -> str:
    return store.dice.choice(store.rows.words)


def _filtered_orders() -> list[Kind]:
    return [
        Kind("orders: newest", _orders()),
        Kind("orders: newest, deep", _orders(cursor=_deep("orders"))),
        *(
            Kind(f"orders: status {status.value}", _orders(status=status))
            for status in (
                OrderStatus.PENDING_PAYMENT,
                OrderStatus.PAID,
                OrderStatus.SHIPPED,
                OrderStatus.ARCHIVED,
                OrderStatus.CANCELED,
            )
        ),
        *(
            Kind(f"orders: payment {status.value}", _orders(payment_status=status))
            for status in (
                PaymentStatus.PENDING,
                PaymentStatus.PAID,
                PaymentStatus.REFUNDED,
                PaymentStatus.NOT_PAID,
            )
        ),
        *(
            Kind(f"orders: fulfillment {status.value}", _orders(fulfillment_status=status))
            for status in (
                FulfillmentStatus.UNFULFILLED,
                FulfillmentStatus.SHIPPED,
                FulfillmentStatus.DELIVERED,
            )
        ),
        Kind("orders: of a vendor", _orders(vendor="vendor-7")),
        Kind("orders: of a vendor, deep", _orders(vendor="vendor-7", cursor=_deep("orders"))),
        Kind("orders: in a currency", _orders(currency="USD")),
        Kind("orders: from a total on", _orders(total_min_minor=20_000)),
        Kind("orders: for a person", _orders(needs_review=True)),
        Kind(
            "orders: search, number",
            _orders(search=lambda store: store.dice.choice(store.rows.order_numbers)),
        ),
        Kind(
            "orders: search, address",
            _orders(search=lambda store: store.dice.choice(store.rows.emails)),
        ),
        Kind(
            "orders: search, tracking",
            _orders(search=lambda store: store.dice.choice(store.rows.trackings)),
        ),
        Kind(
            "orders: search, stock code",
            _orders(search=lambda store: store.dice.choice(store.rows.skus)),
        ),
        Kind("orders: of a buyer", _orders_of_buyer),
        Kind("order", _order),
        Kind("order: timeline and documents", _timeline),
    ]


_COUNTED: Final = "each product is looked at; pages keep a count that took long for a while"
_COUNTERS: Final = (
    "each level is looked at: an index of what is available would have to be changed by every "
    "checkout, whose update of the stock row is heap-only now"
)

KINDS: Final[tuple[Kind, ...]] = (
    *(Kind(f"products: {sort}", _shelf(sort=sort)) for sort in SORTS if sort != "relevance"),
    *(
        Kind(f"products: {sort}, deep", _shelf(sort=sort, cursor=_deep(order)))
        for sort, order in (
            ("newest", "newest"),
            ("name", "name"),
            ("price", "price_up_of_all"),
            ("-price", "price_down_of_all"),
        )
    ),
    Kind("products: in stock", _shelf(in_stock=True)),
    Kind("products: of a category", _shelf(category="category-17")),
    Kind(
        "products: of a category by price",
        _shelf(category="category-17", sort="price"),
        "the category has ten times as many products, and all of them are put in order",
    ),
    Kind("products: of a vendor", _shelf(vendor="vendor-7")),
    Kind("products: within prices", _shelf(min_price_minor=2_000, max_price_minor=2_500)),
    Kind("products: search, one", _shelf(search=_word, sort="relevance")),
    Kind(
        "products: search, a fortieth",
        _shelf(search="harbor kettle", sort="relevance"),
        "ten times as many products match, and each match is ranked",
    ),
    Kind("products: how many", _count_shelf, _COUNTED),
    Kind("products: how many in each category", _count_categories, _COUNTED),
    Kind("product", _product),
    Kind("product: when held units come free", _soonest),
    Kind("cart: new, with a line", _new_cart),
    Kind("cart: add and change", _change_cart),
    Kind("cart: read", _read_cart),
    Kind("quote", _quote),
    *_filtered_orders(),
    Kind("stock: levels", _levels()),
    Kind("stock: levels, deep", _levels(cursor=_deep("levels"))),
    Kind("stock: low levels", _levels(is_low_only=True), _COUNTERS),
    Kind("stock: movements", _movements()),
    Kind("stock: movements, deep", _movements(cursor=_deep("movements"))),
    Kind("stock: movements of a variant", _movements(variant_id=_variant)),
    Kind("sweep: holds", _swept(commands.expire_reservations)),
    Kind("sweep: unpaid orders", _swept(commands.cancel_unpaid_orders)),
    Kind("sweep: payments to check", _swept(commands.check_due_payments)),
    Kind("sweep: questions to ask", _swept(commands.ask_due_operations)),
    Kind("sweep: documents", _swept(commands.issue_documents)),
    Kind("sweep: old orders", _swept(commands.archive_old_orders)),
    Kind("sweep: abandoned carts", _swept(commands.report_abandoned_carts)),
    Kind("sweep: low stock", _alerts, _COUNTERS),
    Kind("sweep: facts to publish", _publish),
    Kind("sweep: what is past its use", _swept(commands.prune)),
)
