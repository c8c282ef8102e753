"""The hand that moves the bank, in bulk and at will; what it counts; what survives its death."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from surehold.sandbox.misbehave import ANSWER_RATES, Area, Chances, Conduct, Fault, Misbehavior
from tests.sandbox.conftest import API_KEY, CONTROL_KEY, Shop
from tests.support.shop import free_port

CONTROL = {"authorization": f"Bearer {CONTROL_KEY}"}


def one(fault: str, on: str = "any", calls: int = 1) -> list[dict[str, Any]]:
    return [{"fault": fault, "on": on, "calls": calls}]


async def counters(shop: Shop) -> dict[str, dict[str, int]]:
    answer = await shop.client.get("/control/counters", headers=CONTROL)
    found: dict[str, dict[str, int]] = answer.json()
    return found


async def moves(shop: Shop) -> list[tuple[str, int]]:
    answer = await shop.client.get("/control/report", headers=CONTROL)
    return [(line["type"], line["amount"]) for line in answer.json()["lines"]]


async def test_P1_answer_lost_before_the_work_leaves_nothing_done(shop: Shop) -> None:
    await shop.misbehave(answers=one("lose_before_work", "create"))
    payload = shop.payload()
    with pytest.raises(httpx2.RemoteProtocolError):
        await shop.post("/v1/payments", payload, key="k")

    found = await shop.get(f"/v1/payments?merchant_reference={payload['merchant_reference']}")
    assert found.json()["data"] == []
    assert (await shop.post("/v1/payments", payload, key="k")).status_code == 201


async def test_P11_gateway_answers_for_a_bank_that_did_the_work(shop: Shop) -> None:
    await shop.misbehave(answers=one("gateway", "create"))
    payload = shop.payload()
    answer = await shop.post("/v1/payments", payload)

    assert answer.status_code == 504
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    found = await shop.get(f"/v1/payments?merchant_reference={payload['merchant_reference']}")
    assert len(found.json()["data"]) == 1


async def test_P11_half_a_json_arrives_as_a_whole_body(shop: Shop) -> None:
    await shop.misbehave(answers=one("half_json", "create"))
    answer = await shop.post("/v1/payments", shop.payload())

    assert answer.status_code == 201
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(msgspec.DecodeError, match="truncated"):
        msgspec.json.decode(answer.content)


async def test_P11_body_drips(shop: Shop) -> None:
    await shop.misbehave(answers=one("drip", "create"), hang_seconds=0.4)
    began = time.monotonic()
    answer = await shop.post("/v1/payments", shop.payload())

    assert answer.status_code == 201
    assert answer.json()["state"] == "requires_action"
    assert 0.35 <= time.monotonic() - began < 4


async def test_drip_ends_when_the_caller_hangs_up(shop: Shop) -> None:
    await shop.misbehave(answers=one("drip", "read"), hang_seconds=8)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await shop.get("/v1/events")

    assert (await shop.get("/v1/events")).status_code == 200


async def test_batch_does_each_step_by_itself(shop: Shop) -> None:
    made = [await shop.create() for _ in range(4)]
    steps = [
        {"do": "capture", "payment": made[0]["id"]},
        {"do": "capture", "payment": made[0]["id"]},
        {"do": "fail", "merchant_reference": made[1]["merchant_reference"]},
        {"do": "expire", "payment": made[2]["id"]},
        {"do": "refund", "payment": made[0]["id"], "amount": 840},
        {"do": "dispute", "payment": made[0]["id"], "amount": 1000},
        {"do": "capture", "payment": "pay_none"},
        {"do": "capture", "merchant_reference": made[3]["merchant_reference"], "amount": 40},
    ]
    answer = await shop.control("batch", {"steps": steps})

    rows = answer.json()["data"]
    assert [row["error"] for row in rows] == [
        None, "already_captured", None, None, None, None, "not_found", None,
    ]  # fmt: skip
    assert rows[2]["payment"] == made[1]["id"]
    states = [(await shop.payment(row["id"]))["state"] for row in made]
    assert states == ["captured", "failed", "expired", "captured"]
    assert sorted(await moves(shop)) == [
        ("capture", 40), ("capture", 11840), ("dispute", -1000), ("refund", -840),
    ]  # fmt: skip


async def test_batch_is_bounded(shop: Shop) -> None:
    steps = [{"do": "capture", "payment": "pay_none"}] * 501
    answer = await shop.client.post("/control/batch", json={"steps": steps}, headers=CONTROL)

    assert answer.status_code == 400


async def test_P13_parts_are_captured_up_to_the_whole(shop: Shop, inbox: Any) -> None:
    created = await shop.create()
    capture = f"payments/{created['id']}/capture"
    first = (await shop.control(capture, {"amount": 11000})).json()
    too_much = await shop.client.post(f"/control/{capture}", json={"amount": 841}, headers=CONTROL)
    second = (await shop.control(capture, {"amount": 840})).json()

    assert (first["state"], first["totals"]["captured"]) == ("captured", 11000)
    assert too_much.json()["error"]["code"] == "amount_too_large"
    assert second["totals"]["captured"] == 11840
    assert sorted(await moves(shop)) == [("capture", 840), ("capture", 11000)]
    assert await inbox.wait_for(2) == ["payment.captured"] * 2


async def test_P14_control_report_is_never_skewed(shop: Shop) -> None:
    await shop.paid()
    await shop.misbehave(report_skew_minor=-1, answers=one("error", "any", 5))

    assert await moves(shop) == [("capture", 11840)]


async def test_P6_hours_of_delay_pass_at_once(shop: Shop, inbox: Any) -> None:
    await shop.misbehave(webhook_delay_seconds=7200)
    await shop.paid()
    assert (await shop.control("deliveries/advance", {"seconds": 3600})).json() == {"waiting": 1}
    assert await inbox.wait_for(0) == []
    await shop.control("deliveries/advance", {"seconds": 3601})

    assert await inbox.wait_for(1) == ["payment.captured"]


async def test_P4_withheld_events_leave_one_by_one(shop: Shop, inbox: Any) -> None:
    await shop.misbehave(withhold_webhooks=True)
    paid = await shop.paid()
    await shop.refund(paid["id"], 10)
    events = (await shop.get("/v1/events")).json()["data"]
    for count, event in enumerate(reversed(events), start=1):
        assert (await shop.control("release", {"event": event["id"]})).json() == {"released": 1}
        await inbox.wait_for(count)

    assert inbox.types == ["refund.succeeded", "payment.captured"]


async def test_webhooks_are_signed_in_real_time_whatever_the_bank_believes(
    shop: Shop, inbox: Any
) -> None:
    await shop.control("clock", {"offset_seconds": 86_400})
    await shop.paid(expires_at=int(time.time()) + 90_000)
    await inbox.wait_for(1)

    signed_at = int(inbox.received[0][0]["sandbox-signature"].partition(",")[0].removeprefix("t="))
    assert abs(signed_at - time.time()) < 30


async def test_counters_say_what_was_done(shop: Shop, inbox: Any) -> None:
    created = await shop.create()
    await shop.misbehave(answers=one("rate_limit", "read", 2), webhook_copies=3, charge="twice")
    for _ in range(3):
        await shop.get("/v1/events")
    await shop.control(f"payments/{created['id']}/capture")
    await inbox.wait_for(3)
    await shop.misbehave(drop_webhooks=True)
    await shop.paid()

    found = await counters(shop)
    assert found["misbehaved"] == {
        "answer.rate_limit": 2,
        "charge.twice": 1,
        "webhook.duplicated": 2,
        "webhook.dropped": 1,
    }
    assert found["deliveries"] == {"delivered": 3, "dropped": 1, "attempts": 3}


def test_every_rate_leads_to_its_fault() -> None:
    for name, fault in ANSWER_RATES:
        misbehavior = Misbehavior(Conduct(chances=Chances(**{name: 1})))
        assert misbehavior.take_answer_fault(Area.CREATE) is fault
        assert misbehavior.counts == {f"answer.{fault.value}": 1}
    # Refused for good is no accident: a test asks for it by name.
    assert {fault for _, fault in ANSWER_RATES} | {
        Fault.FORBID,
        Fault.DECLINE,
        Fault.REDIRECT,
    } == (set(Fault))


def test_one_kind_of_chance_does_not_move_the_dice_of_another() -> None:
    chances = Chances(lost_answer_rate=0.3, drop_rate=0.3, duplicate_rate=0.5, duplicate_up_to=4)

    def story(answers_between: int) -> list[tuple[int, str]]:
        misbehavior = Misbehavior(Conduct(seed=5, chances=chances))
        told = []
        for _ in range(100):
            for _ in range(answers_between):
                misbehavior.take_answer_fault(Area.READ)
            planned = misbehavior.plan_deliveries(None)
            told.append((len(planned), planned[0].state))
        return told

    assert story(0) == story(3)
    counts = Counter(copies for copies, _ in story(0))
    assert set(counts) == {1, 2, 3, 4, 5}


class _Process:
    """The sandbox as a process of its own, with a book on disk."""

    def __init__(self, book: Path, log: Path) -> None:
        self.port = free_port()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "surehold.sandbox"),
                    *("--port", str(self.port), "--book", str(book)),
                ],
                env={
                    "PATH": "",
                    "PYTHONPATH": ":".join(path for path in sys.path if path),
                    "SUREHOLD_SANDBOX_API_KEY": API_KEY,
                    "SUREHOLD_SANDBOX_CONTROL_KEY": CONTROL_KEY,
                    "SUREHOLD_SANDBOX_WEBHOOK_SECRETS": "whsec",
                    "SUREHOLD_SANDBOX_REFUND_SECONDS": "0",
                    "SUREHOLD_SANDBOX_SYNCHRONOUS": "off",
                },
                stdout=output,
                stderr=output,
            )

    def kill(self) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        return self._process.wait(timeout=10)


@asynccontextmanager
async def a_process(folder: Path) -> AsyncIterator[tuple[Shop, _Process]]:
    process = _Process(folder / "book.sqlite", folder / "log")
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{process.port}", trust_env=False, timeout=8
        ) as client:
            async with asyncio.timeout(30):
                while True:
                    try:
                        await client.get("/health")
                        break
                    except httpx2.TransportError:
                        assert process._process.poll() is None, (folder / "log").read_text()
                        await asyncio.sleep(0.05)
            yield Shop(client, None, f"http://127.0.0.1:{free_port()}/nobody"), process
    finally:
        process.kill()


async def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    """Not even waiting for the disk: a killed process loses nothing that it has committed."""
    references: list[str] = []
    captured: list[str] = []
    refunded: list[str] = []

    async def buyer(shop: Shop, seed: int) -> None:
        dice = random.Random(seed)
        while True:
            payload = shop.payload(merchant_reference=f"R{seed}x{dice.getrandbits(60)}")
            made = await shop.post("/v1/payments", payload)
            references.append(payload["merchant_reference"])
            payment_id = made.json()["id"]
            await shop.control(f"payments/{payment_id}/capture")
            captured.append(payment_id)
            answer = await shop.refund(payment_id, 40, reference=f"F{payment_id}")
            refunded.append(answer.json()["id"])

    async with a_process(tmp_path) as (shop, process):
        buyers = [asyncio.create_task(buyer(shop, seed)) for seed in range(4)]
        async with asyncio.timeout(30):
            while len(refunded) < 25:
                await asyncio.sleep(0.01)
        assert process.kill() == -signal.SIGKILL
        ended = await asyncio.gather(*buyers, return_exceptions=True)
        assert all(isinstance(end, httpx2.TransportError) for end in ended), ended

    async with a_process(tmp_path) as (shop, _):
        answer = await shop.client.get("/control/report", headers=CONTROL)
        lines = answer.json()["lines"]
        for reference in references:
            found = await shop.get(f"/v1/payments?merchant_reference={reference}")
            assert len(found.json()["data"]) == 1
    taken = Counter(line["payment"] for line in lines if line["type"] == "capture")
    assert set(captured) <= set(taken)
    assert set(taken.values()) == {1}
    assert set(refunded) <= {line["id"] for line in lines if line["type"] == "refund"}
    assert len(taken) - len(captured) <= 4
