"""Adjustments: units that staff add or take off, with a reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from surehold.db import Database, Transaction
from surehold.inventory import rules
from surehold.inventory.commands.moving import change_thresholds, lock_shelves, move
from surehold.inventory.commands.places import find_codes
from surehold.inventory.errors import UnitsPromised, VariantNotStocked
from surehold.inventory.model import AdjustmentReason, Move
from surehold.inventory.sql import LIST_LEVELS_OF, LevelRow
from surehold.kernel.ids import VariantId
from surehold.kernel.permissions import Permission, require


class Adjustment(msgspec.Struct, frozen=True):
    """Units to add (or, negative, to take off) at one location, and from how few on it is low."""

    variant_id: VariantId
    location: str
    delta: int = 0
    reason: AdjustmentReason = AdjustmentReason.CORRECTION
    note: str = ""
    low_stock_threshold: int | None = None


#: Writes down, in the transaction that adjusts, what came of it.
KeepLevels = Callable[[Transaction, tuple[LevelRow, ...]], Awaitable[None]]


async def adjust_stock(
    db: Database,
    *,
    adjustment: Adjustment,
    reference: str,
    actor: str,
    keep: KeepLevels | None = None,
) -> tuple[LevelRow, ...]:
    """Change what is on hand by a difference, so that two people never overwrite each other.

    Each call counts; ``keep`` comes before the commit, and when it raises, nothing has changed.
    Returns every level of the variant.

    Raises:
        LocationNotFound: No location has this code.
        VariantNotStocked: No stock is kept of the variant anywhere.
        UnitsPromised: Fewer units are free to leave; nothing was changed.
    """
    require(Permission.INVENTORY_WRITE)

    async def work(tx: Transaction) -> tuple[LevelRow, ...]:
        location_id = (await find_codes(tx, codes=[adjustment.location]))[adjustment.location]
        key = (adjustment.variant_id, location_id)
        if not await tx.all(LIST_LEVELS_OF, [adjustment.variant_id]):
            raise VariantNotStocked("No stock is kept of this variant.")
        levels = await lock_shelves(tx, keys=[key])
        moves = [Move(*key, adjustment.delta)]
        promised = rules.find_promised(levels, moves)
        if promised:
            raise UnitsPromised(promised)
        await move(
            tx,
            moves=moves,
            reason=adjustment.reason.value,
            reference=reference,
            actor=actor,
            note=adjustment.note,
        )
        if adjustment.low_stock_threshold is not None:
            await change_thresholds(tx, thresholds={key: adjustment.low_stock_threshold})
        after = tuple(await tx.all(LIST_LEVELS_OF, [adjustment.variant_id]))
        if keep is not None:
            await keep(tx, after)
        return after

    return await db.retrying(work)
