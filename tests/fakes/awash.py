"""A strict Awash, by the contract as it stands: timed signatures in headers, numbered events."""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from tests.fakes.bank_desk import KEY_ID, FakeBank
from tests.fakes.harness import inherited


@inherited
class FakeAwash(FakeBank):
    """Awash. It cannot end an unpaid payment: the prompt ends by itself."""

    name = "awash"

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        try:
            event_id = str(msgspec.json.decode(body)["event_id"])
        except (ValueError, RecursionError, KeyError, TypeError):
            event_id = "evt"
        time = str(self.now() if at is None else at)
        text = f"{time}.{event_id}.".encode() + body
        key = (self.secrets[0] if secret is None else secret).encode()
        return {
            "x-key-id": KEY_ID,
            "x-timestamp": time,
            "x-event-id": event_id,
            "x-signature": f"v1={hmac.new(key, text, hashlib.sha256).hexdigest()}",
        }
