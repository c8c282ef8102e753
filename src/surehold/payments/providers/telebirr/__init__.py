"""Telebirr: signed envelopes, a token of an hour, a page with telephone and PIN.

Everything is known by our own order number. A request is a few fields in an envelope that is made
anew for every sending (time, number, signature), so that the fields stay the same bytes for ever.
A notification is signed field by field and is a hint; what the order is, is asked.

Source: docs/providers/telebirr.md.
"""

from __future__ import annotations

from typing import Final

from surehold.config import Config
from surehold.payments.providers.account import ProviderKind, open_account
from surehold.payments.providers.telebirr.adapter import Telebirr
from surehold.payments.providers.telebirr.settings import EVENTS, Merchant, TelebirrSettings


def _open(config: Config) -> Telebirr | None:
    settings = TelebirrSettings()
    account = open_account(Telebirr.name, settings, config)
    if account is None:
        return None
    return Telebirr(account, settings.to_merchant(), client=settings.open_client())


KIND: Final = ProviderKind(Telebirr.name, _open, TelebirrSettings, EVENTS)

__all__ = ["KIND", "Merchant", "Telebirr", "TelebirrSettings"]
