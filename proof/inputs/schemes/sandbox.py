"""How the sandbox proves its webhooks."""

from __future__ import annotations

from typing import Final

from proof.inputs.schemes.scheme import SECRETS, Timed
from surehold.payments.providers.port import (
    RemoteProvider,
)
from surehold.payments.providers.sandbox import SandboxProvider
from surehold.sandbox.webhooks import sign


class Sandbox(Timed):
    """The sandbox. Marks of another version are no part of its header."""

    name = "sandbox"
    header = "Sandbox-Signature"

    def provider(self, secrets: tuple[str, ...] = SECRETS) -> RemoteProvider:
        return SandboxProvider("http://127.0.0.1:1", "sk_test", secrets)

    def sign(self, raw: bytes, *, secret: str, at: int) -> str:
        return sign(raw, secrets=(secret,), at=at)

    def odd_forms(self, proof: str) -> tuple[str, ...]:
        mark = proof.partition(",v1=")[2]
        return (*super().odd_forms(proof), f"{proof},v0={mark}")


SCHEME: Final = Sandbox()
