"""Banks by contract: two that are shipped, and one that nobody wrote a line of code for."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import msgspec
import pytest
from pydantic import SecretStr

from surehold.cli.doctor import NO_PAYMENT, check_account
from surehold.config import Mode
from surehold.kernel.money import Money
from surehold.payments.model import PaymentState, PushPrompt, Redirect
from surehold.payments.providers import bank, kinds, sorted_fields
from surehold.payments.providers.account import (
    AccountConfig,
    AccountMode,
    SettingsFault,
    WebhookSecret,
)
from surehold.payments.providers.bank import Bank, Customership, read_terms
from surehold.payments.providers.bank.proof import mark_with_key, prove, sign_request
from surehold.payments.providers.bank.terms import Terms
from surehold.payments.providers.failures import (
    ConfigurationFault,
    NotFound,
    StateConflict,
    Unsupported,
    WebhookRefused,
)
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
)
from tests.fakes.bank_desk import KEY_ID, MERCHANT_ID, FakeBank
from tests.fakes.harness import Message, inherited
from tests.fakes.telebirr import key_of, public_pem
from tests.payments.contract.rig import CERTIFICATES, REFERENCE, FakeRig, a_rig, serving
from tests.support.api import a_config
from tests.support.provided import settings_of

BODY: Final = b'{"id":"evt_1","amount":1000}'
NOW: Final = 1_700_000_000

#: A third bank, whose gateway has pages of its own, counts in cents and signs raw bytes.
INVENTED: Final = """
name = "lion"
title = "Lion Bank"
explanation = "You pay on the bank's page, then come back here."
amount_format = "minor"
phone_format = "0"

[paths]
create = "/payments"
query = "/payments/{reference}"
refund = "/payments/{reference}/refunds"

[fields]
merchant_id = "shop"
merchant_reference = "orderNo"
redirect_url = "payPage"
event_id = "notificationNo"

[headers]
signature = "x-lion-mark"

[callback]
profile = "hmac_sha256_raw"
encoding = "base64"

[statuses]
AWAITING_CUSTOMER = "awaiting_customer"
PAID = "paid"
FAILED = "failed"
PARTIALLY_REFUNDED = "partially_refunded"
REFUNDED = "refunded"

[refund_statuses]
SUCCEEDED = "succeeded"

[[facts]]
name = "addresses"
ask = "where it is"
"""


@inherited
class FakeLion(FakeBank):
    """The third bank, in words of its own."""

    name = "lion"
    words = {  # noqa: RUF012 - as in the fakes of the shipped ones
        "merchant_id": "shop",
        "merchant_reference": "orderNo",
        "redirect_url": "payPage",
    }
    phone_form = r"0[79][0-9]{8}"
    page = "https://pay.lion.test"

    @classmethod
    def adapter(cls, account: AccountConfig, client: httpx2.AsyncClient | None = None) -> Bank:
        customership = Customership(MERCHANT_ID, KEY_ID, (cls.page,))
        return Bank(account, read_terms(INVENTED), customership, client=client)

    def authorize(self, request: Any) -> None:
        # Its answer to our header is the same; only the name of it is the bank's own.
        given = {**request.headers, "x-signature": request.headers["x-lion-mark"]}
        super().authorize(msgspec.structs.replace(request, headers=given))

    def written(self, amount: Any) -> str:
        return str(int(amount.scaleb(2)))

    def read(self, text: str) -> Any:
        return super().read(f"{int(text) // 100}.{int(text) % 100:02}")

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        del at
        mark = hmac.new((secret or self.secrets[0]).encode(), body, hashlib.sha256).digest()
        return {"x-lion-mark": base64.b64encode(mark).decode()}

    def an_event(self, found: Any, event: str, **more: str) -> dict[str, str]:
        told = super().an_event(found, event, **more)
        return {"notificationNo": told.pop("event_id"), **told}


@contextlib.asynccontextmanager
async def a_lion() -> AsyncIterator[FakeRig]:
    fake = FakeLion()
    async with serving(fake) as url:
        rig = FakeRig(fake, url)
        yield rig
        for one in rig.opened:
            await one.close()


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SUREHOLD_BANK_CONTRACTS", str(tmp_path))
    kinds.list_kinds.cache_clear()
    yield tmp_path
    kinds.list_kinds.cache_clear()


def a_secret(value: str) -> WebhookSecret:
    return WebhookSecret("now", SecretStr(value))


def shipped(name: str) -> Terms:
    return read_terms((bank.SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))


PAGE: Final = Path(__file__).parents[2] / "docs" / "providers" / "bank-contract.md"


def test_the_bank_of_the_documentation_is_this_one() -> None:
    assert f"```toml{INVENTED}```" in PAGE.read_text(encoding="utf-8")


# --- a third bank is configuration only ----------------------------------------------------------


async def test_a_bank_that_nobody_wrote_code_for_takes_money_and_gives_it_back() -> None:
    async with a_lion() as rig:
        begun = await rig.create()
        assert await rig.create() == begun
        await rig.pay(REFERENCE)
        paid = await rig.provider.fetch(REFERENCE)
        refund = await rig.refund(REFERENCE, 40)
        after = await rig.provider.fetch(REFERENCE)
        events = [rig.parse(message)[0] for message in await rig.messages()]

        assert begun.next_action == Redirect("https://pay.lion.test/pay/B0000000000000001")
        assert rig.can.page_origins[0] == "https://pay.lion.test"
        assert (paid.state, paid.captured) == (PaymentState.CAPTURED, rig.money(11840))
        assert (refund.state, refund.amount) == (ProviderRefundState.SUCCEEDED, rig.money(40))
        assert (after.captured, after.refunded) == (rig.money(11840), rig.money(40))
        assert [(event.kind, event.merchant_reference) for event in events] == [
            ("payment.paid", REFERENCE), ("refund.succeeded", REFERENCE),
        ]  # fmt: skip


async def test_a_contract_in_a_folder_and_settings_switch_a_bank_on(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "lion.toml").write_text(INVENTED, encoding="utf-8")
    for name, value in settings_of(FakeLion(), "http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SUREHOLD_LION_PAGES", '["https://pay.lion.test"]')
    kind = next(kind for kind in kinds.list_kinds() if kind.name == "lion")
    providers = kinds.open_providers(a_config())

    assert [provider.name for provider in providers] == ["lion", "bank_transfer"]
    assert providers.get("lion").capabilities.page_origins == (
        "https://pay.lion.test", "http://127.0.0.1:1",
    )  # fmt: skip
    assert [(check.name, check.verdict.value) for check in check_account(kind, a_config())] == [
        ("account: lion", "ok"), ("webhooks: lion", "ok"), ("ask: lion", "warning"),
    ]  # fmt: skip
    await providers.close()


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('name = "lion"', 'name = "awash"', "there is a contract for awash already"),
        ('name = "lion"', 'name = "Lion Bank"', "Lion Bank is no name for settings"),
        ('query = "/payments/{reference}"', 'query = ""', "without a query nothing could be"),
        ("/payments/{reference}/refunds", "/refunds", "/refunds does not say where the"),
        ('shop"', 'shop"\nnick_name = "x"', "no field of ours is called nick_name"),
        ("hmac_sha256_raw", "md5", "Invalid enum value 'md5'"),
        ('PAID = "paid"', 'PAID = "rich"', "Invalid enum value 'rich'"),
        ("[headers]", "[haeders]", "unknown field `haeders`"),
        ("[headers]", "[headers", "Expected ']'"),
    ],
)
def test_a_contract_that_is_wrong_is_refused_whole(
    own_folder: Path, before: str, after: str, fault: str
) -> None:
    assert INVENTED.count(before) == 1
    (own_folder / "lion.toml").write_text(INVENTED.replace(before, after), encoding="utf-8")

    with pytest.raises(SettingsFault) as refusal:
        kinds.list_kinds()
    assert fault in str(refusal.value)


# --- before going live ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["awash", "cbe_birr"])
def test_doctor_says_what_to_ask_the_bank_and_live_mode_waits_for_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = next(kind for kind in kinds.list_kinds() if kind.name == name)
    facts = [fact.name for fact in shipped(name).facts]
    prefix = f"SUREHOLD_{name.upper()}_"
    for key, value in {
        "SECRET_KEY": "x", "WEBHOOK_SECRETS": '{"a": "y"}', "MERCHANT_ID": "m", "KEY_ID": "k",
        "BASE_URL": "https://bank.test", "CONFIRMED": json.dumps(facts[:1]),
    }.items():  # fmt: skip
        monkeypatch.setenv(prefix + key, value)
    asked = [check for check in check_account(kind, a_config()) if check.name == f"ask: {name}"]
    monkeypatch.setenv(prefix + "MODE", "live")
    waiting = check_account(kind, a_config())
    monkeypatch.setenv(prefix + "CONFIRMED", json.dumps(facts))
    assert kind.settings is not None
    ready = kind.settings().list_faults(Mode.PRODUCTION)

    assert len(facts) >= 7
    assert [check.detail.partition(":")[0] for check in asked] == facts[1:]
    assert {check.verdict.value for check in asked} == {"warning"}
    assert [check.verdict.value for check in waiting] == ["fail"] * len(facts[1:])
    assert waiting[0].detail.startswith(f"{prefix}CONFIRMED lacks {facts[1]}: ")
    assert ready == []


def test_nothing_of_a_bank_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUREHOLD_AWASH_SECRET_KEY", "x")
    monkeypatch.setenv("SUREHOLD_AWASH_CONFIRMED", '["everything"]')
    monkeypatch.setenv("SUREHOLD_AWASH_PAGES", '["http://elsewhere.test"]')
    kind = next(kind for kind in kinds.list_kinds() if kind.name == "awash")
    assert kind.settings is not None

    assert kind.settings().list_faults(Mode.TEST) == [
        "SUREHOLD_AWASH_WEBHOOK_SECRETS is not set: nothing is believed",
        "SUREHOLD_AWASH_BASE_URL is not set: ask the provider for it",
        "SUREHOLD_AWASH_MERCHANT_ID is not set: the bank gives it",
        "SUREHOLD_AWASH_KEY_ID is not set: the bank gives it",
        "SUREHOLD_AWASH_PAGES: http://elsewhere.test is not https",
        "SUREHOLD_AWASH_CONFIRMED: the contract has no fact everything",
    ]


# --- proofs --------------------------------------------------------------------------------------


def test_the_published_signature_of_a_call_holds() -> None:
    mark = sign_request(
        "bank_secret", at=NOW, nonce="n-1", method="POST", target=b"/v1/payments", body=BODY
    )

    assert mark == "a02bacdbc8fe8244e9b5c8edb60e8c324e83d6c09f5a67a4f1dcc564681fa5f3"


def test_the_published_signature_of_a_callback_holds() -> None:
    """It is over another id than the body has, so that only the ids are left to be wrong."""
    mark = "337836742ab06abf24c0790552eb266e9c785a1ae0883535160244bf4293682d"
    headers = {"X-Key-Id": "k", "X-Timestamp": str(NOW), "X-Event-Id": "n-1"}
    terms, secrets = shipped("awash"), (a_secret("bank_secret"),)

    for given, reason in (
        (f"v1={mark}", "the event has two ids"),
        (f"v1={'0' * 64},v1={mark}", "the event has two ids"),
        (f"v1={mark[::-1]}", "signature does not match"),
        (f"v1={mark},v1=", "signature malformed"),
        (mark, "signature malformed"),
    ):
        sent = {**headers, "X-Signature": given}
        with pytest.raises(WebhookRefused, match=reason):
            prove(terms, secrets, BODY, sent, key_id="k", received_at=NOW)
    with pytest.raises(WebhookRefused, match="not a key of ours"):
        prove(terms, secrets, BODY, {**headers, "X-Signature": ""}, key_id="l", received_at=NOW)


def test_the_published_mark_over_sorted_fields_holds() -> None:
    fields = {
        "amount": "100", "callBackURL": "https://shop.test/c", "companyName": "Shop",
        "tillCode": "400", "token": "T", "transactionId": "X1", "transactionTime": "2026-01-01",
    }  # fmt: skip

    assert mark_with_key(shipped("cbe_birr"), fields, "HK") == (
        "1ec5de9c7757e9e88645b783a70fb863cd5874c320e5fad6ce8e5d4d9df1d6bf"
    )
    with pytest.raises(WebhookRefused):
        mark_with_key(shipped("cbe_birr"), {**fields, "key": "guessed"}, "HK")


def _proofs(profile: str, body: bytes, secret: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a proven message, written a second time."""
    key, fields = secret.encode(), json.loads(body)
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    match profile:
        case "hmac_sha256_raw":
            mark = hmac.new(key, body, "sha256").hexdigest()
        case "hmac_sha512_raw":
            mark = hmac.new(key, body, "sha512").hexdigest()
        case "hmac_sha256_sorted_kv":
            mark = hmac.new(key, text.encode(), "sha256").hexdigest()
        case "sha256_sorted_kv_with_key":
            said = sorted({**fields, "key": secret}.items())
            whole = "&".join(f"{name}={value}" for name, value in said)
            mark = hashlib.sha256(whole.encode()).hexdigest()
        case "rsa_pss_sha256_sorted_kv":
            mark = sorted_fields.sign(key_of("lion"), text)
        case _:
            mark = secret
    return {"x-signature": mark}, body


@pytest.mark.parametrize(
    "profile",
    [
        "hmac_sha256_raw", "hmac_sha512_raw", "hmac_sha256_sorted_kv", "sha256_sorted_kv_with_key",
        "rsa_pss_sha256_sorted_kv", "static_secret",
    ],
)  # fmt: skip
def test_every_profile_takes_its_own_proof_and_no_other(profile: str) -> None:
    changes = {"callback": {"profile": profile}, "headers": {}, "fields": {"event_id": ""}}
    contract = msgspec.to_builtins(read_terms(INVENTED)) | changes
    terms = msgspec.convert(contract, Terms)
    is_rsa, is_blind = profile.startswith("rsa"), profile == "static_secret"
    secret = public_pem("lion") if is_rsa else "lion-secret"
    body = json.dumps({"merchant_reference": "SH1", "status": "PAID", "amount": "100"}).encode()
    headers, sent = _proofs(profile, body, secret)

    def told(secrets: list[str], raw: bytes, given: dict[str, str]) -> dict[str, str]:
        live = tuple(a_secret(value) for value in secrets)
        return prove(terms, live, raw, given, key_id="k", received_at=NOW)

    other = public_pem("other") if is_rsa else "other-secret"
    assert told([secret], sent, headers) == json.loads(body)
    assert told([other, secret], sent, headers) == json.loads(body)
    refused: list[tuple[list[str], bytes, dict[str, str]]] = [
        ([other], sent, headers),
        ([], sent, headers),
        ([secret], sent, {}),
        ([secret], sent, {"x-signature": ""}),
        ([secret], sent, {"x-signature": headers["x-signature"][::-1]}),
        ([secret], b"[1]", headers),
    ]
    if not is_blind:  # a constant proves nothing of the body: it is a hint, as all of them are
        refused.append(([secret], sent.replace(b"SH1", b"SH2"), headers))
    for secrets, raw, given in refused:
        with pytest.raises(WebhookRefused):
            told(secrets, raw, given)


async def test_a_time_and_an_id_bind_a_callback() -> None:
    async with a_rig("awash") as rig:
        await rig.create()
        await rig.pay(REFERENCE)
        (message,) = await rig.messages()
        for name, value in (
            ("x-key-id", "key-2"), ("x-event-id", "evt"), ("x-timestamp", "0"),
            ("x-timestamp", f" {message.headers['x-timestamp']}"), ("x-signature", "v1="),
        ):  # fmt: skip
            forged = Message("", message.body, {**message.headers, name: value})
            with pytest.raises(WebhookRefused):
                rig.parse(forged)
        for seconds, is_taken in ((299, True), (-299, True), (301, False), (-301, False)):
            body = rig.message("", message.body, at=rig.now() + seconds)
            if is_taken:
                assert rig.parse(body)[0].merchant_reference == REFERENCE
                continue
            with pytest.raises(WebhookRefused, match="tolerance"):
                rig.parse(body)


@pytest.mark.parametrize("name", ["awash", "cbe_birr"])
async def test_a_callback_of_another_merchant_is_refused(name: str) -> None:
    async with a_rig(name) as rig:
        await rig.create()
        await rig.pay(REFERENCE)
        (message,) = await rig.messages()
        other = message.body.replace(MERCHANT_ID.encode(), b"M-4712")

        with pytest.raises(WebhookRefused, match="another merchant"):
            rig.parse(rig.message("", other))
        with pytest.raises(WebhookRefused, match="too large"):
            rig.parse(Message("", message.body + b" " * 65_536, message.headers))


async def test_two_refunds_of_one_amount_are_two_events() -> None:
    async with a_rig("cbe_birr") as rig:
        payment = await rig.paid()
        await rig.refund_by_hand(payment, 40)
        await rig.refund_by_hand(payment, 40)

        keys = {rig.parse(message)[0].dedup_key for message in await rig.messages()}
        assert len(keys) == 3


# --- calls ---------------------------------------------------------------------------------------


async def test_each_bank_gets_words_and_forms_of_its_own() -> None:
    sent = {}
    for name in ("awash", "cbe_birr"):
        async with a_rig(name) as rig:
            body = rig.provider.prepare_create(rig.request())
            assert body == rig.provider.prepare_create(rig.request())
            sent[name] = {**msgspec.json.decode(body)}
            action = (await rig.create()).next_action
            assert isinstance(action, PushPrompt)
            sent[name]["phone"] = action.phone
            assert sent[name].pop("expires_at", None) or sent[name].pop("expiresAt")

    common = {"amount": "118.40", "currency": "ETB", "description": "SH-7K4M92QX"}
    assert sent["awash"] == {
        **common,
        "merchant_id": MERCHANT_ID,
        "merchant_reference": REFERENCE,
        "customer_phone": "+251911234567",
        "notify_url": "http://127.0.0.1:1/webhooks",
        "return_url": "http://shop.test/back",
        "phone": "+251911234567",
    }
    assert sent["cbe_birr"] == {
        **common,
        "amount": "118.4",
        "tillCode": MERCHANT_ID,
        "transactionId": REFERENCE,
        "phone": "251911234567",
        "callBackURL": "http://127.0.0.1:1/webhooks",
        "returnURL": "http://shop.test/back",
    }


@pytest.mark.parametrize(
    ("form", "minor", "written"),
    [
        ("major_2dp", 40_000, "400.00"), ("major_trim", 40_000, "400"),
        ("major_trim", 40_050, "400.5"), ("major_trim", 5, "0.05"), ("major_trim", 1000, "10"),
        ("minor", 40_050, "40050"), ("minor", 5, "5"),
    ],
)  # fmt: skip
def test_amounts_are_written_as_the_contract_says_and_read_back(
    form: str, minor: int, written: str
) -> None:
    contract = msgspec.to_builtins(read_terms(INVENTED)) | {"amount_format": form}
    terms = msgspec.convert(contract, Terms)

    assert terms.write_amount(Money(minor, "ETB")) == written
    assert terms.read_amount(written, "etb") == Money(minor, "ETB")
    for odd in ("", "x", "0.001" if form != "minor" else "0.5"):
        with pytest.raises((ValueError, ArithmeticError)):
            terms.read_amount(odd, "ETB")


async def test_a_payment_of_no_such_name_is_asked_for_so_that_doctor_learns_something() -> None:
    async with a_rig("awash") as rig:
        with pytest.raises(NotFound):
            await rig.provider.fetch(NO_PAYMENT)

        assert isinstance(rig, FakeRig)
        assert rig.fake.calls == [("GET", f"/payments/{NO_PAYMENT}")]


async def test_another_body_under_the_same_reference_is_a_conflict() -> None:
    async with a_rig("awash") as rig:
        await rig.create()
        with pytest.raises(StateConflict):
            await rig.create(minor=11841)

        assert await rig.book(REFERENCE) == (0, 0)


async def test_a_telephone_that_the_bank_cannot_ask_is_left_out_and_refused() -> None:
    async with a_rig("awash") as rig:
        request = rig.request()
        customer = msgspec.structs.replace(request.customer, phone="+353 1 234 5678")
        body = rig.provider.prepare_create(msgspec.structs.replace(request, customer=customer))

        assert "customer_phone" not in msgspec.json.decode(body)
        with pytest.raises(Exception, match="a field too many, or too few"):
            await rig.provider.create(body, idempotency_key="k")


async def test_a_page_at_another_address_is_not_one_to_send_buyers_to() -> None:
    async with a_lion() as rig:
        rig.fake.page = "https://pay.lion.test.evil.test"  # type: ignore[attr-defined]  # a bank's
        with pytest.raises(ConfigurationFault, match="not agreed upon"):
            await rig.create()


async def test_a_word_that_is_not_in_the_contract_is_not_a_failure() -> None:
    async with a_lion() as rig:
        await rig.create()
        rig.fake.payments[REFERENCE]["status"] = "SETTLING"  # type: ignore[attr-defined]  # the same

        found = await rig.provider.fetch(REFERENCE)
        assert (found.state, found.captured.amount) == (PaymentState.UNKNOWN, 0)


async def test_a_bank_without_refunds_is_not_asked_for_one() -> None:
    contract = msgspec.to_builtins(read_terms(INVENTED))
    contract["paths"]["refund"] = ""
    account = AccountConfig(
        "main", AccountMode.TEST, "http://127.0.0.1:1", SecretStr("x"), (a_secret("y"),)
    )
    client = httpx2.AsyncClient(verify=CERTIFICATES, trust_env=False)
    terms = msgspec.convert(contract, Terms)
    provider = Bank(account, terms, Customership("m", "k"), client=client)

    with pytest.raises(Unsupported):
        await provider.refund(b"{}", provider_payment_id=REFERENCE, idempotency_key="k")
    await provider.close()


async def test_what_the_bank_takes_back_by_itself_is_a_refund_of_its_own() -> None:
    async with a_rig("awash") as rig:
        payment = await rig.paid()
        rig.fake.on_reverse(payment)  # type: ignore[attr-defined]  # a bank's

        found = await rig.provider.fetch(payment)
        (refund,) = found.refunds
        assert (found.state, found.refunded) == (PaymentState.CAPTURED, rig.money(11840))
        assert (refund.origin, refund.amount) == (RefundOrigin.PROVIDER, rig.money(11840))


async def test_a_refund_that_failed_later_says_so_when_it_is_sent_again() -> None:
    async with a_rig("awash") as rig:
        payment = await rig.paid()
        sent = await rig.refund(payment, 40)
        await rig.fail_refund(sent.provider_refund_id)

        again = await rig.refund(payment, 40)
        assert (again.state, again.failure_code) == (ProviderRefundState.FAILED, "FAILED")
        assert await rig.book(payment) == (11840, 0)
