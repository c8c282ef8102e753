"""What only Telebirr has: envelopes, tokens, two vocabularies, refusals that say 200."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from surehold.cli.doctor import check_account
from surehold.config import Mode
from surehold.kernel.money import Money
from surehold.payments.model import PaymentState, Redirect
from surehold.payments.providers import sorted_fields
from surehold.payments.providers.failures import (
    ConfigurationFault,
    StateConflict,
    Unavailable,
    WebhookRefused,
)
from surehold.payments.providers.port import (
    ProviderRefundState,
)
from surehold.payments.providers.telebirr import KIND, Telebirr, TelebirrSettings, wire
from tests.fakes.harness import Message
from tests.fakes.telebirr import (
    APP_ID,
    SHORT_CODE,
    FakeTelebirr,
    key_of,
    mark_of,
    private_pem,
    public_pem,
    text_of,
)
from tests.payments.contract.rig import REFERENCE, REFUND, FakeRig, a_rig
from tests.support.api import a_config
from tests.support.provided import settings_of

#: As published, section 19.4 of our notes: an empty ``redirect_url`` is dropped.
PUBLISHED = (
    "appid=1072905731584000&merch_code=200001&merch_order_id=HF_1&method=payment.preorder"
    "&nonce_str=abcDEF123&notify_url=https://shop.test/n&timeout_express=30m"
    "&timestamp=1700000000&title=order 1&total_amount=12.50&trade_type=Checkout"
    "&trans_currency=ETB&version=1.0"
)


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    async with a_rig("telebirr") as opened:
        assert isinstance(opened, FakeRig)
        yield opened


def hand(rig: FakeRig) -> FakeTelebirr:
    assert isinstance(rig.fake, FakeTelebirr)
    return rig.fake


def token_calls(rig: FakeRig) -> int:
    return sum(path.endswith("/token") for _, path in rig.fake.calls)


# --- what is signed ------------------------------------------------------------------------------


def test_the_published_text_is_what_is_signed() -> None:
    fields = {
        "timestamp": "1700000000", "nonce_str": "abcDEF123", "method": "payment.preorder",
        "version": "1.0", "notify_url": "https://shop.test/n", "redirect_url": "",
        "appid": "1072905731584000", "merch_code": "200001", "merch_order_id": "HF_1",
        "trade_type": "Checkout", "title": "order 1", "total_amount": "12.50",
        "trans_currency": "ETB", "timeout_express": "30m", "sign": "x", "sign_type": "y",
        "biz_content": "z", "wallet_reference_data": "w",
    }  # fmt: skip

    assert sorted_fields.join(fields, without=wire.UNSIGNED) == text_of(fields) == PUBLISHED


def test_a_signature_is_pss_and_no_other() -> None:
    ours, theirs = key_of("merchant"), [key_of("merchant").public_key()]
    mark = sorted_fields.sign(ours, PUBLISHED)
    old = ours.sign(PUBLISHED.encode(), padding.PKCS1v15(), hashes.SHA256())

    assert len(mark) == 344
    assert mark != sorted_fields.sign(ours, PUBLISHED)
    assert sorted_fields.is_signed(theirs, PUBLISHED, mark)
    assert not sorted_fields.is_signed(theirs, PUBLISHED + " ", mark)
    # The letters before ``==`` have bits that count for nothing.
    same = mark[:-3] + chr(ord(mark[-3]) + 1) + "=="
    assert base64.b64decode(same) == base64.b64decode(mark)
    assert not sorted_fields.is_signed(theirs, PUBLISHED, same)
    assert not sorted_fields.is_signed(theirs, PUBLISHED, base64.b64encode(old).decode())


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": "1", "a": "2"}',
        b'{"a": "1&b=2"}',
        b'{"a&b": "1"}',
        b'{"a=b": "1"}',
        b'{"a": {"b": "1"}}',
        b'{"a": ["1"]}',
        b'{"a": true}',
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b'\xef\xbb\xbf{"a": "1"}',
        '{"a": "1"}'.encode("utf-16"),
        b'["a"]',
    ],
)
def test_a_message_that_could_mean_another_is_no_message(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        sorted_fields.read(raw)


def test_numbers_are_read_as_they_were_written() -> None:
    raw = b'{"a": 12.50, "b": 1E2, "c": null, "sign": {"x": 1}}'

    assert sorted_fields.read(raw, unsigned={"sign"}) == {"a": "12.50", "b": "1E2", "c": ""}


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (1, "ETB", "0.01"),
        (11840, "ETB", "118.40"),
        (10_000_000_000, "ETB", "100000000.00"),
        (10_000_000_001, "ETB", None),
        (0, "ETB", None),
        (100, "USD", None),
    ],
)
def test_amounts_are_birr_with_two_digits(minor: int, currency: str, written: str | None) -> None:
    money = Money(minor, currency)

    assert wire.AMOUNTS.can_carry(money) is (written is not None)
    if written is not None:
        assert wire.AMOUNTS.to_decimal(money) == written
        assert wire.AMOUNTS.from_decimal(written, "ETB") == money


# --- requests ------------------------------------------------------------------------------------


def test_an_order_is_the_same_bytes_whenever_it_is_sent() -> None:
    rig = FakeRig(FakeTelebirr(), "http://127.0.0.1:1")
    request = rig.request()
    body = rig.provider.prepare_create(request)

    assert body == rig.provider.prepare_create(request)
    assert msgspec.json.decode(body) == {
        "notify_url": "http://127.0.0.1:1/webhooks",
        "redirect_url": "http://shop.test/back",
        "appid": APP_ID,
        "merch_code": SHORT_CODE,
        "merch_order_id": REFERENCE,
        "trade_type": "Checkout",
        "title": "SH 7K4M92QX",
        "total_amount": "118.40",
        "trans_currency": "ETB",
        "timeout_express": "30m",
        "business_type": "BuyGoods",
        "payee_identifier": SHORT_CODE,
        "payee_identifier_type": "04",
        "payee_type": "5000",
    }


@pytest.mark.parametrize(
    ("seconds", "time"), [(0, "1m"), (61, "1m"), (1799, "29m"), (86_400, "120m")]
)
def test_an_order_is_never_open_for_longer_than_the_stock_is_held(seconds: int, time: str) -> None:
    rig = FakeRig(FakeTelebirr(), "http://127.0.0.1:1")
    request = rig.request()
    ends_at = request.requested_at + timedelta(seconds=seconds)
    body = rig.provider.prepare_create(msgspec.structs.replace(request, expires_at=ends_at))

    assert msgspec.json.decode(body)["timeout_express"] == time


async def test_the_page_takes_the_address_that_the_buyer_gets(rig: FakeRig) -> None:
    action = (await rig.create()).next_action
    assert isinstance(action, Redirect)
    async with httpx2.AsyncClient(trust_env=False) as browser:
        shown = await browser.get(action.url)
        moved = await browser.get(action.url.replace("prepay_id=pre", "prepay_id=prf"))

    assert (shown.status_code, shown.json()) == (200, {"amount": "118.40", "status": "WAIT_PAY"})
    assert moved.json()["errorMsg"] == "verify sign failed"


async def test_one_token_serves_many_and_is_renewed_when_it_is_refused(rig: FakeRig) -> None:
    others = [f"{REFERENCE[:-1]}{letter}" for letter in "ABCDE"]
    await asyncio.gather(*(rig.create(other) for other in others))
    assert token_calls(rig) == 1

    hand(rig).tokens.clear()
    found = await rig.provider.fetch(others[0])
    assert (found.state, token_calls(rig)) == (PaymentState.REQUIRES_ACTION, 2)


async def test_a_token_that_is_always_refused_is_not_asked_for_for_ever(rig: FakeRig) -> None:
    await rig.fault("forbid", on="create", calls=5)

    with pytest.raises(ConfigurationFault):
        await rig.create()
    assert (token_calls(rig), len(hand(rig).orders)) == (2, 0)


async def test_a_token_whose_answer_is_lost_begins_nothing(rig: FakeRig) -> None:
    await rig.fault("lose", on="token", calls=2)

    with pytest.raises(Unavailable):
        await rig.create()
    assert hand(rig).orders == {}
    assert (await rig.create()).state is PaymentState.REQUIRES_ACTION


@pytest.mark.parametrize(
    ("offset", "is_taken"), [(-55, True), (55, True), (-65, False), (65, False)]
)
async def test_clocks_may_be_a_minute_apart(rig: FakeRig, offset: int, *, is_taken: bool) -> None:
    hand(rig).clock_offset = offset
    if is_taken:
        assert (await rig.create()).state is PaymentState.REQUIRES_ACTION
        return
    with pytest.raises(Exception, match="60320003: timestamp is not valid"):
        await rig.create()
    assert hand(rig).orders == {}


async def test_a_refusal_that_says_200_is_a_refusal(rig: FakeRig) -> None:
    rig.provider._key = key_of("somebody")  # type: ignore[attr-defined]  # Telebirr's own

    with pytest.raises(ConfigurationFault, match="60320002: verify sign failed"):
        await rig.create()


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("WAIT_PAY", PaymentState.REQUIRES_ACTION), ("ACCEPTED", PaymentState.REQUIRES_ACTION),
        ("PAYING", PaymentState.PENDING), ("Paying", PaymentState.PENDING),
        ("Pending", PaymentState.PENDING), ("PAY_SUCCESS", PaymentState.CAPTURED),
        ("Completed", PaymentState.CAPTURED), ("completed", PaymentState.CAPTURED),
        ("PAY_FAILED", PaymentState.FAILED), ("Failure", PaymentState.FAILED),
        ("PAY_CANCEL", PaymentState.VOIDED), ("ORDER_CLOSED", PaymentState.VOIDED),
        ("Expired", PaymentState.VOIDED), ("REFUNDING", PaymentState.CAPTURED),
        ("REFUND_SUCCESS", PaymentState.CAPTURED), ("REFUND_FAILED", PaymentState.CAPTURED),
        ("SOMETHING_NEW", PaymentState.UNKNOWN), ("", PaymentState.UNKNOWN),
    ],
)  # fmt: skip
async def test_both_vocabularies_are_read(rig: FakeRig, word: str, state: PaymentState) -> None:
    await rig.create()
    hand(rig).orders[REFERENCE]["status"] = word

    found = await rig.provider.fetch(REFERENCE)
    is_paid = state is PaymentState.CAPTURED
    assert (found.state, found.captured.amount) == (state, 11840 if is_paid else 0)
    assert found.refunded.amount == (11840 if word == "REFUND_SUCCESS" else 0)


async def test_a_payment_that_meets_the_end_of_its_time_is_seen(rig: FakeRig) -> None:
    await rig.create()
    hand(rig).on_close(REFERENCE, pays_meanwhile=True)

    found = await rig.provider.fetch(REFERENCE)
    assert (found.state, found.captured) == (PaymentState.CAPTURED, rig.money(11840))


async def test_money_without_an_amount_is_not_believed(rig: FakeRig) -> None:
    payment = await rig.paid()
    hand(rig).orders[payment]["currency"] = "BIRR"

    with pytest.raises(Unavailable):
        await rig.provider.fetch(payment)


# --- refunds -------------------------------------------------------------------------------------


async def test_a_refund_without_leave_is_an_operators_matter(rig: FakeRig) -> None:
    payment = await rig.paid()
    hand(rig).may_refund = False

    with pytest.raises(ConfigurationFault) as refusal:
        await rig.refund(payment, 40)
    assert refusal.value.code == "not_permitted"
    assert await rig.book(payment) == (11840, 0)


async def test_an_order_that_is_not_completed_refuses_a_refund(rig: FakeRig) -> None:
    payment = (await rig.create()).provider_payment_id

    with pytest.raises(StateConflict) as refusal:
        await rig.refund(payment, 40)
    assert refusal.value.code == "not_paid"


@pytest.mark.parametrize(
    ("order", "state"),
    [
        ("REFUNDING", ProviderRefundState.PENDING),
        # Which of several failed is not said.
        ("REFUND_FAILED", ProviderRefundState.PENDING),
        ("REFUND_SUCCESS", ProviderRefundState.SUCCEEDED),
        ("PAY_SUCCESS", ProviderRefundState.SUCCEEDED),
    ],
)
async def test_a_repeated_refund_stands_as_its_order_does(
    rig: FakeRig, order: str, state: ProviderRefundState
) -> None:
    payment = await rig.paid()
    await rig.refund(payment, 40)
    hand(rig).orders[payment]["status"] = order

    again = await rig.refund(payment, 40)
    assert (again.state, again.amount, again.refund_reference) == (state, rig.money(40), REFUND)
    assert len(hand(rig).refunds) == 1


async def test_the_amount_of_a_refund_has_the_name_that_the_settings_give(rig: FakeRig) -> None:
    merchant = rig.provider._merchant  # type: ignore[attr-defined]  # Telebirr's own
    rig.provider._merchant = msgspec.structs.replace(  # type: ignore[attr-defined]  # the same
        merchant, refund_amount_field="refund_amount"
    )
    sent = msgspec.json.decode(rig.refund_body(REFERENCE, 40))

    assert (sent["refund_amount"], "actual_amount" in sent) == ("0.40", False)


# --- notifications -------------------------------------------------------------------------------


async def _told(rig: FakeRig, **changes: Any) -> dict[str, Any]:
    await rig.create()
    return {**hand(rig).an_event(hand(rig).orders[REFERENCE], "Completed"), **changes}


async def test_a_notification_is_a_hint_whatever_its_order_and_spacing(rig: FakeRig) -> None:
    fields = await _told(rig)
    sealed = msgspec.json.decode(hand(rig).seal(msgspec.json.encode(fields)))
    turned = msgspec.json.format(msgspec.json.encode(dict(reversed(sealed.items()))), indent=3)

    (event,) = rig.parse(Message("", turned + b"\n", {}))
    assert (event.kind, event.provider_payment_id) == ("Completed", REFERENCE)
    assert (event.merchant_reference, event.is_live) == (REFERENCE, False)


async def test_what_is_not_signed_is_not_read(rig: FakeRig) -> None:
    sealed = msgspec.json.decode(hand(rig).seal(msgspec.json.encode(await _told(rig))))
    more = {**sealed, "header": {"merch_order_id": "SHother"}, "refund_info": "x", "empty": ""}
    body = msgspec.json.encode(more)

    with pytest.raises(WebhookRefused, match="malformed"):  # nested things are not looked into
        rig.parse(Message("", body.replace(b'"empty":""', b'"empty":{}'), {}))
    assert rig.parse(Message("", body, {})) == rig.parse(
        Message("", msgspec.json.encode(sealed), {})
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"appid": "999"}, "event of another merchant"),
        ({"merch_code": "200002"}, "event of another merchant"),
        ({"merch_order_id": ""}, "event with an unusable id"),
        ({"trade_status": ""}, "event with an unusable id"),
        ({"merch_order_id": "SH1&trade_status=Completed"}, "malformed event"),
    ],
)
async def test_rightly_signed_and_not_for_us(
    rig: FakeRig, changes: dict[str, str], reason: str
) -> None:
    body = msgspec.json.encode(await _told(rig, **changes))

    with pytest.raises(WebhookRefused, match=reason):
        rig.parse(rig.message("", body))


async def test_one_mark_of_the_right_kind_is_the_proof(rig: FakeRig) -> None:
    fields = await _told(rig)
    text = text_of(fields).encode()
    old = key_of("telebirr-now").sign(text, padding.PKCS1v15(), hashes.SHA256())
    right = mark_of("telebirr-now", text_of(fields))
    body = msgspec.json.encode(fields)[:-1]

    for marks in (b"", b',"sign":""', b',"sign":"' + base64.b64encode(old) + b'"',
                  f',"sign":"{right}","sign":"{right}"'.encode()):  # fmt: skip
        with pytest.raises(WebhookRefused):
            rig.parse(Message("", body + marks + b"}", {}))
    assert rig.parse(Message("", body + f',"sign":"{right}"}}'.encode(), {}))


async def test_without_their_key_nothing_that_comes_is_believed(rig: FakeRig) -> None:
    message = rig.message("", msgspec.json.encode(await _told(rig)))

    with pytest.raises(WebhookRefused, match="no public key"):
        rig.parse(message, by=rig.adapter(secrets=()))


async def test_the_other_vocabulary_is_told_as_well(rig: FakeRig) -> None:
    hand(rig).words = "old"
    payment = (await rig.create()).provider_payment_id
    await rig.decline(payment)
    await rig.pay(payment)

    kinds = [rig.parse(message)[0].kind for message in await rig.messages()]
    assert kinds == ["Failure", "Completed"]


async def test_an_answer_about_another_order_is_not_believed(rig: FakeRig) -> None:
    await rig.create()
    hand(rig).orders[REFERENCE]["merch_order_id"] = "SHother"

    with pytest.raises(Unavailable, match="another payment"):
        await rig.provider.fetch(REFERENCE)


# --- settings ------------------------------------------------------------------------------------


def _settings(**changes: Any) -> TelebirrSettings:
    values = {
        "secret_key": "x",
        "webhook_secrets": {"now": public_pem("telebirr-now")},
        "app_id": "a",
        "merchant_app_id": "b",
        "short_code": "c",
        "private_key": private_pem("merchant"),
    }
    return TelebirrSettings(_env_file=None, **(values | changes))


@pytest.mark.parametrize(
    ("changes", "installation", "fault"),
    [
        ({"app_id": ""}, Mode.TEST, "SUREHOLD_TELEBIRR_APP_ID is not set"),
        ({"private_key": "x"}, Mode.TEST, "PRIVATE_KEY is no RSA private key of 2048 bits"),
        ({"webhook_secrets": {"a": "x"}}, Mode.TEST, "a is no RSA public key of 2048 bits"),
        ({"mode": "live"}, Mode.TEST, "BASE_URL is not set: ask the provider for it"),
        ({"mode": "live"}, Mode.TEST, "WEB_URL is not set: ask the provider for it"),
        ({"web_url": "http://elsewhere.test"}, Mode.TEST, "WEB_URL is not https"),
        ({"mode": "live", "base_url": "http://127.0.0.1:1"}, Mode.PRODUCTION, "BASE_URL is set"),
        ({"mode": "live", "web_url": "http://127.0.0.1:1"}, Mode.PRODUCTION, "WEB_URL is not htt"),
        ({"ca_bundle": "/nowhere/ca.pem"}, Mode.TEST, "CA_BUNDLE cannot be used"),
        ({}, Mode.PRODUCTION, "MODE is test"),
    ],
)
def test_every_fault_of_the_settings_is_told(
    changes: dict[str, Any], installation: Mode, fault: str
) -> None:
    assert any(fault in told for told in _settings(**changes).list_faults(installation))


def test_keys_come_as_pem_in_one_line_or_as_bare_base64(tmp_path: Path) -> None:
    pem = private_pem("merchant")
    bare = "".join(pem.splitlines()[1:-1])
    theirs = "".join(public_pem("telebirr-now").splitlines()[1:-1])
    bundle = tmp_path / "ca.pem"
    bundle.write_text("", encoding="utf-8")
    live = {"mode": "live", "base_url": "https://a.test", "web_url": "https://b.test/page"}

    for key in (pem, pem.replace("\n", "\\n"), bare):
        settings = _settings(private_key=key, webhook_secrets={"a": theirs}, **live)
        assert settings.list_faults(Mode.PRODUCTION) == []
        assert settings.to_merchant().page_origin == "https://b.test"
    assert _settings(ca_bundle=str(bundle)).list_faults(Mode.TEST) != []


def test_doctor_says_what_to_ask_ethio_telecom(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTelebirr()
    for name, value in settings_of(fake, "http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SUREHOLD_TELEBIRR_WEBHOOK_SECRETS", "{}")
    config = a_config(base_url="https://shop.example")
    checks = check_account(KIND, config)

    assert [(check.name, check.verdict.value) for check in checks] == [
        ("account: telebirr", "ok"),
        ("webhooks: telebirr", "ok"),
        *[("ask: telebirr", "warning")] * 4,
    ]
    assert checks[0].detail == "test mode, webhook secrets none"
    assert checks[5].detail.startswith("their public key, for SUREHOLD_TELEBIRR_WEBHOOK_SECRETS")
    assert "PRIVATE" not in str(TelebirrSettings().show("***"))
    assert SecretStr(fake.secret_key).get_secret_value() in TelebirrSettings().list_secrets()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A key, and a certificate for 127.0.0.1 that nobody but itself vouches for."""
    key, name = key_of("testbed"), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "testbed")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "key.pem", folder / "cert.pem"
    paths[0].write_text(private_pem("testbed"), encoding="utf-8")
    paths[1].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return paths


async def test_a_certificate_that_only_the_settings_know_is_checked_and_taken(
    tmp_path: Path,
) -> None:
    """The testbed has one; checks are never switched off for it."""
    key, certificate = _certificate(tmp_path)
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(certificate, key)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0, ssl=server_side) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for bundle, answer in ((str(certificate), ConfigurationFault), ("", Unavailable)):
            settings = _settings(base_url=url, ca_bundle=bundle)
            assert settings.list_faults(Mode.TEST) == []
            account, client = settings.to_account(), settings.open_client()
            provider = Telebirr(account, settings.to_merchant(), client=client)
            with pytest.raises(answer):
                await provider.fetch(REFERENCE)
            await provider.close()
