"""Facts that the inventory room announces."""

from __future__ import annotations

from surehold.inventory.sql.alerting import LowRow
from surehold.jobs.outbox import Event


def stock_low(row: LowRow) -> Event:
    """A level came down to its threshold."""
    return Event(
        "stock.low",
        row.variant_id,
        {
            "sku": row.sku,
            "location": row.location,
            "available": row.available,
            "threshold": row.threshold,
        },
    )
