"""Low stock is announced once per crossing."""

from __future__ import annotations

from surehold.db import Database, Transaction, clock
from surehold.inventory.events import stock_low
from surehold.inventory.sql import alerting
from surehold.jobs import outbox
from surehold.kernel.ids import new_id


async def raise_low_stock_alerts(db: Database, *, limit: int = 200) -> int:
    """Announce every level that is low and was not announced; returns how many.

    An alert ends when its level is above its threshold again, and the next crossing is announced
    anew. Two workers at once announce a crossing once: the unique index lets one of them.
    """

    async def work(tx: Transaction) -> int:
        await tx.run(alerting.END_ALERTS)
        low = await tx.all(alerting.LIST_UNTOLD, limit)
        ids = {new_id(): row for row in low}
        raised = await tx.all(
            alerting.RAISE_ALERTS,
            list(ids),
            [row.variant_id for row in low],
            [row.location_id for row in low],
            [row.available for row in low],
            [row.threshold for row in low],
        )
        events = [stock_low(ids[one.id]) for one in raised]
        await outbox.record(tx, events, now=await clock.now(tx))
        return len(events)

    return await db.retrying(work)
