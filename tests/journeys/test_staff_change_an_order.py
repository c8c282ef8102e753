"""A buyer telephones: a size larger, one mug more, and another thing. Nothing was sent yet."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from tests.builders.catalog import a_product
from tests.support.api import NOBODY, STAFF, a_key, order_token
from tests.support.bank import Bazaar, a_bazaar
from tests.support.placing import counters


async def _change(bazaar: Bazaar, path: str, body: dict[str, Any]) -> Any:
    """Ask what it would come to, then do just that."""
    body = body | {"reason": "By telephone"}
    seen = await bazaar.api.post(f"{path}/changes/preview", body, headers=STAFF)
    assert seen.status == 200, seen.raw
    whole = body | {"expected_difference": seen.body["difference"]}
    key = {**STAFF, **a_key()}
    answer = await bazaar.api.post(f"{path}/changes", whole, headers=key)
    again = await bazaar.api.post(f"{path}/changes", whole, headers=key)
    assert answer.status == 201, answer.raw
    assert again.raw == answer.raw
    return answer.body


async def test_staff_change_an_order(db: Database) -> None:
    small = await a_product(db, price=1250, on_hand=10)
    large = await a_product(db, price=1500, on_hand=10)
    mug = await a_product(db, price=600, on_hand=10)
    async with a_bazaar(db, refund_seconds=0) as bazaar:
        placed = await bazaar.api.buy(
            (small.variant_id, 2), payment_method={"provider": "sandbox"}
        )
        await bazaar.charge(placed)
        await bazaar.hear()
        path, [line] = f"/orders/{placed['order']['id']}", placed["order"]["lines"]
        total = placed["order"]["total"]["amount"]

        # A size larger costs more: it is held until the buyer has paid the difference.
        larger = await _change(
            bazaar,
            path,
            {
                "give_up": [{"line_id": line["id"], "quantity": 1}],
                "add": [{"variant_id": str(large.variant_id), "quantity": 1}],
            },
        )
        assert (larger["state"], larger["difference"]["amount"]) == ("awaiting_payment", 250)
        assert await counters(db, large.variant_id) == (10, 0, 1)
        what = await bazaar.api.get(
            f"/payments/{larger['payment']['id']}", headers=order_token(placed)
        )
        assert what.body["next_action"]["type"] == "redirect"
        await bazaar.charge({"payment": larger["payment"]})
        await bazaar.hear()
        assert await counters(db, large.variant_id) == (10, 1, 0)
        assert await counters(db, small.variant_id) == (10, 1, 0)

        # A mug that nobody pays is let go, and the order is as it was.
        mugs = {"add": [{"variant_id": str(mug.variant_id), "quantity": 1}]}
        unpaid = await _change(bazaar, path, mugs)
        back = await bazaar.api.post(f"{path}/changes/{unpaid['id']}/cancel", {}, headers=STAFF)
        assert (back.status, back.body["state"]) == (200, "canceled")
        assert await counters(db, mug.variant_id) == (10, 0, 0)

        # The large one for two mugs: what is too much goes back at once.
        cheaper = await _change(
            bazaar,
            path,
            {
                "give_up": [{"line_id": larger["add"][0]["line_id"], "quantity": 1}],
                "add": [{"variant_id": str(mug.variant_id), "quantity": 2}],
            },
        )
        assert (cheaper["state"], cheaper["difference"]["amount"]) == ("applied", -300)
        await bazaar.settle()
        await bazaar.hear()

        seen = await bazaar.api.get(path, headers=order_token(placed))
        order = seen.body
        assert (order["status"], order["total"]["amount"]) == ("paid", total)
        assert (order["added"]["amount"], order["canceled"]["amount"]) == (2700, 2750)
        assert [(row["quantity"], row["canceled_quantity"]) for row in order["lines"]] == [
            (2, 1),
            (1, 1),
            (2, 0),
        ]
        listed = await bazaar.api.get(f"{path}/changes", headers=order_token(placed))
        assert [row["state"] for row in listed.body["items"]] == [
            "applied",
            "canceled",
            "applied",
        ]
        papers = await bazaar.api.get(f"{path}/documents", headers=order_token(placed))
        assert [(row["kind"], row["total"]["amount"]) for row in papers.body["items"]] == [
            ("invoice", total),
            ("invoice", 1500),
            ("credit_note", 1250),
            ("invoice", 1200),
            ("credit_note", 1500),
        ]
        assert sorted(await bazaar.moved()) == [
            ("capture", 250),
            ("capture", total),
            ("refund", -250),
            ("refund", -50),
        ]
        await bazaar.check()


async def test_what_cannot_be_changed_is_refused_with_every_fault(db: Database) -> None:
    glass = await a_product(db, price=1250, on_hand=3)
    async with a_bazaar(db) as bazaar:
        placed = await bazaar.api.buy(glass.variant_id)
        path = f"/orders/{placed['order']['id']}/changes"
        post = bazaar.api.post
        unknown = {"line_id": NOBODY, "quantity": 1}

        nothing = await post(path, {"reason": "?"}, headers={**STAFF, **a_key()})
        assert nothing.faults == {("/", "nothing_to_change")}
        lines = await post(
            path,
            {"give_up": [unknown, unknown], "reason": "?"},
            headers={**STAFF, **a_key()},
        )
        assert lines.faults == {
            ("/give_up/0/line_id", "unknown_line"),
            ("/give_up/1/line_id", "unknown_line"),
        }
        gone = {"add": [{"variant_id": NOBODY, "quantity": 1}]}
        assert (await post(f"{path}/preview", gone, headers=STAFF)).code == "not_for_sale"
        short = {"add": [{"variant_id": str(glass.variant_id), "quantity": 4}]}
        answer = await post(f"{path}/preview", short, headers=STAFF)
        assert answer.refusal == (409, "insufficient_stock")
        assert (await post(f"{path}/preview", short)).status == 401
        more = {"add": [{"variant_id": str(glass.variant_id), "quantity": 1}], "reason": "?"}
        no_key = await post(path, more, headers=STAFF)
        assert no_key.code == "idempotency_key_missing"
        nowhere = await post(f"{path}/{NOBODY}/cancel", {}, headers=STAFF)
        assert nowhere.refusal == (404, "order_change_not_found")
        seen = await bazaar.api.get(path, headers=order_token(placed))
        assert seen.body["items"] == []
