"""An order that something speaks against waits for a person, who lets it go on or gives it up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from surehold.db import Database
from surehold.kernel.errors import Busy
from surehold.web.api.once import Once
from tests.builders.catalog import a_product
from tests.support.api import STAFF, a_key, order_token
from tests.support.bank import Bazaar, a_bazaar
from tests.support.placing import counters

#: Whoever is billed in another country, and has a mailbox to throw away.
PARIS = {"name": "M", "line1": "1", "city": "Paris", "country": "FR", "postal_code": "75001"}
ON = {"is_on": True, "hold_at": 80}


@pytest.fixture
async def bazaar(db: Database) -> AsyncIterator[Bazaar]:
    async with a_bazaar(db) as opened:
        yield opened


async def _post(bazaar: Bazaar, path: str, body: Any) -> Any:
    return await bazaar.api.post(path, body, headers={**STAFF, **a_key()})


async def test_settings_are_off_until_they_are_sent_whole_and_every_fault_is_told(
    bazaar: Bazaar,
) -> None:
    api = bazaar.api
    off = await api.get("/fraud/settings", headers=STAFF)
    assert (off.body["is_on"], off.body["weights"]["disposable_mail"]) == (False, 40)
    wrong = {"hold_at": 0, "weights": {"country_mismatch": -1}, "large_amounts": {"EUR": 0}}
    refused = await api.put("/fraud/settings", wrong, headers=STAFF)
    assert sorted(row["pointer"] for row in refused.body["errors"]) == [
        "/hold_at",
        "/large_amounts/EUR",
        "/weights/country_mismatch",
    ]
    unknown = await api.put("/fraud/settings", {"large_amounts": {"ABC": 1}}, headers=STAFF)
    assert (unknown.status, unknown.body["errors"][0]["pointer"]) == (422, "/large_amounts")

    done = await api.put("/fraud/settings", ON, headers=STAFF)
    assert (done.status, done.body) == (
        200,
        (await api.get("/fraud/settings", headers=STAFF)).body,
    )
    assert (done.body["is_on"], done.body["hold_at"], done.body["declines"]) == (True, 80, 3)


async def test_staff_let_one_order_go_on_and_give_the_other_up(
    db: Database, bazaar: Bazaar
) -> None:
    api = bazaar.api
    lamp = (await a_product(db, on_hand=5)).variant_id
    await api.put("/fraud/settings", ON, headers=STAFF)
    plain = await bazaar.buy(lamp)
    kept, given_up = [
        await bazaar.buy(lamp, email=f"{name}@mailinator.com", billing_address=PARIS)
        for name in ("mara", "noor")
    ]
    for placed in (plain, kept, given_up):
        await bazaar.charge(placed)
    await bazaar.hear()

    assert [(await bazaar.look(one)).status for one in (plain, kept, given_up)] == ["paid"] * 3
    waiting = (await api.get("/fraud/assessments?open=true&limit=1", headers=STAFF)).body
    (first,) = waiting["items"]
    assert (first["order_number"], first["score"], first["hold_at"], first["is_open"]) == (
        kept["order"]["number"],
        85,
        80,
        True,
    )
    assert [(one["signal"], one["weight"]) for one in first["signals"]] == [
        ("country_mismatch", 30),
        ("disposable_mail", 40),
        ("first_order", 15),
    ]
    more = f"/fraud/assessments?open=true&cursor={waiting['next_cursor']}"
    (second,) = (await api.get(more, headers=STAFF)).body["items"]
    assert second["payment_id"] == given_up["payment"]["id"]
    path = f"/orders/{kept['order']['id']}"
    for what, body in (("fulfillments", {}), ("cancel", {}), ("refunds", {"reason": "x"})):
        held = await _post(bazaar, f"{path}/{what}", body)
        assert held.refusal == (409, "order_held")
    assert (await bazaar.cancel(kept)).refusal == (409, "order_held")
    sent = await api.put(f"{path}/status", {"status": "shipped"}, headers=STAFF)
    assert (sent.refusal, sent.body["reachable"]) == ((409, "status_not_reachable"), [])
    told = (await api.get(path, headers=order_token(kept))).body
    assert told["payments"][0]["is_under_review"] is True

    review = f"/payments/{kept['payment']['id']}/review"
    asked = (await api.get(review, headers=STAFF)).body
    assert (asked["reason"], asked["allowed"]) == ("fraud_signals", ["accept", "reject"])
    wish = {"decision": "refund", "note": "odd"}
    assert (await _post(bazaar, review, wish)).refusal == (409, "review_not_possible")
    yes = await _post(bazaar, review, {"decision": "accept", "note": "We know her"})
    assert (yes.status, yes.body["reason"]) == (200, None)
    no = {"decision": "reject", "note": "Never heard of"}
    assert (await _post(bazaar, review, no)).refusal == (409, "review_not_possible")
    other = f"/payments/{given_up['payment']['id']}/review"
    assert (await _post(bazaar, other, no)).status == 200
    await bazaar.settle()

    assert (await _post(bazaar, f"{path}/fulfillments", {})).status == 201
    ended = await bazaar.look(given_up)
    assert (ended.status, ended.refunded, ended.review_reasons) == (
        "refunded",
        given_up["order"]["total"]["amount"],
        (None,),
    )
    assert await counters(db, lamp) == (5, 2, 0)
    assert (await api.get("/fraud/assessments?open=true", headers=STAFF)).body["items"] == []
    every = (await api.get("/fraud/assessments", headers=STAFF)).body["items"]
    # Both were looked into by one batch of the lane: neither is the newer one.
    assert {row["order_number"]: row["decision"] for row in every} == {
        kept["order"]["number"]: "accept",
        given_up["order"]["number"]: "reject",
    }
    one = await api.get(f"/fraud/assessments/{every[0]['id']}", headers=STAFF)
    assert one.body == every[0]
    missing = await api.get(f"/fraud/assessments/{kept['order']['id']}", headers=STAFF)
    assert missing.refusal == (404, "fraud_assessment_not_found")
    await bazaar.check()


async def test_a_decision_whose_answer_was_lost_is_answered_and_not_decided_again(
    db: Database, bazaar: Bazaar, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp = (await a_product(db, on_hand=5)).variant_id
    await bazaar.api.put("/fraud/settings", ON, headers=STAFF)
    placed = await bazaar.buy(lamp, email="mara@mailinator.com", billing_address=PARIS)
    await bazaar.charge(placed)
    await bazaar.hear()
    path, key = f"/payments/{placed['payment']['id']}/review", a_key()
    accept = {"decision": "accept", "note": "We know her"}
    monkeypatch.setattr(Once, "_store", _die)
    died = await bazaar.api.post(path, accept, headers={**STAFF, **key})
    other = {"decision": "reject", "note": "Never heard of"}

    monkeypatch.undo()
    reused = await bazaar.api.post(path, other, headers={**STAFF, **key})
    again = await bazaar.api.post(path, accept, headers={**STAFF, **key})
    third = await bazaar.api.post(path, accept, headers={**STAFF, **key})
    anew = await _post(bazaar, path, accept)

    assert died.status == 503
    assert reused.refusal == (422, "idempotency_key_reused")
    assert again.status == 200
    assert again.raw == third.raw
    assert [row["decision"] for row in again.body["decided"]] == ["accept"]
    assert anew.refusal == (409, "review_not_possible")
    await bazaar.check()


async def _die(*_: Any) -> bool:
    raise Busy("The server was killed after its COMMIT.")
