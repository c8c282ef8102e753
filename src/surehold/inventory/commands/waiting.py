"""Units that are sold before they are there: on which terms, what was promised, who is told.

Who waits is nowhere written: it follows from what is on hand and from the order of placement, so
that arrivals, cancellations and expiries serve those who wait without another step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import msgspec

from surehold.db import Connection, Database, Transaction, clock
from surehold.inventory.commands.moving import lock_shelves
from surehold.inventory.commands.places import find_codes
from surehold.inventory.commands.taking import lock_stock
from surehold.inventory.errors import BackordersOwed, VariantNotStocked
from surehold.inventory.events import backorder_date_changed, backorder_ready
from surehold.inventory.model import (
    BackorderKind,
    BackorderPromise,
    BackorderTerms,
    Owed,
    StockLevel,
    WaitingUnits,
)
from surehold.inventory.sql import LIST_LEVELS_OF, waiting
from surehold.inventory.sql.waiting import TermsLevelRow
from surehold.jobs import outbox
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import LocationId, OrderId, VariantId
from surehold.kernel.permissions import Permission, require


class BackorderWish(msgspec.Struct, frozen=True):
    """How a variant is to be sold before it is there; without a kind it is not.

    ``limit`` is how many units each of its locations may owe; ``limits`` name locations by their
    codes, and the others may owe none.
    """

    kind: BackorderKind | None
    limit: int = 0
    limits: tuple[tuple[str, int], ...] = ()
    promised_on: date | None = None
    note: str = ""


class BackordersView(msgspec.Struct, frozen=True):
    """A variant's terms, if it is sold before it is there, and its levels."""

    terms: BackorderTerms | None
    levels: tuple[TermsLevelRow, ...]


async def set_backorders(
    db: Database, *, variant_id: VariantId, wish: BackorderWish, actor: str
) -> BackordersView:
    """Say whether, how many and until when a variant is sold before it is there.

    Another day is told to every buyer who waits for it. Twice the same changes nothing and tells
    nobody.

    Raises:
        LocationNotFound: No location has one of the codes.
        VariantNotStocked: No stock is kept of the variant anywhere.
        InvalidInput: The day has passed.
        BackordersOwed: More units are owed somewhere than could be from now on.
    """
    require(Permission.INVENTORY_WRITE)

    async def work(tx: Transaction) -> BackordersView:
        codes = await find_codes(tx, codes=[code for code, _ in wish.limits])
        if not await tx.all(LIST_LEVELS_OF, [variant_id]):
            raise VariantNotStocked("No stock is kept of this variant.")
        await lock_shelves(tx, keys=[(variant_id, place) for place in codes.values()])
        _, now = await lock_stock(tx, variant_ids=[variant_id])
        now = now or await clock.now(tx)
        if wish.promised_on is not None and wish.promised_on < now.date():
            raise InvalidInput((Fault("/promised_on", "in_the_past", "That day has passed."),))
        levels = await tx.all(waiting.LIST_TERMS_LEVELS, variant_id)
        limits = _limits(levels, wish, {codes[code]: units for code, units in wish.limits})
        owed = [row for row in levels if row.waiting > limits[row.location_id]]
        if owed:
            raise BackordersOwed(
                [Owed(row.location, limits[row.location_id], row.waiting) for row in owed]
            )
        await tx.run(waiting.CHANGE_LIMITS, variant_id, list(limits), list(limits.values()))
        if wish.kind is None:
            await tx.run(waiting.DELETE_TERMS, variant_id)
        else:
            await tx.run(
                waiting.SAVE_TERMS,
                variant_id,
                wish.kind.value,
                wish.promised_on,
                wish.note,
                actor,
            )
            moved = await tx.all(waiting.MOVE_PROMISES, variant_id, wish.promised_on)
            events = [backorder_date_changed(row, wish.promised_on) for row in moved]
            await outbox.record(tx, events, now=now)
        return await read_backorders(tx, variant_id=variant_id)

    return await db.retrying(work)


def _limits(
    levels: Sequence[TermsLevelRow], wish: BackorderWish, named: dict[LocationId, int]
) -> dict[LocationId, int]:
    """What each level may owe from now on."""
    if wish.kind is None:
        return dict.fromkeys((row.location_id for row in levels), 0)
    return {
        row.location_id: named.get(row.location_id, 0) if named else wish.limit for row in levels
    }


async def read_backorders(connection: Connection, *, variant_id: VariantId) -> BackordersView:
    """How a variant is sold before it is there, and how many units are owed.

    Raises:
        VariantNotStocked: No stock is kept of the variant anywhere.
    """
    levels = tuple(await connection.all(waiting.LIST_TERMS_LEVELS, variant_id))
    if not levels:
        raise VariantNotStocked("No stock is kept of this variant.")
    return BackordersView((await read_terms(connection, [variant_id])).get(variant_id), levels)


async def read_terms(
    connection: Connection, variant_ids: Iterable[VariantId]
) -> dict[VariantId, BackorderTerms]:
    """On which terms these variants are sold before they are there; of none, it costs no trip."""
    wanted = list(variant_ids)
    if not wanted:
        return {}
    return {row.variant_id: row for row in await connection.all(waiting.READ_TERMS, wanted)}


def list_backorderable(levels: Iterable[Iterable[StockLevel]]) -> list[VariantId]:
    """The variants among these of which more may be sold than is there. Pure."""
    rows = (row for of_variant in levels for row in of_variant)
    return list(dict.fromkeys(row.variant_id for row in rows if row.backorder_limit))


async def save_promises(
    tx: Transaction, *, promises: Sequence[BackorderPromise], now: datetime
) -> None:
    """Write down what was taken before it was there, with the terms of this moment.

    The caller holds the locks of the stock rows. A line that is promised again is promised anew.
    """
    if not promises:
        return
    await tx.run(
        waiting.SAVE_PROMISES,
        [row.order_line_id for row in promises],
        [row.order_id for row in promises],
        [row.variant_id for row in promises],
        [row.quantity for row in promises],
        now,
    )


async def list_waiting(
    connection: Connection, *, order_ids: Iterable[OrderId]
) -> tuple[WaitingUnits, ...]:
    """What these orders wait for. Under the locks of the stock rows it stays so."""
    return tuple(await connection.all(waiting.LIST_WAITING, list(order_ids)))


async def tell_backorders(db: Database, *, limit: int = 200) -> int:
    """Tell every buyer, once, whose units are all there; returns how many promises ended.

    A promise of which nothing is left ends as well, and nobody is told. Two workers at once tell
    each buyer once: a promise ends by a guarded update.
    """

    async def work(tx: Transaction) -> int:
        settled = await tx.all(waiting.LIST_SETTLED_PROMISES, limit)
        if not settled:
            return 0
        ended = await tx.all(
            waiting.END_PROMISES,
            [row.order_line_id for row in settled],
            [row.created_at for row in settled],
            [row.is_owned for row in settled],
        )
        events = [backorder_ready(row) for row in ended if row.is_owned]
        await outbox.record(tx, events, now=await clock.now(tx))
        return len(ended)

    return await db.retrying(work)
