"""Drafts in the placing lane. A batch without any asks nothing, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from surehold.checkout.model import Placement
from surehold.checkout.rules import DraftGone
from surehold.db import Transaction
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import NoteId, new_id
from surehold.orders import commands as orders
from surehold.orders.drafts import commands as drafts
from surehold.orders.drafts.errors import DraftOrderPlaced
from surehold.orders.drafts.model import DraftPlaced
from surehold.orders.model import Order, OrderNote


async def write(tx: Transaction, placed: Sequence[DraftPlaced], *, now: datetime) -> None:
    """Say of drafts which order they became, and of the orders what staff had set.

    After the orders, which the drafts name, and before the stock, so that two batches lock in one
    order.

    Raises:
        ChangedMeanwhile: Not all of them are as they were read.
    """
    if not placed:
        return
    await drafts.place_drafts(tx, placed=placed, now=now)
    await orders.insert_notes(
        tx,
        notes=[
            OrderNote(
                id=NoteId(new_id()),
                order_id=row.order_id,
                text=row.draft.note,
                is_visible=False,
                actor=row.draft.written_by,
                written_at=now,
            )
            for row in placed
        ],
    )


async def find_refusals(
    tx: Transaction, placements: Sequence[tuple[int, Placement]]
) -> dict[int, DomainError]:
    """Lock the drafts of these placements; by place, why one of them cannot be carried out."""
    wanted = {index: row.draft for index, row in placements if row.draft is not None}
    refusals = await drafts.find_refusals(tx, wanted=wanted.values())
    return {index: refusals[draft] for index, draft in wanted.items() if draft in refusals}


def placed_before(
    gone: DraftGone, placed: Sequence[DraftPlaced], batch: Sequence[Order]
) -> DraftOrderPlaced:
    """What the second request for a draft is told within one batch: the first one's order."""
    [order_id] = [row.order_id for row in placed if row.draft.id == gone.draft_id]
    [number] = [order.number for order in batch if order.id == order_id]
    return DraftOrderPlaced("This draft is an order already.", order_number=number)
