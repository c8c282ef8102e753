"""How Flutterwave proves its webhooks: with a word, the same on all of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from typing import Any, Final

import msgspec

from proof.inputs.schemes.scheme import ODD_IDS, SECRETS, Scheme, an_account
from surehold.payments.providers.port import (
    RemoteProvider,
)
from tests.fakes import FAKES

_FAKE: Final = FAKES["flutterwave"]()


class Flutterwave(Scheme):
    """A word that both sides know. What comes with it is a hint, whoever wrote it."""

    name = "flutterwave"
    header = "verif-hash"
    is_timed = False
    proves_body = False
    modes = ()

    def provider(self, secrets: tuple[str, ...] = SECRETS) -> RemoteProvider:
        return _FAKE.adapter(an_account(self.name, secrets))

    def sign(self, raw: bytes, *, secret: str, at: int) -> str:
        # A header's value loses its spaces on the way.
        return _FAKE.sign(raw, secret=secret, at=at)[self.header].strip(" ")

    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        return {
            "event": "charge.completed",
            "data": {
                "id": rng.getrandbits(31),
                "tx_ref": f"SH{rng.getrandbits(80):020x}",
                "amount": 400,
                "currency": "NGN",
                "status": rng.choice(("successful", "failed")),
                "created_at": str(at),
                "narration": "größer als „zehn“ \u2615",
            },
        }

    def renew(self, rng: random.Random, event: dict[str, Any]) -> None:
        event["data"]["tx_ref"] = f"SH{rng.getrandbits(80):020x}"

    def spoil(self, rng: random.Random, event: dict[str, Any]) -> Any:
        match rng.randrange(5):
            case 0:
                event["data"]["tx_ref"] = rng.choice((*ODD_IDS, None))
            case 1:
                event["event"] = rng.choice((7, None, [], {}, "charge.\0"))
            case 2:
                event["data"]["id"] = rng.choice(("much", [], {}, None, 1.5))
            case 3:
                event = rng.choice((None, [], {}, "evt", 7, [event]))
            case _:
                del event[rng.choice(("event", "data"))]
        return event

    def wrong(self, proof: str) -> str:
        return "a" * len(proof)

    def odd_forms(self, proof: str) -> tuple[str, ...]:
        return (
            proof.upper(),
            f"{proof},{proof}",
            f"{proof}, {proof}",
            f'"{proof}"',
            f"['{proof}']",
            f"{proof}\xa0",
            f"Bearer {proof}",
            f"hash={proof}",
            proof * 2,
            "",
        )

    def other_schemes(self, raw: bytes, *, secret: str, at: int) -> tuple[str, ...]:
        key = secret.encode()
        right = hmac.new(key, raw, hashlib.sha256)
        return (
            right.hexdigest(),
            base64.b64encode(right.digest()).decode(),
            hashlib.sha256(key).hexdigest(),
            hashlib.sha256(key + raw).hexdigest(),
            base64.b64encode(key).decode(),
            key.hex(),
            secret[::-1],
            str(at),
            "true",
        )

    def is_same_body(self, raw: bytes, genuine: bytes) -> bool:
        try:
            return raw == genuine or msgspec.json.encode(msgspec.json.decode(raw)) == genuine
        except (ValueError, RecursionError):
            return False


SCHEME: Final = Flutterwave()
