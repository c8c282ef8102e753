"""The one HTTP client for providers: no redirects, and never while a transaction is open."""

from __future__ import annotations

import httpx2

from surehold.db import is_transaction_open


class OpenTransaction(RuntimeError):
    """A provider was about to be called inside a transaction: a bug, so nothing is sent."""


async def _refuse_in_transaction(_: httpx2.Request) -> None:
    if is_transaction_open():
        raise OpenTransaction("commit before a provider is asked")


def provider_client() -> httpx2.AsyncClient:
    """A client for one provider; its adapter sets the time-outs of each call."""
    return httpx2.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        event_hooks={"request": [_refuse_in_transaction]},
    )
