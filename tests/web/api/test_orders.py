"""Orders over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.catalog import a_product
from tests.support.api import NOBODY, STAFF, Api, a_key, order_token
from tests.support.placing import count_rows, counters

VERBS = ("cancel", "retry-payment", "extend-reservation")


async def pay(api: Api, placed: Any) -> None:
    """Staff see the transfer arrive."""
    answer = await api.post(
        f"/payments/{placed['payment']['id']}/confirm",
        {"received": placed["order"]["total"]},
        headers=STAFF,
    )
    assert answer.status == 200, answer.raw


async def test_a_guest_reads_the_order_with_its_token(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    path = f"/orders/{placed['order']['id']}"

    by_header = await api.get(path, headers=order_token(placed))
    by_query = await api.get(f"{path}?token={placed['order']['access_token']}")
    by_staff = await api.get(path, headers=STAFF)

    assert by_header.status == 200
    assert by_header.headers["cache-control"] == "no-store"
    assert by_header.raw == by_query.raw == by_staff.raw
    assert by_header.body == {
        **placed["order"],
        "payment": placed["payment"],
        "payments": [placed["payment"]],
        "refunds": [],
        "fulfillments": [],
    }


@pytest.mark.parametrize(
    "headers", [{}, {"X-Order-Token": "wrong"}, {"X-Order-Token": ""}, {"X-Order-Token": "é"}]
)
async def test_a_wrong_token_looks_like_a_missing_order(api: Api, headers: dict[str, str]) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    raw = {name: value.encode("latin-1") for name, value in headers.items()}

    for order_id in (placed["order"]["id"], NOBODY, "x", "%00"):
        answers = [
            await api.get(f"/orders/{order_id}", headers=raw),
            await api.get(f"/orders/{order_id}/events", headers=raw),
            *[await api.post(f"/orders/{order_id}/{verb}", {}, headers=raw) for verb in VERBS],
        ]
        assert {answer.refusal for answer in answers} == {(404, "order_not_found")}
    assert (await api.get(f"/orders/{placed['order']['id']}", headers=STAFF)).body["status"] == (
        "pending_payment"
    )


async def test_the_token_of_another_order_opens_nothing(api: Api) -> None:
    product = await a_product(api.db)
    mine, theirs = await api.buy(product.variant_id), await api.buy(product.variant_id)

    answer = await api.get(f"/orders/{theirs['order']['id']}", headers=order_token(mine))

    assert answer.refusal == (404, "order_not_found")


async def test_staff_with_a_wrong_secret_are_told_so(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)

    answer = await api.get(
        f"/orders/{placed['order']['id']}",
        headers={**order_token(placed), "Authorization": "Bearer wrong"},
    )

    assert answer.refusal == (401, "session_over")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_staff_are_told_that_an_order_is_missing(api: Api) -> None:
    assert (await api.get(f"/orders/{NOBODY}", headers=STAFF)).refusal == (404, "order_not_found")
    answer = await api.get(f"/orders/{NOBODY}/events", headers=STAFF)
    assert answer.refusal == (404, "order_not_found")


async def test_the_history_tells_who_did_what(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    await pay(api, placed)

    answer = await api.get(f"/orders/{placed['order']['id']}/events", headers=order_token(placed))

    assert [
        (event["seq"], event["from_status"], event["to_status"], event["actor"])
        for event in answer.body["items"]
    ] == [(1, None, "pending_payment", "buyer"), (2, "pending_payment", "paid", "staff")]
    assert answer.body["next_cursor"] is None


async def test_a_buyer_cancels_once_and_the_stock_is_back(api: Api) -> None:
    product = await a_product(api.db, on_hand=4)
    placed = await api.buy((product.variant_id, 3))
    path = f"/orders/{placed['order']['id']}/cancel"

    first = await api.post(path, headers=order_token(placed))
    second = await api.post(path, {}, headers=order_token(placed))

    assert first.body["status"] == "canceled"
    assert first.body["cancel_reason"] == "canceled_by_buyer"
    assert first.raw == second.raw
    assert await counters(api.db, product.variant_id) == (4, 0, 0)


async def test_staff_cancel_as_staff(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)

    answer = await api.post(f"/orders/{placed['order']['id']}/cancel", headers=STAFF)

    assert answer.body["cancel_reason"] == "canceled_by_staff"


async def test_an_open_payment_is_joined(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)

    answer = await api.post(
        f"/orders/{placed['order']['id']}/retry-payment",
        {"payment_method": {"provider": "bank_transfer"}},
        headers=order_token(placed),
    )

    assert answer.status == 200
    assert answer.body["payment"]["id"] == placed["payment"]["id"]


async def test_a_paid_order_needs_no_payment(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    await pay(api, placed)

    answer = await api.post(
        f"/orders/{placed['order']['id']}/retry-payment", headers=order_token(placed)
    )

    assert answer.refusal == (409, "order_not_payable")


async def test_an_unknown_way_to_pay_is_refused(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)

    answer = await api.post(
        f"/orders/{placed['order']['id']}/retry-payment",
        {"payment_method": {"provider": "gold"}},
        headers=order_token(placed),
    )

    assert answer.refusal == (422, "provider_unknown")
    assert answer.body["available"] == ["bank_transfer"]


async def test_more_time_is_given_as_often_as_the_store_allows(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    path = f"/orders/{placed['order']['id']}/extend-reservation"

    answers = [await api.post(path, headers=order_token(placed)) for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 200, 409]
    assert answers[0].body["reserved_until"] > placed["order"]["reserved_until"]
    assert answers[3].code == "extension_refused"


async def test_the_same_key_counts_one_extension(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    path = f"/orders/{placed['order']['id']}/extend-reservation"
    headers = {**order_token(placed), **a_key()}

    answers = [await api.post(path, headers=headers) for _ in range(6)]
    read = await api.get(f"/orders/{placed['order']['id']}", headers=order_token(placed))

    assert {(answer.status, answer.raw) for answer in answers} == {(200, read.raw)}


async def test_an_extension_is_told_again_after_the_order_is_over(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    path = f"/orders/{placed['order']['id']}"
    headers = {**order_token(placed), **a_key()}
    first = await api.post(f"{path}/extend-reservation", headers=headers)
    await api.post(f"{path}/cancel", headers=order_token(placed))

    again = await api.post(f"{path}/extend-reservation", headers=headers)
    anew = await api.post(f"{path}/extend-reservation", headers={**order_token(placed), **a_key()})

    assert (again.status, again.raw) == (200, first.raw)
    assert anew.refusal == (409, "order_not_payable")
    # One of the order, one of its extension, none of what was refused.
    assert (await count_rows(api.db))["idempotency_keys"] == 2


@pytest.mark.parametrize("verb", VERBS)
async def test_a_key_belongs_to_one_body_and_is_plain(api: Api, verb: str) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    path = f"/orders/{placed['order']['id']}/{verb}"
    headers = {**order_token(placed), **a_key("one")}

    first = await api.post(path, headers=headers)
    other = await api.post(path, {}, headers=headers)
    bad = await api.post(path, headers={**headers, "Idempotency-Key": "k" * 201})

    assert first.status == 200
    assert other.refusal == (422, "idempotency_key_reused")
    assert bad.refusal == (422, "idempotency_key_invalid")


@pytest.mark.parametrize("verb", VERBS)
async def test_the_same_key_on_another_order_is_another_request(api: Api, verb: str) -> None:
    product = await a_product(api.db)
    placed = [await api.buy(product.variant_id) for _ in range(2)]

    answers = [
        await api.post(
            f"/orders/{one['order']['id']}/{verb}", headers={**order_token(one), **a_key("k")}
        )
        for one in placed
    ]

    assert [answer.body["id"] for answer in answers] == [one["order"]["id"] for one in placed]


@pytest.mark.parametrize("verb", VERBS)
async def test_a_body_that_is_sent_is_checked(api: Api, verb: str) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    path = f"/orders/{placed['order']['id']}/{verb}"

    answer = await api.post(path, {"color": "red"}, headers=order_token(placed))

    assert answer.faults == {("/color", "unknown_field")}


async def test_a_fact_never_hides_the_status_of_the_answer(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    await pay(api, placed)

    answer = await api.post(
        f"/orders/{placed['order']['id']}/extend-reservation", headers=order_token(placed)
    )

    assert answer.refusal == (409, "order_not_payable")
    assert answer.body["order_status"] == "paid"
