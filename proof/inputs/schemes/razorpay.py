"""How Razorpay proves its webhooks."""

from __future__ import annotations

import random
from typing import Any, Final

from proof.inputs.schemes.scheme import ODD_IDS
from proof.inputs.schemes.untimed import Untimed


class Razorpay(Untimed):
    """HMAC-SHA256 under a secret of its own for each mode; events do not say which mode it is."""

    name = "razorpay"
    header = "x-razorpay-signature"
    digest = "sha256"
    modes = ()
    doubles = (
        (b"event", b'"payment.failed"'),
        (b"created_at", b"1"),
        (b"payload", b'{"payment":{"entity":{"id":"pay_other"}}}'),
    )

    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        return {
            "entity": "event",
            "account_id": "acc_fake",
            "event": rng.choice(("payment.captured", "payment.failed", "order.paid")),
            "contains": ["payment"],
            "payload": {
                "payment": {
                    "entity": {
                        "id": f"pay_{rng.getrandbits(56):014x}",
                        "order_id": f"order_{rng.getrandbits(56):014x}",
                        "amount": 40000,
                        "currency": "INR",
                        "status": "captured",
                        "notes": {"merchant_reference": f"SH{rng.getrandbits(80):020x}"},
                        "description": "größer als „zehn“ \u2615",
                    }
                }
            },
            "created_at": at,
        }

    def renew(self, rng: random.Random, event: dict[str, Any]) -> None:
        about = event["payload"]["payment"]["entity"]
        about[rng.choice(("id", "order_id"))] = f"pay_{rng.getrandbits(56):014x}"

    def spoil(self, rng: random.Random, event: dict[str, Any]) -> Any:
        about = event["payload"]["payment"]["entity"]
        match rng.randrange(5):
            case 0:
                about["order_id"] = rng.choice([odd for odd in ODD_IDS if odd])
            case 1:
                event["event"] = rng.choice((7, [], {}, None, "payment.\n", "payment.\0"))
            case 2:
                event["created_at"] = rng.choice((10**30, 1.5, "now", None, -(10**18), True))
            case 3:
                event["payload"] = rng.choice(
                    ({}, None, [], {"payment": None}, {"payment": {"entity": {"id": 1}}})
                )
            case _:
                return self.spoil_envelope(rng, event)
        return event


SCHEME: Final = Razorpay()
