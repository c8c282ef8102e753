"""``surehold doctor --send-test-event``: the store plays its providers to itself."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from surehold.cli.rehearsal import Check, Verdict, send_test_events
from surehold.db import Database
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.port import (
    RemoteProvider,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.providers.sandbox import SandboxProvider
from tests.fakes import FAKES
from tests.payments.contract.rig import FakeRig
from tests.support.api import Api, an_api
from tests.support.placing import count_rows

SHOP = "http://shop.test"


def a_sandbox(*secrets: str) -> SandboxProvider:
    return SandboxProvider("http://127.0.0.1:1", "sk_test", secrets)


@pytest.fixture
async def everybody() -> AsyncIterator[list[RemoteProvider]]:
    """An adapter to each provider, none of which can be reached."""
    found = [FakeRig(FAKES[name](), "http://127.0.0.1:1").provider for name in FAKES]
    found.append(a_sandbox("whsec_new", "whsec_old"))
    yield found
    for one in found:
        await one.close()


async def look(db: Database, answer: Callable[[httpx2.Request], httpx2.Response]) -> Check:
    """What doctor says of a store whose address answers so."""
    provider = a_sandbox("whsec_new")
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    (found,) = await send_test_events(db, Providers([provider]), SHOP, client=client)
    await provider.close()
    return found


async def test_what_every_provider_would_send_arrives_is_kept_once_and_does_nothing(
    db: Database, everybody: list[RemoteProvider]
) -> None:
    providers = Providers([*everybody, BankTransfer()])
    async with an_api(db, providers=(*everybody, BankTransfer())) as store:
        transport = httpx2.ASGITransport(app=store.application)
        client = httpx2.AsyncClient(transport=transport, base_url=SHOP)
        before = await count_rows(db, ["webhook_events", "payments", "payment_operations"])
        checks = await send_test_events(db, providers, f"{SHOP}/", client=client)
        await store.inbox.close()
        async with db.connection() as connection:
            kept = await connection.raw.fetch(
                "SELECT provider, seen_count, state, outcome FROM webhook_events ORDER BY provider"
            )

    assert before == {}
    assert {check.verdict for check in checks} == {Verdict.OK}
    silent = {"paypal", "telebirr"}
    assert [tuple(row) for row in kept] == sorted(
        (one.name, 4 if one.name == "sandbox" else 2 * len(FAKES[one.name]().secrets),
         "processed", "test_event")
        for one in everybody if one.name not in silent
    )  # fmt: skip
    assert [check.detail for check in checks if check.name == "test event: sandbox"] == [
        f"{SHOP}/webhooks/sandbox, secret {number}: arrived, twice, and was kept once"
        for number in (1, 2)
    ]
    assert [check.detail for check in checks if check.name == "test event: paypal"] == [
        (
            f"{SHOP}/webhooks/paypal: reached, and it refuses what is not signed. Only PayPal can "
            "sign: whether its own messages are believed, a payment there shows"
        )
    ]


async def test_a_server_with_another_secret_or_without_the_provider_is_told_apart(
    db: Database,
) -> None:
    said = []
    for theirs in ((a_sandbox("whsec_other"), BankTransfer()), (BankTransfer(),)):
        async with an_api(db, providers=theirs) as store:
            said.append(await _look_at(db, store))

    assert said == [
        (
            "refused with 400: the server that runs does not know this secret (1); start it anew "
            "after a change, and compare the two clocks"
        ),
        "the server that runs does not have this provider: start it anew with its settings",
    ]
    assert await count_rows(db, ["webhook_events"]) == {}


async def _look_at(db: Database, store: Api) -> str:
    provider = a_sandbox("whsec_new")
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=store.application))
    (found,) = await send_test_events(db, Providers([provider]), SHOP, client=client)
    await provider.close()
    assert found.verdict is Verdict.FAIL
    return found.detail.partition(": ")[2]


def _fail(error: Exception, cause: Exception | None = None) -> httpx2.Response:
    raise error from cause


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: httpx2.Response(404, content=b"<h1>Not here</h1>"),
         "404, and not by the store: a proxy in front of it does not pass /webhooks/ on"),
        (lambda _: httpx2.Response(401, content=b"who?"),
         "refused with 401, and not by the store: a proxy keeps providers out"),
        (lambda _: httpx2.Response(301, headers={"location": "https://www.shop.test/"}),
         "redirected with 301: providers do not follow; register where it leads"),
        (lambda _: httpx2.Response(502),
         "answered with 502: the store, or what is in front of it, cannot keep it now"),
        (lambda _: httpx2.Response(200, content=b"{}"),
         ("answered with 200, but it is not in this store's inbox: SUREHOLD_BASE_URL leads to "
         "another store, or the server there works on another database")),
        (lambda _: _fail(httpx2.ConnectError("no"), socket.gaierror(-2, "unknown")),
         "there is no such host: SUREHOLD_BASE_URL is misspelt, or its name is not set up"),
        (lambda _: _fail(httpx2.ConnectError("no"), ssl.SSLCertVerificationError("self-signed")),
         "its certificate is not one that providers trust"),
        (lambda _: _fail(httpx2.ConnectError("no"), ConnectionRefusedError()),
         "the connection is refused: nothing listens there; surehold serve"),
        (lambda _: _fail(httpx2.ReadTimeout("slow")),
         "no answer in time: a firewall swallows it, or the server is overwhelmed"),
    ],
    ids=["proxy", "password", "redirect", "down", "elsewhere", "host", "tls", "refused", "silent"],
)  # fmt: skip
async def test_whatever_is_in_the_way_is_said(
    db: Database, answer: Callable[[httpx2.Request], httpx2.Response], said: str
) -> None:
    found = await look(db, answer)

    assert found == Check(
        "test event: sandbox", Verdict.FAIL, f"{SHOP}/webhooks/sandbox, secret 1: {said}"
    )


async def test_an_address_that_believes_what_is_not_signed_is_not_the_store(
    db: Database, everybody: list[RemoteProvider]
) -> None:
    paypal = [one for one in everybody if one.name == "paypal"]
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(200)))

    (found,) = await send_test_events(db, Providers(paypal), SHOP, client=client)

    assert found == Check(
        "test event: paypal",
        Verdict.FAIL,
        f"{SHOP}/webhooks/paypal: answered with 200 to a message without any proof: this is not "
        "the store",
    )
