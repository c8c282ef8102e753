"""How each provider proves its webhooks, as a forger must know it.

A scheme signs with the fake's code, never with the adapter's, and says what of a message is the
proof, what makes it another event, and what is nonsense to this provider. Every provider that has
a fake must have one: a test sees to it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final
from uuid import UUID

from pydantic import SecretStr

from surehold.payments.providers.account import AccountConfig, AccountMode, WebhookSecret
from surehold.payments.providers.port import (
    RemoteProvider,
)
from tests.fakes import FAKES

#: Two are in use, as while a secret is being changed; the third was in use before.
SECRETS: Final = ("whsec_new_2c91", "whsec_now_77ab")
RETIRED: Final = "whsec_old_0e4d"
#: What a client that is not the provider's may put where only printable text belongs.
ODD_IDS: Final = ("", 7, "evt\n1", "evt\0", "e\u202e", [], {"id": 1})


Pairs = tuple[tuple[str, str], ...]


class Scheme(ABC):
    """One provider's way to prove a message."""

    name: ClassVar[str]
    header: ClassVar[str]
    #: A time is signed with the body, and bounds how long the proof is good.
    is_timed: ClassVar[bool] = True
    #: The proof is of the body; without, it is a word, and any body goes with it.
    proves_body: ClassVar[bool] = True
    #: Pairs that a body may have twice.
    doubles: ClassVar[tuple[tuple[bytes, bytes], ...]] = (
        (b"id", b'"evt_other"'),
        (b"livemode", b"true"),
        (b"type", b'"payment.captured"'),
    )
    modes: ClassVar[tuple[Any, ...]] = (True, 1, "false", None, [])
    mode_field: ClassVar[str] = "livemode"

    @abstractmethod
    def provider(self, secrets: tuple[str, ...] = SECRETS) -> RemoteProvider:
        """An adapter that believes these secrets. It is never asked to send anything."""

    @abstractmethod
    def sign(self, raw: bytes, *, secret: str, at: int) -> str:
        """The header's value."""

    @abstractmethod
    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        """A new event about a payment that nobody knows."""

    @abstractmethod
    def renew(self, rng: random.Random, event: dict[str, Any]) -> None:
        """Make it another event, or one about another payment."""

    @abstractmethod
    def spoil(self, rng: random.Random, event: dict[str, Any]) -> Any:
        """Make it no event at all."""

    @abstractmethod
    def odd_forms(self, proof: str) -> tuple[str, ...]:
        """The right values in a form that is not the agreed one."""

    @abstractmethod
    def other_schemes(self, raw: bytes, *, secret: str, at: int) -> tuple[str, ...]:
        """Right secret and body, and another scheme than was agreed upon."""

    def wrong(self, proof: str) -> str:
        """A proof of the right form that proves nothing."""
        return proof[:-64] + "a" * 64

    def is_same_body(self, raw: bytes, genuine: bytes) -> bool:
        """Whether a body says the same, as far as this provider's proof can tell."""
        return raw == genuine

    def carry(self, raw: bytes, headers: Pairs) -> tuple[bytes, Pairs]:
        """The message as it is sent, where a proof is more than one header or is in the body."""
        return raw, headers

    def encode(self, event: Any) -> bytes:
        """The body as the provider writes it."""
        return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def an_account(name: str, secrets: tuple[str, ...]) -> AccountConfig:
    """An account in test mode that believes these secrets."""
    fake = FAKES[name]()
    return AccountConfig(
        account="main",
        mode=AccountMode.TEST,
        base_url="http://127.0.0.1:1",
        secret_key=SecretStr(fake.secret_key),
        public_key=fake.public_key,
        webhook_secrets=tuple(
            WebhookSecret(str(number), SecretStr(fake.told(secret)))
            for number, secret in enumerate(secrets)
        ),
    )


class Inside(Scheme):
    """A proof that is a field of the body; the forger holds it apart, as if it were a header."""

    is_timed = False
    #: The field's name; ``header`` is a name that no server knows.
    field: ClassVar[str]

    def carry(self, raw: bytes, headers: Pairs) -> tuple[bytes, Pairs]:
        for name, value in headers:
            if name.lower() == self.header.lower():
                pair = json.dumps({self.field: value.strip(" \t")}, ensure_ascii=False)[1:]
                head, _, tail = raw.rpartition(b"}")
                raw = head + b"," + pair.encode() + tail
        return raw, tuple(pair for pair in headers if pair[0].lower() != self.header.lower())


class Timed(Scheme):
    """``t=<seconds>,v1=<HMAC-SHA256 of time, point and body>``, and an event in an envelope."""

    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        return {
            "id": f"evt_{rng.getrandbits(80):020x}",
            "type": rng.choice(("payment.captured", "payment.failed", "refund.succeeded")),
            "created": at,
            "livemode": False,
            "data": {
                "object": {
                    "id": f"pay_{rng.getrandbits(80):020x}",
                    "merchant_reference": f"ref-{UUID(int=rng.getrandbits(128))}",
                    "state": "captured",
                    "currency": "EUR",
                    "note": "größer als „zehn“ \u2615",
                }
            },
        }

    def renew(self, rng: random.Random, event: dict[str, Any]) -> None:
        if rng.random() < 0.5:
            event["id"] = f"evt_{rng.getrandbits(80):020x}"
        else:
            event["data"]["object"]["id"] = f"pay_{rng.getrandbits(80):020x}"

    def spoil(self, rng: random.Random, event: dict[str, Any]) -> Any:
        match rng.randrange(6):
            case 0:
                event["id"] = rng.choice((*ODD_IDS, None))
            case 1:
                event["created"] = rng.choice((10**30, 1.5, "now", None, -(10**18), True))
            case 2:
                event["data"] = rng.choice(({}, None, [], {"object": None}, {"object": {"id": 1}}))
            case 3:
                event = rng.choice((None, [], {}, "evt", 7, [event]))
            case 4:
                del event[rng.choice(("id", "type", "created", "livemode", "data"))]
            case _:
                self._spoil_reference(rng, event["data"]["object"])
        return event

    def _spoil_reference(self, rng: random.Random, about: dict[str, Any]) -> None:
        about["merchant_reference"] = rng.choice((None, 7, "a\x7f", []))

    def odd_forms(self, proof: str) -> tuple[str, ...]:
        at, mark = proof.partition(",v1=")[0].removeprefix("t="), proof.partition(",v1=")[2]
        return (
            f"v1={mark},t={at}",
            f"t={at}, v1={mark}",
            f"t={at};v1={mark}",
            f"t={at},v1={mark},",
            f",t={at},v1={mark}",
            f"t={at},t={at},v1={mark}",
            f"t=0{at},v1={mark}",
            f"t=+{at},v1={mark}",
            f"t={at}.0,v1={mark}",
            f"t={at}e0,v1={mark}",
            f"t={int(at):x},v1={mark}",
            f"t={at},v1={mark}" + f",v1={mark}" * 5,
            f't="{at}",v1="{mark}"',
            f"['t={at},v1={mark}']",
            f'["t={at},v1={mark}"]',
            f"t={at},v1={mark}, t={at},v1={mark}",
            f"t={at}\xa0,v1={mark}",
            f"Bearer t={at},v1={mark}",
            "",
        )

    def other_schemes(self, raw: bytes, *, secret: str, at: int) -> tuple[str, ...]:
        key, time = secret.encode(), b"%d" % at
        signed = time + b"." + raw
        right = hmac.new(key, signed, hashlib.sha256)
        marks = (
            f"v0={right.hexdigest()}",
            f"v2={right.hexdigest()}",
            f"V1={right.hexdigest()}",
            f"v1={right.hexdigest().upper()}",
            f"v1={base64.b64encode(right.digest()).decode()}",
            f"v1={hmac.new(key, signed, hashlib.sha512).hexdigest()}",
            f"v1={hmac.new(key, signed, hashlib.sha1).hexdigest()}",
            f"v1={hmac.new(key, raw, hashlib.sha256).hexdigest()}",
            f"v1={hmac.new(key, time + raw, hashlib.sha256).hexdigest()}",
            f"v1={hmac.new(key, raw + b'.' + time, hashlib.sha256).hexdigest()}",
            f"v1={hmac.new(signed, key, hashlib.sha256).hexdigest()}",
            f"v1={hashlib.sha256(key + signed).hexdigest()}",
            f"v1={hashlib.sha256(signed).hexdigest()}",
            f"v1={'0' * 64}",
            "v1=",
            "v1=true",
        )
        return tuple(f"t={at},{mark}" for mark in marks)
