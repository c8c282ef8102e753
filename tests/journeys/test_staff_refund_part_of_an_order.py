"""A buyer wants one glass less, another arrives scratched, and in the end all of it goes back."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from tests.builders.catalog import a_product
from tests.support.api import STAFF, a_key, order_token
from tests.support.bank import Bazaar, a_bazaar
from tests.support.placing import counters


async def _refund(bazaar: Bazaar, order_id: str, body: dict[str, Any]) -> Any:
    answer = await bazaar.api.post(
        f"/orders/{order_id}/refunds", body, headers={**STAFF, **a_key()}
    )
    assert answer.status == 201, answer.raw
    await bazaar.settle()
    await bazaar.hear()
    return answer.body


async def test_staff_refund_part_of_an_order(db: Database) -> None:
    glass = await a_product(db, price=1250, on_hand=10)
    async with a_bazaar(db, refund_seconds=0) as bazaar:
        placed = await bazaar.api.buy(
            (glass.variant_id, 4), payment_method={"provider": "sandbox"}
        )
        await bazaar.charge(placed)
        await bazaar.hear()
        order_id, line = placed["order"]["id"], placed["order"]["lines"][0]["id"]
        total = placed["order"]["total"]["amount"]
        assert total == 5490

        one_less = await bazaar.api.post(
            f"/orders/{order_id}/cancel",
            {"lines": [{"line_id": line, "quantity": 1}]},
            headers={**order_token(placed), **a_key()},
        )
        assert one_less.status == 200, one_less.raw
        await bazaar.settle()
        assert await counters(db, glass.variant_id) == (10, 3, 0)
        assert (await bazaar.look(placed)).status == "paid"

        scratched = await _refund(
            bazaar,
            order_id,
            {"amount": {"amount": 300, "currency": "EUR"}, "reason": "A scratch"},
        )
        assert scratched["total"] == {"amount": 300, "currency": "EUR"}
        assert (await bazaar.look(placed)).status == "partially_refunded"

        unit = {"lines": [{"line_id": line, "quantity": 1}], "reason": "Broken"}
        broken = await _refund(bazaar, order_id, unit)
        # A third of what the scratch left of three glasses.
        assert broken["total"] == {"amount": 1162, "currency": "EUR"}

        rest = await _refund(bazaar, order_id, {"reason": "All of it, then"})
        assert rest["total"] == {"amount": total - 1250 - 300 - 1162, "currency": "EUR"}

        standing = await bazaar.look(placed)
        assert standing.status == "refunded"
        assert (standing.paid, standing.refunded) == (total, total)
        seen = await bazaar.api.get(f"/orders/{order_id}/refunds", headers=order_token(placed))
        assert [(row["amount"]["amount"], row["state"]) for row in seen.body["items"]] == [
            (1250, "succeeded"),
            (300, "succeeded"),
            (1162, "succeeded"),
            (2778, "succeeded"),
        ]
        assert await bazaar.moved() == [
            ("capture", 5490),
            ("refund", -2778),
            ("refund", -1250),
            ("refund", -1162),
            ("refund", -300),
        ]
        await bazaar.check()
