"""Payments over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from surehold.kernel.ids import merchant_reference
from tests.builders.catalog import a_product
from tests.support.api import NOBODY, STAFF, Api, a_key, order_token
from tests.support.placing import count_rows, counters


async def an_order(api: Api, **product: Any) -> tuple[Any, Any]:
    made = await a_product(api.db, **product)
    return made, await api.buy(made.variant_id)


async def test_a_payment_is_read_with_its_orders_token(api: Api) -> None:
    _, placed = await an_order(api)
    path = f"/payments/{placed['payment']['id']}"

    answer = await api.get(path, headers=order_token(placed))

    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body == placed["payment"]
    assert (await api.get(path, headers=STAFF)).raw == answer.raw


async def test_without_the_token_there_is_no_payment(api: Api) -> None:
    _, placed = await an_order(api)
    payment_id = placed["payment"]["id"]
    reference = merchant_reference(UUID(payment_id))

    for answer in (
        await api.get(f"/payments/{payment_id}"),
        await api.get(f"/payments/{payment_id}?token=wrong"),
        await api.get(f"/payments/{NOBODY}", headers=order_token(placed)),
        await api.get("/payments/x", headers=order_token(placed)),
        await api.post(f"/payments/{payment_id}/verify"),
        await api.get(f"/payments/verify/{reference}"),
        await api.get("/payments/verify/SHX", headers=order_token(placed)),
        await api.get("/payments/verify/%00", headers=order_token(placed)),
        await api.post(f"/payments/{NOBODY}/verify", headers=STAFF),
    ):
        assert answer.refusal == (404, "payment_not_found")


async def test_verifying_a_transfer_changes_nothing(api: Api) -> None:
    _, placed = await an_order(api)
    payment_id = placed["payment"]["id"]
    reference = merchant_reference(UUID(payment_id))

    by_id = await api.post(f"/payments/{payment_id}/verify", headers=order_token(placed))
    by_reference = await api.get(f"/payments/verify/{reference}", headers=order_token(placed))

    assert by_id.body == by_reference.body == placed["payment"]


async def test_an_intent_joins_the_open_payment(api: Api) -> None:
    _, placed = await an_order(api)
    body = {"order_id": placed["order"]["id"]}
    headers = {**order_token(placed), **a_key()}

    first = await api.post("/payments/create-intent", body, headers=headers)
    second = await api.post("/payments/create-intent", body, headers=headers)

    assert first.status == 201
    assert first.body["id"] == placed["payment"]["id"]
    assert (first.status, first.raw) == (second.status, second.raw)
    assert (await count_rows(api.db))["payments"] == 1


async def test_an_intent_needs_a_key_a_body_and_the_orders_token(api: Api) -> None:
    _, placed = await an_order(api)
    body = {"order_id": placed["order"]["id"]}

    no_key = await api.post("/payments/create-intent", body, headers=order_token(placed))
    no_token = await api.post("/payments/create-intent", body, headers=a_key())
    no_order = await api.post("/payments/create-intent", {}, headers=a_key())

    assert no_key.refusal == (422, "idempotency_key_missing")
    assert no_token.refusal == (404, "order_not_found")
    assert no_order.faults == {("/order_id", "missing")}


async def test_staff_confirm_a_transfer_once(api: Api) -> None:
    product, placed = await an_order(api, on_hand=4)
    path = f"/payments/{placed['payment']['id']}/confirm"
    body = {"received": placed["order"]["total"]}

    first = await api.post(path, body, headers={**STAFF, **a_key("one")})
    replay = await api.post(path, body, headers={**STAFF, **a_key("one")})
    again = await api.post(path, body, headers=STAFF)

    order = (await api.get(f"/orders/{placed['order']['id']}", headers=STAFF)).body
    assert first.body["state"] == "captured"
    assert first.body["captured"] == placed["order"]["total"]
    assert first.raw == replay.raw == again.raw
    assert (order["status"], order["payment_status"]) == ("paid", "paid")
    assert await counters(api.db, product.variant_id) == (4, 1, 0)
    assert (await count_rows(api.db))["ledger_journals"] == 2


@pytest.mark.parametrize(
    "received", [{"amount": 1, "currency": "EUR"}, {"amount": 2489, "currency": "USD"}]
)
async def test_another_amount_is_held_for_a_person(api: Api, received: dict[str, Any]) -> None:
    _, placed = await an_order(api)

    answer = await api.post(
        f"/payments/{placed['payment']['id']}/confirm", {"received": received}, headers=STAFF
    )

    assert answer.status == 200
    assert answer.body["is_under_review"] is True
    order = (await api.get(f"/orders/{placed['order']['id']}", headers=STAFF)).body
    assert order["status"] == "pending_payment"


async def test_only_staff_confirm(api: Api) -> None:
    _, placed = await an_order(api)
    path = f"/payments/{placed['payment']['id']}/confirm"
    body = {"received": placed["order"]["total"]}

    nobody = await api.post(path, body)
    buyer = await api.post(path, body, headers=order_token(placed))
    wrong = await api.post(path, body, headers={"Authorization": "Bearer wrong"})
    basic = await api.post(path, body, headers={"Authorization": "Basic d3Jvbmc="})

    for answer in (nobody, buyer, wrong, basic):
        assert answer.refusal == (
            401,
            "session_over" if answer in {wrong, basic} else "unauthenticated",
        )
        assert answer.headers["www-authenticate"] == 'Bearer realm="surehold"'
    assert (await api.get(f"/payments/{placed['payment']['id']}", headers=STAFF)).body[
        "state"
    ] == "requires_action"


async def test_a_confirmation_is_checked(api: Api) -> None:
    _, placed = await an_order(api)
    path = f"/payments/{placed['payment']['id']}/confirm"

    answer = await api.post(path, {"received": {"amount": -1}, "x": 1}, headers=STAFF)

    assert answer.faults == {
        ("/received/amount", "out_of_range"),
        ("/received/currency", "missing"),
        ("/x", "unknown_field"),
    }
    missing = {"received": placed["order"]["total"]}
    for payment_id in (NOBODY, "x"):
        gone = await api.post(f"/payments/{payment_id}/confirm", missing, headers=STAFF)
        assert gone.refusal == (404, "payment_not_found")
