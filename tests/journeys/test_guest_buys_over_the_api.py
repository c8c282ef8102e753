"""A guest's program buys: cart, quote, checkout, the provider's page, a webhook that says paid."""

from __future__ import annotations

import asyncio
from typing import Any

from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.support.placing import counters
from tests.support.shop import Shop, a_body, a_key, a_shop


async def _call(
    shop: Shop, method: str, path: str, *, json: Any = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await shop.client.request(
        method, f"{shop.base_url}/api/v1{path}", json=json, headers=names
    )
    return answer.status_code, answer.json()


async def test_guest_buys_over_the_api(fresh_url: str) -> None:
    async with a_shop(fresh_url) as shop, Database(Settings(url=fresh_url)) as db:
        product = await a_product(db, price={"USD": 2000, "EUR": 1999}, on_hand=5)
        await shop.start_sandbox()
        await shop.start_web()

        line = {"variant_id": str(product.variant_id), "quantity": 2, "currency": "EUR"}
        status, cart = await _call(shop, "POST", "/cart", json=line)
        assert status == 201, cart
        token = cart["token"]
        body = {
            name: value for name, value in a_body().items() if name not in {"lines", "currency"}
        }
        quoted = {"cart_id": cart["id"], "shipping_method": "standard"}
        status, quote = await _call(
            shop, "POST", "/checkout/quote", json=quoted, X_Cart_Token=token
        )
        assert status in {200, 201}, quote
        status, placed = await _call(
            shop,
            "POST",
            "/checkout",
            json={**body, "cart_id": cart["id"], "expected_total": quote["total"]},
            X_Cart_Token=token,
            **a_key(),
        )
        assert status == 201, placed
        assert placed["order"]["total"] == quote["total"] == {"amount": 4488, "currency": "EUR"}
        assert placed["payment"]["next_action"]["type"] == "redirect"

        paid = await shop.client.post(
            placed["payment"]["next_action"]["url"], data={"test_card": "success"}
        )
        assert paid.status_code == 303, paid.text
        order = await _wait_until_paid(shop, placed["order"])

        assert order["paid"] == order["total"]
        assert await counters(db, product.variant_id) == (5, 2, 0)
        status, after = await _call(shop, "GET", "/cart", X_Cart_Token=token)
        assert (status, after["items"]) == (200, [])
        async with db.connection() as connection:
            assert (
                await connection.raw.fetchval("SELECT sum(amount_minor) FROM ledger_entries") == 0
            )
            assert await check_invariants(connection) == {}


async def _wait_until_paid(shop: Shop, order: dict[str, Any]) -> dict[str, Any]:
    """Only the webhook makes it paid: nobody sweeps and nobody asks."""
    async with asyncio.timeout(20):
        while True:
            status, found = await _call(
                shop, "GET", f"/orders/{order['id']}", X_Order_Token=order["access_token"]
            )
            assert status == 200, found
            if found["status"] == "paid":
                return found
            await asyncio.sleep(0.05)
