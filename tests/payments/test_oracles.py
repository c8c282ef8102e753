"""Other people's code judges ours: published vectors, and the providers' own packages.

The packages are here to be asked, and nowhere else: no request of ours goes through them.
"""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import pytest
import stripe
import typing_extensions
from pydantic import SecretStr
from stripe.params import (
    DisputeModifyParams,
    PaymentIntentCancelParams,
    PaymentIntentCaptureParams,
    PaymentIntentCreateParams,
    RefundCreateParams,
)
from stripe.params.checkout import SessionCreateParams

from surehold.kernel.money import Money
from surehold.payments.providers import signatures
from surehold.payments.providers.account import AccountConfig, AccountMode, WebhookSecret
from surehold.payments.providers.chapa import Chapa
from surehold.payments.providers.failures import (
    WebhookRefused,
)
from surehold.payments.providers.port import (
    CaptureRequest,
    CreateRequest,
    Customer,
    RefundRequest,
)
from surehold.payments.providers.stripe import Stripe
from surehold.payments.providers.stripe.adapter import API_VERSION, write_evidence
from surehold.payments.providers.stripe.settings import EVENTS
from tests.fakes import stripe as fake_stripe
from tests.fakes.stripe import FakeStripe

BODY: Final = b'{"id":"evt_1","amount":1000}'
NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)


def an_account(secret: str, **changes: Any) -> AccountConfig:
    values: dict[str, Any] = {
        "account": "main",
        "mode": AccountMode.TEST,
        "base_url": "http://127.0.0.1:1",
        "secret_key": SecretStr("sk_test_x"),
        "webhook_secrets": (WebhookSecret("now", SecretStr(secret)),),
        "public_key": "pk_test_x",
    }
    return AccountConfig(**(values | changes))


def a_request(**more: Any) -> CreateRequest:
    return CreateRequest(
        merchant_reference="SH06A4Q7YH3T5V1W2X3Y4Z5A6B7C",
        amount=Money(11840, "EUR"),
        customer=Customer("mara@example.com", "Mara Quinn"),
        return_url="https://shop.test/back?order=7",
        cancel_url="https://shop.test/back",
        notify_url="https://shop.test/webhooks/stripe",
        requested_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        description="SH-7K4M92QX",
        **more,
    )


# --- vectors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "signed", "digest", "mark"),
    [
        ("whsec_test", b"1700000000." + BODY, "sha256",
         "c7c6fc78e3a73f81b9fd2481ec73d780ad417a8e28def439f8b717c89e483d7e"),
        ("chapa_secret", BODY, "sha256",
         "64a733305888b9beeb374b046cc513867552618121fe39bbe000eba843a8201b"),
        ("rzp_wh", BODY, "sha256",
         "599dce9a666c6bbb0e8a69242a617c44d2eebd34ff598f5175b699200850e2c5"),
        ("sk_test_x", BODY, "sha512",
         ("03e253ceb74823e875ea6ace931a737062caa713124c5b5577fab5672f759576"
          "179b61fb90df9488e811ab7e8b7edfbd732310839824517ce0c134b143a22b30")),
        ("bank_secret", b"1700000000.n-1." + BODY, "sha256",
         "337836742ab06abf24c0790552eb266e9c785a1ae0883535160244bf4293682d"),
    ],
)  # fmt: skip
def test_published_signatures_hold(secret: str, signed: bytes, digest: str, mark: str) -> None:
    secrets = (WebhookSecret("now", SecretStr(secret)),)

    assert signatures.is_signed(secrets, signed, [mark], digest=digest)
    assert not signatures.is_signed(secrets, signed + b" ", [mark], digest=digest)
    assert not signatures.is_signed(secrets, signed, [mark[::-1]], digest=digest)


def test_chapas_constant_proves_nothing() -> None:
    """It is the secret signed with itself: right for every body, so it is not looked at."""
    constant = "015378231f5dbd0742b308ea147c3731697ffda935258c5bf458671dc3f10a2b"
    provider = Chapa(an_account("chapa_secret"))
    event = b'{"event":"charge.success","tx_ref":"SH1","mode":"test"}'

    right = {"x-chapa-signature": _hmac("chapa_secret", event)}
    assert len(provider.parse_webhook(event, right, received_at=1700000000)) == 1
    for headers in ({"chapa-signature": constant}, {"x-chapa-signature": constant}):
        with pytest.raises(WebhookRefused):
            provider.parse_webhook(event, headers, received_at=1700000000)


def test_chapa_may_sign_what_it_wrote_again() -> None:
    """Its own example signs the compact form of the values: that is taken, others are not."""
    provider = Chapa(an_account("chapa_secret"))
    compact = b'{"event":"charge.success","tx_ref":"SH1","mode":"test","note":"\xe1\x8a\xa0"}'
    mark = "x-chapa-signature", _hmac("chapa_secret", compact)
    spaced = compact.replace(b'":', b'": ').replace(b",", b", ")

    (event,) = provider.parse_webhook(spaced, dict([mark]), received_at=0)
    assert event.merchant_reference == "SH1"
    for other in (spaced.replace(b"SH1", b"SH2"), spaced[:-1], b"[" * 99_999):
        with pytest.raises(WebhookRefused):
            provider.parse_webhook(other, dict([mark]), received_at=0)


def _hmac(secret: str, body: bytes) -> str:
    return stripe.WebhookSignature._compute_signature(body.decode(), secret)


# --- Stripe's own package ------------------------------------------------------------------------


def test_our_version_and_events_are_the_packages() -> None:
    known = inspect.getsource(
        __import__("stripe.params._webhook_endpoint_create_params", fromlist=["x"])
    )

    assert API_VERSION == fake_stripe.API_VERSION == stripe.api_version
    assert [event for event in EVENTS if f'"{event}"' not in known] == []


def test_stripe_verifies_what_the_fake_signs_and_we_verify_what_stripe_signs() -> None:
    fake = FakeStripe(secrets=("whsec_one", "whsec_two"))
    body = b'{"id":"evt_1","type":"customer.created"}'
    header = fake.sign(body)["Stripe-Signature"]
    theirs = stripe.WebhookSignature.generate_signature_header(body.decode(), "whsec_two")

    for secret in fake.secrets:
        assert stripe.WebhookSignature.verify_header(body, header, secret, tolerance=300)
    ours = Stripe(an_account("whsec_two"))
    for value in (header, theirs):
        assert ours.parse_webhook(body, {"stripe-signature": value}, received_at=fake.now()) == ()
    with pytest.raises(WebhookRefused):
        Stripe(an_account("whsec_six")).parse_webhook(
            body, {"stripe-signature": theirs}, received_at=fake.now()
        )


def _nest(body: bytes) -> dict[str, Any]:
    """A form as the object that the package's types describe."""
    nested: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True):
        at = nested
        *path, last = name.replace("]", "").split("[")
        for step in path:
            at = at.setdefault(step, {})
        assert last not in at, f"{name} twice"
        at[last] = value
    return nested


def _faults(value: Any, kind: Any, where: str = "") -> list[str]:
    """Where a form does not fit a typed dictionary: names unknown or missing, wrong words."""
    origin, choices = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        # The package says "one of these words, or any": here it must be one of these.
        words = [one for one in choices if typing.get_origin(one) is typing.Literal]
        found = [_faults(value, one, where) for one in choices if one is not str or not words]
        return min(found, key=len)
    if origin is typing.Literal:
        return [] if value in choices else [f"{where}: {value!r}"]
    if origin is list:
        rows = value.values() if isinstance(value, dict) else [value]
        return [fault for row in rows for fault in _faults(row, choices[0], f"{where}[]")]
    if origin is dict or not typing_extensions.is_typeddict(kind):
        is_right = {int: lambda: str(value).isdigit(), bool: lambda: value in {"true", "false"},
                    str: lambda: isinstance(value, str)}.get(kind, lambda: True)()  # fmt: skip
        return [] if is_right else [f"{where}: {value!r} is no {kind}"]
    hints = _hints(kind)
    faults = [f"{where}.{name} is not known" for name in value if name not in hints]
    faults += [f"{where}.{name} is missing" for name in kind.__required_keys__ - set(value)]
    return faults + [
        fault
        for name in value
        if name in hints
        for fault in _faults(value[name], hints[name], f"{where}.{name}")
    ]


def _hints(kind: Any) -> dict[str, Any]:
    names = vars(importlib.import_module(kind.__module__))
    missing = {**vars(typing), "UntypedStripeObject": dict, "StripeContext": str}
    return typing_extensions.get_type_hints(kind, {**missing, **names, **missing})


HOSTED: Final = Stripe(an_account("whsec_x"))
ELEMENT: Final = Stripe(an_account("whsec_x"), page="element")

REQUESTS: Final = [
    (write_evidence("Signed for by M. Quinn, 12 November"), DisputeModifyParams),
    (HOSTED.prepare_create(a_request()), SessionCreateParams),
    (HOSTED.prepare_create(a_request(is_captured_later=True)), SessionCreateParams),
    (ELEMENT.prepare_create(a_request()), PaymentIntentCreateParams),
    (ELEMENT.prepare_create(a_request(is_captured_later=True)), PaymentIntentCreateParams),
    (HOSTED.prepare_capture(CaptureRequest("pi_1", Money(60, "EUR"))), PaymentIntentCaptureParams),
    (HOSTED.prepare_capture(CaptureRequest("pi_1", Money(60, "EUR"), is_final=False)),
     PaymentIntentCaptureParams),
    (HOSTED.prepare_refund(RefundRequest("pi_1", Money(60, "EUR"), "r", "returned")),
     RefundCreateParams),
    (b"cancellation_reason=abandoned", PaymentIntentCancelParams),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind"), REQUESTS)
def test_our_requests_are_what_the_package_would_send(body: bytes, kind: Any) -> None:
    assert _faults(_nest(body), kind) == []


def test_the_judge_sees_what_does_not_fit() -> None:
    right = HOSTED.prepare_create(a_request())
    for change, fault in (
        ((b"mode=payment", b"mode=paymint"), ".mode: 'paymint'"),
        ((b"client_reference_id", b"client_reference"), ".client_reference is not known"),
        ((b"unit_amount%5D=11840", b"unit_amount%5D=118.40"),
         ".line_items[].price_data.unit_amount: '118.40' is no <class 'int'>"),
    ):  # fmt: skip
        assert fault in _faults(_nest(right.replace(*change)), SessionCreateParams)


@pytest.mark.parametrize(
    ("held_for", "lives_for"),
    [
        (timedelta(minutes=30), timedelta(hours=1)),
        (timedelta(hours=2), timedelta(hours=2)),
        (timedelta(days=3), timedelta(hours=23)),
    ],
)
def test_a_session_lives_as_long_as_stripe_allows(
    held_for: timedelta, lives_for: timedelta
) -> None:
    request = msgspec.structs.replace(a_request(), expires_at=NOW + held_for)
    until = int(_nest(HOSTED.prepare_create(request))["expires_at"])

    assert datetime.fromtimestamp(until, UTC) - NOW == lives_for


def test_reading_the_package_knows_every_word_of_ours() -> None:
    from surehold.payments.providers.stripe.wire import DISPUTES, INTENT_STATES

    for words, source in (
        (INTENT_STATES, inspect.getsource(__import__("stripe._payment_intent", fromlist=["x"]))),
        (DISPUTES, inspect.getsource(__import__("stripe._dispute", fromlist=["x"]))),
    ):
        assert [word for word in words if f'"{word}"' not in source] == []
