"""Surehold's own imaginary provider, behind the port as any real one is.

Source: the sandbox's own API, ``surehold.sandbox``.
"""

from __future__ import annotations

from typing import Final

from surehold.config import Config
from surehold.payments.providers.account import ProviderKind
from surehold.payments.providers.sandbox.adapter import POLL_AFTER_SECONDS, SandboxProvider


def _open(config: Config) -> SandboxProvider | None:
    if config.sandbox_url is None:
        return None
    return SandboxProvider(
        base_url=config.sandbox_url,
        api_key=config.sandbox_api_key.get_secret_value(),
        webhook_secrets=tuple(row.get_secret_value() for row in config.sandbox_webhook_secrets),
    )


KIND: Final = ProviderKind("sandbox", _open)

__all__ = ["KIND", "POLL_AFTER_SECONDS", "SandboxProvider"]
