"""Webhooks over HTTP: proof first, stored once, answered."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import msgspec
import pytest

from surehold.db import Database
from surehold.kernel import clock
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.sandbox import SandboxProvider
from tests.support.api import Api, an_api
from tests.support.placing import count_rows

SECRET = "whsec_test"


@pytest.fixture
async def inbound(db: Database) -> AsyncIterator[Api]:
    """A store with the sandbox provider, which nobody can reach."""
    provider = SandboxProvider("http://127.0.0.1:1", "sk_test", (SECRET,))
    async with an_api(db, providers=(provider, BankTransfer())) as opened:
        yield opened
    await provider.close()


def an_event(**changes: Any) -> bytes:
    return msgspec.json.encode(
        {
            "id": f"evt_{uuid4().hex}",
            "type": "payment.captured",
            "created": clock.unix_seconds(),
            "livemode": False,
            "data": {"object": {"id": "pay_1", "merchant_reference": "SH1"}},
            **changes,
        }
    )


def proof(body: bytes, *, secret: str = SECRET) -> dict[str, str]:
    at = clock.unix_seconds()
    mark = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Sandbox-Signature": f"t={at},v1={mark}"}


async def test_an_event_is_stored_once_however_often_it_comes(inbound: Api) -> None:
    body = an_event()

    answers = [
        await inbound("POST", "/webhooks/sandbox", content=body, headers=proof(body))
        for _ in range(3)
    ]

    assert [(answer.status, answer.body) for answer in answers] == [
        (200, {"received": True, "new": 1}),
        (200, {"received": True, "new": 0}),
        (200, {"received": True, "new": 0}),
    ]
    assert await count_rows(inbound.db, ["webhook_events"]) == {"webhook_events": 1}


@pytest.mark.parametrize(
    "headers", [{}, {"Sandbox-Signature": ""}, {"Sandbox-Signature": "t=1,v1=00"}]
)
async def test_a_message_without_proof_is_refused(inbound: Api, headers: dict[str, str]) -> None:
    answer = await inbound("POST", "/webhooks/sandbox", content=an_event(), headers=headers)

    assert answer.refusal == (400, "webhook_proof_invalid")
    assert await count_rows(inbound.db, ["webhook_events"]) == {}


async def test_another_body_or_secret_is_no_proof(inbound: Api) -> None:
    body = an_event()

    changed = await inbound("POST", "/webhooks/sandbox", content=body + b" ", headers=proof(body))
    foreign = await inbound(
        "POST", "/webhooks/sandbox", content=body, headers=proof(body, secret="other")
    )

    assert changed.refusal == foreign.refusal == (400, "webhook_proof_invalid")


@pytest.mark.parametrize("other", ["", "t=1,v1=00", None], ids=["empty", "forged", "the same"])
@pytest.mark.parametrize("is_first", [True, False])
async def test_P8_a_proof_that_comes_twice_is_none(
    inbound: Api, other: str | None, *, is_first: bool
) -> None:
    body = an_event()
    good = proof(body)["Sandbox-Signature"]
    pairs = [("Sandbox-Signature", good), ("sandbox-signature", good if other is None else other)]
    headers = httpx2.Headers(pairs if is_first else pairs[::-1])

    answer = await inbound("POST", "/webhooks/sandbox", content=body, headers=headers)

    assert answer.refusal == (400, "webhook_proof_invalid")
    assert await count_rows(inbound.db, ["webhook_events"]) == {}


@pytest.mark.parametrize("name", ["nobody", "bank_transfer", "%00", "a" * 500])
async def test_an_unknown_provider_has_no_address(inbound: Api, name: str) -> None:
    body = an_event()

    answer = await inbound("POST", f"/webhooks/{name}", content=body, headers=proof(body))

    assert answer.refusal == (404, "provider_unknown")


async def test_a_large_message_is_refused_before_its_proof(inbound: Api) -> None:
    answer = await inbound("POST", "/webhooks/sandbox", content=b" " * (256 * 1024 + 1))

    assert answer.refusal == (413, "body_too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        an_event(id=7),
        an_event(data=None),
        an_event(created="now"),
    ],
)
async def test_signed_nonsense_is_refused(inbound: Api, body: bytes) -> None:
    answer = await inbound("POST", "/webhooks/sandbox", content=body, headers=proof(body))

    assert answer.refusal == (400, "webhook_proof_invalid")


async def test_what_cannot_be_kept_now_is_asked_for_again(
    inbound: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Database) -> None:
        raise ConnectionRefusedError

    body = an_event()
    with monkeypatch.context() as patch:
        patch.setattr(Database, "_acquire", refuse)
        answer = await inbound("POST", "/webhooks/sandbox", content=body, headers=proof(body))

    assert answer.refusal == (503, "unavailable")
    assert answer.headers["retry-after"] == "2"


async def test_deliveries_are_counted_by_verdict(inbound: Api) -> None:
    body = an_event()
    for path, headers in (
        ("/webhooks/sandbox", proof(body)),
        ("/webhooks/sandbox", proof(body)),
        ("/webhooks/sandbox", {}),
        ("/webhooks/someone", {}),
    ):
        await inbound("POST", path, content=body, headers=headers)

    text = (await inbound.get("/metrics")).raw.decode()

    for line in (
        'surehold_webhooks_total{provider="sandbox",verdict="new"} 1.0',
        'surehold_webhooks_total{provider="sandbox",verdict="repeated"} 1.0',
        'surehold_webhooks_total{provider="sandbox",verdict="refused"} 1.0',
        'surehold_webhooks_total{provider="other",verdict="unknown_provider"} 1.0',
    ):
        assert line in text
