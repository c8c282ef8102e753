"""How Chapa proves its webhooks."""

from __future__ import annotations

import random
from typing import Any, Final

import msgspec

from proof.inputs.schemes.scheme import ODD_IDS
from proof.inputs.schemes.untimed import Untimed


class Chapa(Untimed):
    """A mark over the body alone; the same values in other spacing are the same to it."""

    name = "chapa"
    header = "x-chapa-signature"
    digest = "sha256"
    doubles = (
        (b"tx_ref", b'"SHother"'),
        (b"mode", b'"live"'),
        (b"event", b'"charge.reversed"'),
    )
    modes = ("live", "TEST", 1, None, [], True)
    mode_field = "mode"

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

    def is_same_body(self, raw: bytes, genuine: bytes) -> bool:
        try:
            return raw == genuine or msgspec.json.encode(msgspec.json.decode(raw)) == genuine
        except (ValueError, RecursionError):
            return False


SCHEME: Final = Chapa()
