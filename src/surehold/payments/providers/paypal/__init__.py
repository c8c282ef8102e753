"""PayPal: orders that a buyer approves and we take, decimal text, webhooks with a certificate.

An approved order is not paid: nothing moves until we capture it. So looking at an order takes it
first if the buyer has approved it; a buyer who closes the window after approving has paid all the
same, as soon as the webhook, the return or the sweeper makes us look.

Source: docs/providers/paypal.md; PayPal's own API specifications (orders 2.13, payments 2.5,
disputes 1.10, webhooks 1.11).
"""

from __future__ import annotations

from typing import Final

from surehold.config import Config
from surehold.payments.providers.account import ProviderKind, open_account
from surehold.payments.providers.paypal.adapter import PayPal
from surehold.payments.providers.paypal.settings import EVENTS, PayPalSettings


def _open(config: Config) -> PayPal | None:
    settings = PayPalSettings()
    account = open_account(PayPal.name, settings, config)
    return None if account is None else PayPal(account, pinned=settings.list_pinned())


KIND: Final = ProviderKind(PayPal.name, _open, PayPalSettings, EVENTS)

__all__ = ["KIND", "PayPal", "PayPalSettings"]
