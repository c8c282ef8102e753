"""A mark over the body alone, in hex: what the schemes without a time share."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from typing import Any, ClassVar

from proof.inputs.schemes.scheme import SECRETS, Scheme, an_account
from surehold.payments.providers.port import (
    RemoteProvider,
)
from tests.fakes import FAKES


class Untimed(Scheme):
    """``digest``: the one that the provider uses."""

    is_timed = False
    digest: ClassVar[str]

    def provider(self, secrets: tuple[str, ...] = SECRETS) -> RemoteProvider:
        return FAKES[self.name].adapter(an_account(self.name, secrets))

    def sign(self, raw: bytes, *, secret: str, at: int) -> str:
        # The fake takes an empty secret for its own; a forger has none.
        if not secret:
            return hmac.new(b"", raw, self.digest).hexdigest()
        headers = FAKES[self.name]().sign(raw, secret=secret, at=at)
        return next(value for name, value in headers.items() if name.lower() == self.header)

    def odd_forms(self, proof: str) -> tuple[str, ...]:
        return (
            proof.upper(),
            f"v1={proof}",
            f"{self.digest}={proof}",
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
        others = {"sha1", "sha256", "sha384", "sha512"} - {self.digest}
        right = hmac.new(key, raw, self.digest)
        return (
            # The secret over itself: the same for every body, as in one of Chapa's headers.
            hmac.new(key, key, self.digest).hexdigest(),
            base64.b64encode(right.digest()).decode(),
            *(hmac.new(key, raw, other).hexdigest() for other in sorted(others)),
            hmac.new(key, b"%d." % at + raw, self.digest).hexdigest(),
            hmac.new(raw, key, self.digest).hexdigest(),
            hashlib.new(self.digest, key + raw).hexdigest(),
            hashlib.new(self.digest, raw).hexdigest(),
            "0" * len(right.hexdigest()),
            "true",
        )

    def spoil_envelope(self, rng: random.Random, event: dict[str, Any]) -> Any:
        """No object at all, or one without what makes it an event."""
        if rng.random() < 0.5:
            return rng.choice((None, [], {}, "evt", 7, [event]))
        del event["event"]
        return event
