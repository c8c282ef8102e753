"""What writes changes. Checkout decides; this writes, in checkout's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from surehold.db import Transaction
from surehold.orders.changes import sql
from surehold.orders.changes.model import OrderChange
from surehold.orders.commands import ConcurrentChange
from surehold.orders.model import OrderLine


async def insert_changes(
    tx: Transaction, *, changes: Sequence[OrderChange], now: datetime
) -> None:
    """Write new changes, as they begin; the database writes the first line of each history."""
    if not changes:
        return
    await tx.run(
        sql.INSERT_CHANGES,
        [row.id for row in changes],
        [row.order_id for row in changes],
        [row.state.value for row in changes],
        [row.content for row in changes],
        [row.given_up_minor for row in changes],
        [row.added_minor for row in changes],
        [row.is_sold for row in changes],
        [row.payment_id for row in changes],
        [row.cancellation_id for row in changes],
        [row.changed_by for row in changes],
        [row.change_reason for row in changes],
        now,
        [row.return_id for row in changes],
        [row.covered_minor for row in changes],
    )


async def update_changes(
    tx: Transaction, *, moves: Sequence[tuple[OrderChange, OrderChange]], now: datetime
) -> None:
    """Write a move of each of these changes, as (before, after).

    Raises:
        ConcurrentChange: One of them left the state that it was read in.
    """
    if not moves:
        return
    count = await tx.run(
        sql.UPDATE_CHANGES,
        [after.id for _, after in moves],
        [before.state.value for before, _ in moves],
        [after.state.value for _, after in moves],
        [after.cancellation_id for _, after in moves],
        [after.changed_by for _, after in moves],
        [after.change_reason for _, after in moves],
        now,
    )
    if count != len(moves):
        raise ConcurrentChange("a change moved under its order's lock")


async def insert_added_lines(tx: Transaction, *, lines: Sequence[OrderLine]) -> None:
    """Write the lines of applied changes. The changes are there already."""
    if not lines:
        return
    await tx.run(
        sql.INSERT_ADDED_LINES,
        [row.id for row in lines],
        [row.order_id for row in lines],
        [row.position for row in lines],
        [row.product_id for row in lines],
        [row.variant_id for row in lines],
        [row.vendor_id for row in lines],
        [row.sku for row in lines],
        [row.name for row in lines],
        # As text: a list of lists would be taken for an array of two dimensions.
        [msgspec.json.encode(row.options).decode() for row in lines],
        [row.image for row in lines],
        [row.quantity for row in lines],
        [row.unit_price_minor for row in lines],
        [row.total_minor for row in lines],
        [row.tax_rate for row in lines],
        [row.net_minor for row in lines],
        [row.tax_minor for row in lines],
        [row.gross_minor for row in lines],
        [row.change_id for row in lines],
    )
