"""A coat does not fit: it comes back, and a larger one is sent for it. The bank hears nothing."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from tests.builders.catalog import a_product
from tests.support.api import STAFF, a_key, order_token
from tests.support.bank import a_bazaar
from tests.support.placing import counters


async def test_buyer_exchanges_a_size(db: Database) -> None:
    medium = await a_product(db, price=9000, on_hand=5)
    large = await a_product(db, price=9000, on_hand=5)
    async with a_bazaar(db, refund_seconds=0) as bazaar:
        post, get = bazaar.api.post, bazaar.api.get
        placed = await bazaar.api.buy(medium.variant_id, payment_method={"provider": "sandbox"})
        await bazaar.charge(placed)
        await bazaar.hear()
        buyer, path = order_token(placed), f"/orders/{placed['order']['id']}"
        label = {"status": "shipped", "carrier": "dhl", "tracking_number": "JD0146"}
        sent = await bazaar.api.put(f"{path}/status", label, headers=STAFF)
        assert sent.status == 200, sent.raw

        line = placed["order"]["lines"][0]["id"]
        wish = {"lines": [{"line_id": line, "quantity": 1, "reason": "does_not_fit"}]}
        asked = await post(f"{path}/returns", wish, headers={**buyer, **a_key()})
        back = f"{path}/returns/{asked.body['id']}"
        steps: list[tuple[str, dict[str, Any]]] = [
            ("approve", {}),
            ("receive", {}),
            ("inspect", {"lines": [{"line_id": line, "sellable": 1}]}),
        ]
        for step, body in steps:
            answer = await post(f"{back}/{step}", body, headers=STAFF)
            assert answer.status == 200, answer.raw

        same = {"add": [{"variant_id": str(large.variant_id), "quantity": 1}]}
        made = await post(f"{back}/exchange", same, headers=STAFF)
        assert (made.status, made.body["state"], made.body["return_id"]) == (
            200,
            "applied",
            asked.body["id"],
        )
        assert (await post(f"{back}/exchange", same, headers=STAFF)).raw == made.raw

        assert await counters(db, medium.variant_id) == (5, 0, 0)
        assert await counters(db, large.variant_id) == (5, 1, 0)
        planned = await post(f"{path}/fulfillments", {}, headers={**STAFF, **a_key()})
        parcel = f"/fulfillments/{planned.body['items'][-1]['id']}"
        gone = await post(
            f"{parcel}/ship",
            {"carrier": "dhl", "tracking_number": "JD0147"},
            headers={**STAFF, **a_key()},
        )
        assert gone.status == 200, gone.raw
        await bazaar.settle()
        await bazaar.hear()

        seen = (await get(path, headers=buyer)).body
        assert (seen["status"], seen["fulfillment_status"]) == ("partially_refunded", "shipped")
        assert [
            (row["amount"]["amount"], row["balance"]["amount"]) for row in seen["gift_cards"]
        ] == [(9000, 0)]
        assert await counters(db, large.variant_id) == (4, 0, 0)
        assert await bazaar.moved() == [("capture", placed["order"]["total"]["amount"])]
        await bazaar.check()
