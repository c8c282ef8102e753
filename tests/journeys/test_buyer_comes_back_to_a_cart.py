"""A buyer leaves a cart, opens it elsewhere, takes over a second one, keeps things for later."""

from __future__ import annotations

from datetime import timedelta

from surehold.cart import queries
from surehold.checkout.commands import report_abandoned_carts
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.ids import CartId
from tests.builders.catalog import a_product, change_price
from tests.support.api import a_body, a_key, an_api
from tests.support.clock import shift
from tests.support.placing import counters


async def test_buyer_comes_back_to_a_left_cart(db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=6200, on_hand=5)
    mug = await a_product(db, name="Enamel mug", price=1900, on_hand=3)
    async with an_api(db) as api:
        # On the desktop: two lamps and a mug, an address, and then nothing more.
        wanted = {"variant_id": str(lamp.variant_id), "quantity": 2, "currency": "EUR"}
        left = (await api.post("/cart", wanted)).body
        desktop = {"X-Cart-Token": left["token"]}
        await api.post("/cart", {"variant_id": str(mug.variant_id)}, headers=desktop)
        await api.put("/cart/contact", {"email": "Mara@Example.com"}, headers=desktop)
        await shift(db, timedelta(hours=5))
        assert await report_abandoned_carts(api.checkout) == 1
        async with db.connection() as connection:
            fact = await connection.raw.fetchrow(
                "SELECT subject_id, payload FROM outbox WHERE topic = 'cart.abandoned'"
            )
            contact = await queries.find_contact(connection, cart_id=CartId(fact["subject_id"]))
        assert fact["payload"] == {"cart_id": left["id"]}
        assert contact is not None
        assert (contact.email, contact.is_refused) == ("Mara@example.com", False)

        # Meanwhile a telephone has begun a cart of its own; it follows the letter's link.
        wanted = {"variant_id": str(mug.variant_id), "quantity": 3, "currency": "EUR"}
        phone = {"X-Cart-Token": (await api.post("/cart", wanted)).body["token"]}
        await change_price(db, lamp.variant_id, currency="EUR", price=5900)
        link = api.application.parts.links.make("cart-restore", fact["subject_id"].bytes)
        restored = (await api.post("/cart/restore", {"token": link})).body
        mine = {"X-Cart-Token": restored["token"]}
        merged = await api.post("/cart/merge", {"token": phone["X-Cart-Token"]}, headers=mine)
        again = await api.post("/cart/merge", {"token": phone["X-Cart-Token"]}, headers=mine)

        assert restored["id"] == left["id"]
        assert [row["kind"] for row in restored["items"][0]["problems"]] == ["price_changed"]
        assert [(row["sku"], row["quantity"]) for row in merged.body["cart"]["items"]] == [
            (lamp.sku, 2),
            (mug.sku, 3),
        ]
        assert merged.body["notes"] == [
            {
                "kind": "capped",
                "variant_id": str(mug.variant_id),
                "requested": 4,
                "quantity": 3,
                "available": 3,
            }
        ]
        assert again.body == {**merged.body, "notes": []} | {"cart": again.body["cart"]}
        assert again.body["cart"]["items"] == merged.body["cart"]["items"]

        # The mugs can wait; the lamps are bought at today's price.
        mugs = merged.body["cart"]["items"][1]["id"]
        saved = await api.post(f"/cart/items/{mugs}/save", headers=mine)
        accepted = await api.post("/cart/validate", {"accept_changes": True}, headers=mine)
        body = a_body(lines=..., currency=..., cart_id=left["id"])
        placed = await api.post("/checkout", body, headers={**mine, **a_key()})
        kept = await api.get("/cart", headers=desktop)

        assert saved.body["subtotal"] == {"amount": 11_800, "currency": "EUR"}
        assert accepted.body["is_valid"] is True
        assert placed.status == 201, placed.raw
        assert [row["sku"] for row in placed.body["order"]["lines"]] == [lamp.sku]
        assert [(row["sku"], row["quantity"]) for row in kept.body["saved"]] == [(mug.sku, 3)]
        assert await counters(db, lamp.variant_id) == (5, 0, 2)
        assert await counters(db, mug.variant_id) == (3, 0, 0)
        await shift(db, timedelta(days=2))
        assert await report_abandoned_carts(api.checkout) == 0
        async with db.connection() as connection:
            assert await check_invariants(connection) == {}


async def test_visitor_wishes_first_and_buys_later(db: Database) -> None:
    lamp = await a_product(db, price=6200, on_hand=2)
    async with an_api(db) as api:
        begun = await api.post("/wishlist", {"variant_id": str(lamp.variant_id)})
        wishing = {"X-Wishlist-Token": begun.body["token"]}
        path = f"/wishlist/items/{lamp.variant_id}/move-to-cart"

        too_many = await api.post(path, {"quantity": 3, "currency": "EUR"}, headers=wishing)
        nobody = await api.post(path, headers={"X-Wishlist-Token": "wrong"})
        moved = await api.post(path, {"quantity": 2, "currency": "EUR"}, headers=wishing)
        cart = {"X-Cart-Token": moved.body["cart"]["token"]}
        line = moved.body["cart"]["items"][0]["id"]
        back = await api.post(f"/cart/items/{line}/wish", headers={**wishing, **cart})
        removed = await api.delete(f"/wishlist/items/{lamp.variant_id}", headers=wishing)

        assert begun.status == 201
        assert begun.headers["set-cookie"].startswith("surehold_wishlist=")
        assert begun.body["items"][0]["prices"] == [
            {"amount": 6200, "currency": "EUR"},
            {"amount": 6200, "currency": "USD"},
        ]
        assert too_many.refusal == (409, "insufficient_stock")
        assert too_many.body["shortages"][0]["available"] == 2
        assert nobody.refusal == (404, "wishlist_not_found")
        assert moved.body["wishlist"]["items"] == []
        assert moved.body["cart"]["subtotal"] == {"amount": 12_400, "currency": "EUR"}
        assert [row["sku"] for row in back.body["wishlist"]["items"]] == [lamp.sku]
        assert back.body["cart"]["items"] == []
        assert removed.body["items"] == []
        async with db.connection() as connection:
            # Refusals have made no cart.
            assert await connection.raw.fetchval("SELECT count(*) FROM carts") == 1
