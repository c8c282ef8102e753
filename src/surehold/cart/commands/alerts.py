"""Who is to be told when a variant can be bought again. Nothing is held for them.

ask      ``ask_alert``: a row per variant and address
tell     ``tell_back_in_stock``: each row once, with the fact that a letter is written from
forget   once the letter is sent, when its reader wants no more, or after half a year
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final
from uuid import UUID

from surehold.cart.events import back_in_stock
from surehold.cart.sql import alerts
from surehold.db import Database, Transaction, clock
from surehold.jobs import outbox
from surehold.kernel.ids import VariantId, new_id

#: Variants that one address waits for, and addresses that wait for one variant. Of those who ask
#: in the same instant a few more may come in.
ALERTS_PER_ADDRESS: Final = 20
ALERTS_PER_VARIANT: Final = 10_000
ALERTS_KEPT_FOR: Final = timedelta(days=180)
_BATCH: Final = 200
_PRUNE_BATCH: Final = 1_000


def hash_alert_key(email_key: str) -> bytes:
    """What tells an address again, in a link as well: 32 bytes of its normal form."""
    return hashlib.sha256(email_key.encode()).digest()


async def ask_alert(
    db: Database, *, variant_id: VariantId, email: str, email_key: str, language: str
) -> None:
    """Tell an address once when a variant can be bought again. A second time changes nothing.

    What is not sold is waited for by nobody, and whoever waits for 20 others waits for no more;
    the answer is the same, so that nobody learns of an address.
    """
    async with db.connection() as connection:
        await connection.run(
            alerts.ASK,
            new_id(),
            variant_id,
            email,
            hash_alert_key(email_key),
            ALERTS_PER_ADDRESS,
            ALERTS_PER_VARIANT,
            language,
        )


async def tell_back_in_stock(db: Database) -> int:
    """Announce what can be bought again to some who wait for it; returns to how many.

    Any number of workers may do so at once: each of those who wait is announced once.
    """

    async def work(tx: Transaction) -> int:
        told: list[UUID] = []
        for variant in await tx.all(alerts.LIST_BACK):
            rows = await tx.all(alerts.TAKE_WAITING, variant.id, _BATCH - len(told))
            told.extend(row.id for row in rows)
            if len(told) >= _BATCH:
                break
        if told:
            events = [back_in_stock(alert_id) for alert_id in told]
            await outbox.record(tx, events, now=await clock.now(tx))
        return len(told)

    return await db.retrying(work)


async def forget_alert(db: Database, *, alert_id: UUID) -> None:
    """The letter is sent, or cannot be. Twice changes nothing."""
    async with db.connection() as connection:
        await connection.run(alerts.FORGET, alert_id)


async def stop_alerts(db: Database, *, email_hash: bytes) -> None:
    """Tell an address of nothing that it waits for. Twice changes nothing."""
    async with db.connection() as connection:
        await connection.run(alerts.STOP, email_hash)


async def prune_alerts(tx: Transaction) -> int:
    """Forget who has waited for half a year, a thousand at a time; returns how many went."""
    return await tx.run(alerts.PRUNE, ALERTS_KEPT_FOR, _PRUNE_BATCH)
