"""Stock counts: what is on the shelf is counted, compared, and applied once.

A line remembers what was on hand when it was counted. Applying adds the difference, so what was
shipped or received between counting and applying is not undone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from surehold.db import Connection, Database, Transaction
from surehold.inventory import rules
from surehold.inventory.commands.moving import lock_shelves, move
from surehold.inventory.commands.places import find_codes
from surehold.inventory.errors import (
    CountEnded,
    CountNotFound,
    UnitsPromised,
    VariantNotStocked,
)
from surehold.inventory.model import CountLine, CountState, Move, StockCount
from surehold.inventory.sql import counting
from surehold.inventory.states import COUNT, CountEvent
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import CountId, VariantId, new_id
from surehold.kernel.permissions import Permission, require


class CountView(msgspec.Struct, frozen=True):
    """A stock count with its lines, by stock code."""

    count: StockCount
    lines: tuple[CountLine, ...]


#: Writes down, in the transaction that makes it, what a count is.
KeepCount = Callable[[Transaction, CountView], Awaitable[None]]


async def start_count(
    db: Database,
    *,
    location: str,
    variant_ids: Sequence[VariantId] | None,
    note: str,
    actor: str,
    keep: KeepCount | None = None,
) -> CountView:
    """Begin to count these variants at a location; ``None`` is everything that it keeps.

    Raises:
        LocationNotFound: No location has this code.
        VariantNotStocked: The location keeps none of one of the variants, or nothing at all.
    """
    require(Permission.INVENTORY_WRITE)
    async with db.transaction() as tx:
        location_id = (await find_codes(tx, codes=[location]))[location]
        count_id = CountId(new_id())
        await tx.run(counting.INSERT_COUNT, count_id, location_id, note, actor)
        wanted = None if variant_ids is None else list(variant_ids)
        await tx.run(counting.INSERT_COUNT_LINES, count_id, location_id, wanted)
        view = await read_count(tx, count_id=count_id)
        found = {line.variant_id for line in view.lines}
        missing = sorted(str(one) for one in set(wanted or ()) - found)
        if missing or not found:
            raise VariantNotStocked("The location does not keep it.", variant_ids=missing)
        if keep is not None:
            await keep(tx, view)
        return view


async def record_counted(
    db: Database, *, count_id: CountId, counted: Sequence[tuple[VariantId, int]], actor: str
) -> CountView:
    """Write down what was counted; counting a line again replaces what was counted before.

    Raises:
        CountNotFound: There is none with this id.
        CountEnded: It was applied or canceled.
        InvalidInput: A variant is not part of the count, or comes twice.
    """
    require(Permission.INVENTORY_WRITE)

    async def work(tx: Transaction) -> CountView:
        before = await _lock(tx, count_id)
        _check(before.count, CountEvent.APPLY)
        _check_counted(before.lines, counted)
        await tx.run(
            counting.RECORD_COUNTED,
            count_id,
            [variant_id for variant_id, _ in counted],
            [units for _, units in counted],
            actor,
        )
        return await read_count(tx, count_id=count_id)

    return await db.retrying(work)


async def apply_count(db: Database, *, count_id: CountId, actor: str) -> CountView:
    """Add the differences to what is on hand; what nobody counted stays. Once: again is nothing.

    Raises:
        CountNotFound: There is none with this id.
        CountEnded: It was canceled.
        UnitsPromised: Units are missing that buyers hold or own; nothing was changed.
    """
    require(Permission.INVENTORY_WRITE)

    async def work(tx: Transaction) -> CountView:
        before = await _lock(tx, count_id)
        if before.count.state is CountState.APPLIED:
            return before
        _check(before.count, CountEvent.APPLY)
        place = before.count.location_id
        moves = [
            Move(line.variant_id, place, line.difference)
            for line in before.lines
            if line.difference
        ]
        levels = await lock_shelves(tx, keys=[(row.variant_id, place) for row in moves])
        promised = rules.find_promised(levels, moves)
        if promised:
            raise UnitsPromised(promised)
        await tx.run(counting.END_COUNT, count_id, CountState.APPLIED.value, actor)
        await move(tx, moves=moves, reason="count", reference=str(count_id), actor=actor)
        return await read_count(tx, count_id=count_id)

    return await db.retrying(work)


async def cancel_count(db: Database, *, count_id: CountId, actor: str) -> CountView:
    """Give a count up; no unit moves. Canceling twice changes nothing.

    Raises:
        CountNotFound: There is none with this id.
        CountEnded: It was applied.
    """
    require(Permission.INVENTORY_WRITE)

    async def work(tx: Transaction) -> CountView:
        before = await _lock(tx, count_id)
        if before.count.state is CountState.CANCELED:
            return before
        _check(before.count, CountEvent.CANCEL)
        await tx.run(counting.END_COUNT, count_id, CountState.CANCELED.value, actor)
        return await read_count(tx, count_id=count_id)

    return await db.retrying(work)


async def read_count(connection: Connection, *, count_id: CountId) -> CountView:
    """One stock count with its lines: what applying it would change.

    Raises:
        CountNotFound: There is none with this id.
    """
    found = await connection.find(counting.FIND_COUNT, count_id)
    if found is None:
        raise CountNotFound("There is no stock count with this id.")
    return CountView(found, tuple(await connection.all(counting.LIST_COUNT_LINES, count_id)))


async def _lock(tx: Transaction, count_id: CountId) -> CountView:
    found = await tx.find(counting.LOCK_COUNT, count_id)
    if found is None:
        raise CountNotFound("There is no stock count with this id.")
    return CountView(found, tuple(await tx.all(counting.LIST_COUNT_LINES, count_id)))


def _check(count: StockCount, event: CountEvent) -> None:
    if COUNT.find_next(count.state, event) is None:
        raise CountEnded(f"The stock count is {count.state.value}.", state=count.state.value)


def _check_counted(lines: Sequence[CountLine], counted: Sequence[tuple[VariantId, int]]) -> None:
    known = {line.variant_id for line in lines}
    seen: set[VariantId] = set()
    faults = []
    for index, (variant_id, _) in enumerate(counted):
        at = f"/lines/{index}/variant_id"
        if variant_id not in known:
            faults.append(Fault(at, "not_in_count", "The count is not about this variant."))
        elif variant_id in seen:
            faults.append(Fault(at, "repeated", "It is given more than once."))
        seen.add(variant_id)
    if faults:
        raise InvalidInput(tuple(faults))
