"""How PayPal proves its webhooks: a certificate's signature, and four headers beside it."""

from __future__ import annotations

import base64
import hashlib
import random
import zlib
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from proof.inputs.schemes.scheme import ODD_IDS, SECRETS, Pairs, Scheme, an_account
from surehold.payments.providers.port import (
    RemoteProvider,
)
from tests.fakes import FAKES
from tests.fakes.paypal import CERTIFICATE, FakePayPal
from tests.fakes.paypal_certificates import signing

_FAKE: Final[FakePayPal] = FAKES["paypal"]()
#: The same on every message, so that a forger changes one thing at a time.
_ID: Final = "69cd13f0-d67a-11e5-baa3-778b53f4ae55"
_TIME: Final = "2026-11-21T10:00:00Z"
_BESIDE: Final = (
    ("PayPal-Transmission-Id", _ID),
    ("PayPal-Transmission-Time", _TIME),
    ("PayPal-Cert-Url", f"https://api.paypal.com{CERTIFICATE}"),
    ("PayPal-Auth-Algo", "SHA256withRSA"),
)


class PayPal(Scheme):
    """A signature over the number of the body and of our subscription. No time bounds it."""

    name = "paypal"
    header = "PayPal-Transmission-Sig"
    is_timed = False
    doubles = ((b"id", b'"WH-OTHER"'), (b"event_type", b'"PAYMENT.CAPTURE.REVERSED"'))
    modes = ()

    def provider(self, secrets: tuple[str, ...] = SECRETS) -> RemoteProvider:
        return _FAKE.adapter(an_account(self.name, secrets))

    def sign(self, raw: bytes, *, secret: str, at: int) -> str:
        del at
        signed = _FAKE.sign_as(raw, secret, transmission_id=_ID, transmission_time=_TIME)
        return signed[self.header]

    def carry(self, raw: bytes, headers: Pairs) -> tuple[bytes, Pairs]:
        return raw, (*headers, *_BESIDE)

    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        return {
            "id": f"WH-{rng.getrandbits(80):020X}",
            "create_time": "2026-11-21T10:00:00.000Z",
            "resource_type": "capture",
            "event_type": rng.choice(("PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.PENDING")),
            "summary": "größer als „zehn“ \u2615",
            "resource": {
                "id": f"{rng.getrandbits(68):017X}",
                "status": "COMPLETED",
                "custom_id": f"SH{rng.getrandbits(80):020x}",
                "note": str(at),
            },
        }

    def renew(self, rng: random.Random, event: dict[str, Any]) -> None:
        if rng.random() < 0.5:
            event["id"] = f"WH-{rng.getrandbits(80):020X}"
        else:
            event["resource"]["custom_id"] = f"SH{rng.getrandbits(80):020x}"

    def spoil(self, rng: random.Random, event: dict[str, Any]) -> Any:
        match rng.randrange(5):
            case 0:
                event["id"] = rng.choice((*ODD_IDS, None))
            case 1:
                event["resource"] = rng.choice((None, [], "capture", {"custom_id": 7}))
            case 2:
                event["resource"]["custom_id"] = rng.choice(ODD_IDS)
            case 3:
                event = rng.choice((None, [], {}, "evt", 7, [event]))
            case _:
                del event[rng.choice(("id", "event_type", "resource"))]
        return event

    def odd_forms(self, proof: str) -> tuple[str, ...]:
        return (
            proof.rstrip("="),
            f"{proof}=",
            f"{proof},{proof}",
            f"{proof}, {proof}",
            f'"{proof}"',
            f"v1={proof}",
            f"{proof}\xa0",
            proof.replace("+", "-").replace("/", "_") + "-",
            f"{proof[:76]} {proof[76:]}",
            base64.b64decode(proof).hex(),
            proof * 2,
            "",
        )

    def other_schemes(self, raw: bytes, *, secret: str, at: int) -> tuple[str, ...]:
        key, crc = signing().key, zlib.crc32(raw)
        right = f"{_ID}|{_TIME}|{secret}|{crc}".encode()
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
        stranger = ec.generate_private_key(ec.SECP256R1())
        made = (
            key.sign(right, padding.PKCS1v15(), hashes.SHA512()),
            key.sign(right, pss, hashes.SHA256()),
            key.sign(raw, padding.PKCS1v15(), hashes.SHA256()),
            key.sign(
                f"{_ID}|{_TIME}|{secret}|{crc:x}".encode(), padding.PKCS1v15(), hashes.SHA256()
            ),
            key.sign(f"{_ID}|{at}|{secret}|{crc}".encode(), padding.PKCS1v15(), hashes.SHA256()),
            stranger.sign(right, ec.ECDSA(hashes.SHA256())),
            hashlib.sha256(right).digest(),
            bytes(256),
        )
        return tuple(base64.b64encode(mark).decode() for mark in made)


SCHEME: Final = PayPal()
