"""Razorpay's own script in a page of the shop's: where it is from, and what it uses there."""

from __future__ import annotations

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.port import PageScript


def page_script(account: AccountConfig) -> PageScript:
    """What a page that opens its window needs; the same as in Razorpay's own shop modules."""
    return PageScript(
        address="https://checkout.razorpay.com/v1/checkout.js",
        scripts=("https://checkout.razorpay.com", "https://cdn.razorpay.com"),
        frames=("https://api.razorpay.com",),
        calls=account.page_origins(
            "https://lumberjack.razorpay.com", "https://lumberjack-metrics.razorpay.com"
        ),
        pictures=("https://cdn.razorpay.com",),
    )
