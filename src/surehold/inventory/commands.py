"""Everything that changes stock. Each of these joins its caller's transaction.

Counters change last in a transaction, under locks taken in key order by ``lock_stock``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from surehold.db import Connection, Database, Transaction
from surehold.inventory import rules, sql
from surehold.inventory.errors import InsufficientStock, ReservationNotFound, VariantNotStocked
from surehold.inventory.model import (
    Allocation,
    Reservation,
    ReservationState,
    StockChange,
    StockLevel,
)
from surehold.inventory.sql import receiving
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import LocationId, ReservationId, VariantId, new_id

StockView = Mapping[VariantId, tuple[StockLevel, ...]]
_Key = tuple[VariantId, LocationId]


class TakenMeanwhile(Exception):
    """Somebody else took units that this transaction had counted on."""


class Demand(msgspec.Struct, frozen=True):
    """So many units of one variant."""

    variant_id: VariantId
    quantity: int


async def lock_stock(
    tx: Transaction, *, variant_ids: Iterable[VariantId]
) -> tuple[StockView, datetime | None]:
    """Lock every stock row of these variants, in key order.

    Returns the levels per variant, best location first, and the deciding instant, read after the
    last lock was had (``None`` when no stock is kept of any of them).
    """
    rows = await tx.all(sql.LOCK_STOCK, list(variant_ids))
    return _view(rows)


async def read_stock(
    connection: Connection, *, variant_ids: Iterable[VariantId]
) -> tuple[StockView, datetime | None]:
    """The same without a lock. Whoever decides by it must ``take_stock``, which looks again."""
    rows = await connection.all(sql.READ_STOCK, list(variant_ids))
    return _view(rows)


async def take_stock(tx: Transaction, *, changes: Sequence[StockChange]) -> None:
    """Hold units that were there when they were read; the rows are locked from here, in key order.

    Raises:
        TakenMeanwhile: They are no longer all there. Roll back: some are taken by now.
    """
    sums = _sums(changes)
    taken = await tx.run(
        sql.TAKE_STOCK,
        [key[0] for key, _ in sums],
        [key[1] for key, _ in sums],
        [total[0] for _, total in sums],
    )
    if taken < len(sums):
        raise TakenMeanwhile


def _view(rows: Sequence[sql.StockRow]) -> tuple[StockView, datetime | None]:
    levels: dict[VariantId, tuple[StockLevel, ...]] = {}
    for row in rows:
        level = StockLevel(
            row.variant_id,
            row.location_id,
            row.on_hand,
            row.allocated,
            row.reserved,
            row.backorder_limit,
        )
        levels[row.variant_id] = (*levels.get(row.variant_id, ()), level)
    return levels, max((row.read_at for row in rows), default=None)


async def change_stock(tx: Transaction, *, changes: Iterable[StockChange]) -> None:
    """Add to counters: one row version per stock row, however many changes name it."""
    kept = _sums(changes)
    if not kept:
        return
    await tx.run(
        sql.CHANGE_STOCK,
        [key[0] for key, _ in kept],
        [key[1] for key, _ in kept],
        [total[0] for _, total in kept],
        [total[1] for _, total in kept],
    )


def _sums(changes: Iterable[StockChange]) -> list[tuple[_Key, list[int]]]:
    """What changes come to by stock row, reserved and allocated, in key order."""
    sums: dict[_Key, list[int]] = {}
    for change in changes:
        total = sums.setdefault((change.variant_id, change.location_id), [0, 0])
        total[0] += change.reserved
        total[1] += change.allocated
    return sorted((key, total) for key, total in sums.items() if total[0] or total[1])


async def insert_holds(tx: Transaction, *, holds: Sequence[Reservation], now: datetime) -> None:
    """Write active reservations that begin now; the caller changes the counters."""
    if not holds:
        return
    await tx.run(
        sql.INSERT_HOLDS,
        [row.id for row in holds],
        [row.holder_id for row in holds],
        [row.order_line_id for row in holds],
        [row.variant_id for row in holds],
        [row.location_id for row in holds],
        [row.quantity for row in holds],
        [row.expires_at - now for row in holds],
        now,
    )


async def insert_reservations(tx: Transaction, *, reservations: Sequence[Reservation]) -> None:
    """Write new reservations; the caller changes the counters."""
    if not reservations:
        return
    await tx.run(
        sql.INSERT_RESERVATIONS,
        [row.id for row in reservations],
        [row.holder_id for row in reservations],
        [row.order_line_id for row in reservations],
        [row.variant_id for row in reservations],
        [row.location_id for row in reservations],
        [row.quantity for row in reservations],
        [row.state.value for row in reservations],
        [row.expires_at for row in reservations],
        [row.is_grace_used for row in reservations],
        [row.created_at for row in reservations],
        [row.ended_at for row in reservations],
        [row.end_reason for row in reservations],
    )


async def lock_reservations(tx: Transaction, *, holder_ids: Sequence[UUID]) -> list[Reservation]:
    """Lock every reservation of these holders, whatever its state, in id order."""
    return await tx.all(sql.LOCK_RESERVATIONS, list(holder_ids))


async def end_reservations(
    tx: Transaction, *, reservations: Sequence[Reservation], now: datetime
) -> None:
    """Write the terminal state and reason that each reservation carries.

    Raises:
        RuntimeError: One of them was no longer active; the caller did not hold its lock.
    """
    if not reservations:
        return
    count = await tx.run(
        sql.END_RESERVATIONS,
        [row.id for row in reservations],
        [row.state.value for row in reservations],
        now,
        [row.end_reason for row in reservations],
    )
    if count != len(reservations):
        raise RuntimeError("a reservation ended twice")


async def prolong_reservations(tx: Transaction, *, reservations: Sequence[Reservation]) -> None:
    """Write the later end that each active reservation carries."""
    if not reservations:
        return
    await tx.run(
        sql.PROLONG_RESERVATIONS,
        [row.id for row in reservations],
        [row.expires_at for row in reservations],
        [row.is_grace_used for row in reservations],
    )


async def insert_allocations(
    tx: Transaction, *, allocations: Sequence[Allocation], now: datetime
) -> None:
    """Write what orders own now; the caller changes the counters."""
    if not allocations:
        return
    await tx.run(
        sql.INSERT_ALLOCATIONS,
        [row.id for row in allocations],
        [row.reservation_id for row in allocations],
        [row.order_id for row in allocations],
        [row.order_line_id for row in allocations],
        [row.variant_id for row in allocations],
        [row.location_id for row in allocations],
        [row.quantity for row in allocations],
        now,
    )


async def lock_allocations(tx: Transaction, *, order_ids: Sequence[UUID]) -> list[Allocation]:
    """Lock what these orders own, in id order."""
    return await tx.all(sql.LOCK_ALLOCATIONS, list(order_ids))


async def release_allocations(tx: Transaction, *, allocations: Sequence[Allocation]) -> None:
    """Give back what has not shipped; the caller changes the counters."""
    if not allocations:
        return
    await tx.run(sql.RELEASE_ALLOCATIONS, [row.id for row in allocations])


#: Writes down, in the transaction that holds them, what is held.
KeepHolds = Callable[[Transaction, tuple[Reservation, ...]], Awaitable[None]]


async def reserve(
    db: Database,
    *,
    demands: Sequence[Demand],
    ttl: timedelta,
    holder_id: UUID,
    keep: KeepHolds | None = None,
) -> tuple[Reservation, ...]:
    """Hold units outside any order, all or nothing, until a time from now.

    Each call holds. ``keep`` comes before the commit; when it raises, nothing is held.

    Raises:
        VariantNotStocked: No stock is kept of one of the variants.
        InsufficientStock: Any of them is short; nothing is held.
    """

    async def work(tx: Transaction) -> tuple[Reservation, ...]:
        levels, now = await lock_stock(tx, variant_ids={row.variant_id for row in demands})
        missing = [str(row.variant_id) for row in demands if row.variant_id not in levels]
        if missing or now is None:
            raise VariantNotStocked("No stock is kept of this variant.", variant_ids=missing)
        wanted = tuple((row.variant_id, row.quantity) for row in demands)
        outcome = rules.admit(levels, (wanted,))[0]
        if isinstance(outcome, rules.Refused):
            raise InsufficientStock(outcome.shortages)
        rows = tuple(
            Reservation(
                id=ReservationId(new_id()),
                holder_id=holder_id,
                order_line_id=None,
                variant_id=take.variant_id,
                location_id=take.location_id,
                quantity=take.quantity,
                state=ReservationState.ACTIVE,
                expires_at=now + ttl,
                is_grace_used=False,
                created_at=now,
                ended_at=None,
                end_reason=None,
            )
            for take in outcome.takes
        )
        await insert_holds(tx, holds=rows, now=now)
        if keep is not None:
            await keep(tx, rows)
        await change_stock(
            tx,
            changes=[
                StockChange(row.variant_id, row.location_id, reserved=row.quantity) for row in rows
            ],
        )
        return rows

    return await db.retrying(work)


async def release(db: Database, *, holder_id: UUID, reason: str) -> tuple[Reservation, ...]:
    """Free what a caller of the API holds. Releasing twice frees nothing more.

    Returns the reservations of the holder as they are afterwards.

    Raises:
        ReservationNotFound: Nothing was ever held under this id, or an order holds it.
    """
    return await _end_holds(db, holder_id, ReservationEvent.RELEASE, reason=reason)


async def expire(db: Database, *, holder_id: UUID) -> int:
    """End what a caller of the API holds and whose time is over; returns how many.

    Raises:
        ReservationNotFound: Nothing was ever held under this id, or an order holds it.
    """
    rows = await _end_holds(db, holder_id, ReservationEvent.EXPIRE, reason="time is over")
    return sum(row.state is ReservationState.EXPIRED for row in rows)


async def _end_holds(
    db: Database, holder_id: UUID, event: ReservationEvent, *, reason: str
) -> tuple[Reservation, ...]:
    async def work(tx: Transaction) -> tuple[Reservation, ...]:
        rows = await lock_reservations(tx, holder_ids=[holder_id])
        if not rows or any(row.order_line_id is not None for row in rows):
            raise ReservationNotFound("There is no reservation with this id.")
        active = [row for row in rows if row.state is ReservationState.ACTIVE]
        _, now = await lock_stock(tx, variant_ids={row.variant_id for row in active})
        if now is None:
            return tuple(rows)
        if event is ReservationEvent.EXPIRE:
            active = [row for row in active if row.expires_at <= now]
        ended = [rules.ended(row, event, reason=reason, now=now) for row in active]
        if ended:
            await end_reservations(tx, reservations=ended, now=now)
            await change_stock(
                tx,
                changes=[
                    StockChange(row.variant_id, row.location_id, reserved=-row.quantity)
                    for row in ended
                ],
            )
        after = {row.id: row for row in ended}
        return tuple(after.get(row.id, row) for row in rows)

    return await db.retrying(work)


class Opening(msgspec.Struct, frozen=True):
    """Opening stock of one variant at one place."""

    variant_id: VariantId
    location_id: LocationId
    on_hand: int
    low_stock_threshold: int


async def open_location(
    tx: Transaction, *, code: str, name: str, country: str, priority: int
) -> LocationId:
    """Add a place where stock is kept; lower priorities are emptied first."""
    location_id = LocationId(new_id())
    await tx.run(sql.INSERT_LOCATIONS, [location_id], [code], [name], [country], [priority])
    return location_id


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
