"""How Chapa proves its webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from typing import Any, Final

import msgspec

from proof.inputs.schemes.scheme import ODD_IDS, SECRETS, Scheme, an_account
from surehold.payments.providers.port import RemoteProvider
from tests.fakes import FAKES

_FAKE: Final = FAKES["chapa"]()


class Chapa(Scheme):
    """A mark over the body alone; the same values in other spacing are the same to it."""

    name = "chapa"
    header = "x-chapa-signature"
    is_timed = False
    doubles = (
        (b"tx_ref", b'"SHother"'),
        (b"mode", b'"live"'),
        (b"event", b'"charge.reversed"'),
    )
    modes = ("live", "TEST", 1, None, [], True)
    mode_field = "mode"

    def provider(self, secrets: tuple[str, ...] = SECRETS) -> RemoteProvider:
        return _FAKE.adapter(an_account(self.name, secrets))

    def sign(self, raw: bytes, *, secret: str, at: int) -> str:
        # The fake takes an empty secret for its own; a forger has none.
        if not secret:
            return hmac.new(b"", raw, hashlib.sha256).hexdigest()
        return _FAKE.sign(raw, secret=secret, at=at)[self.header]

    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        return {
            "event": rng.choice(("charge.success", "charge.failed/cancelled", "charge.refunded")),
            "tx_ref": f"SH{rng.getrandbits(80):020x}",
            "reference": f"AP{rng.getrandbits(40):010x}",
            "amount": "400.00",
            "currency": "ETB",
            "status": "success",
            "mode": "test",
            "updated_at": str(at),
            "note": "ሻማ „zehn“ \u2615",
        }

    def renew(self, rng: random.Random, event: dict[str, Any]) -> None:
        event[rng.choice(("tx_ref", "reference"))] = f"SH{rng.getrandbits(80):020x}"

    def spoil(self, rng: random.Random, event: dict[str, Any]) -> Any:
        match rng.randrange(5):
            case 0:
                event["tx_ref"] = rng.choice(ODD_IDS)
            case 1:
                event["event"] = rng.choice((*ODD_IDS, None))
            case 2:
                event["amount"] = rng.choice(("much", [], {}, True))
            case 3:
                event = rng.choice((None, [], {}, "evt", 7, [event]))
            case _:
                del event[rng.choice(("event", "mode"))]
        return event

    def odd_forms(self, proof: str) -> tuple[str, ...]:
        return (
            proof.upper(),
            f"v1={proof}",
            f"sha256={proof}",
            f"{proof},{proof}",
            f"{proof}, {proof}",
            f'"{proof}"',
            f"['{proof}']",
            f"0x{proof}",
            f"{proof}\xa0",
            f"Bearer {proof}",
            proof * 2,
            "",
        )

    def other_schemes(self, raw: bytes, *, secret: str, at: int) -> tuple[str, ...]:
        key = secret.encode()
        right = hmac.new(key, raw, hashlib.sha256)
        return (
            # What ``chapa-signature`` is: the same for every body.
            hmac.new(key, key, hashlib.sha256).hexdigest(),
            base64.b64encode(right.digest()).decode(),
            hmac.new(key, raw, hashlib.sha512).hexdigest(),
            hmac.new(key, raw, hashlib.sha1).hexdigest(),
            hmac.new(key, b"%d." % at + raw, hashlib.sha256).hexdigest(),
            hmac.new(raw, key, hashlib.sha256).hexdigest(),
            hashlib.sha256(key + raw).hexdigest(),
            hashlib.sha256(raw).hexdigest(),
            "0" * 64,
            "true",
        )

    def is_same_body(self, raw: bytes, genuine: bytes) -> bool:
        try:
            return raw == genuine or msgspec.json.encode(msgspec.json.decode(raw)) == genuine
        except (ValueError, RecursionError):
            return False


SCHEME: Final = Chapa()
