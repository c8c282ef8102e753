"""A buyer sends one of two lamps back: asked, approved, opened, judged, paid back by transfer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.ids import OrderId
from tests.builders.catalog import a_product
from tests.builders.orders import ship
from tests.support.api import NOBODY, STAFF, a_key, an_api, order_token
from tests.support.placing import counters


async def test_buyer_sends_a_lamp_back(db: Database) -> None:
    lamp = await a_product(db, price=3000, on_hand=5)
    async with an_api(db) as api:
        placed = await api.buy((lamp.variant_id, 2))
        order_id, line = placed["order"]["id"], placed["order"]["lines"][0]["id"]
        path, guest = f"/orders/{order_id}/returns", order_token(placed)
        received = {"received": placed["order"]["total"]}
        await api.post(f"/payments/{placed['payment']['id']}/confirm", received, headers=STAFF)
        body = {"lines": [{"line_id": line, "quantity": 1, "reason": "does_not_fit"}]}

        early = await api.post(path, body, headers={**guest, **a_key()})
        assert early.refusal == (409, "units_not_returnable")
        await ship(api.checkout, OrderId(UUID(order_id)))
        key = {**guest, **a_key()}
        asked = await api.post(path, {**body, "note": "Too tall for my desk"}, headers=key)
        again = await api.post(path, {**body, "note": "Too tall for my desk"}, headers=key)
        assert asked.status == 201, asked.raw
        assert asked.raw == again.raw
        one = f"{path}/{asked.body['id']}"

        async def step(verb: str, sent: Any = None, **headers: str) -> Any:
            answer = await api.post(f"{one}/{verb}", sent or {}, headers=headers or STAFF)
            assert answer.status == 200, answer.raw
            return answer.body

        forbidden = await api.post(f"{one}/approve", {}, headers=guest)
        assert forbidden.refusal == (401, "unauthenticated")
        approved = await step("approve", {"answer": "Send it to our warehouse"})
        assert (approved["state"], approved["answer"]) == ("approved", "Send it to our warehouse")
        assert (await step("send", **guest))["state"] == "in_transit"
        kept = await api.post(f"{one}/cancel", {}, headers=guest)
        assert kept.refusal == (409, "return_not_possible")
        opened = await step("receive")
        assert opened["lines"][0]["received_quantity"] == 1
        verdict = {"lines": [{"line_id": line, "sellable": 1}]}
        assert (await step("inspect", verdict))["lines"][0]["sellable_quantity"] == 1
        assert (await step("inspect", verdict))["state"] == "inspected"
        assert (await step("complete"))["state"] == "completed"
        assert (await step("complete"))["state"] == "completed"

        assert await counters(db, lamp.variant_id) == (4, 0, 0)
        refunds = await api.get(f"/orders/{order_id}/refunds", headers=guest)
        [refund] = refunds.body["items"]
        assert refund["amount"] == {"amount": 3000, "currency": "EUR"}
        assert refund["reason"] == "Your return"
        out = f"/orders/{order_id}/refunds/{refund['id']}/confirm"
        await api.post(out, {}, headers=STAFF)
        order = await api.get(f"/orders/{order_id}", headers=guest)
        assert order.body["status"] == "partially_refunded"
        listed = await api.get(path, headers=guest)
        assert [row["state"] for row in listed.body["items"]] == ["completed"]
        missing = await api.post(f"{path}/{NOBODY}/approve", {}, headers=STAFF)
        assert missing.refusal == (404, "return_not_found")
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}
