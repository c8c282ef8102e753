"""What only Flutterwave has: a word for proof, refunds without keys, ends that are not the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest
from pydantic import SecretStr

from surehold.kernel.money import Money
from surehold.payments.model import PaymentState
from surehold.payments.providers.account import AccountConfig, AccountMode, WebhookSecret
from surehold.payments.providers.failures import (
    AmountRefused,
    InvalidRequest,
    StateConflict,
    Unavailable,
    WebhookRefused,
)
from surehold.payments.providers.flutterwave import Flutterwave, FlutterwaveSettings
from surehold.payments.providers.flutterwave.wire import AMOUNTS, Listed, read_refund
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
)
from tests.fakes.flutterwave import FakeFlutterwave
from tests.fakes.harness import Message
from tests.payments.contract.rig import REFERENCE, REFUND, FakeRig, a_rig

BODY: Final = b'{"id":"evt_1","amount":1000}'
OTHER_REFUND: Final = REFUND.replace("0192", "0193")


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    async with a_rig("flutterwave") as opened:
        assert isinstance(opened, FakeRig)
        yield opened


def hand(rig: FakeRig) -> FakeFlutterwave:
    assert isinstance(rig.fake, FakeFlutterwave)
    return rig.fake


def an_account(**changes: Any) -> AccountConfig:
    values: dict[str, Any] = {
        "account": "main",
        "mode": AccountMode.TEST,
        "base_url": "https://api.flutterwave.com/v3",
        "secret_key": SecretStr("FLWSECK_TEST-x"),
        "webhook_secrets": (WebhookSecret("now", SecretStr("flw_hash")),),
    }
    return AccountConfig(**(values | changes))


# --- amounts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (40_000, "NGN", "400.00"),
        (1, "KES", "0.01"),
        # No digits, and none are written.
        (1500, "UGX", "1500"),
        (1500, "RWF", "1500"),
        (1500, "XOF", "1500"),
        (118_40, "TZS", "118.40"),
        (9_999_999_999, "NGN", "99999999.99"),
        (10_000_000_000, "NGN", None),
        (0, "NGN", None),
        (100, "ETB", None),
        (100, "JPY", None),
    ],
)
def test_amounts_are_written_in_major_units(
    minor: int, currency: str, written: str | None
) -> None:
    money = Money(minor, currency)

    assert AMOUNTS.can_carry(money) is (written is not None)
    if written is not None:
        assert AMOUNTS.to_decimal(money) == written
        assert AMOUNTS.from_decimal(written, currency) == money


def test_a_page_is_asked_for_with_an_exact_number_a_currency_and_an_end(rig: FakeRig) -> None:
    body = rig.provider.prepare_create(rig.request(minor=30))
    sent = msgspec.json.decode(body)

    assert b'"amount":0.30,' in body
    assert (sent["currency"], sent["session_duration"]) == ("GHS", 30)


@pytest.mark.parametrize("written", ["118.4", "118.40", "118.400"])
async def test_numbers_are_read_whatever_decimals_they_have(rig: FakeRig, written: str) -> None:
    """And ``charged_amount``, which is with the fees, is not what was paid."""
    await rig.paid()
    hand(rig).transactions[0]["amount"] = Decimal(written)

    assert (await rig.provider.fetch(REFERENCE)).captured == rig.money(11840)


async def test_a_part_of_our_smallest_unit_is_no_amount(rig: FakeRig) -> None:
    await rig.paid()
    hand(rig).transactions[0]["amount"] = Decimal("118.401")

    with pytest.raises(Unavailable):
        await rig.provider.fetch(REFERENCE)


# --- payments ------------------------------------------------------------------------------------


async def test_a_completed_charge_may_be_a_failure(rig: FakeRig) -> None:
    await rig.create()
    await rig.decline(REFERENCE)

    (message,) = await rig.messages()
    (event,) = rig.parse(message)
    found = await rig.provider.fetch(REFERENCE)
    assert (message.kind, event.merchant_reference) == ("charge.completed", REFERENCE)
    assert (found.state, found.failure_message) == (PaymentState.FAILED, "Declined")


async def test_a_word_that_is_not_known_is_not_a_failure(rig: FakeRig) -> None:
    await rig.paid()
    hand(rig).transactions[0]["status"] = "reviewing"

    found = await rig.provider.fetch(REFERENCE)
    assert (found.state, found.captured) == (PaymentState.UNKNOWN, rig.money(0))


async def test_an_account_that_refuses_a_reference_again_is_understood(rig: FakeRig) -> None:
    hand(rig).refuses_reuse = True
    await rig.create()

    with pytest.raises(StateConflict) as refusal:
        await rig.create()
    assert refusal.value.code == "reference_used"
    assert await rig.provider.find_by_reference(REFERENCE) is None


async def test_an_answer_that_says_no_is_a_refusal_whatever_its_status(
    rig: FakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"status": "error", "message": "Merchant is not enabled", "data": None}
    monkeypatch.setattr(rig.fake, "create", lambda _: said)

    with pytest.raises(InvalidRequest):
        await rig.create()


# --- refunds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "meta", "state"),
    [
        ("new", None, ProviderRefundState.PENDING),
        ("pending", None, ProviderRefundState.PENDING),
        ("pending-momo", None, ProviderRefundState.PENDING),
        ("processing", None, ProviderRefundState.PENDING),
        # Begun, and waiting to be paid out.
        ("completed", None, ProviderRefundState.PENDING),
        ("completed", {"disburse_status": "successful"}, ProviderRefundState.SUCCEEDED),
        ("completed", '{"disburse_status": "failed"}', ProviderRefundState.FAILED),
        ("completed", "{", ProviderRefundState.PENDING),
        ("completed-bank-transfer", None, ProviderRefundState.SUCCEEDED),
        ("completed-momo", None, ProviderRefundState.SUCCEEDED),
        ("completed-mpgs", None, ProviderRefundState.SUCCEEDED),
        ("completed-offline", None, ProviderRefundState.SUCCEEDED),
        ("completed-preauth", None, ProviderRefundState.SUCCEEDED),
        ("completed-somehow", None, ProviderRefundState.PENDING),
        ("failed", {"disburse_status": "successful"}, ProviderRefundState.FAILED),
    ],
)
def test_a_refund_has_ended_only_when_its_status_says_how(
    status: str, meta: Any, state: ProviderRefundState
) -> None:
    row = Listed(1, status, Decimal("4.00"), 2, "", meta)

    assert read_refund(row, "NGN").state is state


async def test_a_refund_that_may_be_ours_is_never_sent_twice(rig: FakeRig) -> None:
    """Where lists leave out what was written, only the amount tells refunds apart."""
    await rig.paid()
    hand(rig).shows_comments = False
    await rig.refund(REFERENCE, 40)

    with pytest.raises(StateConflict) as refusal:
        await rig.refund(REFERENCE, 40)
    assert refusal.value.code == "refund_not_told_apart"
    assert (await rig.refund(REFERENCE, 60, OTHER_REFUND)).amount == rig.money(60)
    assert await rig.book(REFERENCE) == (11840, 100)


async def test_two_refunds_of_one_amount_are_told_apart_by_what_is_written(rig: FakeRig) -> None:
    await rig.paid()
    first, second = await rig.refund(REFERENCE, 40), await rig.refund(REFERENCE, 40, OTHER_REFUND)
    await rig.refund_by_hand(REFERENCE, 40)

    rows = (await rig.provider.fetch(REFERENCE)).refunds
    assert [(row.refund_reference, row.origin) for row in rows] == [
        (REFUND, RefundOrigin.US),
        (OTHER_REFUND, RefundOrigin.US),
        (None, RefundOrigin.DASHBOARD),
    ]
    assert first.provider_refund_id != second.provider_refund_id


async def test_more_refunds_than_fit_on_a_page_are_all_listed(rig: FakeRig) -> None:
    await rig.paid()
    for _ in range(25):
        hand(rig).on_refund(REFERENCE, 1)

    assert (await rig.provider.fetch(REFERENCE)).refunded == rig.money(25)


async def test_a_refund_below_the_least_is_refused(rig: FakeRig) -> None:
    await rig.paid()
    await rig.relabel(REFERENCE, "NGN")
    rig.currency = "NGN"

    with pytest.raises(AmountRefused):
        await rig.refund(REFERENCE, 9_999)
    assert (await rig.refund(REFERENCE, 10_000)).amount == Money(10_000, "NGN")


# --- webhooks ------------------------------------------------------------------------------------


def test_the_published_signature_is_of_the_body() -> None:
    """For accounts whose webhooks are signed; then the word alone is not enough."""
    signed = {"flutterwave-signature": "ohPdqRFrlrIKDwN5yFg7jNTJXalyJTZG48JiUoacj1k="}
    provider = Flutterwave(an_account(), webhook_proof="signature")

    assert FakeFlutterwave.sign_body(BODY, "flw_hash") == signed
    # It is proven, and then it is no event.
    with pytest.raises(WebhookRefused, match="malformed event"):
        provider.parse_webhook(BODY, signed, received_at=0)
    for body, headers in (
        (BODY + b" ", signed),
        (BODY, {"verif-hash": "flw_hash"}),
        (BODY, {"flutterwave-signature": "flw_hash"}),
        (BODY, {}),
    ):
        with pytest.raises(WebhookRefused, match="signature"):
            provider.parse_webhook(body, headers, received_at=0)
    assert provider.capabilities.proves_body


async def test_a_signed_event_is_read(rig: FakeRig) -> None:
    provider = Flutterwave(an_account(), webhook_proof="signature")
    await rig.create()
    await rig.pay(REFERENCE)
    body = (await rig.messages())[0].body

    message = Message("", body, FakeFlutterwave.sign_body(body, "flw_hash"))
    assert rig.parse(message, by=provider)[0].merchant_reference == REFERENCE
    await provider.close()


@pytest.mark.parametrize("kind", ["transfer.completed", "subscription.cancelled"])
def test_events_about_nothing_of_ours_are_taken_and_forgotten(rig: FakeRig, kind: str) -> None:
    body = msgspec.json.encode({"event": kind, "data": {"id": 1}})

    assert rig.parse(Message(kind, body, rig.sign(body))) == ()


# --- settings ------------------------------------------------------------------------------------


def test_settings_tell_how_webhooks_are_proven() -> None:
    settings = FlutterwaveSettings(
        _env_file=None, secret_key="FLWSECK_TEST-x", webhook_secrets={"a": "b"}
    )

    assert ("webhook_proof", "hash") in settings.show("***")
    assert settings.to_account().base_url == "https://api.flutterwave.com/v3"


def test_a_live_account_sends_browsers_to_the_live_page_alone() -> None:
    live = Flutterwave(an_account(mode=AccountMode.LIVE))

    assert live.capabilities.page_origins == ("https://checkout.flutterwave.com",)
    assert "https://checkout-v2.dev-flutterwave.com" in (
        Flutterwave(an_account()).capabilities.page_origins
    )
