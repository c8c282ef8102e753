"""What only Paystack has: hundredths of all, silent declines, one key for calls and webhooks."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx2
import msgspec
import pypaystack2
import pytest
from pydantic import SecretStr, ValidationError
from pypaystack2.enums import Channel, Currency, DisputeStatus, Resolution
from pypaystack2.sub_clients.sync_clients.refunds import RefundClient
from pypaystack2.sub_clients.sync_clients.transactions import TransactionClient

from surehold.config import Mode
from surehold.kernel.money import Money
from surehold.payments.model import ClientSecret, PaymentState, Redirect
from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.disputes import DisputeState
from surehold.payments.providers.failures import (
    ConfigurationFault,
    OutcomeUnknown,
    Unavailable,
    WebhookRefused,
)
from surehold.payments.providers.paystack import Paystack, PaystackSettings
from surehold.payments.providers.paystack.wire import _DISPUTES, _RESOLUTIONS, AMOUNTS
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
    RefundRequest,
)
from tests.fakes.harness import Message, Refused
from tests.fakes.paystack import PUBLIC_KEY, SECRET_KEY, FakePaystack
from tests.payments.contract.rig import CERTIFICATES, REFERENCE, REFUND, FakeRig, a_rig

BODY: Final = b'{"id":"evt_1","amount":1000}'
MARK: Final = (
    "03e253ceb74823e875ea6ace931a737062caa713124c5b5577fab5672f759576"
    "179b61fb90df9488e811ab7e8b7edfbd732310839824517ce0c134b143a22b30"
)


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    async with a_rig("paystack") as opened:
        assert isinstance(opened, FakeRig)
        yield opened


def hand(rig: FakeRig) -> FakePaystack:
    assert isinstance(rig.fake, FakePaystack)
    return rig.fake


def settings(**changes: Any) -> PaystackSettings:
    return PaystackSettings(_env_file=None, **({"secret_key": "sk_test_now"} | changes))


def account_of(rig: FakeRig) -> AccountConfig:
    found: AccountConfig = rig.provider._config  # type: ignore[attr-defined]  # Paystack's own
    return found


@pytest.mark.parametrize(
    ("minor", "currency", "units"),
    [
        (40_000, "NGN", 40_000),
        (1999, "ZAR", 1999),
        (1, "KES", 1),
        # No digits by ISO, and hundredths here all the same.
        (100, "XOF", 10_000),
        (100, "RWF", 10_000),
        (100, "EUR", None),
        (100, "ETB", None),
        (0, "NGN", None),
    ],
)
def test_amounts_are_hundredths_of_every_currency(
    minor: int, currency: str, units: int | None
) -> None:
    money = Money(minor, currency)

    assert AMOUNTS.can_carry(money) is (units is not None)
    if units is not None:
        assert AMOUNTS.to_units(money) == units
        assert AMOUNTS.from_units(units, currency) == money


# --- the package that judges us ------------------------------------------------------------------


def test_the_published_mark_holds_and_the_package_agrees() -> None:
    client = pypaystack2.PaystackClient(secret_key="sk_test_x")
    adapter = Paystack(settings(secret_key="sk_test_x").to_account())
    fake = FakePaystack(secrets=("sk_test_x",))
    event = b'{"event":"transfer.success","data":{}}'
    theirs = fake.sign(event)["x-paystack-signature"]

    assert fake.sign(BODY)["x-paystack-signature"] == MARK
    assert client.is_verified_webhook_payload(BODY, MARK)
    assert client.is_verified_webhook_payload(event, theirs)
    assert adapter.parse_webhook(event, {"x-paystack-signature": theirs}, received_at=0) == ()
    with pytest.raises(WebhookRefused, match="does not match"):
        adapter.parse_webhook(event, {"x-paystack-signature": MARK}, received_at=0)


async def test_our_requests_are_what_the_package_would_send(rig: FakeRig) -> None:
    adapter = Paystack(settings().to_account(), channels=("card", "mobile_money"))
    begin = msgspec.json.decode(adapter.prepare_create(rig.request()))
    back = msgspec.json.decode(
        adapter.prepare_refund(RefundRequest(REFERENCE, rig.money(40), REFUND, "late"))
    )

    for body, method in ((begin, TransactionClient.initialize), (back, RefundClient.create)):
        known = inspect.signature(method).parameters
        assert [name for name in body if name not in known] == []
        required = {name for name, one in known.items() if one.default is one.empty} - {"self"}
        assert required <= set(body)
    assert {Channel(one) for one in begin["channels"]} == {Channel.CARD, Channel.MOBILE_MONEY}
    assert type(begin["amount"]) is type(back["amount"]) is int
    assert re.fullmatch(r"[A-Za-z0-9.=-]+", begin["reference"])


def test_the_package_knows_the_same_words() -> None:
    assert set(AMOUNTS.exponents) == {currency.value for currency in Currency}
    assert {*_DISPUTES, "resolved", "archived"} == {status.value for status in DisputeStatus}
    assert {word.value for word in Resolution} <= set(_RESOLUTIONS)


# --- paying --------------------------------------------------------------------------------------


async def test_the_buyer_is_sent_to_its_page_or_the_front_end_opens_it(rig: FakeRig) -> None:
    begun = await rig.create()
    client = httpx2.AsyncClient(verify=CERTIFICATES, trust_env=False)
    popup = Paystack(account_of(rig), page="popup", client=client)
    other = REFERENCE[:-1] + "D"
    opened = await popup.create(popup.prepare_create(rig.request(other)), idempotency_key="c")
    await popup.close()

    assert isinstance(begun.next_action, Redirect)
    assert begun.next_action.url.endswith(f"/{REFERENCE}")
    assert opened.next_action == ClientSecret(PUBLIC_KEY, f"ac_{other[-12:].lower()}")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("abandoned", PaymentState.REQUIRES_ACTION),
        ("ongoing", PaymentState.REQUIRES_ACTION),
        ("processing", PaymentState.PENDING),
        ("queued", PaymentState.PENDING),
        ("failed", PaymentState.FAILED),
        ("a-new-word", PaymentState.UNKNOWN),
    ],
)
async def test_its_words_are_read_under_an_outer_status_that_is_always_true(
    rig: FakeRig, word: str, state: PaymentState
) -> None:
    payment = (await rig.create()).provider_payment_id
    hand(rig).on_begin(payment, word)

    found = await rig.provider.fetch(payment)
    assert (found.state, found.captured.amount) == (state, 0)


async def test_a_decline_is_learnt_by_reading_and_told_by_nobody(rig: FakeRig) -> None:
    payment = (await rig.create()).provider_payment_id
    hand(rig).on_decline(payment)

    found = await rig.provider.fetch(payment)
    assert (found.failure_code, found.failure_message) == ("declined", "Declined")
    assert await rig.messages() == []


@pytest.mark.parametrize(
    ("paid", "fees", "captured"),
    [
        (11840, 150, 11840),
        # The buyer bore the fee: it never was ours.
        (11990, 150, 11840),
        # More than the fee explains, and less than was asked for: both are for a person.
        (11991, 150, 11991),
        (11839, 150, 11839),
    ],
)
async def test_a_fee_on_top_is_not_ours_and_nothing_else_is_explained_away(
    rig: FakeRig, paid: int, fees: int, captured: int
) -> None:
    payment = (await rig.create()).provider_payment_id
    hand(rig).on_pay(payment, paid, fees)

    found = await rig.provider.fetch(payment)
    assert (found.requested, found.captured) == (rig.money(11840), rig.money(captured))
    assert found.method == "visa 4081"


async def test_an_answer_that_says_no_with_200_is_no_answer(
    rig: FakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when it shows a payment that would be paid."""
    payment = await rig.paid()
    told = {"status": False, "message": "No", "data": hand(rig).transactions[payment]}
    monkeypatch.setattr(FakePaystack, "_find", lambda *_: _refuse(told))

    with pytest.raises(Unavailable):
        await rig.provider.fetch(payment)


def _refuse(body: Any) -> Any:
    raise Refused(200, body)


# --- money going back ----------------------------------------------------------------------------


async def test_a_refund_goes_through_its_stages(rig: FakeRig) -> None:
    payment = await rig.paid()
    hand(rig).is_slow_to_refund = True
    seen = [await rig.refund(payment, 40)]
    number = seen[0].provider_refund_id
    for word in ("processing", "needs-attention", "processed"):
        hand(rig).on_refund_moves(number, word)
        seen += (await rig.provider.fetch(payment)).refunds

    pending, done = ProviderRefundState.PENDING, ProviderRefundState.SUCCEEDED
    assert [(row.state, row.failure_code) for row in seen] == [
        (pending, None), (pending, None), (pending, "needs-attention"), (done, None),
    ]  # fmt: skip
    assert {row.refund_reference for row in seen} == {REFUND}


async def test_two_like_refunds_are_two_facts(rig: FakeRig) -> None:
    """Their events name no refund until they are sent; each is at least read."""
    payment = await rig.paid()
    await rig.refund(payment, 40)
    await rig.refund(payment, 40, REFUND.replace("0192", "0193"))
    told = [rig.parse(message)[0] for message in await rig.messages()]

    assert await rig.book(payment) == (11840, 80)
    assert [event.kind for event in told] == [
        "charge.success",
        *("refund.pending", "refund.processed") * 2,
    ]
    assert {event.merchant_reference for event in told} == {REFERENCE}
    assert len({event.dedup_key for event in told if event.kind == "refund.processed"}) == 2


async def test_what_was_reversed_without_a_refund_is_back(rig: FakeRig) -> None:
    payment = await rig.paid()
    hand(rig).transactions[payment]["status"] = "reversed"

    found = await rig.provider.fetch(payment)
    assert (found.state, found.refunded) == (PaymentState.CAPTURED, rig.money(11840))


async def test_a_refund_that_a_dispute_made_is_the_providers(rig: FakeRig) -> None:
    payment = await rig.paid()
    made = hand(rig).on_refund(payment, 5000)
    hand(rig).refunds[made["id"]]["dispute"] = 7

    (refund,) = await rig.provider.list_refunds(payment)
    assert (refund.origin, refund.refund_reference) == (RefundOrigin.PROVIDER, None)


async def test_a_dispute_names_its_payment_and_when_to_answer(rig: FakeRig) -> None:
    payment = await rig.paid()
    hand(rig).on_dispute(payment, 5000)

    (event,) = rig.parse((await rig.messages())[-1])
    (dispute,) = await rig.provider.list_disputes(payment)
    (row,) = hand(rig).disputes.values()
    due = []
    for written in ("2026-11-28", "in a week", None):
        row |= {"dueAt": None, "due_at": written}
        due += [one.respond_by for one in await rig.provider.list_disputes(payment)]

    assert (event.kind, event.merchant_reference) == ("charge.dispute.create", REFERENCE)
    assert dispute.state is DisputeState.NEEDS_RESPONSE
    assert dispute.respond_by == datetime(2026, 11, 28, 10, tzinfo=UTC)
    assert due == [datetime(2026, 11, 28, tzinfo=UTC), None, None]


async def test_more_refunds_than_fit_on_a_page_are_all_listed(rig: FakeRig) -> None:
    payment = await rig.paid()
    for _ in range(205):
        hand(rig).on_refund(payment, 1)

    found = await rig.provider.list_refunds(payment)
    assert [row.provider_refund_id for row in found] == [str(row) for row in hand(rig).refunds]


async def test_a_lost_refund_is_looked_for_before_it_is_asked_for_again(rig: FakeRig) -> None:
    payment = await rig.paid()
    await rig.fault("lose", on="refund")
    with pytest.raises(OutcomeUnknown):
        await rig.refund(payment, 40)
    asked = hand(rig).calls.count(("POST", "/refund"))

    await rig.refund(payment, 40)
    assert hand(rig).calls.count(("POST", "/refund")) == asked


# --- keys and events -----------------------------------------------------------------------------


def test_the_key_signs_webhooks_and_earlier_ones_may_be_added() -> None:
    def secrets(**changes: Any) -> list[str]:
        made = settings(**changes)
        assert made.list_faults(Mode.TEST) == []
        return [one.value.get_secret_value() for one in made.to_account().webhook_secrets]

    assert secrets() == ["sk_test_now"]
    assert secrets(webhook_secrets={"old": "sk_test_old"}) == ["sk_test_now", "sk_test_old"]
    assert settings(webhook_secrets={"old": "sk_test_old"}).list_secrets() == [
        "sk_test_now", "sk_test_now", "sk_test_old",
    ]  # fmt: skip
    assert PaystackSettings(_env_file=None).is_on is False


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"secret_key": "sk_live_x"}, "SECRET_KEY is no test key: those begin with sk_test_"),
        ({"webhook_secrets": dict.fromkeys("abc", "sk_test_x")}, "has more than 3"),
        ({"webhook_secrets": {"old": ""}}, "old is no webhook secret"),
        ({"page": "popup"}, "SUREHOLD_PAYSTACK_PUBLIC_KEY is no test key: pk_…"),
    ],
)
def test_every_fault_of_the_settings_is_told(changes: dict[str, Any], fault: str) -> None:
    assert any(fault in told for told in settings(**changes).list_faults(Mode.TEST))


def test_a_channel_is_a_word() -> None:
    assert settings(channels=["card", "bank_transfer"]).channels == ("card", "bank_transfer")
    with pytest.raises(ValidationError):
        settings(channels=["Card "])


async def test_an_account_of_the_other_mode_is_noticed(rig: FakeRig) -> None:
    await rig.create()
    hand(rig).transactions[REFERENCE]["domain"] = "live"

    with pytest.raises(ConfigurationFault) as refusal:
        await rig.provider.fetch(REFERENCE)
    assert refusal.value.code == "wrong_mode"


@pytest.mark.parametrize("kind", ["transfer.success", "subscription.create", "invoice.update"])
async def test_events_about_nothing_of_ours_are_taken_and_forgotten(
    rig: FakeRig, kind: str
) -> None:
    body = msgspec.json.encode(hand(rig).an_event(kind, {"id": 1}))

    assert rig.parse(Message(kind, body, rig.sign(body))) == ()


def test_the_secret_is_not_shown() -> None:
    made = settings(secret_key=SECRET_KEY)

    assert SECRET_KEY not in repr(made.to_account())
    assert isinstance(made.secret_key, SecretStr)
    assert SECRET_KEY not in repr(made.show("***"))
