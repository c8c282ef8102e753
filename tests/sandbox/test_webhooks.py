from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import signal
import socket
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

SECRET = b"whsec_one"


def independent_mark(secret: bytes, at: str, body: bytes) -> str:
    return hmac.new(secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()


async def test_webhook_is_signed_over_the_bytes_that_arrive(shop: Any, inbox: Any) -> None:
    paid = await shop.paid()
    await inbox.wait_for(1)

    ((headers, body),) = inbox.received
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["sandbox-signature"])
    assert found is not None
    assert found[2] == independent_mark(SECRET, found[1], body)
    assert abs(int(found[1]) - time.time()) < 5
    event = msgspec.json.decode(body)
    assert headers["sandbox-event-id"] == event["id"]
    assert headers["content-type"] == "application/json"
    assert set(event) == {"id", "type", "created", "livemode", "data"}
    assert event["id"].startswith("evt_")
    assert (event["type"], event["livemode"]) == ("payment.captured", False)
    paid.pop("hosted_url")
    assert event["data"]["object"] == paid


async def test_P10_two_signatures_while_secrets_rotate(open_shop: Any, inbox: Any) -> None:
    async with open_shop(webhook_secrets=("new", "old")) as shop:
        await shop.paid()
        await inbox.wait_for(1)

    ((headers, body),) = inbox.received
    at = headers["sandbox-signature"].split(",")[0].removeprefix("t=")
    new, old = independent_mark(b"new", at, body), independent_mark(b"old", at, body)
    assert headers["sandbox-signature"] == f"t={at},v1={new},v1={old}"


async def test_failed_deliveries_are_tried_again_with_the_same_bytes(
    shop: Any, inbox: Any
) -> None:
    inbox.answers = [500, 302, 404]
    await shop.paid()
    await inbox.wait_for(4)

    assert len({body for _, body in inbox.received}) == 1
    (delivery,) = await shop.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 4)
    assert [attempt["status"] for attempt in delivery["log"]] == [500, 302, 404, 200]
    starts = [attempt["at"] for attempt in delivery["log"]]
    gaps = [late - early for early, late in pairwise(starts)]
    # 5, 30 and 120 seconds, times the factor 0.01.
    assert 0.05 <= gaps[0] < gaps[1] < gaps[2]
    assert gaps[1] >= 0.3
    assert gaps[2] >= 1.2


async def test_a_delivery_is_given_up_in_the_end(open_shop: Any, inbox: Any) -> None:
    inbox.answers = [500] * 20
    async with open_shop(retry_factor=0.0) as shop:
        await shop.paid()
        await inbox.wait_for(8)
        (delivery,) = await shop.deliveries()

    assert (delivery["state"], delivery["attempts"]) == ("given_up", 8)
    assert len(inbox.received) == 8


async def test_unreachable_and_silent_receivers_are_logged(open_shop: Any) -> None:
    # Connections to a socket that listens but never accepts succeed, and hear nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        async with open_shop(webhook_timeout_seconds=0.1, retry_factor=100.0) as shop:
            await shop.paid(notify_url=f"http://127.0.0.1:{port}/")
            await shop.paid(notify_url="http://127.0.0.1:1/")
            await asyncio.sleep(0.4)
            rows = await shop.deliveries()

    assert [row["state"] for row in rows] == ["waiting", "waiting"]
    errors = [row["log"][0]["error"] for row in rows]
    assert errors[0] == "ConnectError"
    assert errors[1] in {"ReadTimeout", "TimeoutError"}


async def test_P3_duplicates_are_exact_copies(shop: Any, inbox: Any) -> None:
    await shop.misbehave(webhook_copies=5)
    await shop.paid()

    assert await inbox.wait_for(5) == ["payment.captured"] * 5
    assert len({body for _, body in inbox.received}) == 1


async def test_P4_events_of_one_payment_leave_newest_first(shop: Any, inbox: Any) -> None:
    await shop.misbehave(webhook_reorder_seconds=0.3)
    paid = await shop.paid()
    await shop.refund(paid["id"], 10)
    await shop.control(f"payments/{paid['id']}/dispute", {"amount": 1})

    types = await inbox.wait_for(3)
    assert types == ["dispute.opened", "refund.succeeded", "payment.captured"]


async def test_events_leave_in_order_when_all_is_well(shop: Any, inbox: Any) -> None:
    paid = await shop.paid()
    for _ in range(5):
        await shop.refund(paid["id"], 10)
    await inbox.wait_for(6)

    refunded = [
        msgspec.json.decode(body)["data"]["object"]["totals"]["refunded"]
        for _, body in inbox.received
    ]
    assert refunded == [0, 10, 20, 30, 40, 50]


async def test_P7_dropped_webhooks_never_come(shop: Any, inbox: Any) -> None:
    await shop.misbehave(drop_webhooks=True)
    await shop.paid()

    assert await inbox.wait_for(0) == []
    assert [row["state"] for row in await shop.deliveries()] == ["dropped"]


async def test_delayed_webhooks_come_later(shop: Any, inbox: Any) -> None:
    await shop.misbehave(webhook_delay_seconds=0.4)
    began = time.monotonic()
    await shop.paid()
    assert await inbox.wait_for(0) == []
    await inbox.wait_for(1)

    assert time.monotonic() - began >= 0.4
    assert inbox.types == ["payment.captured"]


async def test_withheld_webhooks_wait_for_their_release(shop: Any, inbox: Any) -> None:
    await shop.misbehave(withhold_webhooks=True)
    first, second = await shop.paid(), await shop.paid()
    assert await inbox.wait_for(0) == []

    released = await shop.control("release", {"payment": first["id"]})
    assert released.json() == {"released": 1}
    assert await inbox.wait_for(1) == ["payment.captured"]
    await shop.control("release")
    await inbox.wait_for(2)
    ids = [msgspec.json.decode(body)["data"]["object"]["id"] for _, body in inbox.received]
    assert ids == [first["id"], second["id"]]


@pytest.mark.parametrize("kind", ["wrong", "stale", "none"])
async def test_P8_bad_signatures_on_request(shop: Any, inbox: Any, kind: str) -> None:
    await shop.misbehave(webhook_signature=kind)
    await shop.paid()
    await inbox.wait_for(1)

    ((headers, body),) = inbox.received
    given = headers.get("sandbox-signature")
    if kind == "none":
        assert given is None
        return
    at, mark = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", given).groups()
    assert (mark == independent_mark(SECRET, at, body)) is (kind == "stale")
    assert (abs(int(at) - time.time()) > 3000) is (kind == "stale")


async def test_an_event_can_be_sent_again(shop: Any, inbox: Any) -> None:
    await shop.paid()
    await inbox.wait_for(1)
    event_id = msgspec.json.decode(inbox.received[0][1])["id"]
    await shop.control(f"events/{event_id}/resend")

    assert await inbox.wait_for(2) == ["payment.captured"] * 2
    assert inbox.received[0][1] == inbox.received[1][1]


@pytest.mark.parametrize(("card", "count"), [("no_webhook", 0), ("three_webhooks", 3)])
async def test_cards_that_change_the_number_of_webhooks(
    shop: Any, inbox: Any, card: str, count: int
) -> None:
    await shop.paid(card)

    assert await inbox.wait_for(count) == ["payment.captured"] * count


async def test_late_webhook_card(shop: Any, inbox: Any) -> None:
    await shop.paid("late_webhook")

    assert await inbox.wait_for(0) == []
    (delivery,) = await shop.deliveries()
    assert 18 < delivery["due_at"] - time.time() <= 20


async def test_cards_whose_refunds_fail_or_that_are_disputed(shop: Any, inbox: Any) -> None:
    paid = await shop.paid("refunds_fail")
    refund = await shop.refund(paid["id"], 100)
    assert (refund.json()["state"], refund.json()["failure_code"]) == ("failed", "account_closed")
    assert (await shop.payment(paid["id"]))["totals"]["refunded"] == 0
    disputed = await shop.paid("disputes")
    assert disputed["totals"]["disputed"] == 11840

    types = sorted(await inbox.wait_for(4))
    assert types == ["dispute.opened", "payment.captured", "payment.captured", "refund.failed"]


class Process:
    """A sandbox as its own process, killed without warning."""

    def __init__(self, book: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.book = book
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, client: httpx2.AsyncClient) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "surehold.sandbox",
            "--port", str(self.port), "--book", str(self.book),
            env={
                "PATH": os.environ.get("PATH", ""),
                "SUREHOLD_SANDBOX_API_KEY": "sk_test",
                "SUREHOLD_SANDBOX_CONTROL_KEY": "ck_test",
                "SUREHOLD_SANDBOX_WEBHOOK_SECRETS": "whsec_one",
            },
        )  # fmt: skip
        for _ in range(500):
            try:
                await client.get("/health")
            except httpx2.ConnectError:
                assert self.process.returncode is None, "the sandbox did not start"
                await asyncio.sleep(0.02)
            else:
                return
        pytest.fail("the sandbox did not answer in time")

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()


async def test_webhook_arrives_although_the_sandbox_was_killed_before_sending(
    tmp_path: Path, inbox: Any, shop: Any
) -> None:
    sandbox = Process(tmp_path / "book.sqlite")
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{sandbox.port}", trust_env=False, timeout=8
    ) as client:
        there = type(shop)(client, None, inbox.url)
        try:
            await sandbox.start(client)
            await there.misbehave(webhook_delay_seconds=0.5)
            created = await there.create()
            # The capture commits, the answer is lost, and then the process dies.
            with pytest.raises(httpx2.RemoteProtocolError):
                await there.press(created["id"], "lost_answer")
            await sandbox.kill()
            await asyncio.sleep(0.6)
            assert inbox.received == []

            await sandbox.start(client)

            assert await inbox.wait_for(1) == ["payment.captured"]
            assert (await there.payment(created["id"]))["totals"]["captured"] == 11840
            assert [row["state"] for row in await there.deliveries()] == ["delivered"]
        finally:
            await sandbox.kill()


async def test_production_mode_stops_the_process_with_a_clear_message() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "surehold.sandbox", "--port", "0",
        env={"PATH": os.environ.get("PATH", ""), "SUREHOLD_MODE": "production"},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, stderr = await process.communicate()

    assert process.returncode == 2
    assert stderr.decode().startswith("The sandbox payment provider takes imaginary money")
