"""A buyer's bank asks for the money back: the shop answers, gives in, and puts its books right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from surehold.db import Database
from tests.builders.catalog import a_product
from tests.support.api import STAFF, a_key
from tests.support.bank import Bazaar, a_bazaar
from tests.support.placing import counters


@pytest.fixture
async def bazaar(db: Database) -> AsyncIterator[Bazaar]:
    async with a_bazaar(db) as opened:
        yield opened


async def _post(bazaar: Bazaar, path: str, body: Any) -> Any:
    return await bazaar.api.post(path, body, headers={**STAFF, **a_key()})


async def _paid(bazaar: Bazaar, variant_id: UUID) -> tuple[Any, str]:
    placed = await bazaar.buy(variant_id)
    at_bank = await bazaar.charge(placed)
    await bazaar.hear()
    return placed, at_bank


async def _disputes(bazaar: Bazaar, query: str = "") -> Any:
    return (await bazaar.api.get(f"/disputes{query}", headers=STAFF)).body["items"]


async def test_evidence_wins_one_dispute_and_giving_in_loses_the_other(
    db: Database, bazaar: Bazaar
) -> None:
    lamp = (await a_product(db, on_hand=5)).variant_id
    (placed, at_bank), (other, other_at_bank) = [await _paid(bazaar, lamp) for _ in range(2)]
    total = placed["order"]["total"]
    await bazaar.bank.control(f"payments/{at_bank}/dispute", {"fee": 1500, "reason": "fraudulent"})
    await bazaar.bank.control(f"payments/{other_at_bank}/dispute", {})
    await bazaar.hear()

    newest, oldest = await _disputes(bazaar, "?state=needs_response")
    assert (oldest["amount"], oldest["held_back"], oldest["lost"]["amount"]) == (total, total, 0)
    assert (oldest["fee"]["amount"], oldest["reason"], oldest["stage"]) == (
        1500,
        "fraudulent",
        "chargeback",
    )
    assert (await bazaar.look(placed)).status == "disputed"
    held = await _post(bazaar, f"/orders/{placed['order']['id']}/fulfillments", {})
    assert held.refusal == (409, "order_disputed")
    refused = await _post(bazaar, f"/orders/{placed['order']['id']}/refunds", {"reason": "sorry"})
    assert refused.refusal == (409, "refund_exceeds_paid")

    path = f"/disputes/{oldest['id']}/answer"
    said = await _post(bazaar, path, {"evidence": "winning_evidence"})
    assert (said.status, said.body["dispute"]["answer_state"]) == (200, "sent")
    assert (await _post(bazaar, path, {"evidence": "winning_evidence"})).status == 200
    assert (await _post(bazaar, path, {"evidence": "else"})).refusal == (409, "dispute_answered")
    assert (await _post(bazaar, f"/disputes/{newest['id']}/accept", {})).status == 200
    await bazaar.hear()

    seen = (await bazaar.api.get(f"/disputes/{oldest['id']}", headers=STAFF)).body
    assert (seen["dispute"]["state"], seen["dispute"]["held_back"]["amount"]) == ("won", 0)
    assert [(row["from_state"], row["state"], row["actor"]) for row in seen["events"]] == [
        (None, "needs_response", "provider:sandbox"),
        ("needs_response", "needs_response", "operator"),
        ("needs_response", "needs_response", "provider:sandbox"),
        ("needs_response", "won", "provider:sandbox"),
    ]
    assert (await bazaar.look(placed)).status == "paid"
    assert (await bazaar.look(other)).status == "refunded"
    # One unit is the winner's; the other is on the shelf again.
    assert await counters(db, lamp) == (5, 1, 0)
    assert [row["id"] for row in await _disputes(bazaar, "?state=lost")] == [newest["id"]]
    late = await _post(bazaar, f"/disputes/{newest['id']}/answer", {"evidence": "late"})
    assert late.refusal == (409, "dispute_over")
    await bazaar.check()

    # The bank thinks again: money comes back for an order that was given up.
    lost = newest["provider_dispute_id"]
    await bazaar.bank.control(f"disputes/{lost}/reopen", {})
    await bazaar.hear()
    assert (await bazaar.look(other)).status == "disputed"
    await bazaar.bank.control(f"disputes/{lost}/close", {"outcome": "won"})
    await bazaar.hear()
    review = f"/payments/{other['payment']['id']}/review"
    asked = (await bazaar.api.get(review, headers=STAFF)).body
    assert (asked["reason"], asked["allowed"]) == ("won_after_cancel", ["refund"])
    wrong = await _post(bazaar, review, {"decision": "accept", "note": "ours"})
    assert wrong.refusal == (409, "review_not_possible")
    decided = await _post(bazaar, review, {"decision": "refund", "note": "never sent"})
    assert (decided.status, decided.body["reason"]) == (200, None)
    await bazaar.settle()
    assert (await bazaar.look(other)).refunded == total["amount"]
    await bazaar.check()


async def test_refund_at_the_dashboard_of_disputed_money_is_booked_when_a_person_says_so(
    db: Database, bazaar: Bazaar
) -> None:
    lamp = (await a_product(db, on_hand=5)).variant_id
    placed, at_bank = await _paid(bazaar, lamp)
    await bazaar.bank.control(f"payments/{at_bank}/dispute", {"amount": 300})
    await bazaar.bank.control(f"payments/{at_bank}/refund", {"amount": 500})
    await bazaar.hear()
    review = f"/payments/{placed['payment']['id']}/review"

    done = await _post(bazaar, review, {"decision": "accept", "note": "Ada did that"})

    assert (done.status, done.body["reason"], done.body["decided"][0]["note"]) == (
        200,
        None,
        "Ada did that",
    )
    seen = await bazaar.look(placed)
    assert (seen.status, seen.refunded, seen.review_reasons) == ("disputed", 500, (None,))
    again = await _post(bazaar, review, {"decision": "accept", "note": "twice"})
    assert again.refusal == (409, "review_not_possible")
    await bazaar.check()


async def test_dispute_of_a_transfer_is_written_down_by_hand(db: Database, bazaar: Bazaar) -> None:
    lamp = (await a_product(db, on_hand=5)).variant_id
    method = {"payment_method": {"provider": "bank_transfer"}}
    placed = await bazaar.api.buy(lamp, **method)
    payment, total = placed["payment"]["id"], placed["order"]["total"]
    body = {
        "provider_dispute_id": "CB-7",
        "amount": total,
        "state": "needs_response",
        "reason": "Recalled",
    }
    path = f"/payments/{payment}/disputes"
    assert (await _post(bazaar, path, body)).refusal == (409, "dispute_not_recordable")
    await bazaar.api.post(
        f"/payments/{payment}/confirm", {"received": total}, headers={**STAFF, **a_key()}
    )

    made = await _post(bazaar, path, body)
    assert (made.status, made.body["dispute"]["state"]) == (200, "needs_response")
    assert (await _post(bazaar, path, body)).body == made.body
    said = await _post(
        bazaar, f"/disputes/{made.body['dispute']['id']}/answer", {"evidence": "A receipt"}
    )
    assert (said.body["dispute"]["answer_state"], said.body["dispute"]["todo"][:7]) == (
        "by_hand",
        "Send it",
    )
    over = await _post(bazaar, path, body | {"state": "won"})
    assert (over.body["dispute"]["state"], (await bazaar.look(placed)).status) == ("won", "paid")
    yen = await _post(bazaar, path, body | {"amount": {"amount": 1, "currency": "JPY"}})
    assert yen.refusal == (422, "invalid_input")
    await bazaar.check()
