"""Everything that writes disputes; the settlement lane calls it inside its transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from surehold.db import Transaction
from surehold.kernel.ids import DisputeId
from surehold.payments.disputes import sql
from surehold.payments.disputes.model import Dispute, DisputeEvent


async def save_disputes(
    tx: Transaction,
    *,
    disputes: Sequence[Dispute],
    events: Sequence[DisputeEvent],
    now: datetime,
) -> None:
    """Write disputes as they are now, and what happened to them. None cost no trip.

    Raises:
        asyncpg.UniqueViolationError: The provider's dispute is another row already, or somebody
            wrote the same place of a history: the lock of the order was not held.
    """
    if not disputes:
        return
    await tx.run(
        sql.SAVE,
        [row.id for row in disputes],
        [row.payment_id for row in disputes],
        [row.order_id for row in disputes],
        [row.provider for row in disputes],
        [row.account for row in disputes],
        [row.provider_dispute_id for row in disputes],
        [row.stage.value for row in disputes],
        [row.state.value for row in disputes],
        [row.currency for row in disputes],
        [row.amount_minor for row in disputes],
        [row.away_minor for row in disputes],
        [row.lost_minor for row in disputes],
        [row.unearned_minor for row in disputes],
        [row.fee_minor for row in disputes],
        [row.reason for row in disputes],
        [row.respond_by for row in disputes],
        [row.answer_state.value for row in disputes],
        [row.answer for row in disputes],
        [row.is_accepted for row in disputes],
        [row.answered_by for row in disputes],
        [row.answered_at for row in disputes],
        [row.answer_count for row in disputes],
        [row.version for row in disputes],
        now,
        [row.opened_at for row in disputes],
    )
    await tx.run(
        sql.INSERT_EVENTS,
        [row.id for row in events],
        [row.dispute_id for row in events],
        [row.seq for row in events],
        [row.from_state.value if row.from_state else None for row in events],
        [row.to_state.value for row in events],
        [row.stage.value for row in events],
        [row.amount_minor for row in events],
        [row.reason for row in events],
        [row.actor for row in events],
        now,
    )


async def lock_reported(tx: Transaction, *, row_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Lock the payments of disputes whose fees these rows of a report name.

    Returns the rows whose fees are booked: people wrote them down with their disputes.
    """
    await tx.all(sql.LOCK_DISPUTED, list(row_ids))
    return frozenset(row.id for row in await tx.all(sql.LIST_BOOKED_FEES, list(row_ids)))


def answer_key(dispute_id: DisputeId, count: int) -> str:
    """The idempotency key of what the store says to a dispute at its provider."""
    return f"dispute-{dispute_id}-{count}"
