"""How Stripe proves its webhooks."""

from __future__ import annotations

import random
from typing import Any, Final

from proof.inputs.schemes.scheme import SECRETS, Timed, an_account
from surehold.payments.providers.port import (
    RemoteProvider,
)
from tests.fakes import FAKES

_FAKE: Final = FAKES["stripe"]()


class Stripe(Timed):
    """Stripe, whose objects carry our reference in their metadata."""

    name = "stripe"
    header = "Stripe-Signature"

    def provider(self, secrets: tuple[str, ...] = SECRETS) -> RemoteProvider:
        return _FAKE.adapter(an_account(self.name, secrets))

    def sign(self, raw: bytes, *, secret: str, at: int) -> str:
        return _FAKE.sign(raw, secret=secret, at=at)[self.header]

    def an_event(self, rng: random.Random, *, at: int) -> dict[str, Any]:
        event = super().an_event(rng, at=at)
        event["type"] = rng.choice(("payment_intent.succeeded", "charge.refunded"))
        about = event["data"]["object"]
        about["object"] = "payment_intent"
        about["metadata"] = {"merchant_reference": about.pop("merchant_reference")}
        return event

    def _spoil_reference(self, rng: random.Random, about: dict[str, Any]) -> None:
        about["metadata"] = rng.choice((7, [], {"merchant_reference": rng.choice((7, "a\x7f"))}))


SCHEME: Final = Stripe()
