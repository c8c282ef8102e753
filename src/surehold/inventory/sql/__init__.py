"""Statements of the inventory room. Lock order: reservations by id, then stock rows by key."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.inventory.model import Allocation, Reservation
from surehold.kernel.ids import LocationId, VariantId


class StockRow(msgspec.Struct, frozen=True):
    """One stock level and when it was read: after its lock was had, where it was locked."""

    variant_id: VariantId
    location_id: LocationId
    on_hand: int
    allocated: int
    reserved: int
    backorder_limit: int
    country: str
    region: str | None
    ships_to: list[str] | None
    is_active: bool
    read_at: datetime


# The lock is taken row by row in key order, so two batches can never wait for each other in a
# circle. The clock is read outside the locking subquery: after a wait, not before it.
LOCK_STOCK: Final = query(
    """
    /* inventory.lock_stock */
    WITH locked AS MATERIALIZED (
        SELECT level.variant_id, level.location_id, on_hand, allocated, reserved, backorder_limit
          FROM stock_levels AS level
         WHERE variant_id = ANY($1::uuid[])
         ORDER BY variant_id, location_id
           FOR NO KEY UPDATE OF level
    )
    SELECT locked.variant_id, locked.location_id, on_hand, allocated, reserved, backorder_limit,
           country, region, ships_to, is_active, store_now() AS read_at
      FROM locked
      JOIN locations ON locations.id = locked.location_id
     ORDER BY locations.priority, locations.id
    """,
    StockRow,
)

READ_STOCK: Final = query(
    """
    /* inventory.read_stock */
    SELECT level.variant_id, level.location_id, on_hand, allocated, reserved, backorder_limit,
           country, region, ships_to, is_active, store_now() AS read_at
      FROM stock_levels AS level
      JOIN locations ON locations.id = level.location_id
     WHERE level.variant_id = ANY($1::uuid[])
     ORDER BY locations.priority, locations.id
    """,
    StockRow,
)

# Row by row in the order of the arrays, which is that of their keys: both ways that the lane's
# settings leave to the planner, a loop over the arrays or over the primary key, go in key order.
# Only units that are there are taken so; whoever has to wait is decided under the locks.
TAKE_STOCK: Final = command(
    """
    /* inventory.take_stock */
    UPDATE stock_levels AS level
       SET reserved = level.reserved + change.reserved,
           version = level.version + 1
      FROM unnest($1::uuid[], $2::uuid[], $3::int[])
           AS change (variant_id, location_id, reserved)
     WHERE level.variant_id = change.variant_id
       AND level.location_id = change.location_id
       AND level.on_hand - level.allocated - level.reserved >= change.reserved
    """
)

CHANGE_STOCK: Final = command(
    """
    /* inventory.change_stock */
    UPDATE stock_levels AS level
       SET reserved = level.reserved + change.reserved,
           allocated = level.allocated + change.allocated,
           on_hand = level.on_hand + change.on_hand,
           version = level.version + 1
      FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::int[])
           AS change (variant_id, location_id, reserved, allocated, on_hand)
     WHERE level.variant_id = change.variant_id
       AND level.location_id = change.location_id
    """
)

# A hold that begins now: what is so of all of them is not sent, and a length is sent faster than
# an instant.
INSERT_HOLDS: Final = command(
    """
    /* inventory.insert_holds */
    INSERT INTO reservations
           (id, holder_id, order_line_id, variant_id, location_id, quantity, state, expires_at,
            created_at)
    SELECT id, holder_id, order_line_id, variant_id, location_id, quantity, 'active',
           $8::timestamptz + length, $8
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::int[],
                  $7::interval[])
           AS new (id, holder_id, order_line_id, variant_id, location_id, quantity, length)
    """
)

INSERT_RESERVATIONS: Final = command(
    """
    /* inventory.insert_reservations */
    INSERT INTO reservations
           (id, holder_id, order_line_id, variant_id, location_id, quantity, state, expires_at,
            is_grace_used, created_at, ended_at, end_reason)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::int[],
                         $7::text[], $8::timestamptz[], $9::boolean[], $10::timestamptz[],
                         $11::timestamptz[], $12::text[])
    """
)

LOCK_RESERVATIONS: Final = query(
    """
    /* inventory.lock_reservations */
    SELECT id, holder_id, order_line_id, variant_id, location_id, quantity, state, expires_at,
           is_grace_used, created_at, ended_at, end_reason
      FROM reservations
     WHERE holder_id = ANY($1::uuid[])
     ORDER BY id
       FOR UPDATE
    """,
    Reservation,
)

LIST_RESERVATIONS: Final = query(
    """
    /* inventory.list_reservations */
    SELECT id, holder_id, order_line_id, variant_id, location_id, quantity, state, expires_at,
           is_grace_used, created_at, ended_at, end_reason
      FROM reservations
     WHERE holder_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Reservation,
)

# A guarded update: a reservation that somebody ended meanwhile is not counted.
END_RESERVATIONS: Final = command(
    """
    /* inventory.end_reservations */
    UPDATE reservations
       SET state = ended.state, ended_at = $3, end_reason = ended.reason
      FROM unnest($1::uuid[], $2::text[], $4::text[]) AS ended (id, state, reason)
     WHERE reservations.id = ended.id
       AND reservations.state = 'active'
    """
)

PROLONG_RESERVATIONS: Final = command(
    """
    /* inventory.prolong_reservations */
    UPDATE reservations
       SET expires_at = longer.expires_at, is_grace_used = longer.is_grace_used
      FROM unnest($1::uuid[], $2::timestamptz[], $3::boolean[])
           AS longer (id, expires_at, is_grace_used)
     WHERE reservations.id = longer.id
       AND reservations.state = 'active'
    """
)

INSERT_ALLOCATIONS: Final = command(
    """
    /* inventory.insert_allocations */
    INSERT INTO allocations
           (id, reservation_id, order_id, order_line_id, variant_id, location_id, quantity,
            created_at)
    SELECT id, reservation_id, order_id, order_line_id, variant_id, location_id, quantity, $8
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[],
                  $7::int[])
           AS new (id, reservation_id, order_id, order_line_id, variant_id, location_id, quantity)
    """
)

LOCK_ALLOCATIONS: Final = query(
    """
    /* inventory.lock_allocations */
    SELECT id, reservation_id, order_id, order_line_id, variant_id, location_id, quantity,
           released_quantity, shipped_quantity, created_at
      FROM allocations
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    Allocation,
)

# What was given back only ever grows.
RELEASE_ALLOCATIONS: Final = command(
    """
    /* inventory.release_allocations */
    UPDATE allocations
       SET released_quantity = freed.released_quantity
      FROM unnest($1::uuid[], $2::int[]) AS freed (id, released_quantity)
     WHERE allocations.id = freed.id
       AND allocations.released_quantity < freed.released_quantity
    """
)


class HolderRow(msgspec.Struct, frozen=True):
    """Somebody whose hold is over."""

    holder_id: UUID


LIST_HOLDERS_DUE: Final = query(
    """
    /* inventory.list_holders_due */
    SELECT DISTINCT holder_id
      FROM (SELECT holder_id
              FROM reservations
             WHERE state = 'active'
               AND expires_at <= (SELECT store_now())
             ORDER BY expires_at
             LIMIT (SELECT $1::int)) AS due
    """,
    HolderRow,
)


class LevelRow(msgspec.Struct, frozen=True):
    """One stock level, for reading."""

    variant_id: VariantId
    sku: str
    name: str
    location: str
    on_hand: int
    allocated: int
    reserved: int
    available: int
    low_stock_threshold: int
    is_low: bool


_LEVELS: Final = """level.variant_id, variants.sku, products.name, locations.code AS location,
           on_hand, allocated, reserved, on_hand - allocated - reserved AS available,
           low_stock_threshold, on_hand - allocated - reserved <= low_stock_threshold AS is_low"""

_LEVELS_AFTER: Final = """
      JOIN variants ON variants.id = level.variant_id
      JOIN products ON products.id = variants.product_id
      JOIN locations ON locations.id = level.location_id
     WHERE variants.sku >= coalesce($1::text, '')
       AND (variants.sku, locations.code) > (coalesce($1, ''), coalesce($2::text, ''))
     ORDER BY variants.sku, locations.code
     LIMIT $3"""

LIST_LEVELS: Final = query(
    f"""
    /* inventory.list_levels */
    SELECT {_LEVELS}
      FROM stock_levels AS level{_LEVELS_AFTER}
    """,
    LevelRow,
)

# No index knows which levels are low: it would have to be changed with every hold. So all of them
# are looked at, once and before anything is joined.
LIST_LOW_LEVELS: Final = query(
    f"""
    /* inventory.list_low_levels */
    WITH level AS MATERIALIZED (
        SELECT variant_id, location_id, on_hand, allocated, reserved, low_stock_threshold
          FROM stock_levels
         WHERE on_hand - allocated - reserved <= low_stock_threshold
    )
    SELECT {_LEVELS}
      FROM level{_LEVELS_AFTER}
    """,
    LevelRow,
)

LIST_LEVELS_OF: Final = query(
    f"""
    /* inventory.list_levels_of */
    SELECT {_LEVELS}
      FROM stock_levels AS level
      JOIN variants ON variants.id = level.variant_id
      JOIN products ON products.id = variants.product_id
      JOIN locations ON locations.id = level.location_id
     WHERE level.variant_id = ANY($1::uuid[])
     ORDER BY level.variant_id, locations.priority, locations.id
    """,
    LevelRow,
)


class AvailableRow(msgspec.Struct, frozen=True):
    """What can be sold of one variant over all locations."""

    variant_id: VariantId
    available: int


AVAILABLE: Final = query(
    """
    /* inventory.available */
    SELECT variant_id,
           greatest(sum(on_hand - allocated - reserved + backorder_limit), 0)::int AS available
      FROM stock_levels
     WHERE variant_id = ANY($1::uuid[])
       AND location_id <> ALL (ARRAY(SELECT id FROM locations WHERE NOT is_active))
     GROUP BY variant_id
    """,
    AvailableRow,
)


class MovementRow(msgspec.Struct, frozen=True):
    """One change of what is physically there."""

    id: UUID
    variant_id: VariantId
    sku: str
    location: str
    delta: int
    reason: str
    reference: str
    note: str
    actor: str
    moved_at: datetime


_MOVEMENTS: Final = """move.id, move.variant_id, variants.sku, locations.code AS location, delta,
           reason, reference, note, actor, moved_at
      FROM stock_movements AS move
      JOIN variants ON variants.id = move.variant_id
      JOIN locations ON locations.id = move.location_id"""

LIST_MOVEMENTS: Final = query(
    f"""
    /* inventory.list_movements */
    SELECT {_MOVEMENTS}
     WHERE move.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY move.id DESC
     LIMIT $2
    """,
    MovementRow,
)

LIST_MOVEMENTS_OF: Final = query(
    f"""
    /* inventory.list_movements_of */
    SELECT {_MOVEMENTS}
     WHERE move.variant_id = $3
       AND move.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY move.variant_id DESC, move.id DESC
     LIMIT $2
    """,
    MovementRow,
)


class SoonestRow(msgspec.Struct, frozen=True):
    """When the next hold on a variant ends; ``None`` when nobody holds any."""

    ends_at: datetime | None


SOONEST_HOLD_END: Final = query(
    """
    /* inventory.soonest_hold_end */
    SELECT min(expires_at) AS ends_at
      FROM reservations
     WHERE variant_id = $1
       AND state = 'active'
    """,
    SoonestRow,
)

# New stock enters with the movement that explains it, in one statement.
INSERT_STOCK: Final = command(
    """
    /* inventory.insert_stock */
    WITH new AS (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::uuid[])
                      AS new (variant_id, location_id, on_hand, low_stock_threshold, movement_id)
    ), moved AS (
        INSERT INTO stock_movements
               (id, variant_id, location_id, delta, reason, reference, actor, moved_at)
        SELECT movement_id, variant_id, location_id, on_hand, 'initial', $6, $7, store_now()
          FROM new
         WHERE on_hand > 0
    )
    INSERT INTO stock_levels (variant_id, location_id, on_hand, low_stock_threshold)
    SELECT variant_id, location_id, on_hand, low_stock_threshold FROM new
    """
)
