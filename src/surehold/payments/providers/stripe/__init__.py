"""Stripe: form-encoded requests with an idempotency key, whole minor units, timed signatures.

The buyer pays on Stripe's own page (a Checkout Session, ``cs_…``), or in a script of the shop's
own front end (a PaymentIntent, ``pi_…``). A session has an intent only once somebody pays: until
then we know the payment by the session, from then on by the intent, which is what refunds,
disputes and most events name.

Source: docs/providers/stripe.md; the ``stripe`` 16.1.0 package, whose API version is pinned here.
"""

from __future__ import annotations

from typing import Final

from surehold.config import Config
from surehold.payments.providers.account import ProviderKind, open_account
from surehold.payments.providers.stripe.adapter import Stripe
from surehold.payments.providers.stripe.settings import EVENTS, StripeSettings


def _open(config: Config) -> Stripe | None:
    settings = StripeSettings()
    account = open_account(Stripe.name, settings, config)
    return None if account is None else Stripe(account, page=settings.page)


KIND: Final = ProviderKind(Stripe.name, _open, StripeSettings, EVENTS)

__all__ = ["KIND", "Stripe", "StripeSettings"]
