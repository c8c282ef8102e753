"""The price book over HTTP: entering, changing, listing, taking out of use."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.catalog import a_product
from tests.support.api import NOBODY, STAFF, Api, a_body, a_key

PROMOTION: dict[str, Any] = {
    "name": "Ten off",
    "effect": "percent",
    "rate": "0.10",
    "minimums": [{"currency": "EUR", "amount": 500}],
    "starts_at": "2026-01-01T00:00:00Z",
}
PATHS = ("prices", "tax-rates", "shipping-zones", "shipping-methods", "promotions", "coupons")


async def enter(api: Api, path: str, **facts: Any) -> Any:
    answer = await api.post(f"/pricing/{path}", facts, headers=STAFF)
    assert answer.status == 201, answer.raw
    return answer.body


@pytest.mark.parametrize("path", PATHS)
async def test_only_staff_may(api: Api, path: str) -> None:
    assert (await api.get(f"/pricing/{path}")).refusal == (401, "unauthenticated")
    assert (await api.post(f"/pricing/{path}", {})).refusal == (401, "unauthenticated")
    for method in ("GET", "PUT", "DELETE"):
        answer = await api(method, f"/pricing/{path}/{NOBODY}")
        assert answer.refusal == (401, "unauthenticated")


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    for method in ("GET", "DELETE"):
        for entry_id in (NOBODY, "no-id"):
            answer = await api(method, f"/pricing/{path}/{entry_id}", headers=STAFF)
            assert answer.refusal == (404, "entry_not_found")


async def test_an_entry_is_read_listed_changed_and_taken_out_of_use(api: Api) -> None:
    made = await enter(api, "promotions", **PROMOTION)
    where = f"/pricing/promotions/{made['id']}"

    read = await api.get(where, headers=STAFF)
    listed = await api.get("/pricing/promotions", headers=STAFF)
    changed = await api.put(where, {**PROMOTION, "rate": "0.2"}, headers=STAFF)
    ended = [await api.delete(where, headers=STAFF) for _ in range(2)]

    assert read.body == made
    assert made["minimums"] == PROMOTION["minimums"]
    assert listed.body == {"items": [made], "next_cursor": None}
    assert changed.body == {**made, "rate": "0.2"}
    assert [answer.body for answer in ended] == [{**changed.body, "is_active": False}] * 2
    async with api.db.connection() as connection:
        kept = await connection.raw.fetch(
            "SELECT kind, changed_by, content ->> 'rate' AS rate FROM price_book_changes"
            " ORDER BY id"
        )
    assert [tuple(row) for row in kept] == [
        ("Promotion", "operator", "0.10"),
        ("Promotion", "operator", "0.2"),
        ("Promotion", "operator", "0.2"),
    ]


async def test_lists_page_by_cursor(api: Api) -> None:
    made = [await enter(api, "shipping-zones", name=f"Zone {number}") for number in range(3)]

    first = await api.get("/pricing/shipping-zones?limit=2", headers=STAFF)
    cursor = first.body["next_cursor"]
    second = await api.get(f"/pricing/shipping-zones?limit=2&cursor={cursor}", headers=STAFF)
    odd = await api.get("/pricing/shipping-zones?cursor=odd", headers=STAFF)

    assert first.body["items"] + second.body["items"] == made
    assert second.body["next_cursor"] is None
    assert odd.faults == {("/cursor", "invalid_cursor")}


@pytest.mark.parametrize(
    ("path", "body", "faults"),
    [
        (
            "promotions",
            {"name": " ", "effect": "half", "rate": "1.5x", "ends_at": "tomorrow", "x": 1},
            {
                ("/name", "blank"),
                ("/effect", "invalid_format"),
                ("/rate", "invalid_format"),
                ("/ends_at", "invalid_format"),
                ("/x", "unknown_field"),
            },
        ),
        (
            "promotions",
            {"name": "A", "effect": "buy_x_get_y", "amounts": [{"currency": "EUR", "amount": 1}]},
            {
                ("/rate", "missing"),
                ("/buy_quantity", "missing"),
                ("/get_quantity", "missing"),
                ("/amounts", "not_for_this_effect"),
            },
        ),
        (
            "promotions",
            {
                **PROMOTION,
                "ends_at": "2025-01-01T00:00:00Z",
                "minimums": [{"currency": "EUR", "amount": 1}],
                "rate": "0",
            },
            {("/ends_at", "empty_window"), ("/rate", "out_of_range")},
        ),
        (
            "promotions",
            {**PROMOTION, "minimums": [{"currency": "EUR", "amount": 1}] * 2},
            {("/minimums/1/currency", "repeated")},
        ),
        ("tax-rates", {"country": "XX", "rate": "1"}, {("/country", "invalid_country")}),
        ("tax-rates", {"country": "IE", "rate": "1"}, {("/rate", "out_of_range")}),
        (
            "shipping-zones",
            {"name": "A", "countries": ["IE", "DE"], "regions": ["D"], "postal_prefixes": [" "]},
            {
                ("/regions", "one_country"),
                ("/postal_prefixes", "one_country"),
                ("/postal_prefixes/0", "blank"),
            },
        ),
        (
            "shipping-methods",
            {"zone_id": NOBODY, "code": "a", "name": "A"},
            {("/rates", "missing")},
        ),
        (
            "shipping-methods",
            {"zone_id": NOBODY, "code": "a", "name": "A", "kind": "pickup"},
            {("/zone_id", "unknown_reference")},
        ),
        (
            "prices",
            {"variant_id": NOBODY, "currency": "EUR", "amount_minor": 1},
            {("/variant_id", "unknown_reference")},
        ),
        ("coupons", {"promotion_id": NOBODY, "code": "a b"}, {("/code", "invalid_coupon")}),
        (
            "coupons",
            {"promotion_id": NOBODY, "code": "a"},
            {("/promotion_id", "unknown_reference")},
        ),
    ],
)
async def test_every_fault_is_listed_and_nothing_entered(
    api: Api, path: str, body: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    answer = await api.post(f"/pricing/{path}", body, headers=STAFF)

    assert answer.faults == faults
    assert (await api.get(f"/pricing/{path}", headers=STAFF)).body["items"] == []


async def test_a_code_belongs_to_one_coupon_of_a_promotion_that_needs_one(api: Api) -> None:
    locked = await enter(api, "promotions", **PROMOTION, is_automatic=False)
    open_one = await enter(api, "promotions", **PROMOTION)
    coupon = await enter(api, "coupons", promotion_id=locked["id"], code=" spring-10")

    again = await api.post(
        "/pricing/coupons", {"promotion_id": locked["id"], "code": "SPRING-10"}, headers=STAFF
    )
    automatic = await api.post(
        "/pricing/coupons", {"promotion_id": open_one["id"], "code": "OTHER"}, headers=STAFF
    )

    assert (coupon["code"], coupon["used"]) == ("SPRING-10", 0)
    assert again.refusal == (409, "entry_exists")
    assert automatic.faults == {("/promotion_id", "promotion_is_automatic")}


async def test_limits_are_not_set_below_what_is_used(api: Api) -> None:
    product = await a_product(api.db)
    locked = await enter(api, "promotions", **PROMOTION, is_automatic=False)
    coupon = await enter(api, "coupons", promotion_id=locked["id"], code="TEN", limit_total=2)
    for _ in range(2):
        await api.buy(product.variant_id, coupon="ten")
    body = {"promotion_id": locked["id"], "code": "TEN"}
    where = f"/pricing/coupons/{coupon['id']}"

    total = await api.put(where, {**body, "limit_total": 1}, headers=STAFF)
    buyer = await api.put(where, {**body, "limit_per_buyer": 1}, headers=STAFF)
    fine = await api.put(where, {**body, "limit_total": 2, "limit_per_buyer": 2}, headers=STAFF)

    assert total.faults == {("/limit_total", "below_used")}
    assert buyer.faults == {("/limit_per_buyer", "below_used")}
    assert fine.body["used"] == 2


async def test_a_change_holds_for_the_next_order(api: Api) -> None:
    product = await a_product(api.db, price=1_000, categories=("lamps",))
    before = await api.buy(product.variant_id)
    async with api.db.connection() as connection:
        category = await connection.raw.fetchval("SELECT id::text FROM categories")

    await enter(
        api, "prices", variant_id=str(product.variant_id), currency="EUR", amount_minor=800
    )
    special = await api.buy(product.variant_id)
    made = await enter(api, "promotions", **PROMOTION, category_ids=[category])
    promoted = await api.buy(product.variant_id)
    await api.delete(f"/pricing/promotions/{made['id']}", headers=STAFF)
    after = await api.buy(product.variant_id)

    totals = [row["order"]["total"]["amount"] for row in (before, special, promoted, after)]
    assert totals == [1_490, 1_290, 1_210, 1_290]


async def test_an_order_pays_the_tax_and_the_shipping_of_its_place(api: Api) -> None:
    product = await a_product(api.db, price=1_000, weight_grams=3_000)
    await enter(api, "tax-rates", country="IE", rate="0.23")
    zone = await enter(api, "shipping-zones", name="Ireland", countries=["IE"])
    await enter(
        api,
        "shipping-methods",
        zone_id=zone["id"],
        code="parcel",
        name="Parcel",
        basis="weight",
        rates=[
            {"currency": "EUR", "from_value": 0, "amount_minor": 500},
            {"currency": "EUR", "from_value": 5_000, "amount_minor": 900},
        ],
    )

    placed = await api.buy((product.variant_id, 2), shipping_method="parcel")
    refused = await api.post("/checkout", a_body(product.variant_id), headers=a_key())

    order = placed["order"]
    assert (order["shipping"]["amount"], order["total"]["amount"]) == (900, 2_900)
    assert order["lines"][0]["tax_rate"] == "0.23"
    assert order["tax"]["amount"] == 374 + 168
    assert refused.refusal == (422, "shipping_method_unknown")
