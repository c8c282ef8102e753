"""Refunds and cancellations of a part over HTTP: who may, what is said, that it counts once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.catalog import a_product
from tests.support.api import NOBODY, STAFF, Api, a_key, order_token
from tests.support.placing import count_rows, counters


async def pay(api: Api, placed: Any) -> None:
    answer = await api.post(
        f"/payments/{placed['payment']['id']}/confirm",
        {"received": placed["order"]["total"]},
        headers=STAFF,
    )
    assert answer.status == 200, answer.raw


async def a_paid(api: Api, *quantities: int, price: int = 1000) -> Any:
    lines = [((await a_product(api.db, price=price)).variant_id, one) for one in quantities]
    placed = await api.buy(*lines)
    await pay(api, placed)
    return placed


def units(placed: Any, quantity: int) -> list[dict[str, Any]]:
    return [{"line_id": placed["order"]["lines"][0]["id"], "quantity": quantity}]


async def test_a_refund_says_what_goes_back_and_counts_once(api: Api) -> None:
    placed = await a_paid(api, 3)
    path = f"/orders/{placed['order']['id']}/refunds"
    body = {
        "lines": units(placed, 1),
        "shipping": True,
        "reason": "One arrived broken",
        "internal_reason": "Carrier's fault",
    }
    key = {**STAFF, **a_key()}

    preview = await api.post(
        f"{path}/preview", {"lines": body["lines"], "shipping": True}, headers=STAFF
    )
    made = await api.post(path, body, headers=key)
    again = await api.post(path, body, headers=key)

    assert preview.status == 200
    assert (made.status, again.status) == (201, 201)
    assert made.raw == again.raw
    [refund] = made.body["items"]
    assert made.body["total"] == refund["amount"] == {"amount": 1490, "currency": "EUR"}
    assert refund["lines"] == preview.body["items"][0]["lines"]
    assert refund["lines"] == [
        {
            "line_id": body["lines"][0]["line_id"],
            "quantity": 1,
            "net": {"amount": 833, "currency": "EUR"},
            "tax": {"amount": 167, "currency": "EUR"},
            "gross": {"amount": 1000, "currency": "EUR"},
        }
    ]
    assert refund["shipping"] == {"amount": 490, "currency": "EUR"}
    assert (refund["state"], refund["requested_by"]) == ("requested", "operator")
    assert (await count_rows(api.db))["refunds"] == 1


async def test_a_guest_reads_the_refunds_but_not_what_staff_say(api: Api) -> None:
    placed = await a_paid(api, 1)
    path = f"/orders/{placed['order']['id']}/refunds"
    await api.post(
        path,
        {"reason": "Sorry", "internal_reason": "Never again"},
        headers={**STAFF, **a_key()},
    )

    guest = await api.get(path, headers=order_token(placed))
    staff = await api.get(path, headers=STAFF)

    assert [row["reason"] for row in guest.body["items"]] == ["Sorry"]
    assert [row["internal_reason"] for row in guest.body["items"]] == [None]
    assert [row["internal_reason"] for row in staff.body["items"]] == ["Never again"]
    assert (await api.get(path)).refusal == (404, "order_not_found")


@pytest.mark.parametrize("path", ["", "/preview", f"/{NOBODY}/retry", f"/{NOBODY}/confirm"])
async def test_only_staff_give_money_back(api: Api, path: str) -> None:
    placed = await a_paid(api, 1)
    before = await count_rows(api.db)

    answer = await api.post(
        f"/orders/{placed['order']['id']}/refunds{path}",
        {"reason": "Please"} if not path else {},
        headers={**order_token(placed), **a_key()},
    )

    assert answer.refusal == (401, "unauthenticated")
    assert await count_rows(api.db) == before


async def test_every_fault_of_a_refund_is_told(api: Api) -> None:
    placed = await a_paid(api, 1)
    path = f"/orders/{placed['order']['id']}/refunds"
    headers = {**STAFF, **a_key()}

    both = await api.post(
        path,
        {
            "amount": {"amount": 1, "currency": "EUR"},
            "lines": units(placed, 0),
            "restock": True,
            "reason": "",
        },
        headers=headers,
    )
    unknown = await api.post(
        path, {"lines": [{"line_id": NOBODY, "quantity": 1}], "reason": "x"}, headers=headers
    )
    bare = await api.post(path, {"restock": True, "reason": "x"}, headers=headers)
    currency = await api.post(
        path, {"amount": {"amount": 1, "currency": "USD"}, "reason": "x"}, headers=headers
    )
    no_key = await api.post(path, {"reason": "x"}, headers=STAFF)

    assert both.faults == {
        ("/lines/0/quantity", "out_of_range"),
        ("/amount", "amount_or_lines"),
        ("/reason", "too_short"),
    }
    assert unknown.faults == {("/lines/0/line_id", "unknown_line")}
    assert bare.faults == {("/restock", "without_lines")}
    assert currency.faults == {("/amount/currency", "other_currency")}
    assert no_key.refusal == (422, "idempotency_key_missing")


async def test_refusals_say_what_is_left(api: Api) -> None:
    placed = await a_paid(api, 2)
    path = f"/orders/{placed['order']['id']}/refunds"

    short = await api.post(
        path, {"lines": units(placed, 3), "reason": "x"}, headers={**STAFF, **a_key()}
    )
    beyond = await api.post(
        path,
        {"amount": {"amount": 2491, "currency": "EUR"}, "reason": "x"},
        headers={**STAFF, **a_key()},
    )

    assert short.refusal == (409, "units_not_refundable")
    assert short.body["lines"] == [
        {"line_id": units(placed, 3)[0]["line_id"], "requested": 3, "available": 2}
    ]
    assert beyond.refusal == (409, "refund_exceeds_paid")
    assert beyond.body["refundable"] == {"amount": 2490, "currency": "EUR"}


async def test_a_transfer_is_paid_out_by_hand_once(api: Api) -> None:
    placed = await a_paid(api, 1)
    path = f"/orders/{placed['order']['id']}/refunds"
    made = await api.post(path, {"reason": "x"}, headers={**STAFF, **a_key()})
    refund = f"{path}/{made.body['items'][0]['id']}"

    first = await api.post(f"{refund}/confirm", {}, headers=STAFF)
    second = await api.post(f"{refund}/confirm", {}, headers=STAFF)
    retried = await api.post(f"{refund}/retry", {}, headers=STAFF)

    assert first.body["items"][0]["state"] == "succeeded"
    assert second.raw == first.raw
    assert retried.refusal == (409, "refund_not_retryable")
    assert retried.body["refund_state"] == "succeeded"
    order = await api.get(f"/orders/{placed['order']['id']}", headers=STAFF)
    assert order.body["status"] == "refunded"
    for verb in ("confirm", "retry"):
        for nobody in (NOBODY, "x"):
            answer = await api.post(f"{path}/{nobody}/{verb}", {}, headers=STAFF)
            assert answer.refusal == (404, "refund_not_found")


async def test_a_refund_of_one_payment(api: Api) -> None:
    placed = await a_paid(api, 1)
    path = f"/payments/{placed['payment']['id']}/refunds"
    body = {"amount": {"amount": 500, "currency": "EUR"}, "reason": "Sorry"}
    key = {**STAFF, **a_key()}

    answers = [await api.post(path, body, headers=key) for _ in range(2)]

    assert {answer.status for answer in answers} == {201}
    assert answers[0].raw == answers[1].raw
    assert answers[0].body["items"][0]["payment_id"] == placed["payment"]["id"]
    missing = await api.post(f"/payments/{NOBODY}/refunds", body, headers={**STAFF, **a_key()})
    assert missing.refusal == (404, "payment_not_found")


async def test_a_guest_gives_up_a_part_once(api: Api) -> None:
    lamp = await a_product(api.db, price=1000)
    placed = await api.buy((lamp.variant_id, 3))
    await pay(api, placed)
    path = f"/orders/{placed['order']['id']}/cancel"
    key = {**order_token(placed), **a_key()}

    first = await api.post(path, {"lines": units(placed, 1)}, headers=key)
    again = await api.post(path, {"lines": units(placed, 1)}, headers=key)
    keyless = await api.post(path, {"lines": units(placed, 1)}, headers=order_token(placed))
    short = await api.post(
        path, {"lines": units(placed, 3)}, headers={**order_token(placed), **a_key()}
    )

    assert first.status == 200
    assert first.raw == again.raw
    assert first.body["canceled"] == {"amount": 1000, "currency": "EUR"}
    assert first.body["total"] == placed["order"]["total"]
    assert first.body["lines"][0]["canceled_quantity"] == 1
    assert first.body["status"] == "paid"
    assert keyless.refusal == (422, "idempotency_key_missing")
    assert short.refusal == (409, "units_not_cancelable")
    assert await counters(api.db, lamp.variant_id) == (10, 2, 0)


async def test_a_part_of_an_unpaid_order_asks_for_less(api: Api) -> None:
    lamp = await a_product(api.db, price=1000)
    placed = await api.buy((lamp.variant_id, 3))

    answer = await api.post(
        f"/orders/{placed['order']['id']}/cancel",
        {"lines": units(placed, 2)},
        headers={**order_token(placed), **a_key()},
    )

    assert answer.status == 200
    assert answer.body["payment"]["amount"] == {"amount": 1490, "currency": "EUR"}
    assert answer.body["payment"]["id"] != placed["payment"]["id"]
    assert answer.body["reserved_until"] == placed["order"]["reserved_until"]
    assert await counters(api.db, lamp.variant_id) == (10, 0, 1)
