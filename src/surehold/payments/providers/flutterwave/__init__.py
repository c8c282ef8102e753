"""Flutterwave v3: decimal major units, our ``tx_ref`` as the handle, webhooks that prove nothing.

A page has no transaction until somebody tries to pay there, so a payment is known by our
reference. A webhook comes with a word that both sides know and that is the same on all of them;
``charge.completed`` is sent for failures, too. So a webhook is worth nothing but a look: the
transaction decides, by its reference, its amount and its currency.

Nothing here has a key. A page that is asked for again is another page to the same payment; a
refund is looked for before it is asked for, and what cannot be told apart is left to a person.

Source: docs/providers/flutterwave.md.
"""

from __future__ import annotations

from typing import Final

from surehold.config import Config
from surehold.payments.providers.account import ProviderKind, open_account
from surehold.payments.providers.flutterwave.adapter import Flutterwave
from surehold.payments.providers.flutterwave.settings import EVENTS, FlutterwaveSettings


def _open(config: Config) -> Flutterwave | None:
    settings = FlutterwaveSettings()
    account = open_account(Flutterwave.name, settings, config)
    if account is None:
        return None
    return Flutterwave(account, webhook_proof=settings.webhook_proof)


KIND: Final = ProviderKind(Flutterwave.name, _open, FlutterwaveSettings, EVENTS)

__all__ = ["KIND", "Flutterwave", "FlutterwaveSettings"]
