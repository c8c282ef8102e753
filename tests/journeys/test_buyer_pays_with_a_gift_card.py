"""A shop sells a gift card: it pays a part of an order, some of which goes back to it."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.support.api import ADDRESS, STAFF, Api, a_body, a_key, order_token
from tests.support.bank import a_bazaar


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


async def test_buyer_pays_with_a_gift_card(db: Database) -> None:
    glass = await a_product(db, price=1250, on_hand=10)
    async with a_bazaar(db, refund_seconds=0) as bazaar:
        api = bazaar.api
        card = await _sell_a_card(api)

        # The holder asks what is on it, and what would be left to pay.
        asked = await api.post("/gift-cards/balance", {"code": card["code"]})
        assert asked.body["balance"] == euros(2000)
        basket = {"lines": [{"variant_id": str(glass.variant_id), "quantity": 3}]}
        cards = [{"code": card["code"].lower()}]
        quote = (
            await api.post(
                "/checkout/quote",
                {**basket, "currency": "EUR", "shipping_address": ADDRESS, "gift_cards": cards},
            )
        ).body
        assert (quote["total"], quote["to_pay"]) == (euros(4240), euros(2240))
        assert quote["gift_cards"] == [{"last_four": card["last_four"], "amount": euros(2000)}]

        # The card pays its part at once, the bank is asked for the rest.
        placed = await api.buy(
            (glass.variant_id, 3),
            payment_method={"provider": "sandbox"},
            gift_cards=cards,
            expected_total=4240,
            expected_to_pay=2240,
        )
        order = placed["order"]
        assert (order["total"], order["to_pay"]) == (euros(4240), euros(2240))
        assert placed["payment"]["amount"] == euros(2240)
        assert [(row["state"], row["amount"]) for row in order["gift_cards"]] == [
            ("authorized", euros(2000))
        ]
        await bazaar.charge(placed)
        await bazaar.hear()
        paid = await _read(api, placed)
        assert (paid["status"], paid["paid"], paid["to_pay"]) == ("paid", euros(4240), euros(0))
        assert [(row["provider"], row["state"]) for row in paid["payments"]] == [
            ("gift_card", "captured"),
            ("sandbox", "captured"),
        ]

        # Nothing is left on it, and another order says so.
        empty = await api.post(
            "/checkout", a_body(glass.variant_id, gift_cards=cards), headers=a_key()
        )
        assert empty.refusal == (409, "gift_card_balance_too_low")

        # Two glasses go back: to the bank what it took, the rest to the card at once.
        line = order["lines"][0]["id"]
        refund = await api.post(
            f"/orders/{order['id']}/refunds",
            {"lines": [{"line_id": line, "quantity": 2}], "reason": "Two arrived broken"},
            headers={**STAFF, **a_key()},
        )
        assert sorted((row["to"], row["amount"]["amount"]) for row in refund.body["items"]) == [
            ("gift_card", 260),
            ("provider", 2240),
        ]
        await bazaar.settle()
        await bazaar.hear()
        back = await _read(api, placed)
        assert (back["status"], back["refunded"]) == ("partially_refunded", euros(2500))
        assert back["gift_cards"][0]["balance"] == euros(260)

        # Staff see all of it on the card.
        seen = (await api.get(f"/gift-cards/{card['id']}", headers=STAFF)).body
        assert [(row["kind"], row["amount"]["amount"]) for row in seen["entries"]] == [
            ("issue", 2000),
            ("redeem", -2000),
            ("refund", 260),
        ]
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def _sell_a_card(api: Api) -> Any:
    body = {"amount": euros(2000), "reason": "Sold over the counter"}
    answer = await api.post("/gift-cards", body, headers={**STAFF, **a_key()})
    assert answer.status == 201, answer.raw
    return answer.body


async def _read(api: Api, placed: Any) -> Any:
    where = f"/orders/{placed['order']['id']}"
    return (await api.get(where, headers=order_token(placed))).body
