"""The cart over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from surehold.db import Database, shop
from tests.builders.catalog import a_product, change_on_hand, change_price, withdraw
from tests.support.api import NOBODY, Api, an_api
from tests.support.placing import count_rows

CARTS = ("carts", "cart_lines")


async def a_cart(api: Api, **product: Any) -> tuple[Any, dict[str, str], Any]:
    """A cart with two units of a new product: the product, the token's header, the document."""
    made = await a_product(api.db, **product)
    answer = await api.post("/cart", {"variant_id": str(made.variant_id), "quantity": 2})
    assert answer.status == 201, answer.raw
    return made, {"X-Cart-Token": answer.body["token"]}, answer.body


async def test_the_first_thing_makes_the_cart(api: Api) -> None:
    product = await a_product(api.db, price=1250, on_hand=5)

    answer = await api.post("/cart", {"variant_id": str(product.variant_id), "quantity": 2})

    cart = answer.body
    assert answer.status == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["set-cookie"] == (
        f"surehold_cart={cart['token']}; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax"
    )
    assert cart["subtotal"] == {"amount": 2500, "currency": "USD"}
    assert cart["item_count"] == 2
    (line,) = cart["items"]
    assert line["variant_id"] == str(product.variant_id)
    assert line["sku"] == product.sku
    assert line["unit_price"] == {"amount": 1250, "currency": "USD"}
    assert line["line_total"] == {"amount": 2500, "currency": "USD"}
    assert line["available"] == 5
    assert line["problems"] == []


async def test_the_cookie_is_secure_where_the_store_is(db: Database) -> None:
    product = await a_product(db)
    async with an_api(db, base_url="https://shop.test") as api:
        answer = await api.post("/cart", {"variant_id": str(product.variant_id)})

    assert answer.headers["set-cookie"].endswith("; HttpOnly; SameSite=Lax; Secure")


@pytest.mark.parametrize("how", ["header", "cookie"])
async def test_a_token_opens_the_cart(api: Api, how: str) -> None:
    product, header, cart = await a_cart(api)
    headers = header if how == "header" else {"Cookie": f"a=b; surehold_cart={cart['token']}"}

    added = await api.post("/cart", {"variant_id": str(product.variant_id)}, headers=headers)
    read = await api.get("/cart", headers=headers)

    assert added.status == 200
    assert "set-cookie" not in added.headers
    assert added.raw == read.raw
    assert [line["quantity"] for line in read.body["items"]] == [3]


@pytest.mark.parametrize("headers", [{}, {"X-Cart-Token": "x" * 300}, {"X-Cart-Token": "wrong"}])
async def test_without_its_token_there_is_no_cart(api: Api, headers: dict[str, str]) -> None:
    _, _, cart = await a_cart(api)
    line = cart["items"][0]["id"]

    for answer in (
        await api.get("/cart", headers=headers),
        await api.delete("/cart", headers=headers),
        await api.put(f"/cart/items/{line}", {"quantity": 1}, headers=headers),
        await api.delete(f"/cart/items/{line}", headers=headers),
        await api.post("/cart/validate", headers=headers),
    ):
        assert answer.refusal == (404, "cart_not_found")


async def test_a_cookie_that_opens_nothing_gets_a_new_cart(api: Api) -> None:
    product = await a_product(api.db)
    wanted = {"variant_id": str(product.variant_id)}

    by_cookie = await api.post("/cart", wanted, headers={"Cookie": "surehold_cart=stale"})
    by_header = await api.post("/cart", wanted, headers={"X-Cart-Token": "stale"})

    assert by_cookie.status == 201
    assert by_header.refusal == (404, "cart_not_found")


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {("/variant_id", "missing")}),
        (
            {"variant_id": "x", "quantity": 0, "currency": "ABC", "color": 1},
            {
                ("/variant_id", "invalid_id"),
                ("/quantity", "out_of_range"),
                ("/currency", "invalid_currency"),
                ("/color", "unknown_field"),
            },
        ),
        ({"variant_id": NOBODY, "quantity": 1000}, {("/quantity", "out_of_range")}),
        ({"variant_id": NOBODY, "quantity": "1"}, {("/quantity", "wrong_type")}),
        ({"variant_id": NOBODY, "quantity": None}, {("/quantity", "wrong_type")}),
    ],
)
async def test_every_fault_is_listed(
    api: Api, body: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    assert (await api.post("/cart", body)).faults == faults
    assert await count_rows(api.db, CARTS) == {}


async def test_what_cannot_be_bought_makes_no_cart(api: Api) -> None:
    product = await a_product(api.db, on_hand=1, price={"USD": 100})
    wanted = {"variant_id": str(product.variant_id)}

    unknown = await api.post("/cart", {"variant_id": NOBODY})
    too_many = await api.post("/cart", {**wanted, "quantity": 2})
    unpriced = await api.post("/cart", {**wanted, "currency": "EUR"})

    assert unknown.refusal == (409, "not_for_sale")
    assert too_many.refusal == (409, "insufficient_stock")
    assert too_many.body["shortages"][0]["available"] == 1
    assert unpriced.refusal == (409, "not_for_sale")
    assert await count_rows(api.db, CARTS) == {}


async def test_a_cart_keeps_its_currency(api: Api) -> None:
    product, headers, _ = await a_cart(api)

    answer = await api.post(
        "/cart", {"variant_id": str(product.variant_id), "currency": "EUR"}, headers=headers
    )

    assert answer.refusal == (409, "cart_currency_differs")
    assert answer.body["currency"] == "USD"
    assert (await api.get("/cart", headers=headers)).body["item_count"] == 2


async def test_over_asking_says_what_is_available(api: Api) -> None:
    product, headers, cart = await a_cart(api, on_hand=3)
    line = cart["items"][0]["id"]

    added = await api.post(
        "/cart", {"variant_id": str(product.variant_id), "quantity": 2}, headers=headers
    )
    changed = await api.put(f"/cart/items/{line}", {"quantity": 4}, headers=headers)

    assert added.refusal == changed.refusal == (409, "insufficient_stock")
    assert added.body["shortages"] == [
        {"variant_id": str(product.variant_id), "requested": 4, "available": 3}
    ]
    assert (await api.get("/cart", headers=headers)).body["item_count"] == 2


async def test_lines_are_changed_and_removed(api: Api) -> None:
    _, headers, cart = await a_cart(api)
    line = cart["items"][0]["id"]

    changed = await api.put(f"/cart/items/{line}", {"quantity": 5}, headers=headers)
    removed = await api.delete(f"/cart/items/{line}", headers=headers)
    again = await api.delete(f"/cart/items/{line}", headers=headers)

    assert (changed.status, changed.body["item_count"]) == (200, 5)
    assert (removed.status, removed.body["items"]) == (200, [])
    assert again.refusal == (404, "cart_line_not_found")


@pytest.mark.parametrize("line", ["x", NOBODY, "%00"])
async def test_an_unknown_line_is_not_found(api: Api, line: str) -> None:
    _, headers, _ = await a_cart(api)

    changed = await api.put(f"/cart/items/{line}", {"quantity": 1}, headers=headers)
    removed = await api.delete(f"/cart/items/{line}", headers=headers)

    assert changed.refusal == removed.refusal == (404, "cart_line_not_found")


async def test_a_cart_is_emptied(api: Api) -> None:
    _, headers, cart = await a_cart(api)

    answer = await api.delete("/cart", headers=headers)

    assert answer.status == 200
    assert answer.body["id"] == cart["id"]
    assert answer.body["items"] == []
    assert answer.body["subtotal"] == {"amount": 0, "currency": "USD"}


async def test_validation_lists_every_problem_and_changes_nothing(api: Api) -> None:
    dearer, headers, cart = await a_cart(api, price=1000)
    gone, few = await a_product(api.db), await a_product(api.db)
    for product in (gone, few):
        await api.post(
            "/cart", {"variant_id": str(product.variant_id), "quantity": 2}, headers=headers
        )
    fine = await api.post("/cart/validate", headers=headers)
    await change_price(api.db, dearer.variant_id, currency="USD", price=1100)
    await withdraw(api.db, gone.variant_id)
    await change_on_hand(api.db, few.variant_id, on_hand=1)

    answer = await api.post("/cart/validate", {}, headers=headers)

    assert fine.body == {"is_valid": True, "problems": [], "accepted": []}
    assert answer.body["is_valid"] is False
    assert [
        (problem["variant_id"], problem["kind"], problem["available"])
        for problem in answer.body["problems"]
    ] == [
        (str(dearer.variant_id), "price_changed", None),
        (str(gone.variant_id), "gone", None),
        (str(few.variant_id), "too_few", 1),
    ]
    assert answer.body["problems"][0]["old_price"] == {"amount": 1000, "currency": "USD"}
    assert answer.body["problems"][0]["new_price"] == {"amount": 1100, "currency": "USD"}
    assert cart["items"][0]["quantity"] == 2


async def test_small_changes_of_a_price_stand_in_nobodys_way(api: Api, db: Database) -> None:
    product, headers, _ = await a_cart(api, price=1000)
    async with db.transaction() as tx:
        await shop.change(tx, key="price_tolerance", value="0.05", actor="test")

    await change_price(db, product.variant_id, currency="USD", price=1050)
    within = await api.post("/cart/validate", headers=headers)
    await change_price(db, product.variant_id, currency="USD", price=1051)
    beyond = await api.post("/cart/validate", headers=headers)

    assert within.body == {"is_valid": True, "problems": [], "accepted": []}
    assert [row["kind"] for row in beyond.body["problems"]] == ["price_changed"]
    assert beyond.body["problems"][0]["new_price"] == {"amount": 1051, "currency": "USD"}


async def test_prices_and_quantities_are_brought_up_to_date_on_request(api: Api) -> None:
    product, headers, _ = await a_cart(api, price=1000)
    await change_price(api.db, product.variant_id, currency="USD", price=1200)
    await change_on_hand(api.db, product.variant_id, on_hand=1)

    accepted = await api.post("/cart/validate", {"accept_changes": True}, headers=headers)
    after = await api.get("/cart", headers=headers)

    assert accepted.body["is_valid"] is True
    assert [row["kind"] for row in accepted.body["accepted"]] == ["too_few", "price_changed"]
    assert after.body["subtotal"] == {"amount": 1200, "currency": "USD"}
    assert after.body["items"][0]["quantity"] == 1
