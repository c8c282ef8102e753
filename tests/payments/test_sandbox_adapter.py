"""The adapter against a real sandbox over loopback HTTP, and against forged webhooks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import pytest

from surehold.kernel.money import Money
from surehold.payments.model import NoAction, PaymentState, Redirect, Wait
from surehold.payments.providers import http
from surehold.payments.providers import sandbox as adapter
from surehold.payments.providers.failures import (
    AmountRefused,
    ConfigurationFault,
    Declined,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    StateConflict,
    Unavailable,
    WebhookRefused,
)
from surehold.payments.providers.port import (
    CreateRequest,
    Customer,
    HoldKind,
    ProviderRefundState,
    RefundOrigin,
    RefundRequest,
    RemoteProvider,
)
from surehold.payments.providers.sandbox import SandboxProvider
from tests.sandbox.conftest import API_KEY, SECRETS, Inbox, Shop, opened, serving

NOW = 1_800_000_000
EUR = "EUR"


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    receiver = Inbox()
    async with serving(receiver) as base_url:
        receiver.url = f"{base_url}/webhooks/sandbox"
        yield receiver


@pytest.fixture
async def shop(inbox: Inbox) -> AsyncIterator[Shop]:
    async with opened(inbox.url) as running:
        yield running


@pytest.fixture
async def provider(shop: Shop) -> AsyncIterator[SandboxProvider]:
    made = SandboxProvider(str(shop.client.base_url), API_KEY, SECRETS)
    yield made
    await made.close()


def asked(shop: Shop, reference: str = "SH1", amount: int = 11840) -> CreateRequest:
    return CreateRequest(
        merchant_reference=reference,
        amount=Money(amount, EUR),
        customer=Customer(email="mara@example.test", name="Mara"),
        return_url="http://shop.test/back",
        cancel_url="http://shop.test/back",
        notify_url=shop.notify_url,
        requested_at=datetime.now(UTC),
        expires_at=datetime.now(UTC) + timedelta(minutes=30),
        description="Order SH-7K4M92QX",
    )


async def created(shop: Shop, provider: SandboxProvider, reference: str = "SH1") -> str:
    body = provider.prepare_create(asked(shop, reference))
    result = await provider.create(body, idempotency_key=f"create:{reference}")
    return result.provider_payment_id


async def paid(shop: Shop, provider: SandboxProvider, card: str = "success") -> str:
    payment_id = await created(shop, provider)
    assert (await shop.press(payment_id, card)).status_code == 303
    return payment_id


def refund_body(provider: SandboxProvider, payment_id: str, amount: int) -> bytes:
    return provider.prepare_refund(
        RefundRequest(payment_id, Money(amount, EUR), f"RF{amount}", "returned")
    )


def test_it_is_a_remote_provider_for_demos() -> None:
    provider = SandboxProvider("http://127.0.0.1:1", API_KEY, SECRETS)

    assert isinstance(provider, RemoteProvider)
    assert (provider.name, provider.account) == ("sandbox", "sandbox")
    assert provider.capabilities.hold_kind is HoldKind.REDIRECT
    assert provider.capabilities.is_for_demo_only
    assert provider.capabilities.title == "Card"


async def test_create_sends_the_buyer_to_the_hosted_page(
    shop: Shop, provider: SandboxProvider
) -> None:
    body = provider.prepare_create(asked(shop))
    first = await provider.create(body, idempotency_key="k")
    again = await provider.create(body, idempotency_key="k")

    assert first == again
    assert first.state is PaymentState.REQUIRES_ACTION
    assert isinstance(first.next_action, Redirect)
    assert (await shop.client.get(first.next_action.url)).status_code == 200
    assert provider.prepare_create(asked(shop))[:40] == body[:40]


async def test_replay_after_payment_shows_the_first_answer(
    shop: Shop, provider: SandboxProvider
) -> None:
    payment_id = await paid(shop, provider)
    found = await provider.find_by_reference("SH1")

    assert found == await provider.fetch(payment_id)
    assert found is not None
    assert found.state is PaymentState.CAPTURED
    assert await provider.find_by_reference("SH2") is None


@pytest.mark.parametrize(
    ("card", "state", "captured", "failure"),
    [
        ("success", PaymentState.CAPTURED, 11840, None),
        ("insufficient_funds", PaymentState.FAILED, 0, "insufficient_funds"),
        ("slow_bank", PaymentState.PENDING, 0, None),
        ("challenge", PaymentState.REQUIRES_ACTION, 0, None),
        ("charged_twice", PaymentState.CAPTURED, 23680, None),
        ("one_short", PaymentState.CAPTURED, 11839, None),
    ],
)
async def test_snapshot_is_what_the_provider_has(
    shop: Shop,
    provider: SandboxProvider,
    card: str,
    state: PaymentState,
    captured: int,
    failure: str | None,
) -> None:
    payment_id = await paid(shop, provider, card)
    found = await provider.fetch(payment_id)

    assert found.provider_payment_id == payment_id
    assert found.merchant_reference == "SH1"
    assert (found.state, found.failure_code) == (state, failure)
    assert found.requested == Money(11840, EUR)
    assert found.captured == found.authorized == Money(captured, EUR)
    assert found.refunded == found.disputed == Money(0, EUR)
    assert found.is_live is False
    assert found.method is not None


async def test_refund_and_who_began_it(shop: Shop, provider: SandboxProvider) -> None:
    payment_id = await paid(shop, provider)
    body = refund_body(provider, payment_id, 40)
    ours = await provider.refund(body, provider_payment_id=payment_id, idempotency_key="r")
    assert await provider.refund(body, provider_payment_id=payment_id, idempotency_key="r") == ours
    await shop.control(f"payments/{payment_id}/refund", {"amount": 2})

    found = await provider.fetch(payment_id)
    assert found.refunded == Money(42, EUR)
    assert ours.state is ProviderRefundState.SUCCEEDED
    assert ours.refund_reference == "RF40"
    origins = {refund.origin: refund.amount.amount for refund in found.refunds}
    assert origins == {RefundOrigin.US: 40, RefundOrigin.DASHBOARD: 2}


async def test_over_refund_is_refused_also_in_parallel(
    shop: Shop, provider: SandboxProvider
) -> None:
    payment_id = await paid(shop, provider)
    answers = await asyncio.gather(
        *(
            provider.refund(
                refund_body(provider, payment_id, amount),
                provider_payment_id=payment_id,
                idempotency_key=str(amount),
            )
            for amount in (7000, 7001)
        ),
        return_exceptions=True,
    )

    assert sorted(type(answer).__name__ for answer in answers) == [
        "AmountRefused",
        "RefundSnapshot",
    ]
    with pytest.raises(AmountRefused) as refusal:
        await provider.refund(
            refund_body(provider, payment_id, 11841),
            provider_payment_id=payment_id,
            idempotency_key="x",
        )
    assert refusal.value.code == "amount_too_large"


async def test_cancel_closes_or_tells_that_it_was_paid(
    shop: Shop, provider: SandboxProvider
) -> None:
    open_id = await created(shop, provider, "SH7")
    paid_id = await paid(shop, provider)

    closed = await provider.cancel(open_id, idempotency_key="c1")
    late = await provider.cancel(paid_id, idempotency_key="c2")

    assert closed.state is PaymentState.VOIDED
    assert late.state is PaymentState.CAPTURED
    assert late.captured == Money(11840, EUR)


@pytest.mark.parametrize(
    ("fault", "on_money", "on_read"),
    [
        ("lose", OutcomeUnknown, Unavailable),
        ("truncate", OutcomeUnknown, Unavailable),
        ("error", OutcomeUnknown, Unavailable),
        ("error_after_work", OutcomeUnknown, Unavailable),
        ("wrong_type", OutcomeUnknown, Unavailable),
        ("huge", OutcomeUnknown, Unavailable),
        ("redirect", OutcomeUnknown, Unavailable),
        ("rate_limit", RateLimited, RateLimited),
        ("forbid", ConfigurationFault, ConfigurationFault),
        ("decline", Declined, Declined),
    ],
)
async def test_P11_faults_become_failures_of_the_port(
    shop: Shop,
    provider: SandboxProvider,
    fault: str,
    on_money: type[Exception],
    on_read: type[Exception],
) -> None:
    payment_id = await paid(shop, provider)
    # Three calls about money and two reads; of these a dropped connection is tried once more.
    calls = 7 if fault in {"lose", "truncate"} else 5
    await shop.misbehave(answers=[{"fault": fault, "calls": calls}])
    body = provider.prepare_create(asked(shop, "SH2"))

    with pytest.raises(on_money):
        await provider.create(body, idempotency_key="k2")
    with pytest.raises(on_money):
        await provider.refund(
            refund_body(provider, payment_id, 1),
            provider_payment_id=payment_id,
            idempotency_key="r",
        )
    with pytest.raises(on_money):
        await provider.cancel(payment_id, idempotency_key="c")
    with pytest.raises(on_read):
        await provider.fetch(payment_id)
    with pytest.raises(on_read):
        await provider.find_by_reference("SH2")

    # The same key and bytes finish what was lost, once.
    await provider.create(body, idempotency_key="k2")
    await provider.refund(
        refund_body(provider, payment_id, 1), provider_payment_id=payment_id, idempotency_key="r"
    )
    assert (await provider.fetch(payment_id)).refunded == Money(1, EUR)


async def test_P1_time_out_after_sending_is_unknown_and_the_payment_exists(
    shop: Shop, provider: SandboxProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    await shop.misbehave(answers=[{"fault": "slow", "calls": 2}], hang_seconds=1)
    body = provider.prepare_create(asked(shop))

    with pytest.raises(OutcomeUnknown):
        await provider.create(body, idempotency_key="k")
    with pytest.raises(Unavailable):
        await provider.find_by_reference("SH1")
    found = await provider.find_by_reference("SH1")
    assert found is not None
    assert found.state is PaymentState.REQUIRES_ACTION


async def test_drip_fed_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drip(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.02)

    monkeypatch.setattr(http, "CALL_SECONDS", 0.2)
    async with serving(drip) as base_url, connected(base_url) as provider:
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            await provider.create(b'{"merchant_reference":"SH1"}', idempotency_key="k")
    assert time.monotonic() - began < 1


@contextlib.asynccontextmanager
async def connected(base_url: str, key: str = API_KEY) -> AsyncIterator[SandboxProvider]:
    provider = SandboxProvider(base_url, key, SECRETS)
    try:
        yield provider
    finally:
        await provider.close()


async def test_nobody_listening_is_unavailable_and_retryable() -> None:
    async with connected("http://127.0.0.1:1") as provider:
        with pytest.raises(Unavailable) as failure:
            await provider.create(b'{"merchant_reference":"SH1"}', idempotency_key="k")
    assert failure.value.is_retryable


async def test_refusals_in_the_providers_own_words(shop: Shop, provider: SandboxProvider) -> None:
    body = provider.prepare_create(asked(shop))
    payment_id = await created(shop, provider)

    with pytest.raises(NotFound):
        await provider.fetch("pay_none")
    with pytest.raises(NotFound):
        await provider.fetch("../report")
    with pytest.raises(StateConflict) as taken:
        await provider.create(body, idempotency_key="another")
    assert taken.value.code == "merchant_reference_taken"
    with pytest.raises(InvalidRequest) as reused:
        await provider.create(body + b" ", idempotency_key="create:SH1")
    assert reused.value.code == "idempotency_key_reused"
    with pytest.raises(InvalidRequest):
        await provider.create(
            provider.prepare_create(asked(shop, "SH9", amount=0)), idempotency_key="zero"
        )
    with pytest.raises(StateConflict):
        await provider.refund(
            refund_body(provider, payment_id, 1),
            provider_payment_id=payment_id,
            idempotency_key="r",
        )
    async with connected(str(shop.client.base_url), key="sk_wrong") as stranger:
        with pytest.raises(ConfigurationFault):
            await stranger.fetch(payment_id)


def answering(status: int, body: Any) -> SandboxProvider:
    """A provider whose far end always gives one answer."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=raw))
    return SandboxProvider(
        "http://sandbox.test", API_KEY, SECRETS, client=httpx2.AsyncClient(transport=transport)
    )


PAYMENT: dict[str, Any] = {
    "id": "pay_1",
    "merchant_reference": "SH1",
    "state": "requires_action",
    "livemode": False,
    "currency": "EUR",
    "totals": {"requested": 5, "captured": 0, "refunded": 0, "disputed": 0},
    "card": None,
    "failure": None,
    "refunds": [],
    "hosted_url": "http://sandbox.test/pay/pay_1",
}


@pytest.mark.parametrize("status", [400, 402, 404, 409, 422])
async def test_a_refusal_in_a_proxys_words_proves_nothing(status: int) -> None:
    provider = answering(status, b"<html>no</html>")
    with pytest.raises(OutcomeUnknown):
        await provider.create(b'{"merchant_reference":"SH1"}', idempotency_key="k")
    with pytest.raises(Unavailable):
        await provider.fetch("pay_1")


async def test_an_answer_above_the_limit_is_not_read() -> None:
    fits, too_large = ({"padding": "x" * size} for size in (200_000, 262_144))

    assert (await answering(200, PAYMENT | fits).fetch("pay_1")).merchant_reference == "SH1"
    with pytest.raises(Unavailable, match="too large"):
        await answering(200, PAYMENT | too_large).fetch("pay_1")


async def test_an_answer_about_another_payment_is_not_believed() -> None:
    with pytest.raises(OutcomeUnknown):
        await answering(200, PAYMENT).create(b'{"merchant_reference":"SH2"}', idempotency_key="k")
    with pytest.raises(OutcomeUnknown):
        await answering(200, PAYMENT).cancel("pay_2", idempotency_key="k")
    with pytest.raises(Unavailable):
        await answering(200, PAYMENT).fetch("pay_2")
    with pytest.raises(Unavailable):
        await answering(200, {"data": [PAYMENT]}).find_by_reference("SH2")
    with pytest.raises(Unavailable):
        await answering(200, {"data": [PAYMENT, PAYMENT]}).find_by_reference("SH1")


@pytest.mark.parametrize(
    ("state", "captured", "expected", "action"),
    [
        ("requires_action", 0, PaymentState.REQUIRES_ACTION, Redirect(PAYMENT["hosted_url"])),
        ("processing", 0, PaymentState.PENDING, Wait(adapter.POLL_AFTER_SECONDS)),
        ("failed", 0, PaymentState.FAILED, NoAction()),
        ("canceled", 0, PaymentState.VOIDED, NoAction()),
        ("expired", 0, PaymentState.VOIDED, NoAction()),
        ("captured", 5, PaymentState.CAPTURED, NoAction()),
        ("failed", 5, PaymentState.CAPTURED, NoAction()),
        ("captured", 0, PaymentState.UNKNOWN, Wait(adapter.POLL_AFTER_SECONDS)),
        ("novel", 0, PaymentState.UNKNOWN, Wait(adapter.POLL_AFTER_SECONDS)),
    ],
)
async def test_state_follows_from_the_totals(
    state: str, captured: int, expected: PaymentState, action: Any
) -> None:
    totals = PAYMENT["totals"] | {"captured": captured}
    provider = answering(200, PAYMENT | {"state": state, "totals": totals})

    result = await provider.create(b'{"merchant_reference":"SH1"}', idempotency_key="k")
    assert (result.state, result.next_action) == (expected, action)
    assert (await provider.fetch("pay_1")).state is expected


@pytest.mark.parametrize(
    "changes",
    [{"totals": None}, {"totals": PAYMENT["totals"] | {"captured": 1.5}},
     {"totals": PAYMENT["totals"] | {"captured": "5"}}, {"currency": 9}, {"livemode": "no"}],
)  # fmt: skip
async def test_an_answer_of_the_wrong_shape_is_not_read(changes: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        await answering(200, PAYMENT | changes).fetch("pay_1")


async def test_real_webhook_is_read_and_every_copy_has_one_key(
    shop: Shop, provider: SandboxProvider, inbox: Inbox
) -> None:
    await shop.misbehave(webhook_copies=3)
    payment_id = await paid(shop, provider)
    await inbox.wait_for(3)

    events = [
        provider.parse_webhook(body, headers, received_at=int(time.time()))
        for headers, body in inbox.received
    ]
    assert len({event for (event,) in events}) == 1
    ((event,), *_) = events
    assert event.kind == "payment.captured"
    assert (event.provider_payment_id, event.merchant_reference) == (payment_id, "SH1")
    assert event.dedup_key == inbox.received[0][0]["sandbox-event-id"]
    assert event.is_live is False


@pytest.mark.parametrize("kind", ["wrong", "stale", "none"])
async def test_P8_badly_signed_real_webhooks_are_refused(
    shop: Shop, provider: SandboxProvider, inbox: Inbox, kind: str
) -> None:
    await shop.misbehave(webhook_signature=kind)
    await paid(shop, provider)
    await inbox.wait_for(1)
    ((headers, body),) = inbox.received

    with pytest.raises(WebhookRefused):
        provider.parse_webhook(body, headers, received_at=int(time.time()))
