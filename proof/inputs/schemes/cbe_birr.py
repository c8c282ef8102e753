"""How CBE Birr proves its callbacks, by its shipped contract."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from typing import Any, ClassVar, Final

from proof.inputs.schemes.scheme import SECRETS, Inside, an_account
from surehold.payments.providers.port import (
    RemoteProvider,
)
from tests.fakes import FAKES
from tests.fakes.bank_desk import MERCHANT_ID
from tests.fakes.cbe_birr import mark_of

_FAKE: Final = FAKES["cbe_birr"]()


class CbeBirr(Inside):
    """SHA-256 over sorted fields, the secret among them."""

    name = "cbe_birr"
    header = "X-Inside-Cbe-Birr"
    field = "signature"
    doubles = (
        (b"transactionId", b'"SHother"'),
        (b"tillCode", b'"M-4712"'),
        (b"key", b'"guessed"'),
    )
    mode_field = "tillCode"
    modes: ClassVar[tuple[Any, ...]] = ("M-4712", "", None, 4711, [], f" {MERCHANT_ID}")

    def provider(self, secrets: tuple[str, ...] = SECRETS) -> RemoteProvider:
        return _FAKE.adapter(an_account(self.name, secrets))

    def sign(self, raw: bytes, *, secret: str, at: int) -> str:
        del at
        fields = json.loads(raw)
        return mark_of(fields if isinstance(fields, dict) else {}, secret)

    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        return {
            "created_at": str(at),
            "tillCode": MERCHANT_ID,
            "paymentId": f"B{rng.getrandbits(40):010x}",
            "transactionId": f"SH{rng.getrandbits(80):020x}",
            "amount": "400",
            "currency": "ETB",
            "status": rng.choice(("PAID", "FAILED", "REFUNDED")),
            "note": "ሻማ „zehn“ \u2615",
        }

    def renew(self, rng: random.Random, event: dict[str, Any]) -> None:
        event[rng.choice(("transactionId", "paymentId"))] = f"SH{rng.getrandbits(80):020x}"

    def spoil(self, rng: random.Random, event: dict[str, Any]) -> Any:
        match rng.randrange(4):
            case 0:
                odd = ("", "a\n1", "e\u202e", [], {"id": 1}, "a&b")
                event["transactionId"] = rng.choice(odd)
            case 1:
                event["status"] = rng.choice(("", "a\0", [], True))
            case 2:
                event = rng.choice((None, [], {}, "evt", 7, [event]))
            case _:
                del event[rng.choice(("transactionId", "status", "tillCode"))]
        return event

    def odd_forms(self, proof: str) -> tuple[str, ...]:
        return (
            proof.upper(),
            f"v1={proof}",
            f"sha256={proof}",
            f"{proof},{proof}",
            f'"{proof}"',
            f"0x{proof}",
            f"{proof}\xa0",
            proof * 2,
            "",
        )

    def other_schemes(self, raw: bytes, *, secret: str, at: int) -> tuple[str, ...]:
        del at
        fields = json.loads(raw)
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields)).encode()
        key = secret.encode()
        return (
            hmac.new(key, text, hashlib.sha256).hexdigest(),
            hmac.new(key, raw, hashlib.sha256).hexdigest(),
            hashlib.sha256(text).hexdigest(),
            hashlib.sha256(text + b"&key=").hexdigest(),
            hashlib.sha256(text + b"&key=" + key).hexdigest(),
            hashlib.sha256(key + text).hexdigest(),
            base64.b64encode(bytes.fromhex(mark_of(fields, secret))).decode(),
            mark_of({**fields, "signature": "x"}, secret),
            "0" * 64,
            "true",
        )

    def is_same_body(self, raw: bytes, genuine: bytes) -> bool:
        try:
            fields = json.loads(raw.decode(), object_pairs_hook=_once)
            is_said = isinstance(fields, dict) and "key" not in fields
            return is_said and mark_of(fields, "s") == mark_of(json.loads(genuine), "s")
        except (ValueError, RecursionError, TypeError):
            return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Nothing twice: of two fields with one name, readers take different ones."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("twice")
    return dict(pairs)


SCHEME: Final = CbeBirr()
