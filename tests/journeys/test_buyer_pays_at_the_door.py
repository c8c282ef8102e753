"""A buyer pays in cash at the door, and the cash goes to the bank; another does not open it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.cash_on_delivery import CashOnDelivery
from tests.builders.catalog import a_product
from tests.builders.trust import CASH, offer_cash, set_up
from tests.support.api import STAFF, Api, a_body, a_key, an_api, order_token
from tests.support.placing import counters

METHOD = {"payment_method": {"provider": CASH}}


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    await offer_cash(db)
    async with an_api(db, providers=(BankTransfer(), CashOnDelivery())) as opened:
        yield opened


async def send(api: Api, placed: Any) -> None:
    label = {"status": "shipped", "carrier": "dhl", "tracking_number": "JD0146"}
    sent = await api.put(f"/orders/{placed['order']['id']}/status", label, headers=STAFF)
    assert sent.status == 200, sent.raw


async def look(api: Api, placed: Any) -> Any:
    seen = await api.get(f"/orders/{placed['order']['id']}", headers=order_token(placed))
    return {name: seen.body[name] for name in ("status", "payment_status", "fulfillment_status")}


async def test_a_buyer_pays_at_the_door_and_the_cash_goes_to_the_bank(
    db: Database, api: Api
) -> None:
    lamp = await a_product(db, on_hand=5)
    placed = await api.buy((lamp.variant_id, 1), **METHOD)
    payment, total = placed["payment"], placed["order"]["total"]
    assert (placed["order"]["status"], placed["order"]["reserved_until"]) == ("confirmed", None)
    assert (payment["state"], payment["terms"], payment["next_action"]) == (
        "requires_action",
        "on_delivery",
        {"type": "none"},
    )
    assert await counters(db, lamp.variant_id) == (5, 1, 0)
    await send(api, placed)

    path = f"/payments/{payment['id']}/collect"
    body = {"received": total, "collected_by": "Abebe, tour 7"}
    assert (await api.post(path, body, headers=STAFF)).refusal == (422, "idempotency_key_missing")
    assert (await api.post(path, body, headers=a_key())).refusal == (401, "unauthenticated")
    key = {**STAFF, **a_key()}
    collected = await api.post(path, body, headers=key)
    assert (collected.status, collected.body["state"]) == (200, "captured")
    assert (await api.post(path, body, headers=key)).raw == collected.raw
    assert await look(api, placed) == {
        "status": "shipped",
        "payment_status": "paid",
        "fulfillment_status": "shipped",
    }

    held = await api.get("/payments/cash", headers=STAFF)
    assert [
        (row["payment_id"], row["amount"], row["collected_by"]) for row in held.body["items"]
    ] == [(payment["id"], total, "Abebe, tour 7")]
    paid_in = {
        "payment_ids": [payment["id"]],
        "counted": total | {"amount": total["amount"] - 9},
        "reference": "2026-11-21/17",
    }
    made = await api.post("/payments/cash/deposits", paid_in, headers={**STAFF, **a_key()})
    assert (made.status, made.body["collected"], made.body["counted"]["amount"]) == (
        201,
        total,
        total["amount"] - 9,
    )
    again = await api.post("/payments/cash/deposits", paid_in, headers={**STAFF, **a_key()})
    assert again.body == made.body
    other = {**paid_in, "reference": "2026-11-21/18"}
    gone = await api.post("/payments/cash/deposits", other, headers={**STAFF, **a_key()})
    assert gone.refusal == (409, "cash_not_held")
    assert (await api.get("/payments/cash", headers=STAFF)).body["items"] == []
    await check(db)


async def test_a_buyer_does_not_open_the_door(db: Database, api: Api) -> None:
    lamp = await a_product(db, on_hand=5)
    placed = await api.buy((lamp.variant_id, 2), **METHOD)
    await send(api, placed)
    payment_id, order = placed["payment"]["id"], f"/orders/{placed['order']['id']}"

    refused = await api.post(
        f"/payments/{payment_id}/refuse",
        {"reason": "Nobody at home, three times"},
        headers={**STAFF, **a_key()},
    )

    assert (refused.status, refused.body["state"]) == (200, "voided")
    assert await look(api, placed) == {
        "status": "canceled",
        "payment_status": "failed",
        "fulfillment_status": "returned",
    }
    line = placed["order"]["lines"][0]["id"]
    wanted = {"lines": [{"line_id": line, "quantity": 2, "reason": "other"}]}
    asked = await api.post(f"{order}/returns", wanted, headers={**STAFF, **a_key()})
    back = f"{order}/returns/{asked.body['id']}"
    await api.post(f"{back}/approve", {}, headers=STAFF)
    await api.post(f"{back}/receive", {}, headers=STAFF)
    judged = {"lines": [{"line_id": line, "sellable": 2}]}
    await api.post(f"{back}/inspect", judged, headers=STAFF)
    done = await api.post(f"{back}/complete", {}, headers=STAFF)
    assert done.body["state"] == "completed"
    assert await counters(db, lamp.variant_id) == (5, 0, 0)
    late = await api.post(
        f"/payments/{payment_id}/collect",
        {"received": {"amount": 0, "currency": "EUR"}, "collected_by": ""},
        headers={**STAFF, **a_key()},
    )
    assert [fault["pointer"] for fault in late.body["errors"]] == [
        "/collected_by",
        "/received/amount",
    ]
    await check(db)


async def test_an_order_that_is_too_dear_is_not_sent_unpaid(db: Database, api: Api) -> None:
    lamp = await a_product(db, on_hand=5)
    await set_up(db, cash_on_delivery_limit={"EUR": 1_000})

    told = await api.post("/checkout", a_body(lamp.variant_id, **METHOD), headers=a_key())

    assert told.refusal == (422, "cash_on_delivery_not_offered")
    assert (told.body["countries"], told.body["limit"]) == (
        ["IE"],
        {"amount": 1_000, "currency": "EUR"},
    )
    assert await counters(db, lamp.variant_id) == (5, 0, 0)


async def check(db: Database) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}
