"""A shop gives a code away; a buyer keeps it with the cart, sees what it gives, and uses it."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.support.api import ADDRESS, STAFF, Api, a_body, a_key, an_api


async def enter(api: Api, path: str, **facts: Any) -> Any:
    answer = await api.post(f"/pricing/{path}", facts, headers=STAFF)
    assert answer.status == 201, answer.raw
    return answer.body


async def test_buyer_uses_a_coupon(db: Database) -> None:
    async with an_api(db) as api:
        await _buy(api)


async def _buy(api: Api) -> None:
    lamp = await a_product(api.db, price=2_000)
    rule = await enter(
        api,
        "promotions",
        name="Spring sale",
        effect="percent",
        rate="0.10",
        is_automatic=False,
        minimums=[{"currency": "EUR", "amount": 3_000}],
    )
    await enter(api, "coupons", promotion_id=rule["id"], code="SPRING-10", limit_total=1)

    # One lamp is not enough for it, and the cart says so.
    cart = (
        await api.post(
            "/cart", {"variant_id": str(lamp.variant_id), "quantity": 1, "currency": "EUR"}
        )
    ).body
    token = {"X-Cart-Token": cart["token"]}
    kept = (await api.put("/cart/coupon", {"code": " spring-10 "}, headers=token)).body
    assert (kept["coupon"], kept["is_applied"]) == ("SPRING-10", False)
    assert kept["explanations"] == [
        {
            "code": "minimum_not_reached",
            "detail": "The goods must come to 10.00 EUR more.",
            "is_applied": False,
            "promotion": "Spring sale",
            "coupon": "SPRING-10",
            "amount": {"amount": 0, "currency": "EUR"},
        }
    ]

    # Two are.
    line = cart["items"][0]["id"]
    await api.put(f"/cart/items/{line}", {"quantity": 2}, headers=token)
    with_it = (await api.get("/cart/coupon", headers=token)).body
    assert with_it["is_applied"]
    assert [with_it[name]["amount"] for name in ("subtotal", "discount", "shipping", "total")] == [
        4_000,
        400,
        490,
        4_090,
    ]

    # The quote is the same, and is kept when the shop ends the promotion.
    quote = (
        await api.post(
            "/checkout/quote", {"cart_id": cart["id"], "shipping_address": ADDRESS}, headers=token
        )
    ).body
    assert (quote["coupon"], quote["total"]["amount"]) == ("SPRING-10", 4_090)
    assert [row["code"] for row in quote["shipping_methods"]] == ["standard"]
    await api.delete(f"/pricing/promotions/{rule['id']}", headers=STAFF)
    body = a_body(
        lines=..., cart_id=cart["id"], currency=..., quote_id=quote["id"], expected_total=4_090
    )
    placed = await api.post("/checkout", body, headers={**token, **a_key()})
    assert placed.status == 201, placed.raw
    order = placed.body["order"]
    assert (order["coupon"], order["discount"]["amount"]) == ("SPRING-10", 400)

    # Without the quote the cart's coupon gives nothing any more, so nothing is placed by surprise.
    surprised = a_body(lines=..., cart_id=cart["id"], currency=...)
    refused = await api.post("/checkout", surprised, headers={**token, **a_key()})
    assert refused.refusal == (409, "coupon_not_applicable")
    gone = (await api.delete("/cart/coupon", headers=token)).body
    assert (gone["coupon"], gone["total"]["amount"]) == (None, 4_490)

    async with api.db.connection() as connection:
        assert await check_invariants(connection) == {}
