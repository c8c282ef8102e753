"""The settings of a Razorpay account, and what to register there."""

from __future__ import annotations

from typing import Final, Literal

from pydantic_settings import SettingsConfigDict

from surehold.config import Mode
from surehold.payments.providers.account import AccountMode, ProviderSettings

Page = Literal["hosted", "script"]

EVENTS: Final = (
    "payment.authorized",
    "payment.captured",
    "payment.failed",
    "order.paid",
    "refund.created",
    "refund.processed",
    "refund.failed",
    "refund.speed_changed",
    "payment.dispute.created",
    "payment.dispute.under_review",
    "payment.dispute.action_required",
    "payment.dispute.won",
    "payment.dispute.lost",
    "payment.dispute.closed",
)


class RazorpaySettings(ProviderSettings):
    """``SUREHOLD_RAZORPAY_…``: the key id is the public key, the key secret the secret one.

    ``page``: Razorpay's own page, or its script in the shop's front end.
    """

    model_config = SettingsConfigDict(
        env_prefix="SUREHOLD_RAZORPAY_", env_file=".env", extra="ignore", frozen=True
    )
    default_url = "https://api.razorpay.com/v1"
    #: The secret says nothing of its mode; the key id does.
    key_prefixes = {  # noqa: RUF012 - a class variable of the base; pydantic copies nothing of it
        AccountMode.TEST: ("",),
        AccountMode.LIVE: ("",),
    }

    page: Page = "hosted"

    def list_faults(self, installation: Mode) -> list[str]:
        """As for every provider; the mode is read off the key id."""
        faults = super().list_faults(installation)
        if not self.public_key.startswith(f"rzp_{self.mode.value}_"):
            faults.append(
                f"{self.name_of('public_key')} is no {self.mode.value} key id: those begin with "
                f"rzp_{self.mode.value}_"
            )
        return faults
