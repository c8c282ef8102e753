"""Holds outside any order: taken by a caller of the API, let go, or over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from surehold.db import Database, Transaction
from surehold.inventory import rules
from surehold.inventory.commands.taking import (
    change_stock,
    end_reservations,
    insert_holds,
    lock_reservations,
    lock_stock,
)
from surehold.inventory.errors import InsufficientStock, ReservationNotFound, VariantNotStocked
from surehold.inventory.model import Reservation, ReservationState, StockChange
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import ReservationId, VariantId, new_id
from surehold.kernel.permissions import Permission, require


class Demand(msgspec.Struct, frozen=True):
    """So many units of one variant."""

    variant_id: VariantId
    quantity: int


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
    require(Permission.INVENTORY_WRITE)

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
    require(Permission.INVENTORY_WRITE)
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
