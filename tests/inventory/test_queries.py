"""Stock as others read it, and the shelf: filters, orders, pages, counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from surehold.catalog.model import Image, ProductStatus, ProductSummary
from surehold.db import Connection, Database
from surehold.inventory import commands as inventory
from surehold.inventory import queries
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import VariantId, new_id
from surehold.kernel.page import encode_cursor
from tests.builders.catalog import a_category, a_product, archive, change_price, withdraw

ORDERS = [
    ("newest", ["e", "d", "c", "b", "a"]),
    ("name", ["b", "d", "a", "c", "e"]),
    ("price", ["b", "c", "a", "d", "e"]),
    ("-price", ["e", "d", "a", "c", "b"]),
]


async def five_products(db: Database, **categories: tuple[str, ...]) -> None:
    """Two of them cost the same, and two have the same name. ``categories``: of some, by slug."""
    for slug, name, price in (
        ("a", "Lamp", 300),
        ("b", "Basket", 100),
        ("c", "Lamp", 200),
        ("d", "Cup", 300),
        ("e", "Tent", 900),
    ):
        await a_product(db, slug=slug, name=name, price=price, categories=categories.get(slug, ()))


async def slugs(connection: Connection, **filters: Any) -> list[str]:
    page = await queries.list_shelf(connection, **{"currency": "USD", **filters})
    return [product.slug for product in page.items]


async def all_pages(connection: Connection, **filters: Any) -> list[list[str]]:
    found, cursor = [], None
    while True:
        page = await queries.list_shelf(connection, currency="USD", cursor=cursor, **filters)
        found.append([product.slug for product in page.items])
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_a_product_on_the_shelf_has_its_prices_picture_and_stock(db: Database) -> None:
    built = await a_product(
        db,
        sku="LAMP",
        name="Trail lamp",
        fact="Solid brass",
        sizes=("Small", "Large"),
        price={"USD": 4200, "EUR": 3900},
        on_hand={"main": 3, "annex": 2},
        images=2,
    )
    await change_price(db, built.variant_ids[1], currency="USD", price=4900)

    async with db.connection() as connection:
        page = await queries.list_shelf(connection, currency="USD")

    assert page.next_cursor is None
    assert page.items == (
        ProductSummary(
            id=built.product_id,
            slug="lamp",
            name="Trail lamp",
            fact="Solid brass",
            vendor_slug="northline",
            vendor_name="Northline",
            image=Image("lamp-1.svg", "LAMP, view 1", 800, 1000),
            price_from_minor=4200,
            price_to_minor=4900,
            currency="USD",
            available=10,
        ),
    )


async def test_only_what_can_be_bought_is_on_the_shelf(db: Database) -> None:
    await a_product(db, slug="sold", images=0)
    await a_product(db, slug="draft", status=ProductStatus.DRAFT)
    await a_product(db, slug="euro", currencies=("EUR",))
    archived = await a_product(db, slug="archived")
    await archive(db, archived.product_id)
    withdrawn = await a_product(db, slug="withdrawn")
    await withdraw(db, withdrawn.variant_id)

    async with db.connection() as connection:
        page = await queries.list_shelf(connection, currency="USD")
        count = await queries.count_shelf(connection, currency="USD")

    assert [(product.slug, product.image) for product in page.items] == [("sold", None)]
    assert count == 1


async def test_stock_counts_only_variants_for_sale_in_the_currency(db: Database) -> None:
    built = await a_product(db, slug="mug", sizes=("Small", "Large"), on_hand=4)
    await change_price(db, built.variant_ids[0], currency="EUR", price=None)

    async with db.connection() as connection:
        euro = await queries.list_shelf(connection, currency="EUR")
        dollar = await queries.list_shelf(connection, currency="USD")

    assert [product.available for product in euro.items] == [4]
    assert [product.available for product in dollar.items] == [8]


@pytest.mark.parametrize(("sort", "expected"), ORDERS)
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
@pytest.mark.parametrize("filters", [{}, {"vendor": "northline"}, {"search": "solid"}])
async def test_pages_show_every_product_once_in_every_order(
    db: Database, sort: str, expected: list[str], limit: int, filters: dict[str, Any]
) -> None:
    await five_products(db)

    async with db.connection() as connection:
        pages = await all_pages(connection, sort=sort, limit=limit, **filters)

    if sort == "-price":
        # The two that cost the same come in the opposite order, as everything does.
        assert expected.index("d") < expected.index("a")
    assert pages == [expected[at : at + limit] for at in range(0, 5, limit)]


async def test_pages_of_a_category_show_every_product_once_in_every_order(db: Database) -> None:
    """In the category, in one below it, or in both."""
    async with db.transaction() as tx:
        await a_category(tx, slug="home")
        await a_category(tx, slug="chairs", parent="home")
    both = ("home", "chairs")
    await five_products(db, a=("home",), b=("chairs",), c=both, d=("home",), e=both)
    await a_product(db, slug="elsewhere")

    async with db.connection() as connection:
        for sort, expected in ORDERS:
            for limit in (1, 2, 5):
                for words in (None, "solid"):
                    pages = await all_pages(
                        connection, category="home", sort=sort, limit=limit, search=words
                    )
                    assert pages == [expected[at : at + limit] for at in range(0, 5, limit)]
        cheap = await slugs(connection, category="home", max_price_minor=200)
    assert cheap == ["c", "b"]


@pytest.mark.parametrize("sort", ["name", "price", "-price", "relevance"])
@pytest.mark.parametrize("filters", [{}, {"vendor": "northline"}, {"search": "solid"}])
async def test_what_sorts_alike_is_split_over_pages_by_id(
    db: Database, sort: str, filters: dict[str, Any]
) -> None:
    built = [await a_product(db, slug=f"p{index}", name="Same") for index in range(12)]
    async with db.connection() as connection:
        # Rows that were written again lie elsewhere, out of the order of their making.
        await connection.raw.execute("UPDATE products SET fact = fact || '.' WHERE slug < 'p5'")

        pages = await all_pages(connection, sort=sort, limit=5, **filters)

    expected = [product.slug for product in built]
    if sort in {"-price", "relevance"}:
        expected.reverse()
    assert pages == [expected[:5], expected[5:10], expected[10:]]


@pytest.mark.parametrize("sort", ["price", "-price"])
async def test_a_product_stands_once_at_its_lowest_price(db: Database, sort: str) -> None:
    wide = await a_product(db, slug="wide", sizes=("S", "M", "L"), price=500)
    await change_price(db, wide.variant_ids[2], currency="USD", price=9000)
    await a_product(db, slug="middle", price=700)
    cheap = await a_product(db, slug="was-cheap", sizes=("S", "L"), price=800)
    await change_price(db, cheap.variant_ids[0], currency="USD", price=100)
    await withdraw(db, cheap.variant_ids[0])

    async with db.connection() as connection:
        whole = await slugs(connection, sort=sort)
        within = await slugs(connection, sort=sort, vendor="northline")

    expected = ["wide", "middle", "was-cheap"]
    assert whole == within == (expected if sort == "price" else expected[::-1])


async def test_a_new_product_between_two_pages_moves_nothing(db: Database) -> None:
    await five_products(db)
    async with db.connection() as connection:
        first = await queries.list_shelf(connection, currency="USD", limit=2)

    await a_product(db, slug="f")

    async with db.connection() as connection:
        second = await slugs(connection, limit=2, cursor=first.next_cursor)
    assert second == ["c", "b"]


async def test_a_category_includes_its_children_and_shows_a_product_once(db: Database) -> None:
    async with db.transaction() as tx:
        await a_category(tx, slug="home", position=1)
        await a_category(tx, slug="furniture", parent="home", position=2)
        await a_category(tx, slug="chairs", parent="furniture", position=3)
        await a_category(tx, slug="wear", position=4)
        await a_category(tx, slug="empty", position=5)
    await a_product(db, slug="rug", categories=("home",))
    await a_product(db, slug="stool", categories=("chairs", "home"))
    await a_product(db, slug="sock", categories=("wear",))

    async with db.connection() as connection:
        found = {
            category: await slugs(connection, category=category)
            for category in ("home", "furniture", "chairs", "wear", "empty", "nothing")
        }
        counted = await queries.count_shelf_categories(connection, currency="USD")
        in_home = await queries.count_shelf(connection, currency="USD", category="home")

    assert found == {
        "home": ["stool", "rug"],
        "furniture": ["stool"],
        "chairs": ["stool"],
        "wear": ["sock"],
        "empty": [],
        "nothing": [],
    }
    assert [(row.slug, row.parent_slug, row.count) for row in counted] == [
        ("home", None, 2),
        ("furniture", "home", 1),
        ("chairs", "furniture", 1),
        ("wear", None, 1),
        ("empty", None, 0),
    ]
    assert in_home == 2


async def test_filters_narrow_the_list_its_count_and_its_facets_alike(db: Database) -> None:
    await a_product(db, slug="here", categories=("home",), vendor="tarn", price=1000)
    await a_product(db, slug="gone", categories=("home",), on_hand=0, price=2000)
    await a_product(db, slug="never", categories=("home",), on_hand=None, price=3000)
    wide = await a_product(db, slug="wide", categories=("home",), sizes=("S", "L"), price=500)
    await change_price(db, wide.variant_ids[1], currency="USD", price=5000)
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["wide", "never", "gone", "here"]),
        ({"in_stock": True}, ["wide", "here"]),
        ({"vendor": "tarn"}, ["here"]),
        ({"vendor": "nobody"}, []),
        ({"min_price_minor": 2000}, ["wide", "never", "gone"]),
        ({"max_price_minor": 2000}, ["wide", "gone", "here"]),
        # One variant must lie within, not the range of a product.
        ({"min_price_minor": 2000, "max_price_minor": 4000}, ["never", "gone"]),
        ({"in_stock": True, "search": "solid", "min_price_minor": 1000}, ["wide", "here"]),
    ]

    async with db.connection() as connection:
        for filters, expected in cases:
            counted = await queries.count_shelf_categories(connection, currency="USD", **filters)
            assert await slugs(connection, **filters) == expected, filters
            assert await slugs(connection, category="home", **filters) == expected, filters
            assert await queries.count_shelf(connection, currency="USD", **filters) == len(
                expected
            ), filters
            assert [row.count for row in counted] == [len(expected)], filters


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("lamp", ["storm", "trail"]),
        ("LAMP", ["storm", "trail"]),
        ("lam", ["storm", "trail"]),
        ("trail lam", ["trail"]),
        ("lamp trail", ["trail"]),
        ("lam trail", []),
        ('"trail lamp"', ["trail"]),
        ('"lamp trail"', []),
        ("lamp -storm", ["trail"]),
        ("storm or mug", ["mug", "storm"]),
        ("glaze", ["mug"]),
        ("  ", ["mug", "storm", "trail"]),
        ("!!!", []),
        ("':*", []),
        ("zebra", []),
    ],
)
async def test_search_finds_every_word_and_an_unfinished_last_one(
    db: Database, search: str, expected: list[str]
) -> None:
    await a_product(db, slug="trail", name="Trail lamp")
    await a_product(db, slug="storm", name="Storm lamp")
    await a_product(db, slug="mug", name="Mug", description="Stoneware, ash glazed.")

    async with db.connection() as connection:
        found = await slugs(connection, search=search)
        count = await queries.count_shelf(connection, currency="USD", search=search)

    assert found == expected
    assert count == len(expected)


async def test_relevance_puts_the_name_before_the_description(db: Database) -> None:
    await a_product(db, slug="name", name="Brass lamp", fact="", description="Warm.")
    await a_product(db, slug="text", name="Hook", fact="", description="Fits a brass lamp.")
    await a_product(db, slug="fact", name="Wick", fact="For a brass lamp", description="")

    async with db.connection() as connection:
        pages = await all_pages(connection, search="brass lamp", sort="relevance", limit=1)
        without_words = await slugs(connection, sort="relevance")

    assert pages == [["name"], ["fact"], ["text"]]
    assert without_words == ["fact", "text", "name"]


@pytest.mark.parametrize(
    ("filters", "pointers"),
    [
        ({"search": "x" * 201}, ["/search"]),
        ({"search": "x" * 100_000}, ["/search"]),
        ({"search": "a\0b"}, ["/search"]),
        ({"search": "\ud800"}, ["/search"]),
        ({"category": "\0"}, ["/category"]),
        ({"vendor": "v" * 201}, ["/vendor"]),
        ({"min_price_minor": -1, "max_price_minor": 2**63}, ["/min_price", "/max_price"]),
        ({"sort": "random"}, ["/sort"]),
        ({"limit": 0}, ["/limit"]),
        ({"limit": 101, "sort": "", "currency": "\0"}, ["/sort", "/limit", "/currency"]),
        ({"cursor": "nonsense"}, ["/cursor"]),
        ({"cursor": ""}, ["/cursor"]),
        ({"cursor": "é"}, ["/cursor"]),
        ({"cursor": encode_cursor("newest", "yesterday", str(new_id()))}, ["/cursor"]),
        ({"cursor": encode_cursor("newest", str(new_id()), "1")}, ["/cursor"]),
        ({"cursor": encode_cursor("name", "Lamp", str(new_id()))}, ["/cursor"]),
        # Of the same list in the opposite order.
        (
            {"cursor": encode_cursor("price_up_of_all", "9", str(new_id())), "sort": "-price"},
            ["/cursor"],
        ),
        ({"cursor": encode_cursor("name", "\0", str(new_id())), "sort": "name"}, ["/cursor"]),
        (
            {
                "cursor": encode_cursor("price_up_of_all", str(2**63), str(new_id())),
                "sort": "price",
            },
            ["/cursor"],
        ),
        (
            {
                "cursor": encode_cursor("relevance", str(2**31), str(new_id())),
                "sort": "relevance",
                "search": "lamp",
            },
            ["/cursor"],
        ),
    ],
)
async def test_what_no_browser_sends_is_answered_and_never_reaches_the_database(
    db: Database, filters: dict[str, Any], pointers: list[str]
) -> None:
    async with db.connection() as connection:
        with pytest.raises(InvalidInput) as refused:
            await slugs(connection, **filters)

    assert [fault.pointer for fault in refused.value.faults] == pointers


async def test_the_longest_search_is_answered(db: Database) -> None:
    async with db.connection() as connection:
        assert await slugs(connection, search="語" * 200) == []


async def test_available_counts_every_location_and_knows_what_is_not_stocked(
    db: Database,
) -> None:
    built = await a_product(db, on_hand={"main": 3, "annex": 2})
    unstocked = await a_product(db, on_hand=None)
    await inventory.reserve(
        db,
        demands=[inventory.Demand(built.variant_id, 4)],
        ttl=timedelta(minutes=15),
        holder_id=new_id(),
    )
    unknown = VariantId(new_id())

    async with db.connection() as connection:
        found = await queries.available(
            connection, [built.variant_id, unstocked.variant_id, unknown]
        )

    assert found == {built.variant_id: 1, unstocked.variant_id: 0, unknown: 0}


async def test_levels_page_by_stock_code_and_location(db: Database) -> None:
    await a_product(db, sku="B", on_hand={"main": 9, "annex": 1})
    await a_product(db, sku="A", on_hand=2)
    await a_product(db, sku="C", on_hand=5)

    async with db.connection() as connection:
        first = await queries.list_levels(connection, limit=2)
        second = await queries.list_levels(connection, limit=2, cursor=first.next_cursor)
        low = await queries.list_low(connection)

    assert [(row.sku, row.location, row.available) for row in first.items] == [
        ("A", "main", 2),
        ("B", "annex", 1),
    ]
    assert [(row.sku, row.location) for row in second.items] == [("B", "main"), ("C", "main")]
    assert second.next_cursor is None
    assert [(row.sku, row.location, row.is_low) for row in low.items] == [
        ("A", "main", True),
        ("B", "annex", True),
    ]


@pytest.mark.parametrize("cursor", ["x", encode_cursor("A"), encode_cursor("\0", "main")])
async def test_levels_refuse_a_cursor_that_they_did_not_make(db: Database, cursor: str) -> None:
    async with db.connection() as connection:
        with pytest.raises(InvalidInput):
            await queries.list_levels(connection, cursor=cursor)
        with pytest.raises(InvalidInput):
            await queries.list_movements(connection, cursor=cursor)
        with pytest.raises(InvalidInput):
            await queries.list_low(connection, limit=101)


async def test_levels_of_a_variant_come_best_location_first(db: Database) -> None:
    built = await a_product(db, on_hand={"main": 1, "annex": 7})
    other = await a_product(db)

    async with db.connection() as connection:
        found = await queries.list_levels_of(connection, variant_ids=[built.variant_id])
        locations = await queries.list_locations(connection)

    assert list(found) == [built.variant_id]
    assert [(row.location, row.on_hand) for row in found[built.variant_id]] == [
        ("main", 1),
        ("annex", 7),
    ]
    assert [row.code for row in locations] == ["main", "annex"]
    assert other.location_id == locations[0].id


async def test_movements_come_newest_first_of_one_variant_or_of_all(db: Database) -> None:
    first = await a_product(db, sku="A", on_hand=1)
    await a_product(db, sku="B", on_hand=2)
    await a_product(db, sku="C", on_hand=3)

    async with db.connection() as connection:
        page = await queries.list_movements(connection, limit=2)
        rest = await queries.list_movements(connection, limit=2, cursor=page.next_cursor)
        of_first = await queries.list_movements(connection, variant_id=first.variant_id)

    assert [(row.sku, row.delta, row.reason) for row in page.items] == [
        ("C", 3, "initial"),
        ("B", 2, "initial"),
    ]
    assert [row.sku for row in rest.items] == ["A"]
    assert rest.next_cursor is None
    assert [(row.sku, row.reference) for row in of_first.items] == [("A", "opening A")]


async def test_the_soonest_end_is_of_holds_that_are_still_active(db: Database) -> None:
    built = await a_product(db, on_hand=9)

    async def hold(minutes: int) -> Any:
        return await inventory.reserve(
            db,
            demands=[inventory.Demand(built.variant_id, 1)],
            ttl=timedelta(minutes=minutes),
            holder_id=new_id(),
        )

    async with db.connection() as connection:
        none = await queries.soonest_hold_end(connection, variant_id=built.variant_id)
    (short,), (long,) = await hold(5), await hold(60)
    async with db.connection() as connection:
        before = await queries.soonest_hold_end(connection, variant_id=built.variant_id)
    await inventory.release(db, holder_id=short.holder_id, reason="test")
    async with db.connection() as connection:
        after = await queries.soonest_hold_end(connection, variant_id=built.variant_id)

    assert (none, before, after) == (None, short.expires_at, long.expires_at)
