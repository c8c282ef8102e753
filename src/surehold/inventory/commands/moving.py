"""Units that enter and leave shelves, each with the movement that explains it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from surehold.db import Transaction
from surehold.inventory.commands.taking import StockView, lock_stock
from surehold.inventory.model import Move
from surehold.inventory.sql import moving
from surehold.kernel.ids import LocationId, VariantId, new_id


async def lock_shelves(
    tx: Transaction, *, keys: Iterable[tuple[VariantId, LocationId]]
) -> StockView:
    """Lock the levels of these variants, in key order; levels that are not kept yet begin at 0."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    await tx.run(moving.OPEN_LEVELS, [key[0] for key in wanted], [key[1] for key in wanted])
    levels, _ = await lock_stock(tx, variant_ids={key[0] for key in wanted})
    return levels


async def move(
    tx: Transaction,
    *,
    moves: Sequence[Move],
    reason: str,
    reference: str,
    actor: str,
    note: str = "",
) -> None:
    """Change what is on hand, under the locks of ``lock_shelves``. Nothing to move moves nothing.

    The caller has made sure that nothing leaves which is promised; the database refuses it, too.
    """
    kept = [row for row in moves if row.delta]
    if not kept:
        return
    count = await tx.run(
        moving.MOVE_STOCK,
        [row.variant_id for row in kept],
        [row.location_id for row in kept],
        [row.delta for row in kept],
        [new_id() for _ in kept],
        reason,
        reference,
        actor,
        note,
    )
    if count != len(kept):
        raise RuntimeError("units moved where no stock is kept")


async def change_thresholds(
    tx: Transaction, *, thresholds: Mapping[tuple[VariantId, LocationId], int]
) -> None:
    """Set from how few units on a level is low."""
    if thresholds:
        await tx.run(
            moving.CHANGE_THRESHOLDS,
            [key[0] for key in thresholds],
            [key[1] for key in thresholds],
            list(thresholds.values()),
        )
