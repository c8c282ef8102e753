"""What the lanes do with stock. Each of these joins its caller's transaction.

Counters change last in a transaction, under locks taken in key order by ``lock_stock``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from surehold.db import Connection, Transaction
from surehold.inventory import sql
from surehold.inventory.model import Allocation, Departure, Reservation, StockChange, StockLevel
from surehold.inventory.sql import shipping
from surehold.kernel.ids import LocationId, VariantId, new_id

StockView = Mapping[VariantId, tuple[StockLevel, ...]]
_Key = tuple[VariantId, LocationId]


class TakenMeanwhile(Exception):
    """Somebody else took units that this transaction had counted on."""


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

    Units that are not there yet are not taken so: who waits for what is decided under the locks.

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
            row.country,
            row.region,
            row.ships_to,
            row.is_active,
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
        [total[2] for _, total in kept],
    )


def _sums(changes: Iterable[StockChange]) -> list[tuple[_Key, list[int]]]:
    """What changes come to by stock row, reserved, allocated and on hand, in key order."""
    sums: dict[_Key, list[int]] = {}
    for change in changes:
        total = sums.setdefault((change.variant_id, change.location_id), [0, 0, 0])
        total[0] += change.reserved
        total[1] += change.allocated
        total[2] += change.on_hand
    return sorted((key, total) for key, total in sums.items() if any(total))


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
    """Write what each of these has given back by now; the caller changes the counters.

    Raises:
        RuntimeError: One of them had given back as much; the caller did not hold its lock.
    """
    if not allocations:
        return
    count = await tx.run(
        sql.RELEASE_ALLOCATIONS,
        [row.id for row in allocations],
        [row.released_quantity for row in allocations],
    )
    if count != len(allocations):
        raise RuntimeError("an allocation was released twice")


async def ship_allocations(
    tx: Transaction, *, departures: Sequence[Departure], now: datetime
) -> None:
    """Let units leave, each stock row of a parcel with its movement; the caller changes counters.

    Raises:
        asyncpg.UniqueViolationError: One of the parcels left before.
        asyncpg.CheckViolationError: More would have left than is owned.
    """
    if not departures:
        return
    units: dict[tuple[VariantId, LocationId, str, str], int] = {}
    for gone in departures:
        key = (gone.variant_id, gone.location_id, gone.reference, gone.actor)
        units[key] = units.get(key, 0) + gone.quantity
    await tx.run(
        shipping.SHIP_ALLOCATIONS,
        [gone.allocation_id for gone in departures],
        [gone.quantity for gone in departures],
    )
    await tx.run(
        shipping.RECORD_DEPARTURES,
        [new_id() for _ in units],
        [key[0] for key in units],
        [key[1] for key in units],
        list(units.values()),
        [key[2] for key in units],
        [key[3] for key in units],
        now,
    )
