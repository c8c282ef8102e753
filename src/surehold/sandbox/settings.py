"""How one sandbox is set up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from surehold.sandbox.model import HOLD_SECONDS, HONORED_SECONDS

_PREFIX: Final = "SUREHOLD_SANDBOX_"
#: Gaps between webhook attempts, in seconds; ``retry_factor`` stretches or shrinks all of them.
RETRY_GAPS_SECONDS: Final = (5, 30, 120, 600, 3_600, 21_600, 86_400)


class SandboxRefusesToStart(Exception):
    """The sandbox is imaginary money: it does not run where real money is taken."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a sandbox needs to know. The three secrets have no default.

    ``webhook_secrets``: every one signs each webhook, so two of them are a rotation under way.
    ``public_url``: where a buyer's browser reaches the sandbox; taken from the request if absent.
    ``hold_seconds``: how long money is held; it is sure for ``honored_seconds`` of them.
    ``synchronous``: ``off`` is for simulations: the book survives ``kill -9``, not a power cut.
    """

    api_key: str
    control_key: str
    webhook_secrets: tuple[str, ...]
    book_path: str = ":memory:"
    synchronous: Literal["full", "off"] = "full"
    public_url: str | None = None
    merchant_name: str = "Demo shop"
    mode: str = "demo"
    retry_factor: float = 1.0
    webhook_timeout_seconds: float = 5.0
    slow_bank_seconds: float = 8.0
    refund_seconds: float = 2.0
    hold_seconds: int = HOLD_SECONDS
    honored_seconds: int = HONORED_SECONDS
    tick_seconds: float = 0.1

    def check(self, environment: Mapping[str, str] = os.environ) -> None:
        """Refuse settings that no sandbox may run with.

        Raises:
            SandboxRefusesToStart: Production mode here or in ``SUREHOLD_MODE``, or a missing
                secret.
        """
        modes = (self.mode, environment.get("SUREHOLD_MODE", ""))
        if any(mode.strip().lower() in {"production", "prod", "live"} for mode in modes):
            raise SandboxRefusesToStart(
                "The sandbox payment provider takes imaginary money and will not start in "
                "production mode. Configure a real payment provider, or unset SUREHOLD_MODE."
            )
        secrets = (self.api_key, self.control_key, *self.webhook_secrets)
        if not self.webhook_secrets or not all(secrets):
            raise SandboxRefusesToStart(
                "The sandbox needs an API key, a control key and at least one webhook secret; "
                f"set {_PREFIX}API_KEY, {_PREFIX}CONTROL_KEY and {_PREFIX}WEBHOOK_SECRETS."
            )


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read ``SUREHOLD_SANDBOX_…`` variables; webhook secrets are separated by commas.

    Raises:
        SandboxRefusesToStart: A variable cannot be read as its setting.
    """
    raw = {
        key.removeprefix(_PREFIX).lower(): value
        for key, value in environment.items()
        if key.startswith(_PREFIX)
    }
    values: dict[str, object] = {"api_key": "", "control_key": "", **raw}
    values["mode"] = raw.get("mode") or environment.get("SUREHOLD_MODE", "demo")
    values["webhook_secrets"] = tuple(
        secret.strip() for secret in raw.get("webhook_secrets", "").split(",") if secret.strip()
    )
    known = set(Settings.__struct_fields__)
    try:
        return msgspec.convert(
            {name: value for name, value in values.items() if name in known},
            Settings,
            strict=False,
        )
    except msgspec.ValidationError as error:
        raise SandboxRefusesToStart(f"A {_PREFIX}… variable is not usable: {error}") from error
