"""Adding to the catalog: all of it, or a list of what is wrong and nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from surehold.catalog import commands as catalog
from surehold.catalog import queries, rules
from surehold.catalog.errors import CategoryNotFound, SkuTaken, SlugTaken, VendorNotFound
from surehold.catalog.model import CatalogCounts, Image, NewProduct, NewVariant
from surehold.db import Database
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import CategoryId, VendorId, new_id
from tests.builders.catalog import a_product, a_vendor

VARIANT = NewVariant("MUG-S", {"USD": 1900}, ("Small",), 300)
PRODUCT = NewProduct(
    slug="mug",
    name="Mug",
    vendor_id=VendorId(new_id()),
    variants=(VARIANT, msgspec.structs.replace(VARIANT, sku="MUG-L", options=("Large",))),
    option_names=("Size",),
    images=(Image("mug.svg", "A mug", 800, 1000),),
)


def changed(product: NewProduct = PRODUCT, **changes: Any) -> NewProduct:
    return msgspec.structs.replace(product, **changes)


def with_variant(**changes: Any) -> NewProduct:
    return changed(variants=(msgspec.structs.replace(VARIANT, **changes),))


async def counts(db: Database) -> CatalogCounts:
    async with db.connection() as connection:
        return await queries.count(connection)


def test_a_good_product_has_no_fault() -> None:
    assert rules.product_faults(PRODUCT) == []


@pytest.mark.parametrize(
    ("product", "pointer", "code"),
    [
        (changed(slug="Mug"), "/slug", "invalid_slug"),
        (changed(slug="mug\n"), "/slug", "invalid_slug"),
        (changed(slug="m" * 101), "/slug", "invalid_slug"),
        (changed(name=" "), "/name", "required"),
        (changed(name="m" * 201), "/name", "too_long"),
        (changed(fact="a\0b"), "/fact", "invalid_text"),
        (changed(fact="\ud800"), "/fact", "invalid_text"),
        (changed(description="d" * 20_001), "/description", "too_long"),
        (changed(details=(("", "x"),)), "/details/0/0", "required"),
        (changed(details=(("x", "y"),) * 51), "/details", "wrong_count"),
        (changed(option_names=("",)), "/option_names/0", "required"),
        (changed(variants=()), "/variants", "wrong_count"),
        (changed(variants=(VARIANT,) * 2), "/variants", "repeated_sku"),
        (changed(variants=(VARIANT,) * 2), "/variants", "repeated_options"),
        (with_variant(sku=""), "/variants/0/sku", "invalid_sku"),
        (with_variant(sku="A B"), "/variants/0/sku", "invalid_sku"),
        (with_variant(sku="A" * 65), "/variants/0/sku", "invalid_sku"),
        (with_variant(options=()), "/variants/0/options", "options_mismatch"),
        (with_variant(options=(" ",)), "/variants/0/options/0", "required"),
        (with_variant(prices={}), "/variants/0/prices", "required"),
        (with_variant(prices={"USX": 1}), "/variants/0/prices", "invalid_currency"),
        (with_variant(prices={"USD": 0}), "/variants/0/prices/USD", "out_of_range"),
        (with_variant(prices={"USD": 10**12 + 1}), "/variants/0/prices/USD", "out_of_range"),
        (with_variant(weight_grams=-1), "/variants/0/weight_grams", "out_of_range"),
        (changed(images=(Image("../x", "", 1, 1),)), "/images/0/file", "invalid_file"),
        (changed(images=(Image("x.svg", "", 0, 1),)), "/images/0/width", "out_of_range"),
        (
            changed(category_ids=(CategoryId(PRODUCT.vendor_id),) * 2),
            "/category_ids",
            "repeated_id",
        ),
    ],
)
def test_each_fault_is_found_where_it_is(product: NewProduct, pointer: str, code: str) -> None:
    found = [(fault.pointer, fault.code) for fault in rules.product_faults(product)]

    assert (pointer, code) in found


async def test_every_fault_is_listed_and_nothing_is_added(db: Database) -> None:
    wrong = changed(slug="?", name="", variants=(NewVariant("", {"USD": -1}, ("S",)),))

    with pytest.raises(InvalidInput) as refused:
        async with db.transaction() as tx:
            await catalog.add_product(tx, product=wrong)

    assert [fault.pointer for fault in refused.value.faults] == [
        "/slug",
        "/name",
        "/variants/0/sku",
        "/variants/0/prices/USD",
    ]
    assert await counts(db) == CatalogCounts(0, 0, 0, 0)


async def test_many_products_are_added_in_their_order(db: Database) -> None:
    async with db.transaction() as tx:
        vendor_id = await a_vendor(tx, slug="northline")
        added = await catalog.add_products(
            tx,
            products=[
                changed(vendor_id=vendor_id),
                changed(
                    vendor_id=vendor_id,
                    slug="cup",
                    option_names=(),
                    variants=(NewVariant("CUP", {"USD": 900}),),
                ),
            ],
        )

    async with db.connection() as connection:
        mug = await queries.get_product(connection, slug="mug", currency="USD")
        cup = await queries.get_product(connection, slug="cup", currency="USD")
    assert [row.product_id for row in added] == [mug.id, cup.id]
    assert added[0].variant_ids == tuple(variant.id for variant in mug.variants)
    assert [variant.sku for variant in mug.variants] == ["MUG-S", "MUG-L"]
    assert [variant.sku for variant in cup.variants] == ["CUP"]
    assert await counts(db) == CatalogCounts(1, 0, 2, 3)


async def test_faults_of_a_batch_name_the_product(db: Database) -> None:
    with pytest.raises(InvalidInput) as refused:
        async with db.transaction() as tx:
            await catalog.add_products(tx, products=[PRODUCT, changed(name="")])

    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/1/name", "required"),
        ("", "repeated_slug"),
        ("", "repeated_sku"),
        ("", "repeated_sku"),
    ]


async def add(db: Database, **changes: Any) -> None:
    async with db.transaction() as tx:
        vendor_id = await a_vendor(tx, slug="northline")
        await catalog.add_product(tx, product=changed(vendor_id=vendor_id, **changes))


async def test_a_taken_slug_is_refused_and_nothing_is_added(db: Database) -> None:
    built = await a_product(db, slug="mug")
    before = await counts(db)

    with pytest.raises(SlugTaken) as refused:
        await add(db)

    assert (refused.value.code, refused.value.facts) == ("slug_taken", {"slugs": ["mug"]})
    assert await counts(db) == before
    assert built.slug == "mug"


async def test_a_taken_stock_code_is_refused_and_nothing_is_added(db: Database) -> None:
    await a_product(db, sku="MUG-L")
    before = await counts(db)

    with pytest.raises(SkuTaken) as refused:
        await add(db)

    assert (refused.value.code, refused.value.facts) == ("sku_taken", {"skus": ["MUG-L"]})
    assert await counts(db) == before


async def test_an_unknown_vendor_or_category_is_refused(db: Database) -> None:
    with pytest.raises(VendorNotFound):
        async with db.transaction() as tx:
            await catalog.add_product(tx, product=PRODUCT)
    with pytest.raises(CategoryNotFound):
        await add(db, category_ids=(CategoryId(new_id()),))
    with pytest.raises(CategoryNotFound):
        async with db.transaction() as tx:
            await catalog.add_category(
                tx, slug="home", name="Home", parent_id=CategoryId(new_id())
            )

    assert await counts(db) == CatalogCounts(0, 0, 0, 0)


async def test_vendors_and_categories_are_validated_and_unique(db: Database) -> None:
    async with db.transaction() as tx:
        await catalog.add_vendor(tx, slug="tarn", name="Tarn")
        await catalog.add_category(tx, slug="home", name="Home")
        with pytest.raises(SlugTaken):
            await catalog.add_vendor(tx, slug="tarn", name="Other")
        with pytest.raises(SlugTaken):
            await catalog.add_category(tx, slug="home", name="Other")
        with pytest.raises(InvalidInput) as refused:
            await catalog.add_category(tx, slug="", name="", position=10**9)

    assert [fault.pointer for fault in refused.value.faults] == ["/slug", "/name", "/position"]
    assert await counts(db) == CatalogCounts(1, 1, 0, 0)
