"""How Awash proves its callbacks: the bank contract as it stands."""

from __future__ import annotations

import json
import random
from typing import Any, ClassVar, Final

from proof.inputs.schemes.scheme import SECRETS, Pairs, Timed, an_account
from surehold.payments.providers.port import (
    RemoteProvider,
)
from tests.fakes import FAKES
from tests.fakes.bank_desk import KEY_ID, MERCHANT_ID

_FAKE: Final = FAKES["awash"]()


class Awash(Timed):
    """Four headers that belong together; here they are one: ``t=<time>,v1=<mark>,e=<id>``."""

    name = "awash"
    header = "X-Inside-Awash"
    doubles = (
        (b"event_id", b'"evt_other"'),
        (b"merchant_id", b'"M-4712"'),
        (b"event", b'"payment.paid"'),
    )
    mode_field = "merchant_id"
    modes: ClassVar[tuple[Any, ...]] = ("M-4712", "", None, 4711, [], f" {MERCHANT_ID}")

    def provider(self, secrets: tuple[str, ...] = SECRETS) -> RemoteProvider:
        return _FAKE.adapter(an_account(self.name, secrets))

    def sign(self, raw: bytes, *, secret: str, at: int) -> str:
        made = _FAKE.sign(raw, secret=secret, at=at)
        return f"t={made['x-timestamp']},{made['x-signature']},e={made['x-event-id']}"

    def carry(self, raw: bytes, headers: Pairs) -> tuple[bytes, Pairs]:
        sent: list[tuple[str, str]] = []
        proofs = [value for name, value in headers if name.lower() == self.header.lower()]
        for proof in proofs:
            at, *rest = proof.strip(" \t").split(",")
            ids = [part.removeprefix("e=") for part in rest if part.startswith("e=")]
            sent += [
                ("X-Key-Id", KEY_ID),
                ("X-Timestamp", at.removeprefix("t=") if at.startswith("t=") else f"?{at}"),
                ("X-Event-Id", ",".join(ids)),
                ("X-Signature", ",".join(part for part in rest if not part.startswith("e="))),
            ]
        taken = {self.header.lower(), "x-event-id"} if proofs else set()
        return raw, (*(pair for pair in headers if pair[0].lower() not in taken), *sent)

    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        return {
            "event_id": f"evt_{rng.getrandbits(80):020x}",
            "event": rng.choice(("payment.paid", "payment.failed", "refund.succeeded")),
            "created_at": str(at),
            "merchant_id": MERCHANT_ID,
            "provider_reference": f"B{rng.getrandbits(40):010x}",
            "merchant_reference": f"SH{rng.getrandbits(80):020x}",
            "amount": "400.00",
            "currency": "ETB",
            "status": "PAID",
            "note": "ሻማ „zehn“ \u2615",
        }

    def renew(self, rng: random.Random, event: dict[str, Any]) -> None:
        event[rng.choice(("event_id", "merchant_reference"))] = f"SH{rng.getrandbits(80):020x}"

    def spoil(self, rng: random.Random, event: dict[str, Any]) -> Any:
        match rng.randrange(4):
            case 0:
                odd = ("", "a\n1", "e\u202e", [], {"id": 1}, None)
                event[rng.choice(("event_id", "merchant_reference"))] = rng.choice(odd)
            case 1:
                event["event"] = rng.choice(("a\0", "e\u202e", "a" * 300))
            case 2:
                event = rng.choice((None, [], {}, "evt", 7, [event]))
            case _:
                del event[rng.choice(("event_id", "merchant_reference", "merchant_id"))]
        return event

    def wrong(self, proof: str) -> str:
        at, _, rest = proof.partition(",v1=")
        return f"{at},v1={'a' * 64},e={rest.rpartition(',e=')[2]}"

    def odd_forms(self, proof: str) -> tuple[str, ...]:
        at, rest = proof.partition(",v1=")[0].removeprefix("t="), proof.partition(",v1=")[2]
        mark, _, event_id = rest.partition(",e=")
        return (
            f"v1={mark},t={at},e={event_id}",
            f"t={at},v1={mark};,e={event_id}",
            f"t={at},v1={mark},v2={mark},e={event_id}",
            f"t={at},{mark},e={event_id}",
            f"t={at},v1={mark.upper()},e={event_id}",
            f"t=0{at},v1={mark},e={event_id}",
            f"t=+{at},v1={mark},e={event_id}",
            f"t={at}.0,v1={mark},e={event_id}",
            f"t={int(at):x},v1={mark},e={event_id}",
            f"t={at},v1={mark}" + f",v1={mark}" * 5 + f",e={event_id}",
            f"t={at},v1={mark},e={event_id}x",
            f"t={at},v1={mark},e=",
            f"t={at}\xa0,v1={mark},e={event_id}",
            f"Bearer t={at},v1={mark},e={event_id}",
            "",
        )

    def other_schemes(self, raw: bytes, *, secret: str, at: int) -> tuple[str, ...]:
        event_id = json.loads(raw)["event_id"]
        return tuple(
            f"{made},e={event_id}" for made in super().other_schemes(raw, secret=secret, at=at)
        )


SCHEME: Final = Awash()
