"""The coat that fits costs more: the buyer pays the rest, and the coat is sent."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from tests.builders.catalog import a_product
from tests.support.api import STAFF, a_key, order_token
from tests.support.bank import a_bazaar
from tests.support.placing import counters


async def test_buyer_pays_the_difference_of_an_exchange(db: Database) -> None:
    jacket = await a_product(db, price=9000, on_hand=5)
    coat = await a_product(db, price=9900, on_hand=1)
    async with a_bazaar(db, refund_seconds=0) as bazaar:
        post, get = bazaar.api.post, bazaar.api.get
        placed = await bazaar.api.buy(jacket.variant_id, payment_method={"provider": "sandbox"})
        await bazaar.charge(placed)
        await bazaar.hear()
        total = placed["order"]["total"]["amount"]
        buyer, path = order_token(placed), f"/orders/{placed['order']['id']}"
        label = {"status": "shipped", "carrier": "dhl", "tracking_number": "JD0146"}
        assert (await bazaar.api.put(f"{path}/status", label, headers=STAFF)).status == 200
        line = placed["order"]["lines"][0]["id"]
        wish = {"lines": [{"line_id": line, "quantity": 1, "reason": "does_not_fit"}]}
        asked = await post(f"{path}/returns", wish, headers={**buyer, **a_key()})
        back = f"{path}/returns/{asked.body['id']}"
        judged = {"lines": [{"line_id": line, "sellable": 1}]}
        steps: tuple[tuple[str, dict[str, Any]], ...] = (
            ("approve", {}),
            ("receive", {}),
            ("inspect", judged),
        )
        for step, body in steps:
            assert (await post(f"{back}/{step}", body, headers=STAFF)).status == 200

        add = {"add": [{"variant_id": str(coat.variant_id), "quantity": 1}]}
        waiting = (await post(f"{back}/exchange", add, headers=STAFF)).body

        assert (waiting["state"], waiting["covered"]["amount"]) == ("awaiting_payment", 9000)
        assert waiting["difference"] == {"amount": 900, "currency": "EUR"}
        assert waiting["payment"]["next_action"]["type"] == "redirect"
        assert await counters(db, coat.variant_id) == (1, 0, 1)
        refused = await post(f"{back}/complete", {}, headers=STAFF)
        assert refused.refusal == (409, "change_awaits_payment")

        await bazaar.charge(waiting)
        await bazaar.hear()

        made = (await get(f"{path}/changes", headers=STAFF)).body["items"]
        assert [(row["state"], row["payment"]["state"]) for row in made] == [
            ("applied", "captured")
        ]
        assert await counters(db, coat.variant_id) == (1, 1, 0)
        assert (await get(f"{path}/returns", headers=STAFF)).body["items"][0][
            "state"
        ] == "completed"
        await bazaar.settle()
        assert sorted(await bazaar.moved()) == [("capture", 900), ("capture", total)]
        await bazaar.check()
