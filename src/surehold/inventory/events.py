"""Facts that the inventory room announces."""

from __future__ import annotations

from datetime import date

from surehold.inventory.sql.alerting import LowRow
from surehold.inventory.sql.waiting import MovedRow, ToldRow
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


def backorder_ready(row: ToldRow) -> Event:
    """All units of an order line that its buyer waited for are there."""
    return Event(
        "backorder.ready",
        row.order_id,
        {
            "order_line_id": str(row.order_line_id),
            "sku": row.sku,
            "quantity": row.quantity,
            "kind": row.kind.value,
        },
    )


def backorder_date_changed(row: MovedRow, promised_on: date | None) -> Event:
    """Units that a buyer waits for are promised for another day, or for no day any more."""
    return Event(
        "backorder.date_changed",
        row.order_id,
        {
            "order_line_id": str(row.order_line_id),
            "sku": row.sku,
            "waiting_quantity": row.waiting,
            "from": None if row.was is None else row.was.isoformat(),
            "to": None if promised_on is None else promised_on.isoformat(),
        },
    )
