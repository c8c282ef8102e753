"""Stripe's own script in a page of the shop's: where it is from, and what it uses there."""

from __future__ import annotations

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.port import PageScript


def page_script(account: AccountConfig) -> PageScript:
    """What a page with the payment element needs. Stripe asks that no copy of it is served."""
    return PageScript(
        address="https://js.stripe.com/v3/",
        scripts=("https://js.stripe.com", "https://*.js.stripe.com"),
        frames=(
            "https://js.stripe.com",
            "https://*.js.stripe.com",
            "https://hooks.stripe.com",
        ),
        calls=account.page_origins("https://api.stripe.com"),
        pictures=("https://*.stripe.com",),
    )
