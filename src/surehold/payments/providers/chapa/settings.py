"""The settings of a Chapa account, and what to register there."""

from __future__ import annotations

from typing import Final

from pydantic_settings import SettingsConfigDict

from surehold.payments.providers.account import AccountMode, ProviderSettings

EVENTS: Final = ("charge.success", "charge.failed/cancelled", "charge.refunded", "charge.reversed")


class ChapaSettings(ProviderSettings):
    """``SUREHOLD_CHAPA_…``."""

    model_config = SettingsConfigDict(
        env_prefix="SUREHOLD_CHAPA_", env_file=".env", extra="ignore", frozen=True
    )
    default_url = "https://api.chapa.co/v1"
    key_prefixes = {  # noqa: RUF012 - a class variable of the base; pydantic copies nothing of it
        AccountMode.TEST: ("CHASECK_TEST-",),
        AccountMode.LIVE: ("CHASECK-",),
    }
