"""How Telebirr proves its notifications."""

from __future__ import annotations

import base64
import json
import random
from typing import Any, ClassVar, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from proof.inputs.schemes.scheme import ODD_IDS, SECRETS, Inside, an_account
from surehold.payments.providers.port import (
    RemoteProvider,
)
from tests.fakes import FAKES
from tests.fakes.telebirr import APP_ID, SHORT_CODE, key_of, mark_of, text_of

_FAKE: Final = FAKES["telebirr"]()
_DIGEST: Final = hashes.SHA256()


class Telebirr(Inside):
    """RSA-PSS over sorted fields; the same fields in another order are the same to it."""

    name = "telebirr"
    header = "X-Inside-Telebirr"
    field = "sign"
    doubles = (
        (b"merch_order_id", b'"SHother"'),
        (b"merch_code", b'"200002"'),
        (b"trade_status", b'"PAY_FAILED"'),
    )
    mode_field = "merch_code"
    modes: ClassVar[tuple[Any, ...]] = ("200002", "", None, 200002, [], " 200001")

    def provider(self, secrets: tuple[str, ...] = SECRETS) -> RemoteProvider:
        return _FAKE.adapter(an_account(self.name, secrets))

    def sign(self, raw: bytes, *, secret: str, at: int) -> str:
        del at
        fields = json.loads(raw)
        text = text_of(fields) if isinstance(fields, dict) else ""
        return mark_of(secret, text)

    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        return {
            "notify_url": "https://shop.test/webhooks/telebirr",
            "appid": APP_ID,
            "notify_time": str(at * 1000),
            "merch_code": SHORT_CODE,
            "merch_order_id": f"SH{rng.getrandbits(80):020x}",
            "payment_order_id": f"{rng.getrandbits(40)}",
            "total_amount": "400.00",
            "trans_id": f"TX{rng.getrandbits(40):010x}",
            "trans_currency": "ETB",
            "trade_status": rng.choice(("Completed", "PAY_SUCCESS", "Failure")),
            "callback_info": "ሻማ „zehn“ \u2615",
        }

    def renew(self, rng: random.Random, event: dict[str, Any]) -> None:
        event[rng.choice(("merch_order_id", "trans_id"))] = f"SH{rng.getrandbits(80):020x}"

    def spoil(self, rng: random.Random, event: dict[str, Any]) -> Any:
        match rng.randrange(4):
            case 0:
                event["merch_order_id"] = rng.choice(("", "a\n1", "e\u202e", [], {"id": 1}, "a&b"))
            case 1:
                event["trade_status"] = rng.choice((*ODD_IDS[:1], "a\0", [], True))
            case 2:
                event = rng.choice((None, [], {}, "evt", 7, [event]))
            case _:
                del event[rng.choice(("merch_order_id", "trade_status", "appid", "merch_code"))]
        return event

    def wrong(self, proof: str) -> str:
        return "AAAA" + proof[4:]

    def odd_forms(self, proof: str) -> tuple[str, ...]:
        raw = base64.b64decode(proof)
        return (
            raw.hex(),
            base64.urlsafe_b64encode(raw).decode().rstrip("="),
            proof.rstrip("="),
            f"{proof}=",
            f"{proof},{proof}",
            f"{proof[:100]}\n{proof[100:]}",
            f'"{proof}"',
            f"{proof}\xa0",
            f"Bearer {proof}",
            proof.swapcase(),
            proof * 2,
            "",
        )

    def other_schemes(self, raw: bytes, *, secret: str, at: int) -> tuple[str, ...]:
        del at
        key, fields = key_of(secret), json.loads(raw)
        text = text_of(fields).encode()
        pss, short = (
            padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=size) for size in (32, 20)
        )
        return tuple(
            base64.b64encode(made).decode()
            for made in (
                # What one official sample does, and the gateway refuses.
                key.sign(text, padding.PKCS1v15(), _DIGEST),
                key.sign(text, short, _DIGEST),
                key.sign(text, padding.PSS(padding.MGF1(hashes.SHA1()), 32), _DIGEST),  # noqa: S303 - the forger's choice, to be refused
                key.sign(raw, pss, _DIGEST),
                key.sign(b"&".join(reversed(text.split(b"&"))), pss, _DIGEST),
                key.sign(text + b"&key=x", pss, _DIGEST),
                bytes(256),
                b"true",
            )
        )

    def is_same_body(self, raw: bytes, genuine: bytes) -> bool:
        try:
            fields = json.loads(raw.decode(), object_pairs_hook=_once)
            return isinstance(fields, dict) and text_of(fields) == text_of(json.loads(genuine))
        except (ValueError, RecursionError):
            return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Nothing twice: of two fields with one name, readers take different ones."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("twice")
    return dict(pairs)


SCHEME: Final = Telebirr()
