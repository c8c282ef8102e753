"""The settings of a Stripe account, and what to register there."""

from __future__ import annotations

from typing import Final, Literal

from pydantic_settings import SettingsConfigDict

from surehold.config import Mode
from surehold.payments.providers.account import AccountMode, ProviderSettings

Page = Literal["hosted", "element"]

EVENTS: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)


class StripeSettings(ProviderSettings):
    """``SUREHOLD_STRIPE_…``. ``page``: Stripe's own page, or a script of the shop's front end."""

    model_config = SettingsConfigDict(
        env_prefix="SUREHOLD_STRIPE_", env_file=".env", extra="ignore", frozen=True
    )
    default_url = "https://api.stripe.com"
    key_prefixes = {  # noqa: RUF012 - a class variable of the base; pydantic copies nothing of it
        AccountMode.TEST: ("sk_test_", "rk_test_"),
        AccountMode.LIVE: ("sk_live_", "rk_live_"),
    }
    webhook_prefix = "whsec_"

    page: Page = "hosted"

    def list_faults(self, installation: Mode) -> list[str]:
        """As for every provider; a script of the shop's own needs the public key as well."""
        faults = super().list_faults(installation)
        if self.page == "element" and not self.public_key.startswith(f"pk_{self.mode.value}_"):
            faults.append(f"{self.name_of('public_key')} is no {self.mode.value} key: pk_…")
        return faults
