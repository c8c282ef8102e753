from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import msgspec
import pytest

from surehold.sandbox.misbehave import Area, Chances, Conduct, Fault, Misbehavior


def one(fault: str, on: str = "any", calls: int = 1) -> list[dict[str, Any]]:
    return [{"fault": fault, "on": on, "calls": calls}]


@pytest.mark.parametrize(
    ("fault", "status", "is_done"),
    [("error", 500, 0), ("rate_limit", 429, 0), ("forbid", 403, 0), ("decline", 402, 0),
     ("error_after_work", 500, 1), ("wrong_type", 200, 1), ("huge", 201, 1), ("redirect", 302, 1)],
)  # fmt: skip
async def test_P11_faulty_answers_for_the_next_call(
    shop: Any, fault: str, status: int, is_done: int
) -> None:
    await shop.misbehave(answers=one(fault, "create"))
    payload = shop.payload()
    first = await shop.post("/v1/payments", payload, key="k")
    found = await shop.get(f"/v1/payments?merchant_reference={payload['merchant_reference']}")
    again = await shop.post("/v1/payments", payload, key="k")

    assert first.status_code == status
    assert len(found.json()["data"]) == is_done
    assert again.status_code == 201
    if fault == "wrong_type":
        assert first.headers["content-type"] == "text/html; charset=utf-8"
    if fault == "huge":
        assert len(first.content) > 1_000_000
    if fault == "rate_limit":
        assert first.headers["retry-after"] == "1"


@pytest.mark.parametrize("fault", ["lose", "truncate"])
async def test_P1_create_commits_and_the_answer_is_lost(shop: Any, fault: str) -> None:
    await shop.misbehave(answers=one(fault, "create", 2))
    payload = shop.payload()
    for _ in range(2):
        with pytest.raises(httpx2.RemoteProtocolError):
            await shop.post("/v1/payments", payload, key="k")
    third = await shop.post("/v1/payments", payload, key="k")

    found = await shop.get(f"/v1/payments?merchant_reference={payload['merchant_reference']}")
    assert [row["id"] for row in found.json()["data"]] == [third.json()["id"]]


async def test_lost_answer_may_hang_first(shop: Any) -> None:
    await shop.misbehave(answers=one("lose", "create"), hang_seconds=0.3)
    began = time.monotonic()
    with pytest.raises(httpx2.RemoteProtocolError):
        await shop.post("/v1/payments", shop.payload())

    assert time.monotonic() - began >= 0.3


async def test_slow_answers_arrive_and_others_do_not_wait(shop: Any) -> None:
    await shop.misbehave(answers=one("slow", "create"), hang_seconds=0.4)
    slow = asyncio.create_task(shop.post("/v1/payments", shop.payload()))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    assert (await shop.get("/v1/events")).status_code == 200

    assert time.monotonic() - began < 0.2
    assert (await slow).status_code == 201


async def test_page_charges_and_never_answers(shop: Any, inbox: Any) -> None:
    created = await shop.create()
    await shop.misbehave(answers=one("lose", "page"))
    with pytest.raises(httpx2.RemoteProtocolError):
        await shop.press(created["id"], "success")

    assert (await shop.payment(created["id"]))["totals"]["captured"] == 11840
    assert await inbox.wait_for(1) == ["payment.captured"]


async def test_faults_fall_only_where_they_were_planned(shop: Any) -> None:
    paid = await shop.paid()
    await shop.misbehave(answers=one("error", "refund") + one("error", "read"))

    assert (await shop.post("/v1/payments", shop.payload())).status_code == 201
    assert (await shop.client.get(f"/pay/{paid['id']}")).status_code == 200
    assert (await shop.refund(paid["id"], 1)).status_code == 500
    assert (await shop.get("/v1/report")).status_code == 500
    assert (await shop.get("/v1/report")).json()["net"] == {"EUR": 11840}


async def test_lost_refund_answer_is_one_refund(shop: Any) -> None:
    paid = await shop.paid()
    await shop.misbehave(answers=one("lose", "refund"))
    with pytest.raises(httpx2.RemoteProtocolError):
        await shop.refund(paid["id"], 40, reference="R1", key="k")
    again = await shop.refund(paid["id"], 40, reference="R1", key="k")

    assert again.headers["idempotent-replayed"] == "true"
    assert (await shop.payment(paid["id"]))["totals"]["refunded"] == 40


@pytest.mark.parametrize(
    ("charge", "card", "captured"),
    [("twice", "success", 23680), ("one_short", "success", 11839),
     ("once", "charged_twice", 23680), ("once", "one_short", 11839)],
)  # fmt: skip
async def test_P9_wrong_charges(shop: Any, charge: str, card: str, captured: int) -> None:
    await shop.misbehave(charge=charge)
    paid = await shop.paid(card)

    assert paid["totals"] == {
        "requested": 11840,
        "authorized": captured,
        "captured": captured,
        "refunded": 0,
        "disputed": 0,
    }
    lines = (await shop.get("/v1/report")).json()["lines"]
    assert len(lines) == (2 if captured > 20000 else 1)


async def test_P9_another_currency_is_shown(shop: Any, inbox: Any) -> None:
    await shop.misbehave(shown_currency="USD")
    paid = await shop.paid()
    await inbox.wait_for(1)

    assert paid["currency"] == "USD"
    assert msgspec.json.decode(inbox.received[0][1])["data"]["object"]["currency"] == "USD"


async def test_conduct_is_strict_and_an_empty_one_is_good(shop: Any) -> None:
    headers = {"authorization": "Bearer ck_test"}
    for bad in ({"nonsense": 1}, {"webhook_copies": 0}, {"chances": {"drop_rate": 2}},
                {"answers": [{"fault": "nonsense"}]}):  # fmt: skip
        response = await shop.client.post("/control/misbehave", json=bad, headers=headers)
        assert response.status_code == 400
    await shop.misbehave(drop_webhooks=True)
    await shop.misbehave()
    now = await shop.client.get("/control/misbehave", headers=headers)
    assert msgspec.convert(now.json(), Conduct) == Conduct()


def test_one_seed_tells_one_story() -> None:
    chances = Chances(lost_answer_rate=0.3, error_rate=0.3, duplicate_rate=0.5, drop_rate=0.2,
                      delay_rate=0.5, charge_twice_rate=0.2, wrong_amount_rate=0.2)  # fmt: skip

    def story(seed: int) -> list[tuple[Any, ...]]:
        misbehavior = Misbehavior(Conduct(seed=seed, chances=chances))
        return [
            (
                misbehavior.take_answer_fault(Area.CREATE),
                misbehavior.charge(None),
                misbehavior.plan_deliveries(None),
            )
            for _ in range(200)
        ]

    assert story(7) == story(7)
    assert story(7) != story(8)
    faults = {fault for fault, _, _ in story(7)}
    assert faults == {None, Fault.LOSE, Fault.ERROR}


def test_control_and_pages_to_read_are_never_sabotaged() -> None:
    misbehavior = Misbehavior(Conduct(chances=Chances(lost_answer_rate=1)))

    assert misbehavior.take_answer_fault(Area.EXEMPT) is None
    assert misbehavior.take_answer_fault(Area.READ) is Fault.LOSE
