"""How Paystack proves its webhooks."""

from __future__ import annotations

import random
from typing import Any, Final

from proof.inputs.schemes.scheme import ODD_IDS
from proof.inputs.schemes.untimed import Untimed


class Paystack(Untimed):
    """HMAC-SHA512 under the API's own secret key; the mode is inside ``data``."""

    name = "paystack"
    header = "x-paystack-signature"
    digest = "sha512"
    doubles = (
        (b"event", b'"refund.failed"'),
        (b"data", b'{"reference":"SHother","domain":"test"}'),
    )
    mode_field = "data"
    modes = tuple(
        {"id": 1, "reference": "SHother", "status": "success", "domain": domain}
        for domain in ("live", "TEST", "", 1, [], True)
    )

    def wrong(self, proof: str) -> str:
        return "a" * len(proof)

    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        return {
            "event": rng.choice(("charge.success", "refund.processed", "charge.dispute.create")),
            "data": {
                "id": rng.getrandbits(40),
                "domain": "test",
                "status": "success",
                "reference": f"SH{rng.getrandbits(80):020x}",
                "amount": 40000,
                "currency": "NGN",
                "paid_at": str(at),
                "note": "größer als „zehn“ \u2615",
            },
        }

    def renew(self, rng: random.Random, event: dict[str, Any]) -> None:
        event["data"]["reference"] = f"SH{rng.getrandbits(80):020x}"

    def spoil(self, rng: random.Random, event: dict[str, Any]) -> Any:
        match rng.randrange(4):
            case 0:
                event["data"]["reference"] = rng.choice((*ODD_IDS, None))
            case 1:
                event["event"] = rng.choice((7, [], {}, None, "charge.\n", "charge.\0"))
            case 2:
                event["data"] = rng.choice((None, [], {}, "data", {"reference": 1}))
            case _:
                return self.spoil_envelope(rng, event)
        return event


SCHEME: Final = Paystack()
