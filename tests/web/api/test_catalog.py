"""Reading the catalog over HTTP."""

from __future__ import annotations

import pytest

from surehold.catalog.model import ProductStatus
from tests.builders.catalog import a_category, a_product
from tests.support.api import NOBODY, Api


async def test_a_list_shows_prices_and_stock(api: Api) -> None:
    product = await a_product(api.db, price={"USD": 1500, "EUR": 1400}, on_hand=4)

    answer = await api.get("/products?currency=EUR")

    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.body == {
        "items": [
            {
                "id": str(product.product_id),
                "slug": product.slug,
                "name": f"Product {product.sku}",
                "fact": "Solid brass",
                "vendor": {"slug": "northline", "name": "Northline"},
                "image": {
                    "url": f"/media/{product.slug}-1.svg",
                    "alt": f"{product.sku}, view 1",
                    "width": 800,
                    "height": 1000,
                },
                "price_from": {"amount": 1400, "currency": "EUR"},
                "price_to": {"amount": 1400, "currency": "EUR"},
                "currency": "EUR",
                "available": 4,
                "variants": [
                    {
                        "id": str(product.variant_id),
                        "sku": product.sku,
                        "name": f"Product {product.sku}",
                        "options": [],
                        "price": {"amount": 1400, "currency": "EUR"},
                        "available": 4,
                        "weight_grams": 400,
                    }
                ],
            }
        ],
        "next_cursor": None,
    }


async def test_the_stores_first_currency_is_the_default(api: Api) -> None:
    await a_product(api.db, price={"USD": 1500, "EUR": 1400})

    answer = await api.get("/products")

    assert answer.body["items"][0]["price_from"] == {"amount": 1500, "currency": "USD"}


async def test_a_list_pages_by_cursor(api: Api) -> None:
    made = [await a_product(api.db) for _ in range(5)]
    found, path = [], "/products?limit=2&sort=newest"

    for _ in range(3):
        page = (await api.get(path)).body
        found += [item["slug"] for item in page["items"]]
        path = f"/products?limit=2&sort=newest&cursor={page['next_cursor']}"

    assert found == [product.slug for product in reversed(made)]
    assert page["next_cursor"] is None


async def test_a_list_is_filtered_and_sorted(api: Api) -> None:
    async with api.db.transaction() as tx:
        await a_category(tx, slug="light")
        await a_category(tx, slug="lamps", parent="light")
    cheap = await a_product(api.db, price=500, categories=["lamps"], vendor="fell")
    dear = await a_product(api.db, price=900, name="Brass lantern", on_hand=0)

    async def slugs(query: str) -> list[str]:
        return [item["slug"] for item in (await api.get(f"/products?{query}")).body["items"]]

    assert await slugs("category=light") == [cheap.slug]
    assert await slugs("vendor=fell") == [cheap.slug]
    assert await slugs("in_stock=true") == [cheap.slug]
    assert await slugs("search=lant") == [dear.slug]
    assert await slugs("min_price=600&max_price=900") == [dear.slug]
    assert await slugs("sort=-price") == [dear.slug, cheap.slug]
    assert await slugs("category=none") == []


async def test_facets_come_when_they_are_asked_for(api: Api) -> None:
    await a_product(api.db, categories=["lamps"])
    await a_product(api.db)

    answer = await api.get("/products?facets=true&limit=1")

    assert answer.body["total"] == 2
    assert answer.body["facets"] == {
        "categories": [{"slug": "lamps", "name": "Lamps", "parent": None, "count": 1}]
    }


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("limit=0", {("/limit", "out_of_range")}),
        ("limit=101", {("/limit", "out_of_range")}),
        ("limit=many", {("/limit", "wrong_type")}),
        ("limit=" + "9" * 5000, {("", "too_long")}),
        ("limit=99999999999999999999999", {("/limit", "wrong_type")}),
        ("in_stock=perhaps", {("/in_stock", "wrong_type")}),
        ("sort=size", {("/sort", "invalid_choice")}),
        ("currency=ABC", {("/currency", "invalid_currency")}),
        ("currency=euros", {("/currency", "too_long")}),
        ("cursor=abc", {("/cursor", "invalid_cursor")}),
        ("search=%00", {("/search", "invalid_text")}),
        ("search=" + "a" * 201, {("/search", "too_long")}),
        ("min_price=-1", {("/min_price", "out_of_range")}),
        ("color=red", {("/color", "unknown_field")}),
        ("limit=1&limit=2", {("/limit", "repeated")}),
        (
            "limit=0&sort=x&color=red",
            {
                ("/limit", "out_of_range"),
                ("/sort", "invalid_choice"),
                ("/color", "unknown_field"),
            },
        ),
        ("&".join(f"a{i}=1" for i in range(60)), {("", "too_many")}),
    ],
)
async def test_every_fault_of_a_query_is_listed(
    api: Api, query: str, faults: set[tuple[str, str]]
) -> None:
    assert (await api.get(f"/products?{query}")).faults == faults


async def test_a_product_is_read_by_id_or_slug(api: Api) -> None:
    product = await a_product(api.db, price=700, sizes=["S", "M"], on_hand=3)

    by_id = await api.get(f"/products/{product.product_id}")
    by_slug = await api.get(f"/products/{product.slug}")

    assert by_id.raw == by_slug.raw
    assert by_id.body["option_names"] == ["Size"]
    assert by_id.body["details"] == [{"name": "Material", "value": "Brass"}]
    assert by_id.body["variants"] == [
        {
            "id": str(variant_id),
            "sku": sku,
            "name": size,
            "options": [size],
            "price": {"amount": 700, "currency": "USD"},
            "available": 3,
            "weight_grams": 400,
        }
        for variant_id, sku, size in zip(
            product.variant_ids, product.skus, ["S", "M"], strict=True
        )
    ]


async def test_a_variant_without_a_price_in_the_currency_has_none(api: Api) -> None:
    product = await a_product(api.db, price={"USD": 700})

    answer = await api.get(f"/products/{product.slug}?currency=EUR")

    assert answer.body["variants"][0]["price"] is None


@pytest.mark.parametrize("name", [NOBODY, "nothing", "%00", "a" * 300, "%FF"])
async def test_an_unknown_product_is_not_found(api: Api, name: str) -> None:
    assert (await api.get(f"/products/{name}")).refusal == (404, "product_not_found")


async def test_a_draft_is_not_found(api: Api) -> None:
    product = await a_product(api.db, status=ProductStatus.DRAFT)

    assert (await api.get(f"/products/{product.slug}")).refusal == (404, "product_not_found")
    assert (await api.get("/products")).body["items"] == []


async def test_categories_and_vendors_are_listed_and_read(api: Api) -> None:
    await a_product(api.db, categories=["lamps"], vendor="fell")

    categories = await api.get("/categories")
    vendors = await api.get("/vendors")

    assert categories.body["items"] == [
        {"slug": "lamps", "name": "Lamps", "description": "", "parent": None}
    ]
    assert [vendor["slug"] for vendor in vendors.body["items"]] == ["fell"]
    assert (await api.get("/categories/lamps")).body == categories.body["items"][0]
    assert (await api.get("/vendors/fell")).body == vendors.body["items"][0]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/categories/none", "category_not_found"),
        ("/categories/%00", "category_not_found"),
        ("/vendors/none", "vendor_not_found"),
        ("/vendors/%00", "vendor_not_found"),
    ],
)
async def test_unknown_categories_and_vendors_are_not_found(
    api: Api, path: str, code: str
) -> None:
    assert (await api.get(path)).refusal == (404, code)
