"""Paystack: hundredths of everything, our reference as the key and the name of a payment.

A reference is used once; asking with it again is a conflict. Nobody can close a page that was
opened, failures are not told, and refunds have no keys: ours bears its reference in the note for
the merchant, and is looked for before it is asked for.

Source: docs/providers/paystack.md.
"""

from __future__ import annotations

from typing import Final

from surehold.config import Config
from surehold.payments.providers.account import ProviderKind, open_account
from surehold.payments.providers.paystack.adapter import Paystack
from surehold.payments.providers.paystack.settings import EVENTS, PaystackSettings


def _open(config: Config) -> Paystack | None:
    settings = PaystackSettings()
    account = open_account(Paystack.name, settings, config)
    if account is None:
        return None
    return Paystack(account, page=settings.page, channels=settings.channels)


KIND: Final = ProviderKind(Paystack.name, _open, PaystackSettings, EVENTS)

__all__ = ["KIND", "Paystack", "PaystackSettings"]
