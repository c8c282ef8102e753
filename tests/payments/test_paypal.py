"""What only PayPal has: approval that is not payment, tokens, certificates, declined captures."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr

from surehold.checkout.commands import Inbox
from surehold.config import Mode
from surehold.db import Database
from surehold.kernel import clock
from surehold.kernel.money import Money
from surehold.payments.errors import WebhookProofInvalid
from surehold.payments.model import PaymentState
from surehold.payments.providers.account import AccountConfig, AccountMode, WebhookSecret
from surehold.payments.providers.disputes import DisputeState
from surehold.payments.providers.failures import (
    AmountRefused,
    ConfigurationFault,
    Declined,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    StateConflict,
    Unavailable,
    WebhookRefused,
)
from surehold.payments.providers.http import Answer
from surehold.payments.providers.paypal import PayPal, PayPalSettings
from surehold.payments.providers.paypal.proof import check_chain
from surehold.payments.providers.paypal.wire import AMOUNTS, read_failure
from surehold.payments.providers.port import (
    CaptureRequest,
    RefundOrigin,
)
from surehold.payments.providers.registry import Providers
from tests.builders.orders import a_checkout
from tests.fakes.harness import Message
from tests.fakes.paypal import FakePayPal
from tests.fakes.paypal_certificates import NAME, make, signing
from tests.payments.contract.cases import OTHER
from tests.payments.contract.rig import CERTIFICATES, REFERENCE, FakeRig, a_rig

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
BODY: Final = b'{"id":"evt_1","amount":1000}'
OWN: Final = "https://api.paypal.com/v1/notifications/certs/CERT-1"


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    async with a_rig("paypal") as opened:
        assert isinstance(opened, FakeRig)
        yield opened


def hand(rig: FakeRig) -> FakePayPal:
    assert isinstance(rig.fake, FakePayPal)
    return rig.fake


def shown(rig: FakeRig, **how: Any) -> PayPal:
    """An adapter that has no certificate yet, and trusts the fake's root."""
    account = rig.provider._config  # type: ignore[attr-defined]  # PayPal's own
    client = httpx2.AsyncClient(verify=CERTIFICATES, trust_env=False)
    made = PayPal(account, client=client, **{"roots": (signing().root,), **how})
    rig.opened.append(made)
    return made


def calls(rig: FakeRig, part: str) -> int:
    return sum(part in path for _, path in rig.fake.calls)


# --- amounts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (1999, "USD", "19.99"),
        (1, "EUR", "0.01"),
        (100, "JPY", "100"),
        # Two digits by ISO, none at PayPal: only whole ones can be written.
        (12300, "HUF", "123"),
        (12350, "HUF", None),
        (50000, "TWD", "500"),
        (50010, "TWD", None),
        (999_999_999, "EUR", "9999999.99"),
        (1_000_000_000, "EUR", None),
        (0, "EUR", None),
        *((100, currency, None) for currency in ("ETB", "NGN", "KES", "GHS", "ZAR", "INR", "BRL")),
    ],
)
def test_amounts_are_written_in_paypals_digits(
    minor: int, currency: str, written: str | None
) -> None:
    money = Money(minor, currency)

    assert AMOUNTS.can_carry(money) is (written is not None)
    if written is not None:
        assert AMOUNTS.to_decimal(money) == written
        assert AMOUNTS.from_decimal(written, currency) == money


# --- approval, and what it comes to --------------------------------------------------------------


async def test_an_approved_order_is_paid_when_somebody_looks_and_only_once(rig: FakeRig) -> None:
    order = (await rig.create()).provider_payment_id
    await rig.pay(order)
    assert await rig.book(order) == (0, 0)

    found = await asyncio.gather(*(rig.provider.fetch(order) for _ in range(5)))

    assert {row.state for row in found} == {PaymentState.CAPTURED}
    assert await rig.book(order) == (11840, 0)
    assert len(hand(rig).orders[order]["captures"]) == 1


async def test_a_capture_whose_answer_was_lost_is_made_once(rig: FakeRig) -> None:
    order = (await rig.create()).provider_payment_id
    await rig.pay(order)
    await rig.fault("lose", on="take")
    with pytest.raises(OutcomeUnknown):
        await rig.provider.fetch(order)

    found = await rig.provider.fetch(order)
    assert (found.state, found.captured) == (PaymentState.CAPTURED, rig.money(11840))
    assert len(hand(rig).orders[order]["captures"]) == 1


async def test_a_declined_buyer_pays_another_way_on_the_same_page(rig: FakeRig) -> None:
    """The fake repeats a decline to its key, so another approval must be another key."""
    order = (await rig.create()).provider_payment_id
    await rig.decline(order)
    declined = await rig.provider.fetch(order)
    await rig.pay(order)
    paid = await rig.provider.fetch(order)

    assert (declined.state, declined.failure_code) == (
        PaymentState.REQUIRES_ACTION,
        "INSTRUMENT_DECLINED",
    )
    assert (paid.state, paid.captured) == (PaymentState.CAPTURED, rig.money(11840))


async def test_a_completed_order_with_a_declined_capture_is_not_paid(rig: FakeRig) -> None:
    order = (await rig.create()).provider_payment_id
    hand(rig).on_decline_capture(order)
    found = await rig.provider.fetch(order)

    assert hand(rig).orders[order]["status"] == "COMPLETED"
    assert (found.state, found.captured, found.failure_code) == (
        PaymentState.FAILED,
        rig.money(0),
        "DECLINED",
    )


async def test_a_capture_that_paypal_looks_at_is_pending_until_it_has(rig: FakeRig) -> None:
    order = (await rig.create()).provider_payment_id
    hand(rig).on_pend(order)
    before = await rig.provider.fetch(order)
    hand(rig).on_clear(order)
    after = await rig.provider.fetch(order)

    assert (before.state, before.captured) == (PaymentState.PENDING, rig.money(0))
    assert (after.state, after.captured) == (PaymentState.CAPTURED, rig.money(11840))


async def test_an_order_that_expired_is_not_known_any_more(rig: FakeRig) -> None:
    order = (await rig.create()).provider_payment_id
    hand(rig).on_expire(order)

    with pytest.raises(NotFound):
        await rig.provider.fetch(order)


async def test_several_captures_of_one_hold_add_up(rig: FakeRig) -> None:
    order = await rig.paid(is_captured_later=True)
    for minor, is_final in ((6000, False), (5840, True)):
        body = rig.provider.prepare_capture(CaptureRequest(order, rig.money(minor), is_final))
        taken = await rig.provider.capture(
            body, provider_payment_id=order, idempotency_key=f"capture-{minor}"
        )

    assert (taken.authorized, taken.captured) == (rig.money(11840), rig.money(11840))
    assert [row["status"] for row in hand(rig).orders[order]["authorizations"]] == ["CAPTURED"]


async def test_what_paypal_knows_no_more_is_what_its_order_says(rig: FakeRig) -> None:
    old, odd = [await rig.paid(name, is_captured_later=True) for name in (REFERENCE, OTHER)]
    hand(rig).on_forget(old, "VOIDED")
    hand(rig).on_forget(odd, "CREATED")

    gone = await rig.provider.cancel(old, idempotency_key="void-1")
    with pytest.raises(OutcomeUnknown):
        await rig.provider.cancel(odd, idempotency_key="void-2")

    assert (gone.state, gone.captured) == (PaymentState.VOIDED, rig.money(0))


async def test_what_paypal_took_back_by_itself_is_a_refund_of_its_own(rig: FakeRig) -> None:
    order = await rig.paid()
    hand(rig).on_reverse(order)
    (event,) = rig.parse((await rig.messages())[-1])

    (row,) = (await rig.provider.fetch(order)).refunds
    assert (row.amount, row.origin) == (rig.money(11840), RefundOrigin.PROVIDER)
    assert (event.kind, event.provider_payment_id) == ("PAYMENT.CAPTURE.REVERSED", order)


# --- names ---------------------------------------------------------------------------------------


async def test_a_capture_leads_to_its_order(rig: FakeRig) -> None:
    """Events need not name the order: then the capture that they name is looked up."""
    order = await rig.paid()
    capture = hand(rig).orders[order]["captures"][0]["id"]
    await rig.refund(order, 40)
    told = msgspec.json.decode((await rig.messages())[-1].body)
    del told["resource"]["supplementary_data"]
    body = msgspec.json.encode(told)

    (event,) = rig.parse(Message("", body, rig.sign(body)))
    assert (event.provider_payment_id, event.merchant_reference) == (capture, None)
    found = await rig.provider.fetch(capture)
    assert (found.provider_payment_id, found.merchant_reference) == (order, REFERENCE)


async def test_a_dispute_names_the_capture_and_our_reference(rig: FakeRig) -> None:
    order = await rig.paid()
    hand(rig).on_dispute(order, 5000)

    (event,) = rig.parse((await rig.messages())[-1])
    assert event.kind == "CUSTOMER.DISPUTE.CREATED"
    assert event.provider_payment_id == hand(rig).orders[order]["captures"][0]["id"]
    assert event.merchant_reference == REFERENCE


@pytest.mark.parametrize(
    ("word", "state", "disputed"),
    [
        ("paid_out", DisputeState.WON, 0),
        ("arbitration", DisputeState.UNDER_REVIEW, 5000),
        # A word that says nothing: somebody must look.
        ("other", DisputeState.NEEDS_RESPONSE, 5000),
    ],
)
async def test_disputes_are_read_by_status_stage_and_outcome(
    rig: FakeRig, word: str, state: DisputeState, disputed: int
) -> None:
    order = await rig.paid()
    hand(rig).on_close_dispute(hand(rig).on_dispute(order, 5000)["dispute"], word)

    (row,) = await rig.provider.list_disputes(order)
    assert row.state is state
    assert (await rig.provider.fetch(order)).disputed == rig.money(disputed)


async def test_an_account_that_may_not_read_disputes_reads_payments(rig: FakeRig) -> None:
    hand(rig).can_read_disputes = False
    order = await rig.paid()

    assert (await rig.provider.fetch(order)).captured == rig.money(11840)
    with pytest.raises(ConfigurationFault):
        await rig.provider.list_disputes(order)


@pytest.mark.parametrize("kind", ["BILLING.PLAN.CREATED", "PAYMENT.SALE.COMPLETED", "VAULT.X"])
def test_events_about_nothing_of_ours_are_taken_and_forgotten(rig: FakeRig, kind: str) -> None:
    body = msgspec.json.encode(hand(rig).an_event(kind, {"id": "x"}))

    assert rig.parse(Message(kind, body, rig.sign(body))) == ()


# --- the token -----------------------------------------------------------------------------------


async def test_one_token_serves_many_calls_and_is_shown_to_nobody(
    rig: FakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(0):
        await asyncio.gather(
            *(rig.create(f"SH06A4Q7YH3T5V1W2X3Y4Z5A6B{n}") for n in range(10, 14))
        )
    token = hand(rig).token

    assert hand(rig).tokens_given == 1
    assert token not in caplog.text
    assert token not in repr(rig.provider)


async def test_a_token_that_is_refused_is_replaced_once(rig: FakeRig) -> None:
    order = (await rig.create()).provider_payment_id
    hand(rig).token = "another"
    found = await asyncio.gather(*(rig.provider.fetch(order) for _ in range(4)))

    assert {row.state for row in found} == {PaymentState.REQUIRES_ACTION}
    assert hand(rig).tokens_given == 2
    await rig.fault("forbid", on="read", calls=2)
    with pytest.raises(ConfigurationFault):
        await rig.provider.fetch(order)
    assert hand(rig).tokens_given == 3


async def test_a_change_that_met_a_stale_token_is_made_once(rig: FakeRig) -> None:
    order = await rig.paid()
    hand(rig).token = "another"
    begun = await rig.create("SH06A4Q7YH3T5V1W2X3Y4Z5A6B10")

    assert begun.state is PaymentState.REQUIRES_ACTION
    assert list(hand(rig).orders) == [order, begun.provider_payment_id]
    assert hand(rig).tokens_given == 2


async def test_a_token_is_replaced_before_it_ends(
    rig: FakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = clock.monotonic_seconds()
    order = (await rig.create()).provider_payment_id
    for later, given in ((32_270, 1), (32_290, 2)):
        monkeypatch.setattr(clock, "monotonic_seconds", lambda later=later: at + later)
        await rig.provider.fetch(order)
        assert hand(rig).tokens_given == given


@pytest.mark.parametrize("fault", ["lose", "error", "wrong_type", "huge", "gateway"])
async def test_without_a_token_nothing_was_asked_for(rig: FakeRig, fault: str) -> None:
    await rig.fault(fault, on="token")
    with pytest.raises(Unavailable):
        await rig.create()

    assert hand(rig).orders == {}
    assert (await rig.create()).state is PaymentState.REQUIRES_ACTION


# --- the certificate -----------------------------------------------------------------------------


async def test_the_certificate_is_fetched_once_from_where_the_message_says(rig: FakeRig) -> None:
    provider = shown(rig)
    await rig.pay((await rig.create()).provider_payment_id)
    message = (await rig.messages())[0]
    with pytest.raises(WebhookRefused, match="no certificate at hand"):
        rig.parse(message, by=provider)

    await asyncio.gather(*(provider.load_proof(message.headers) for _ in range(6)))

    assert rig.parse(message, by=provider)[0].merchant_reference == REFERENCE
    # The fake refuses a token there: it is nobody's business.
    assert calls(rig, "/certs/") == 1


async def test_the_inbox_has_the_certificate_fetched_before_it_believes(
    rig: FakeRig, db: Database
) -> None:
    provider = shown(rig)
    await rig.pay((await rig.create()).provider_payment_id)
    message = (await rig.messages())[0]
    elsewhere = message.headers | {"PayPal-Cert-Url": "https://evil.test/.paypal.com"}
    async with a_checkout(db, providers=Providers([provider])) as checkout:
        inbox = Inbox(checkout)
        with pytest.raises(WebhookProofInvalid):
            await inbox.receive(provider_name="paypal", raw_body=message.body, headers=elsewhere)
        for is_new in (1, 0):
            assert is_new == await inbox.receive(
                provider_name="paypal", raw_body=message.body, headers=message.headers
            )
        await inbox.close()

    assert calls(rig, "/certs/") == 1


@pytest.mark.parametrize(
    "address",
    [
        "https://api.paypal.com.evil.test/v1/notifications/certs/CERT-1",
        "https://evil.test/.paypal.com",
        "https://evil.test/v1/notifications/certs/CERT-1?x=.paypal.com",
        "https://evil.test#.paypal.com",
        "https://evilpaypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.test/v1/notifications/certs/CERT-1",
        "https://evil.test\\.paypal.com/v1/notifications/certs/CERT-1",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/../secrets",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?to=evil.test",
        "https://169.254.169.254/latest/meta-data",
        "https://paypal.com",
        "HTTPS://API.PAYPAL.COM/v1/notifications/certs/CERT-1",
        "file:///etc/passwd",
        OWN + "\n",
        "",
    ],
)
async def test_an_address_that_is_not_paypals_is_never_asked(address: str) -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError(f"{request.url} was asked")

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(refuse))
    provider = PayPal(an_account(), roots=(signing().root,), client=client)
    with pytest.raises(WebhookRefused):
        await provider.load_proof({"paypal-cert-url": address})


@pytest.mark.parametrize("fault", ["redirect", "huge", "wrong_type", "error", "truncate"])
async def test_a_certificate_that_cannot_be_had_is_no_proof(rig: FakeRig, fault: str) -> None:
    provider = shown(rig)
    await rig.create()
    message = Message("", BODY, rig.sign(BODY))
    # A connection that is dropped is tried once more.
    await rig.fault(fault, on="certificate", calls=2 if fault == "truncate" else 1)
    with pytest.raises(WebhookRefused):
        await provider.load_proof(message.headers)

    # PayPal sends the message again, and then it can be had.
    await rig.fault("lose_before_work", on="certificate")
    await provider.load_proof(message.headers)


def test_a_certificate_must_be_paypals_in_date_and_from_somebody_trusted() -> None:
    own, key = signing(), rsa.generate_private_key(public_exponent=65537, key_size=2048)
    stranger = ec.generate_private_key(ec.SECP256R1())
    strange = make("Fake Root", stranger, None, is_issuer=True)
    good, at = [own.leaf, own.between], datetime.now(UTC)

    assert check_chain(good, [own.root], at=at) is own.leaf
    for chain, roots, when in (
        (good, [strange], at),
        (good, [], at),
        ([own.leaf], [own.root], at),
        (good, [own.root], at + timedelta(days=4000)),
        (good, [own.root], at - timedelta(days=2)),
        ([make("api.paypal.com.evil.test", key, (strange, stranger))], [strange], at),
        ([make("evilpaypal.com", key, (strange, stranger))], [strange], at),
        ([make(NAME, key, (own.leaf, stranger)), *good], [own.root], at),
        ([own.root], [own.root], at),
    ):
        with pytest.raises(WebhookRefused):
            check_chain(chain, roots, at=when)


def an_account(webhook_id: str = "WH-1", **changes: Any) -> AccountConfig:
    values: dict[str, Any] = {
        "account": "main",
        "mode": AccountMode.LIVE,
        "base_url": "https://api-m.paypal.com",
        "secret_key": SecretStr("E"),
        "webhook_secrets": (WebhookSecret("now", SecretStr(webhook_id)),),
        "public_key": "A",
    }
    return AccountConfig(**(values | changes))


def test_the_published_string_is_what_is_signed() -> None:
    """The string of PayPal's pages, signed as it stands; no line of ours makes it."""
    signed = b"tx-1|2026-01-01T00:00:00Z|WH-1|532830668"
    mark = base64.b64encode(signing().key.sign(signed, padding.PKCS1v15(), SHA256())).decode()
    provider = PayPal(an_account(), pinned=(signing().leaf,))
    headers = {
        "PAYPAL-TRANSMISSION-ID": "tx-1",
        "PAYPAL-TRANSMISSION-TIME": "2026-01-01T00:00:00Z",
        "PAYPAL-TRANSMISSION-SIG": mark,
        "PAYPAL-CERT-URL": OWN,
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
    }

    # It is proven, and then it is no event of PayPal's.
    with pytest.raises(WebhookRefused, match="malformed event"):
        provider.parse_webhook(BODY, headers, received_at=clock.unix_seconds())
    for changed in (
        {"PAYPAL-TRANSMISSION-ID": "tx-2"},
        {"PAYPAL-TRANSMISSION-TIME": "2026-01-01T00:00:01Z"},
        {"PAYPAL-AUTH-ALGO": "SHA1withRSA"},
        # The same bytes in another form: the last letter has bits that nobody reads.
        {"PAYPAL-TRANSMISSION-SIG": f"{mark[:-3]}{chr(ord(mark[-3]) + 1)}=="},
        # Moving the bar makes the same string of other words.
        {"PAYPAL-TRANSMISSION-ID": "tx-1|2026-01-01T00:00:00Z", "PAYPAL-TRANSMISSION-TIME": "WH"},
    ):
        with pytest.raises(WebhookRefused, match=r"signature|signed"):
            provider.parse_webhook(BODY, headers | changed, received_at=clock.unix_seconds())
    for name in headers:
        with pytest.raises(WebhookRefused, match="missing"):
            provider.parse_webhook(
                BODY,
                {key: value for key, value in headers.items() if key != name},
                received_at=clock.unix_seconds(),
            )
    for other, body in ((an_account("WH-2"), BODY), (an_account(), BODY + b" ")):
        with pytest.raises(WebhookRefused, match="signature does not match"):
            PayPal(other, pinned=(signing().leaf,)).parse_webhook(
                body, headers, received_at=clock.unix_seconds()
            )


def test_a_certificate_that_is_over_proves_nothing_although_it_was_given(rig: FakeRig) -> None:
    body = msgspec.json.encode(hand(rig).an_event("VAULT.X", {}))
    message = Message("", body, rig.sign(body))

    assert rig.parse(message) == ()
    for days in (-2, 4000):
        with pytest.raises(WebhookRefused, match="no certificate at hand"):
            rig.parse(message, at=rig.now() + days * 86_400)


# --- refusals, settings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "issue", "kind"),
    [
        (422, "INSTRUMENT_DECLINED", Declined),
        (422, "REFUND_AMOUNT_EXCEEDED", AmountRefused),
        (422, "CAPTURE_FULLY_REFUNDED", AmountRefused),
        (422, "DECIMAL_PRECISION", AmountRefused),
        (422, "ORDER_ALREADY_CAPTURED", StateConflict),
        (422, "TRANSACTION_DISPUTED", StateConflict),
        (422, "DUPLICATE_INVOICE_ID", InvalidRequest),
        (422, "PREVIOUS_REQUEST_IN_PROGRESS", OutcomeUnknown),
        (409, "RESOURCE_CONFLICT", OutcomeUnknown),
        (404, "INVALID_RESOURCE_ID", NotFound),
        (403, "PERMISSION_DENIED", ConfigurationFault),
        (503, "SERVICE_UNAVAILABLE", OutcomeUnknown),
    ],
)
def test_an_issue_is_what_a_refusal_means(
    status: int, issue: str, kind: type[ProviderFailure]
) -> None:
    told = {"name": "X", "message": "m", "debug_id": "b1a2", "details": [{"issue": issue}]}
    failure = read_failure(Answer(status, msgspec.json.encode(told), OutcomeUnknown))

    assert type(failure) is kind
    assert failure.code == issue
    assert "b1a2" in failure.detail


def _settings(**changes: Any) -> PayPalSettings:
    values = {"secret_key": "E", "public_key": "A", "webhook_secrets": {"a": "8PT5"}}
    return PayPalSettings(_env_file=None, **(values | changes))


def test_the_mode_chooses_the_address_and_every_fault_is_told() -> None:
    pem = signing().pem.decode()
    live = _settings(mode="live", certificates=pem)

    assert _settings().to_account().base_url == "https://api-m.sandbox.paypal.com"
    assert live.to_account().base_url == "https://api-m.paypal.com"
    assert live.list_faults(Mode.PRODUCTION) == []
    # The file as PayPal shows it: whoever issued the certificate signs no webhooks.
    assert live.list_pinned() == (signing().leaf,)
    assert ("certificates", "given") in live.show("***")
    for wrong in ("no", signing().root.public_bytes(Encoding.PEM).decode()):
        assert _settings(public_key="", certificates=wrong).list_faults(Mode.TEST) == [
            "SUREHOLD_PAYPAL_PUBLIC_KEY is not set: it is the client id",
            "SUREHOLD_PAYPAL_CERTIFICATES is no certificate in PEM with an RSA key",
        ]


def test_browsers_are_sent_to_the_pages_of_the_mode() -> None:
    live, test = PayPal(an_account()), PayPal(an_account(mode=AccountMode.TEST))

    assert live.capabilities.page_origins == ("https://www.paypal.com",)
    assert test.capabilities.page_origins == ("https://www.sandbox.paypal.com",)
