"""Statements of the pricing room."""

from __future__ import annotations

from typing import Final

from surehold.db import command, query
from surehold.pricing.model import SavedQuote

INSERT_QUOTE: Final = query(
    """
    /* pricing.insert_quote */
    WITH clock AS (
        SELECT store_now() AS now
    )
    INSERT INTO quotes (id, currency, total_minor, content, created_at, expires_at)
    SELECT $1, $2, $3, $4, now, now + $5::interval FROM clock
    RETURNING id, content AS quote, expires_at
    """,
    SavedQuote,
)

FIND_QUOTES: Final = query(
    """
    /* pricing.find_quotes */
    SELECT id, content AS quote, expires_at
      FROM quotes
     WHERE id = ANY($1::uuid[])
       AND expires_at > store_now()
    """,
    SavedQuote,
)

PRUNE_QUOTES: Final = command(
    """
    /* pricing.prune_quotes */
    DELETE FROM quotes
     WHERE expires_at < store_now() - interval '1 day'
    """
)
