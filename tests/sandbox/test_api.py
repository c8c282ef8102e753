from __future__ import annotations

import asyncio
import csv
import io
import time
from typing import Any

import pytest

from surehold.sandbox.app import create_app
from surehold.sandbox.settings import SandboxRefusesToStart, Settings, from_environment
from tests.sandbox.conftest import CONTROL_KEY


async def test_create_answers_the_payment_and_where_to_pay(shop: Any) -> None:
    created = await shop.create()

    assert created["id"].startswith("pay_")
    assert created["state"] == "requires_action"
    assert created["livemode"] is False
    assert created["totals"] == {
        "requested": 11840,
        "authorized": 0,
        "captured": 0,
        "refunded": 0,
        "disputed": 0,
    }
    assert created["hosted_url"] == f"{shop.client.base_url}/pay/{created['id']}".replace(
        "//pay", "/pay"
    )
    assert (await shop.payment(created["id"]))["merchant_reference"] == created[
        "merchant_reference"
    ]


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 10.0}, "amount"),
        ({"amount": "10"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 2**63}, "amount"),
        ({"currency": "XXY"}, "currency"),
        ({"currency": "eur"}, "currency"),
        ({"merchant_reference": "=1+1"}, "merchant_reference"),
        ({"merchant_reference": "SH1\n"}, "merchant_reference"),
        ({"merchant_reference": "x" * 65}, "merchant_reference"),
        ({"customer": {"email": "a@b.test", "name": "A", "age": 3}}, "customer.age"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"return_url": "http://shop.test/\r\nset-cookie: a=b"}, "return_url"),
        ({"cancel_url": "//shop.test/x"}, "cancel_url"),
        ({"cancel_url": "http://user@shop.test/x"}, "cancel_url"),
        ({"notify_url": "http://[::1/x"}, "notify_url"),
        ({"return_url": "http://shop.test; script-src *"}, "return_url"),
        ({"expires_at": 1}, "expires_at"),
        ({"expires_at": int(time.time()) + 40 * 86_400}, "expires_at"),
        ({"metadata": {}}, "metadata"),
    ],
)
async def test_create_refuses_a_bad_field_by_name(
    shop: Any, changes: dict[str, Any], param: str
) -> None:
    response = await shop.post("/v1/payments", shop.payload(**changes))

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert response.json()["error"]["param"] == param
    assert (await shop.get("/v1/report")).json()["lines"] == []


async def test_bodies_that_are_not_json_are_refused(shop: Any) -> None:
    for raw in (b"{", b"[]", b'"x"', b"\xff\xfe", b"null", b'{"amount": 1}'):
        response = await shop.post("/v1/payments", raw=raw)
        assert response.status_code == 400, raw
        assert set(response.json()["error"]) == {"type", "code", "message", "param"}
    response = await shop.post("/v1/payments", raw=b'"' + b"x" * 70_000 + b'"')
    assert response.status_code == 413


async def test_keys_are_required(shop: Any) -> None:
    for path in ("/v1/payments?merchant_reference=x", "/v1/events", "/v1/report"):
        for headers in (
            {},
            {"authorization": "Basic sk_test"},
            {"authorization": "Bearer ck_test"},
        ):
            response = await shop.client.get(path, headers=headers)
            assert response.status_code == 401
            assert response.json()["error"]["type"] == "authentication_error"
    response = await shop.client.post(
        "/control/misbehave", json={}, headers={"authorization": "Bearer sk_test"}
    )
    assert response.status_code == 401


async def test_unknown_addresses_ids_and_parameters_are_refused(shop: Any) -> None:
    assert (await shop.get("/v1/payments/pay_none")).status_code == 404
    assert (await shop.get("/v1/refunds/ref_none")).status_code == 404
    assert (await shop.get("/v1/refunds?payment=pay_none")).status_code == 404
    assert (await shop.get("/v2/payments")).status_code == 404
    assert (await shop.get("/v1/payments")).status_code == 400
    assert (await shop.get("/v1/payments?merchant_reference=a&limit=3")).status_code == 400
    assert (await shop.client.delete("/v1/payments")).status_code == 405
    assert (await shop.client.get("/pay/pay_none")).status_code == 404


async def test_P12_same_key_and_body_replays_and_another_body_is_refused(shop: Any) -> None:
    payload = shop.payload()
    first = await shop.post("/v1/payments", payload, key="k1")
    again = await shop.post("/v1/payments", payload, key="k1")
    misuse = await shop.post("/v1/payments", payload | {"amount": 1}, key="k1")
    elsewhere = await shop.post("/v1/refunds", payload, key="k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert misuse.status_code == 422
    assert misuse.json()["error"]["type"] == "idempotency_error"
    assert elsewhere.status_code == 400
    assert (await shop.payment(first.json()["id"]))["amount"] == 11840


async def test_a_refusal_does_not_use_up_the_key(shop: Any) -> None:
    payload = shop.payload()

    assert (await shop.post("/v1/payments", payload | {"amount": 0}, key="k")).status_code == 400
    assert (await shop.post("/v1/payments", payload, key="k")).status_code == 201


async def test_a_key_is_forgotten_after_a_day(shop: Any) -> None:
    first = await shop.post("/v1/payments", shop.payload(), key="k")
    await shop.control("clock", {"offset_seconds": 86_400 + 60})
    later = await shop.post(
        "/v1/payments", shop.payload(expires_at=int(time.time()) + 90_000), key="k"
    )

    assert later.status_code == 201
    assert later.json()["id"] != first.json()["id"]


async def test_posts_without_a_key_are_refused(shop: Any) -> None:
    for key in (None, "", "x" * 256):
        headers = {"authorization": "Bearer sk_test"}
        if key is not None:
            headers["idempotency-key"] = key
        response = await shop.client.post("/v1/payments", json=shop.payload(), headers=headers)
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "idempotency_key_missing"


async def test_a_merchant_reference_is_used_once(shop: Any) -> None:
    created = await shop.create()
    response = await shop.post(
        "/v1/payments", shop.payload(merchant_reference=created["merchant_reference"])
    )
    found = await shop.get(f"/v1/payments?merchant_reference={created['merchant_reference']}")

    assert response.status_code == 409
    assert response.json()["error"]["code"] == "merchant_reference_taken"
    assert [row["id"] for row in found.json()["data"]] == [created["id"]]
    nobody = await shop.get("/v1/payments?merchant_reference=nobody")
    assert nobody.json()["data"] == []


async def test_ten_creates_with_one_key_at_once_make_one_payment(shop: Any) -> None:
    payload = shop.payload()
    answers = await asyncio.gather(
        *(shop.post("/v1/payments", payload, key="same") for _ in range(10))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1


async def test_cancel_closes_an_open_session_and_only_that(shop: Any, inbox: Any) -> None:
    created = await shop.create()
    canceled = await shop.post(f"/v1/payments/{created['id']}/cancel")
    again = await shop.post(f"/v1/payments/{created['id']}/cancel")
    paid = await shop.paid()
    refused = await shop.post(f"/v1/payments/{paid['id']}/cancel")

    assert canceled.json()["state"] == again.json()["state"] == "canceled"
    assert refused.status_code == 409
    assert refused.json()["error"]["type"] == "state_error"
    assert (await shop.payment(paid["id"]))["state"] == "captured"
    assert sorted(await inbox.wait_for(2)) == ["payment.canceled", "payment.captured"]


async def test_refunds_in_parts_up_to_what_was_captured(shop: Any, inbox: Any) -> None:
    paid = await shop.paid()
    first = await shop.refund(paid["id"], 11000)
    over = await shop.refund(paid["id"], 841)
    last = await shop.refund(paid["id"], 840)

    assert (first.status_code, over.status_code, last.status_code) == (201, 400, 201)
    assert over.json()["error"]["code"] == "amount_too_large"
    assert first.json()["state"] == "succeeded"
    after = await shop.payment(paid["id"])
    assert after["totals"] == {
        "requested": 11840,
        "authorized": 11840,
        "captured": 11840,
        "refunded": 11840,
        "disputed": 0,
    }
    listed = (await shop.get(f"/v1/refunds?payment={paid['id']}")).json()["data"]
    assert sorted(row["amount"] for row in listed) == [840, 11000]
    assert (await shop.get(f"/v1/refunds/{first.json()['id']}")).json() == first.json()
    types = await inbox.wait_for(3)
    assert types == ["payment.captured", "refund.succeeded", "refund.succeeded"]


async def test_two_refunds_of_sixty_on_a_hundred_at_once_give_one(shop: Any) -> None:
    paid = await shop.paid(amount=100)
    answers = await asyncio.gather(*(shop.refund(paid["id"], 60) for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [201, 400]
    assert (await shop.payment(paid["id"]))["totals"]["refunded"] == 60


async def test_a_pending_refund_already_counts(open_shop: Any) -> None:
    async with open_shop(refund_seconds=60.0) as shop:
        paid = await shop.paid(amount=100)
        first = await shop.refund(paid["id"], 60)
        over = await shop.refund(paid["id"], 60)
        assert first.json()["state"] == "pending"
        assert over.status_code == 400
        assert (await shop.payment(paid["id"]))["totals"]["refunded"] == 0

        await shop.control(f"refunds/{first.json()['id']}/succeed")
        assert (await shop.payment(paid["id"]))["totals"]["refunded"] == 60

        await shop.control(f"refunds/{first.json()['id']}/fail")
        assert (await shop.payment(paid["id"]))["totals"]["refunded"] == 0


async def test_a_refund_settles_by_itself(open_shop: Any, inbox: Any) -> None:
    async with open_shop(refund_seconds=0.1) as shop:
        paid = await shop.paid()
        refund = (await shop.refund(paid["id"], 5)).json()
        assert refund["state"] == "pending"
        assert await inbox.wait_for(2) == ["payment.captured", "refund.succeeded"]


async def test_refunds_that_cannot_be(shop: Any) -> None:
    unpaid = await shop.create()
    assert (await shop.refund(unpaid["id"], 1)).status_code == 409
    assert (await shop.refund("pay_none", 1)).status_code == 404
    paid = await shop.paid()
    assert (await shop.refund(paid["id"], 0)).status_code == 400
    assert (await shop.refund(paid["id"], 1.0)).status_code == 400
    assert (await shop.refund(paid["id"], 1, reference="R1")).status_code == 201
    taken = await shop.refund(paid["id"], 1, reference="R1")
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "refund_reference_taken")
    assert (await shop.payment(paid["id"]))["totals"]["refunded"] == 1


async def test_P13_disputes_open_and_close(shop: Any, inbox: Any) -> None:
    paid = await shop.paid()
    opened = (await shop.control(f"payments/{paid['id']}/dispute", {"amount": 1000})).json()
    assert opened["id"].startswith("dsp_")
    assert (await shop.payment(paid["id"]))["totals"]["disputed"] == 1000

    await shop.control(f"disputes/{opened['id']}/close", {"outcome": "won"})

    assert (await shop.payment(paid["id"]))["totals"]["disputed"] == 0
    assert await inbox.wait_for(3) == ["payment.captured", "dispute.opened", "dispute.closed"]
    event = inbox.received[2][1]
    assert b'"state":"won"' in event


async def test_dashboard_refund_is_the_providers_own(shop: Any, inbox: Any) -> None:
    paid = await shop.paid()
    refund = (await shop.control(f"payments/{paid['id']}/refund", {"amount": 40})).json()

    assert (refund["origin"], refund["refund_reference"]) == ("dashboard", None)
    assert (await shop.payment(paid["id"]))["refunds"] == [refund]
    assert await inbox.wait_for(2) == ["payment.captured", "refund.succeeded"]


async def test_events_can_be_pulled_from_an_event_or_a_time(shop: Any) -> None:
    await shop.misbehave(drop_webhooks=True)
    for _ in range(3):
        await shop.paid()
    everything = (await shop.get("/v1/events")).json()
    first = everything["data"][0]
    rest = (await shop.get(f"/v1/events?since={first['id']}")).json()

    assert len(everything["data"]) == 3
    assert everything["next"] == everything["data"][-1]["id"]
    assert rest["data"] == everything["data"][1:]
    assert (await shop.get(f"/v1/events?since={int(time.time()) + 100}")).json()["data"] == []
    assert (await shop.get("/v1/events?since=evt_none")).status_code == 400


async def test_P14_report_adds_up_until_told_to_disagree(shop: Any) -> None:
    paid = await shop.paid()
    await shop.refund(paid["id"], 840)
    dispute = (await shop.control(f"payments/{paid['id']}/dispute", {"amount": 1000})).json()
    await shop.control(f"disputes/{dispute['id']}/close", {"outcome": "won"})

    report = (await shop.get("/v1/report")).json()
    rows = {row["type"]: row["amount"] for row in report["lines"]}
    assert rows == {"capture": 11840, "refund": -840, "dispute": -1000, "dispute_reversal": 1000}
    assert report["net"] == {"EUR": 11000}
    csv = await shop.get("/v1/report?format=csv")
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(csv.text.splitlines()) == 5

    await shop.misbehave(report_skew_minor=-1)
    assert (await shop.get("/v1/report")).json()["net"] == {"EUR": 10999}


@pytest.mark.parametrize("word", ["production", "PRODUCTION", "live", " prod "])
def test_production_mode_is_refused(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    good = Settings(api_key="a", control_key="b", webhook_secrets=("c",))
    with pytest.raises(SandboxRefusesToStart, match="production"):
        create_app(Settings(api_key="a", control_key="b", webhook_secrets=("c",), mode=word))
    monkeypatch.setenv("SUREHOLD_MODE", word)
    with pytest.raises(SandboxRefusesToStart, match="production"):
        create_app(good)


def test_missing_secrets_are_refused() -> None:
    for bad in (
        Settings(api_key="", control_key="b", webhook_secrets=("c",)),
        Settings(api_key="a", control_key="", webhook_secrets=("c",)),
        Settings(api_key="a", control_key="b", webhook_secrets=()),
        Settings(api_key="a", control_key="b", webhook_secrets=("c", "")),
    ):
        with pytest.raises(SandboxRefusesToStart, match="secret"):
            create_app(bad)


def test_settings_come_from_the_environment() -> None:
    read = from_environment(
        {
            "SUREHOLD_SANDBOX_API_KEY": "a",
            "SUREHOLD_SANDBOX_CONTROL_KEY": "b",
            "SUREHOLD_SANDBOX_WEBHOOK_SECRETS": "new, old",
            "SUREHOLD_SANDBOX_RETRY_FACTOR": "0.5",
        }
    )
    assert read.webhook_secrets == ("new", "old")
    assert read.retry_factor == 0.5
    with pytest.raises(SandboxRefusesToStart):
        from_environment({"SUREHOLD_SANDBOX_RETRY_FACTOR": "fast"})


async def test_P14_settlement_report_says_what_moved_what_it_cost_and_what_was_paid_out(
    shop: Any,
) -> None:
    paid = await shop.paid()
    payout = (await shop.control("payouts", {"currency": "EUR"})).json()

    answer = await shop.get("/v1/settlement")
    capture, paid_out = csv.DictReader(io.StringIO(answer.text))

    names = ("type", "payment", "reference", "gross", "fee", "net", "payout")
    assert [capture[name] for name in names] == [
        *("capture", paid["id"], paid["merchant_reference"], "11840", "343", "11497"),
        payout["id"],
    ]
    assert [paid_out[name] for name in names] == [
        *("payout", "", "", "-11497", "0", "-11497", payout["id"])
    ]
    again = await shop.client.post(
        "/control/payouts",
        json={"currency": "EUR"},
        headers={"authorization": f"Bearer {CONTROL_KEY}"},
    )
    assert (again.status_code, again.json()["error"]["code"]) == (409, "nothing_to_pay_out")
