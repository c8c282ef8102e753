"""Buy now: lines in the checkout itself, an address as it is typed, and no cart anywhere."""

from __future__ import annotations

from surehold.db import Database
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.support.api import a_key, an_api, order_token
from tests.support.placing import counters


async def test_guest_buys_now_without_a_cart(db: Database) -> None:
    lamp = await a_product(db, price=6200, on_hand=3)
    body = {
        "lines": [{"variant_id": str(lamp.variant_id), "quantity": 1}],
        "currency": "EUR",
        "email": "mara@example.com",
        "shipping_address": {
            "name": "Mara Quinn",
            "line1": "12 Quay Street",
            "city": "Galway",
            "region": "galway",
            "postal_code": "x91x2kz9",
            "country": "IE",
            "phone": "091 123 456",
        },
        "shipping_method": "standard",
        "payment_method": {"provider": "bank_transfer"},
        "expected_total": {"amount": 6690, "currency": "EUR"},
    }
    async with an_api(db) as api:
        refused = await api.post("/checkout", body, headers=a_key())
        body["shipping_address"]["postal_code"] = "h91x2kp"
        key = a_key()
        placed = await api.post("/checkout", body, headers=key)
        again = await api.post("/checkout", body, headers=key)
        order = placed.body["order"]
        read = await api.get(f"/orders/{order['id']}", headers=order_token(placed.body))

        assert refused.faults == {("/shipping_address/postal_code", "invalid_postal_code")}
        assert refused.body["errors"][0]["detail"] == "An Eircode in Ireland looks like A65 F4E2."
        assert (placed.status, again.raw) == (201, placed.raw)
        assert order["total"] == {"amount": 6690, "currency": "EUR"}
        assert read.body["shipping_address"] == {
            "name": "Mara Quinn",
            "line1": "12 Quay Street",
            "city": "Galway",
            "region": "Co. Galway",
            "postal_code": "H91 X2KP",
            "country": "IE",
            "phone": "+35391123456",
        }
        assert await counters(db, lamp.variant_id) == (3, 0, 1)
        async with db.connection() as connection:
            assert await connection.raw.fetchval("SELECT count(*) FROM carts") == 0
            assert await check_invariants(connection) == {}
