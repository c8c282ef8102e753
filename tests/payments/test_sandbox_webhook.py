"""Forged, stale, re-encoded and mangled webhooks of the sandbox, and the genuine ones."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.payments.providers.failures import (
    WebhookRefused,
)
from surehold.payments.providers.sandbox import SandboxProvider

API_KEY, SECRETS = "sk_test", ("whsec_one",)
NOW = 1_800_000_000


def event_body(**changes: Any) -> bytes:
    return msgspec.json.encode(
        {
            "id": "evt_1",
            "type": "payment.captured",
            "created": NOW,
            "livemode": False,
            "data": {"object": {"id": "pay_1", "merchant_reference": "SH1"}},
            **changes,
        }
    )


def mark(secret: str, body: bytes, at: Any = NOW) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def headers_for(body: bytes, *, secret: str = SECRETS[0], at: Any = NOW) -> dict[str, str]:
    return {"Sandbox-Signature": f"t={at},v1={mark(secret, body, at)}"}


@functools.cache  # a client costs 15 ms, and the properties ask for hundreds
def receiver(*secrets: str) -> SandboxProvider:
    return SandboxProvider("http://127.0.0.1:1", API_KEY, secrets or SECRETS)


def test_vector_computed_elsewhere() -> None:
    # The vector of payment-providers.md 19.4, whose scheme this one shares.
    body = b'{"id":"evt_1","amount":1000}'
    known = "c7c6fc78e3a73f81b9fd2481ec73d780ad417a8e28def439f8b717c89e483d7e"
    assert mark("whsec_test", body, 1_700_000_000) == known
    with pytest.raises(WebhookRefused, match="malformed event"):
        receiver("whsec_test").parse_webhook(
            body,
            {"sandbox-signature": f"t=1700000000,v1={known}"},
            received_at=1_700_000_000,
        )


@pytest.mark.parametrize(
    ("skew", "is_accepted"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)]
)
def test_tolerance_is_five_minutes_both_ways(*, skew: int, is_accepted: bool) -> None:
    body = event_body()
    expected = contextlib.nullcontext() if is_accepted else pytest.raises(WebhookRefused)
    with expected:
        receiver().parse_webhook(body, headers_for(body, at=NOW + skew), received_at=NOW)


def test_P10_both_secrets_during_rotation_and_not_the_old_one_after() -> None:
    body = event_body()
    rotating, rotated = receiver("new", "old"), receiver("new")
    for secret in ("new", "old"):
        (event,) = rotating.parse_webhook(body, headers_for(body, secret=secret), received_at=NOW)
        assert event.dedup_key == "evt_1"
    with pytest.raises(WebhookRefused, match="does not match"):
        rotated.parse_webhook(body, headers_for(body, secret="old"), received_at=NOW)
    both = f"t={NOW},v1={mark('other', body)},v1={mark('new', body)}"
    assert rotated.parse_webhook(body, {"sandbox-signature": both}, received_at=NOW)


def test_empty_secrets_open_nothing() -> None:
    body = event_body()
    with pytest.raises(ValueError, match="empty"):
        receiver("good", "")
    nobody = SandboxProvider("http://127.0.0.1:1", API_KEY, ())
    with pytest.raises(WebhookRefused, match="does not match"):
        nobody.parse_webhook(body, headers_for(body, secret=""), received_at=NOW)


class Repeated(dict[str, str]):
    """Headers in which one name came twice, as a multi-mapping shows them."""

    def items(self) -> Any:
        return [*super().items(), *super().items()]


GOOD = mark(SECRETS[0], event_body())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sandbox-signature": ""},
        {"sandbox-signature": f"v1={GOOD}"},
        {"sandbox-signature": f"t={NOW}"},
        {"sandbox-signature": f"t={NOW},v1="},
        {"sandbox-signature": f"t={NOW},v1={GOOD.upper()}"},
        {"sandbox-signature": f"t={NOW}, v1={GOOD}"},
        {"sandbox-signature": f"t={NOW},v1={GOOD} "},
        {"sandbox-signature": f"t={NOW},v1={GOOD}\n"},
        {"sandbox-signature": f"t={NOW},t={NOW},v1={GOOD}"},
        {"sandbox-signature": f"v1={GOOD},t={NOW}"},
        {"sandbox-signature": f"t={NOW},v0={GOOD}"},
        {"sandbox-signature": f"t={NOW},v1={GOOD[:-1]}"},
        {"sandbox-signature": f"t=0{NOW},v1={GOOD}"},
        {"sandbox-signature": f"t=+{NOW},v1={GOOD}"},
        {"sandbox-signature": f"t={NOW}.0,v1={GOOD}"},
        {"sandbox-signature": f"t=١{str(NOW)[1:]},v1={GOOD}"},
        {"sandbox-signature": f"t={NOW}" + f",v1={GOOD}" * 6},
        {"sandbox-signature": f"t={NOW},v1={GOOD}, t={NOW},v1={GOOD}"},
        {"stripe-signature": f"t={NOW},v1={GOOD}"},
        {"Sandbox-Signature": f"t={NOW},v1={GOOD}", "sandbox-signature": f"t={NOW},v1={GOOD}"},
        Repeated({"sandbox-signature": f"t={NOW},v1={GOOD}"}),
    ],
)
def test_P8_missing_repeated_and_odd_headers_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(WebhookRefused):
        receiver().parse_webhook(event_body(), headers, received_at=NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b'{"id":"\xff"}',
        b"\xef\xbb\xbf" + event_body(),
        b"{" * 5000,
        b"null",
        b"[]",
        event_body()[:-1],
        event_body(livemode=True),
        event_body(livemode="false"),
        event_body(id=""),
        event_body(id=7),
        event_body(created=10**30),
        event_body(created=1.5),
        event_body(data={}),
        event_body(padding="x" * 262_144),
    ],
    ids=range(16),
)
def test_proven_but_malformed_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        receiver().parse_webhook(body, headers_for(body), received_at=NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body + b"\n",
        lambda body: body[:-1],
        lambda body: msgspec.json.format(body, indent=2),
        lambda body: msgspec.json.encode(dict(reversed(msgspec.json.decode(body).items()))),
        lambda body: body.replace(b"captured", b"c\\u0061ptured"),
        lambda body: body.replace(b"evt_1", b"evt_2"),
        lambda body: body.decode().encode("utf-16"),
    ],
)
def test_reencoded_bodies_are_refused(change: Any) -> None:
    body = event_body()
    changed = change(body)
    assert changed != body
    with pytest.raises(WebhookRefused, match="does not match"):
        receiver().parse_webhook(changed, headers_for(body), received_at=NOW)


@st.composite
def flips(draw: st.DrawFn) -> tuple[bytes, str]:
    """A genuine webhook with one byte changed, in its body or in its signature header."""
    body = event_body()
    header = f"t={NOW},v1={mark(SECRETS[0], body)}"
    where = draw(st.integers(0, len(body) + len(header) - 1))
    mask = draw(st.integers(1, 255))
    if where < len(body):
        changed = bytearray(body)
        changed[where] ^= mask
        return bytes(changed), header
    raw = bytearray(header.encode())
    raw[where - len(body)] ^= mask
    return body, raw.decode("latin-1")


@given(flips())
def test_P8_any_changed_byte_is_refused(flipped: tuple[bytes, str]) -> None:
    body, header = flipped
    with pytest.raises(WebhookRefused):
        receiver().parse_webhook(body, {"sandbox-signature": header}, received_at=NOW)


@given(st.binary(max_size=300), st.text(max_size=120))
def test_P8_noise_is_refused_and_never_crashes(body: bytes, header: str) -> None:
    with pytest.raises(WebhookRefused):
        receiver().parse_webhook(body, {"sandbox-signature": header}, received_at=NOW)


def cuts() -> Iterator[bytes]:
    body = event_body()
    return (body[:length] for length in range(len(body)))


def test_every_truncation_is_refused() -> None:
    header = headers_for(event_body())
    for body in cuts():
        with pytest.raises(WebhookRefused):
            receiver().parse_webhook(body, header, received_at=NOW)
