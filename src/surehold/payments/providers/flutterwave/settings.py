"""The settings of a Flutterwave account, and what to register there."""

from __future__ import annotations

from typing import Final, Literal

from pydantic_settings import SettingsConfigDict

from surehold.payments.providers.account import AccountMode, ProviderSettings

Proof = Literal["hash", "signature"]

KEYS: Final = {
    AccountMode.TEST: ("FLWSECK_TEST-",),
    AccountMode.LIVE: ("FLWSECK-",),
}

EVENTS: Final = ("charge.completed",)


class FlutterwaveSettings(ProviderSettings):
    """``SUREHOLD_FLUTTERWAVE_…``. ``webhook_proof``: which header the account's webhooks have.

    ``hash`` is a word that proves nothing about the body; ``signature`` is over the body.
    """

    model_config = SettingsConfigDict(
        env_prefix="SUREHOLD_FLUTTERWAVE_", env_file=".env", extra="ignore", frozen=True
    )
    default_url = "https://api.flutterwave.com/v3"
    key_prefixes = KEYS

    webhook_proof: Proof = "hash"

    def show(self, mask: str) -> list[tuple[str, str]]:
        """As for every provider, and how webhooks are proven."""
        return [*super().show(mask), ("webhook_proof", self.webhook_proof)]
