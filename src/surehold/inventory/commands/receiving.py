"""Units that enter: a variant's first stock, and deliveries."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from surehold.db import Database, Transaction
from surehold.inventory import rules, sql
from surehold.inventory.commands.taking import lock_stock
from surehold.inventory.errors import VariantNotStocked
from surehold.inventory.sql import receiving
from surehold.kernel.ids import LocationId, VariantId, new_id


class Opening(msgspec.Struct, frozen=True):
    """Opening stock of one variant at one place."""

    variant_id: VariantId
    location_id: LocationId
    on_hand: int
    low_stock_threshold: int


async def open_stock(
    tx: Transaction, *, openings: Sequence[Opening], reference: str, actor: str
) -> None:
    """Begin keeping stock, each level with the movement that explains it."""
    await tx.run(
        sql.INSERT_STOCK,
        [row.variant_id for row in openings],
        [row.location_id for row in openings],
        [row.on_hand for row in openings],
        [row.low_stock_threshold for row in openings],
        [new_id() for _ in openings],
        reference,
        actor,
    )


class Arrival(msgspec.Struct, frozen=True):
    """Units of one variant that came to one place."""

    variant_id: VariantId
    location_id: LocationId
    quantity: int


async def receive_stock(
    db: Database, *, arrivals: Sequence[Arrival], reference: str, actor: str
) -> int:
    """Add units that arrived, each level with the movement that explains it; returns how many.

    A reference counts once per level: receiving it again, with whatever units, adds none.

    Raises:
        InvalidInput: A quantity is not from 1 to 1,000,000.
        VariantNotStocked: No stock is kept of a variant at its place; nothing was added.
    """
    rules.check_arriving(arrival.quantity for arrival in arrivals)
    units: dict[tuple[VariantId, LocationId], int] = {}
    for arrival in arrivals:
        key = (arrival.variant_id, arrival.location_id)
        units[key] = units.get(key, 0) + arrival.quantity

    async def work(tx: Transaction) -> int:
        levels, _ = await lock_stock(tx, variant_ids={variant_id for variant_id, _ in units})
        kept = {(level.variant_id, level.location_id) for row in levels.values() for level in row}
        missing = sorted({str(variant_id) for variant_id, _ in units.keys() - kept})
        if missing:
            raise VariantNotStocked(
                "No stock is kept of this variant at this place.", variant_ids=missing
            )
        # Whoever received the same reference held these locks, so the statement sees its movement.
        added = await tx.all(
            receiving.RECEIVE_STOCK,
            [key[0] for key in units],
            [key[1] for key in units],
            list(units.values()),
            [new_id() for _ in units],
            reference,
            actor,
        )
        return sum(row.quantity for row in added)

    return await db.retrying(work)


class TakenBack(msgspec.Struct, frozen=True):
    """Units that a buyer sent back and that go on the shelf; the reference counts once."""

    variant_id: VariantId
    location_id: LocationId
    quantity: int
    reference: str
    actor: str


async def take_back(tx: Transaction, *, units: Sequence[TakenBack]) -> int:
    """Put units on the shelf that buyers sent back, each with the movement that explains it.

    The caller holds the locks of the stock rows. A reference that was taken back before adds none;
    returns how many units were added.
    """
    if not units:
        return 0
    added = await tx.all(
        receiving.TAKE_BACK,
        [row.variant_id for row in units],
        [row.location_id for row in units],
        [row.quantity for row in units],
        [new_id() for _ in units],
        [row.reference for row in units],
        [row.actor for row in units],
    )
    return sum(row.quantity for row in added)
