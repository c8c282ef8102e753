"""Chapa: decimal major units as text, our ``tx_ref`` as the only handle, webhooks that are hints.

Chapa gives a new payment no id, names no amount until it is paid, signs no time, and numbers no
events. So a payment is known by our reference, an unpaid one says nothing of money, and a webhook
is worth nothing but a look: ``verify`` decides.

Source: docs/providers/chapa.md.
"""

from __future__ import annotations

from typing import Final

from surehold.config import Config
from surehold.payments.providers.account import ProviderKind, open_account
from surehold.payments.providers.chapa.adapter import Chapa
from surehold.payments.providers.chapa.settings import EVENTS, ChapaSettings
from surehold.payments.providers.chapa.wire import AMOUNTS


def _open(config: Config) -> Chapa | None:
    account = open_account(Chapa.name, ChapaSettings(), config)
    return None if account is None else Chapa(account)


KIND: Final = ProviderKind(Chapa.name, _open, ChapaSettings, EVENTS)

__all__ = ["AMOUNTS", "KIND", "Chapa", "ChapaSettings"]
