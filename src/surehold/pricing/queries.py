"""What other rooms may read of quotes."""

from __future__ import annotations

from collections.abc import Sequence

from surehold.db import Connection
from surehold.kernel.ids import QuoteId
from surehold.pricing import sql
from surehold.pricing.model import Quote


async def find_quotes(connection: Connection, *, ids: Sequence[QuoteId]) -> dict[QuoteId, Quote]:
    """The quotes among these that still hold."""
    return {row.id: row.quote for row in await connection.all(sql.FIND_QUOTES, list(ids))}
