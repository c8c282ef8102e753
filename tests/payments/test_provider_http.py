"""The one way out: nothing inside a transaction, no secret in a failure, no wait for the dead."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from surehold.db import Database
from surehold.kernel import clock
from surehold.payments.providers import http
from surehold.payments.providers.failures import (
    ConfigurationFault,
    OutcomeUnknown,
    ProviderFailure,
    Unavailable,
)
from surehold.payments.providers.http import OpenTransaction, ProviderHttp, provider_client

SECRET = "sk_test_very_secret"


def a_way(answer: Callable[[httpx2.Request], Any]) -> tuple[ProviderHttp, list[httpx2.Request]]:
    """A provider that answers so, and every request that reached it."""
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        found = answer(request)
        if isinstance(found, Exception):
            raise found
        return found

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(handle))
    headers = {"authorization": f"Bearer {SECRET}"}
    return ProviderHttp("https://api.example/v1", headers, client=client), seen


async def test_exactly_the_given_bytes_are_sent() -> None:
    way, seen = a_way(lambda _: httpx2.Response(200, content=b"{}"))
    body = b'{"amount": 1,  "odd":"\xc3\xa9"}'

    answer = await way.send("POST", "/charges", body, {"idempotency-key": "k"})

    assert (answer.is_success, seen[0].content) == (True, body)
    assert str(seen[0].url) == "https://api.example/v1/charges"
    assert seen[0].headers["idempotency-key"] == "k"


async def test_nothing_is_sent_while_a_transaction_is_open(db: Database) -> None:
    way = ProviderHttp("http://127.0.0.1:1", {}, client=provider_client())
    async with db.transaction():
        with pytest.raises(OpenTransaction):
            await way.read("/payments")
    await way.close()


@pytest.mark.parametrize(
    ("error", "tries_of_a_read", "tries_of_a_change", "on_change"),
    [
        (httpx2.ConnectError("refused"), 2, 2, Unavailable),
        (httpx2.ConnectTimeout("slow"), 2, 2, Unavailable),
        (httpx2.RemoteProtocolError("dropped"), 2, 1, OutcomeUnknown),
        (httpx2.ReadError("reset"), 2, 1, OutcomeUnknown),
        (httpx2.ReadTimeout("silent"), 1, 1, OutcomeUnknown),
        (httpx2.UnsupportedProtocol("ftp"), 1, 1, ConfigurationFault),
    ],
)
async def test_only_what_cannot_have_been_done_is_tried_again(
    error: Exception,
    tries_of_a_read: int,
    tries_of_a_change: int,
    on_change: type[ProviderFailure],
) -> None:
    way, seen = a_way(lambda _: error)

    with pytest.raises(Unavailable if on_change is not ConfigurationFault else on_change):
        await way.read("/payments")
    assert len(seen) == tries_of_a_read
    with pytest.raises(on_change) as failure:
        await way.send("POST", "/charges", b"{}", {})
    assert len(seen) == tries_of_a_read + tries_of_a_change
    assert SECRET not in repr(failure.value) + repr(failure.value.__cause__)


async def test_a_provider_that_is_down_is_asked_once_in_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(clock, "monotonic_seconds", lambda: now[0])
    answers = {"status": 500}
    way, seen = a_way(lambda _: httpx2.Response(answers["status"], content=b"{}"))
    for _ in range(http.FAILURES_MAX):
        await way.read("/payments")

    began = time.monotonic()
    for _ in range(5):
        with pytest.raises(Unavailable, match="not asked") as refusal:
            await way.read("/payments")
    assert (len(seen), refusal.value.is_retryable) == (http.FAILURES_MAX, True)
    assert time.monotonic() - began < 0.1

    now[0] += http.PAUSE_SECONDS + 0.1
    await way.read("/payments")
    with pytest.raises(Unavailable, match="not asked"):
        await way.read("/payments")

    now[0] += http.PAUSE_SECONDS + 0.1
    answers["status"] = 200
    for _ in range(3):
        assert (await way.read("/payments")).is_success
    assert len(seen) == http.FAILURES_MAX + 4


async def test_a_refusal_is_an_answer_and_no_outage() -> None:
    way, seen = a_way(lambda _: httpx2.Response(404, content=b"{}"))
    for _ in range(http.FAILURES_MAX + 3):
        assert (await way.read("/payments")).status == 404

    assert len(seen) == http.FAILURES_MAX + 3
