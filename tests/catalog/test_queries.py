"""What buyers can see of one product, and of the store's shelves."""

from __future__ import annotations

import pytest

from surehold.catalog import queries as catalog
from surehold.catalog.errors import CategoryNotFound, ProductNotFound, VendorNotFound
from surehold.catalog.model import CategoryLink, Image, ProductDetail, ProductStatus, Variant
from surehold.db import Database
from surehold.kernel.ids import ProductId, new_id
from tests.builders.catalog import a_category, a_product, archive, change_price, withdraw


async def test_a_product_comes_whole_by_slug_and_by_id(db: Database) -> None:
    built = await a_product(
        db,
        sku="MUG",
        slug="stoneware-mug",
        name="Stoneware mug",
        sizes=("Small", "Large"),
        price={"USD": 1900, "EUR": 1800},
        categories=("table", "gifts"),
        images=2,
    )

    async with db.connection() as connection:
        by_slug = await catalog.get_product(connection, slug="stoneware-mug", currency="EUR")
        by_id = await catalog.get_product(connection, id=built.product_id, currency="EUR")
        vendor = await catalog.get_vendor(connection, slug="northline")

    small, large = built.variant_ids
    assert by_slug == by_id
    assert by_slug == ProductDetail(
        id=built.product_id,
        slug="stoneware-mug",
        name="Stoneware mug",
        fact="Solid brass",
        description="It does what it should.",
        details=(("Material", "Brass"),),
        option_names=("Size",),
        currency="EUR",
        vendor_id=vendor.id,
        vendor_slug="northline",
        vendor_name="Northline",
        images=(
            Image("mug-1.svg", "MUG, view 1", 800, 1000),
            Image("mug-2.svg", "MUG, view 2", 800, 1000),
        ),
        categories=(CategoryLink("gifts", "Gifts"), CategoryLink("table", "Table")),
        variants=(
            Variant(small, "MUG-1", ("Small",), 1800, 400),
            Variant(large, "MUG-2", ("Large",), 1800, 400),
        ),
    )


async def test_a_variant_without_a_price_in_the_currency_has_none(db: Database) -> None:
    built = await a_product(db, sizes=("Small", "Large"), price=500)
    await change_price(db, built.variant_ids[0], currency="EUR", price=None)

    async with db.connection() as connection:
        product = await catalog.get_product(connection, slug=built.slug, currency="EUR")

    assert [variant.price_minor for variant in product.variants] == [None, 500]


async def test_a_withdrawn_variant_is_not_shown(db: Database) -> None:
    built = await a_product(db, sizes=("Small", "Large"))
    await withdraw(db, built.variant_ids[0])

    async with db.connection() as connection:
        product = await catalog.get_product(connection, slug=built.slug, currency="USD")

    assert [variant.id for variant in product.variants] == [built.variant_ids[1]]


async def test_a_product_without_pictures_or_categories_is_shown(db: Database) -> None:
    built = await a_product(db, images=0)

    async with db.connection() as connection:
        product = await catalog.get_product(connection, slug=built.slug, currency="USD")

    assert (product.images, product.categories) == ((), ())


@pytest.mark.parametrize("slug", ["nothing", "", "a\0b", "x" * 100_000, "'; DROP TABLE products"])
async def test_an_unknown_slug_is_not_found(db: Database, slug: str) -> None:
    await a_product(db)

    async with db.connection() as connection:
        with pytest.raises(ProductNotFound) as refused:
            await catalog.get_product(connection, slug=slug, currency="USD")
        with pytest.raises(CategoryNotFound):
            await catalog.get_category(connection, slug=slug)
        with pytest.raises(VendorNotFound):
            await catalog.get_vendor(connection, slug=slug)

    assert refused.value.code == "product_not_found"


async def test_drafts_and_archived_products_are_not_found(db: Database) -> None:
    draft = await a_product(db, status=ProductStatus.DRAFT)
    old = await a_product(db)
    await archive(db, old.product_id)

    async with db.connection() as connection:
        for slug in (draft.slug, old.slug):
            assert await catalog.find_product(connection, slug=slug, currency="USD") is None
        unknown = await catalog.find_product(connection, id=ProductId(new_id()), currency="USD")

    assert unknown is None


async def test_a_product_is_named_in_exactly_one_way(db: Database) -> None:
    async with db.connection() as connection:
        with pytest.raises(TypeError):
            await catalog.find_product(connection, currency="USD")


async def test_categories_come_in_the_order_of_the_store(db: Database) -> None:
    async with db.transaction() as tx:
        await a_category(tx, slug="wear", position=3)
        await a_category(tx, slug="home", position=1)
        await a_category(tx, slug="furniture", parent="home", position=2)

    async with db.connection() as connection:
        found = await catalog.list_categories(connection)
        furniture = await catalog.get_category(connection, slug="furniture")

    assert [(row.slug, row.parent_slug) for row in found] == [
        ("home", None),
        ("furniture", "home"),
        ("wear", None),
    ]
    assert furniture == found[1]


async def test_vendors_come_by_name(db: Database) -> None:
    await a_product(db, vendor="tarn")
    await a_product(db, vendor="ashdown")

    async with db.connection() as connection:
        found = await catalog.list_vendors(connection)
        counts = await catalog.count(connection)

    assert [row.name for row in found] == ["Ashdown", "Tarn"]
    assert (counts.vendors, counts.categories, counts.products, counts.variants) == (2, 0, 2, 2)


async def test_only_what_can_be_bought_is_sellable(db: Database) -> None:
    sold = await a_product(db, sku="LAMP", price={"USD": 4200, "EUR": 3900})
    withdrawn = await a_product(db)
    await withdraw(db, withdrawn.variant_id)
    draft = await a_product(db, status=ProductStatus.DRAFT)

    async with db.connection() as connection:
        found = await catalog.list_sellable(
            connection, variant_ids=[sold.variant_id, withdrawn.variant_id, draft.variant_id]
        )

    assert {key: row.price_minor for key, row in found.items()} == {
        (sold.variant_id, "USD"): 4200,
        (sold.variant_id, "EUR"): 3900,
    }
    assert found[sold.variant_id, "USD"].image == "lamp-1.svg"
