"""The settings of a Paystack account, and what to register there."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from surehold.config import Mode
from surehold.payments.providers.account import AccountMode, ProviderSettings

Page = Literal["hosted", "popup"]

EVENTS: Final = (
    "charge.success",
    "refund.pending",
    "refund.processing",
    "refund.processed",
    "refund.failed",
    "refund.needs-attention",
    "charge.dispute.create",
    "charge.dispute.remind",
    "charge.dispute.resolve",
)


class PaystackSettings(ProviderSettings):
    """``SUREHOLD_PAYSTACK_…``. The secret key signs webhooks, too; earlier keys may be added.

    ``page``: Paystack's own page, or its pop-up in the shop's front end. ``channels``: how buyers
    may pay; empty: as the account says.
    """

    model_config = SettingsConfigDict(
        env_prefix="SUREHOLD_PAYSTACK_", env_file=".env", extra="ignore", frozen=True
    )
    default_url = "https://api.paystack.co"
    key_prefixes = {  # noqa: RUF012 - a class variable of the base; pydantic copies nothing of it
        AccountMode.TEST: ("sk_test_",),
        AccountMode.LIVE: ("sk_live_",),
    }

    page: Page = "hosted"
    channels: tuple[Annotated[str, Field(pattern=r"^[a-z_]{2,30}$")], ...] = ()

    @property
    def live_secrets(self) -> dict[str, SecretStr]:
        """The key itself, and those that it replaced."""
        return {"secret_key": self.secret_key, **self.webhook_secrets}

    def list_faults(self, installation: Mode) -> list[str]:
        """As for every provider; a pop-up needs the public key as well."""
        faults = super().list_faults(installation)
        if self.page == "popup" and not self.public_key.startswith(f"pk_{self.mode.value}_"):
            faults.append(f"{self.name_of('public_key')} is no {self.mode.value} key: pk_…")
        return faults
