"""Quotes that are promised for a time."""

from __future__ import annotations

from datetime import timedelta

from surehold.db import Transaction
from surehold.kernel.ids import QuoteId, new_id
from surehold.pricing import sql
from surehold.pricing.model import Quote, SavedQuote


async def save_quote(tx: Transaction, *, quote: Quote, ttl: timedelta) -> SavedQuote:
    """Promise these prices until a time from now, whatever the catalog does meanwhile."""
    return await tx.one(
        sql.INSERT_QUOTE, QuoteId(new_id()), quote.currency, quote.total_minor, quote, ttl
    )


async def prune_quotes(tx: Transaction) -> int:
    """Forget quotes that ended a day ago; returns how many."""
    return await tx.run(sql.PRUNE_QUOTES)
