"""The demo store is loaded whole, once, and as its file says."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from surehold.catalog import queries as catalog
from surehold.catalog.model import CatalogCounts
from surehold.db import Database
from surehold.demo.load import DemoCatalog, load_demo, read_catalog
from surehold.inventory import queries as inventory
from surehold.kernel.errors import InvalidInput
from tests.builders.catalog import a_product

SMALL = read_catalog(
    """
    [store]
    name = "Northline"
    currencies = ["USD", "EUR"]

    [[vendors]]
    slug = "tarn"
    name = "Tarn"
    description = "Tents."

    [[categories]]
    slug = "camp"
    name = "Camp"
    description = "Nights out."
    position = 1

    [[categories]]
    slug = "tents"
    name = "Tents"
    description = "Roofs."
    position = 2
    parent = "camp"

    [[products]]
    slug = "ridge-tent"
    name = "Ridge tent"
    vendor = "tarn"
    categories = ["tents"]
    fact = "Two people"
    description = "It stands in wind."
    details = [["Weight", "2 kg"]]
    option_names = ["Color"]

    [[products.images]]
    file = "ridge-tent-1.svg"
    alt = "A green tent"
    width = 800
    height = 1000

    [[products.variants]]
    sku = "TENT-GREEN"
    options = ["Green"]
    prices = { USD = 24000, EUR = 22000 }
    on_hand = 10
    weight_grams = 2000
    low_stock_threshold = 3

    [[products.variants]]
    sku = "TENT-SAND"
    options = ["Sand"]
    prices = { USD = 24000, EUR = 22000 }
    on_hand = 1
    weight_grams = 2000
    low_stock_threshold = 3

    [[products]]
    slug = "spirit-stove"
    name = "Spirit stove"
    vendor = "tarn"
    categories = ["camp"]
    fact = "Boils in six minutes"
    description = "It burns spirit."
    details = []
    option_names = []

    [[products.variants]]
    sku = "STOVE"
    options = []
    prices = { USD = 5900, EUR = 5400 }
    on_hand = 0
    weight_grams = 300
    low_stock_threshold = 0
    """
)


def units(source: DemoCatalog) -> int:
    return sum(variant.on_hand for product in source.products for variant in product.variants)


async def counts(db: Database) -> CatalogCounts:
    async with db.connection() as connection:
        return await catalog.count(connection)


async def test_an_empty_store_is_filled(db: Database) -> None:
    loaded = await load_demo(db, source=SMALL)

    async with db.connection() as connection:
        tent = await catalog.get_product(connection, slug="ridge-tent", currency="EUR")
        shelf = await inventory.list_shelf(connection, currency="USD", category="camp")
        levels = await inventory.list_levels(connection)
        moves = await inventory.list_movements(connection)
    assert loaded.is_new
    assert loaded.counts == CatalogCounts(1, 2, 2, 3)
    assert [(row.sku, row.options, row.price_minor) for row in tent.variants] == [
        ("TENT-GREEN", ("Green",), 22000),
        ("TENT-SAND", ("Sand",), 22000),
    ]
    assert tent.details == (("Weight", "2 kg"),)
    assert [image.file for image in tent.images] == ["ridge-tent-1.svg"]
    # The first of the file comes first.
    assert [(row.slug, row.available) for row in shelf.items] == [
        ("ridge-tent", 11),
        ("spirit-stove", 0),
    ]
    assert [(row.sku, row.location, row.on_hand) for row in levels.items] == [
        ("STOVE", "main", 0),
        ("TENT-GREEN", "main", 10),
        ("TENT-SAND", "main", 1),
    ]
    assert sorted((row.sku, row.delta, row.actor) for row in moves.items) == [
        ("TENT-GREEN", 10, "demo"),
        ("TENT-SAND", 1, "demo"),
    ]


async def test_every_third_variant_keeps_a_third_in_the_annex(db: Database) -> None:
    stove = SMALL.products[1]
    three = msgspec.structs.replace(
        stove,
        variants=tuple(
            msgspec.structs.replace(stove.variants[0], sku=f"S{index}", on_hand=on_hand)
            for index, on_hand in enumerate((9, 9, 10, 9, 9, 2))
        ),
    )
    named = tuple(
        msgspec.structs.replace(variant, options=(variant.sku,)) for variant in three.variants
    )
    product = msgspec.structs.replace(three, variants=named, option_names=("Size",))

    await load_demo(db, source=msgspec.structs.replace(SMALL, products=(product,)))

    async with db.connection() as connection:
        levels = await inventory.list_levels(connection)
        locations = await inventory.list_locations(connection)
    assert [(row.code, row.priority) for row in locations] == [("main", 0), ("annex", 10)]
    assert [(row.sku, row.location, row.on_hand) for row in levels.items] == [
        ("S0", "main", 9),
        ("S1", "main", 9),
        ("S2", "annex", 3),
        ("S2", "main", 7),
        ("S3", "main", 9),
        ("S4", "main", 9),
        ("S5", "main", 2),
    ]


async def test_a_loaded_store_is_left_as_it_is(db: Database) -> None:
    first = await load_demo(db, source=SMALL)
    second = await load_demo(db, source=SMALL)

    assert (first.is_new, second.is_new) == (True, False)
    assert first.counts == second.counts == await counts(db)


async def test_a_store_that_sells_something_else_is_left_as_it_is(db: Database) -> None:
    await a_product(db)

    loaded = await load_demo(db, source=SMALL)

    assert not loaded.is_new
    assert loaded.counts == CatalogCounts(1, 0, 1, 1) == await counts(db)


async def test_two_that_load_at_once_load_one_store(db: Database) -> None:
    results = await asyncio.gather(*(load_demo(db, source=SMALL) for _ in range(4)))

    assert sorted(result.is_new for result in results) == [False, False, False, True]
    assert [result.counts for result in results] == [CatalogCounts(1, 2, 2, 3)] * 4


async def test_a_faulty_catalog_loads_nothing(db: Database) -> None:
    tent = SMALL.products[0]
    twice = msgspec.structs.replace(tent, slug="other-tent")

    with pytest.raises(InvalidInput) as refused:
        await load_demo(db, source=msgspec.structs.replace(SMALL, products=(tent, twice)))
    with pytest.raises(KeyError):
        await load_demo(
            db,
            source=msgspec.structs.replace(
                SMALL, products=(msgspec.structs.replace(tent, vendor="nobody"),)
            ),
        )

    assert {fault.code for fault in refused.value.faults} == {"repeated_sku"}
    assert await counts(db) == CatalogCounts(0, 0, 0, 0)


def test_an_unknown_key_in_the_file_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        read_catalog('[store]\nname = "N"\ncurrencies = ["USD"]\ncolor = "red"')


async def test_the_catalog_that_ships_is_loaded_whole(db: Database) -> None:
    source = read_catalog()

    loaded = await load_demo(db)

    async with db.connection() as connection:
        on_shelf = await inventory.count_shelf(connection, currency=source.store.currencies[0])
        first = await inventory.list_shelf(connection, currency="EUR", limit=1)
        on_hand = await connection.raw.fetchval("SELECT sum(on_hand) FROM stock_levels")
        moved = await connection.raw.fetchval("SELECT sum(delta) FROM stock_movements")
    variants = sum(len(product.variants) for product in source.products)
    assert loaded.is_new
    assert loaded.counts == CatalogCounts(
        len(source.vendors), len(source.categories), len(source.products), variants
    )
    assert on_shelf == len(source.products)
    assert first.items[0].slug == source.products[0].slug
    assert on_hand == moved == units(source)
