"""Razorpay: an order of theirs for each payment of ours, and a proof that the browser brings.

A payment is known by Razorpay's order (``order_…``), which lives on through declined attempts; the
attempts (``pay_…``) are read with it. The buyer pays on Razorpay's page, which sends the browser
back by POST with a signature, or in ``checkout.js`` of a front end of your own. There is no way
to close an order or to let go of what is held: what is not captured in time goes back by itself.

Source: docs/providers/razorpay.md.
"""

from __future__ import annotations

from typing import Final

from surehold.config import Config
from surehold.payments.providers.account import ProviderKind, open_account
from surehold.payments.providers.razorpay.adapter import Razorpay
from surehold.payments.providers.razorpay.settings import EVENTS, RazorpaySettings


def _open(config: Config) -> Razorpay | None:
    settings = RazorpaySettings()
    account = open_account(Razorpay.name, settings, config)
    return None if account is None else Razorpay(account, page=settings.page)


KIND: Final = ProviderKind(Razorpay.name, _open, RazorpaySettings, EVENTS)

__all__ = ["KIND", "Razorpay", "RazorpaySettings"]
