"""Statements about units that are sold before they are there. Who waits is read, never written.

``stock_queue`` is a function of the schema: of each level of these variants that owes more than it
has, every hold and allocation, and how many of its units wait. Lock order: stock by key, then
promises.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import msgspec

from surehold.db import command, query
from surehold.inventory.model import BackorderKind, BackorderTerms, Outlook, WaitingUnits
from surehold.kernel.ids import LocationId, OrderId, OrderLineId, VariantId

_OPEN: Final = "promise.told_at IS NULL AND promise.dropped_at IS NULL"

READ_TERMS: Final = query(
    """
    /* inventory.read_terms */
    SELECT variant_id, kind, promised_on, note, updated_by, updated_at
      FROM backorder_terms
     WHERE variant_id = ANY($1::uuid[])
    """,
    BackorderTerms,
)

READ_OUTLOOK: Final = query(
    """
    /* inventory.read_outlook */
    SELECT level.variant_id,
           sum(greatest(on_hand - allocated - reserved, 0))::int AS there,
           coalesce(min(terms.kind), 'backorder') AS kind, min(terms.promised_on) AS promised_on
      FROM stock_levels AS level
      LEFT JOIN backorder_terms AS terms ON terms.variant_id = level.variant_id
     WHERE level.variant_id = ANY($1::uuid[])
       AND location_id <> ALL (ARRAY(SELECT id FROM locations WHERE NOT is_active))
     GROUP BY level.variant_id
    HAVING sum(backorder_limit) > 0
    """,
    Outlook,
)

LIST_WAITING: Final = query(
    f"""
    /* inventory.list_waiting */
    SELECT promise.order_id, promise.order_line_id, place.location_id, place.waiting,
           promise.kind, promise.promised_on
      FROM stock_queue(ARRAY(SELECT DISTINCT promise.variant_id
                               FROM backorder_promises AS promise
                              WHERE promise.order_id = ANY($1::uuid[])
                                AND {_OPEN})) AS place
      JOIN backorder_promises AS promise ON promise.order_line_id = place.order_line_id
     WHERE promise.order_id = ANY($1::uuid[])
       AND {_OPEN}
       AND place.waiting > 0
    """,
    WaitingUnits,
)

# A line that is taken anew is promised anew.
SAVE_PROMISES: Final = command(
    """
    /* inventory.save_promises */
    INSERT INTO backorder_promises
           (order_line_id, order_id, variant_id, quantity, kind, promised_on, created_at)
    SELECT new.order_line_id, new.order_id, new.variant_id, new.quantity,
           coalesce(terms.kind, 'backorder'), terms.promised_on, $5
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[])
           AS new (order_line_id, order_id, variant_id, quantity)
      LEFT JOIN backorder_terms AS terms ON terms.variant_id = new.variant_id
        ON CONFLICT (order_line_id) DO UPDATE
       SET quantity = excluded.quantity, kind = excluded.kind,
           promised_on = excluded.promised_on, created_at = excluded.created_at,
           told_at = NULL, dropped_at = NULL
    """
)

# --- the terms -----------------------------------------------------------------------------------

SAVE_TERMS: Final = command(
    """
    /* inventory.save_terms */
    INSERT INTO backorder_terms (variant_id, kind, promised_on, note, updated_by, updated_at)
    VALUES ($1, $2, $3, $4, $5, store_now())
        ON CONFLICT (variant_id) DO UPDATE
       SET kind = excluded.kind, promised_on = excluded.promised_on, note = excluded.note,
           updated_by = excluded.updated_by, updated_at = excluded.updated_at
     WHERE (backorder_terms.kind, backorder_terms.promised_on, backorder_terms.note)
           IS DISTINCT FROM (excluded.kind, excluded.promised_on, excluded.note)
    """
)

DELETE_TERMS: Final = command(
    """
    /* inventory.delete_terms */
    DELETE FROM backorder_terms
     WHERE variant_id = $1
    """
)

CHANGE_LIMITS: Final = command(
    """
    /* inventory.change_limits */
    UPDATE stock_levels AS level
       SET backorder_limit = change.units,
           version = level.version + 1
      FROM unnest($2::uuid[], $3::int[]) AS change (location_id, units)
     WHERE level.variant_id = $1
       AND level.location_id = change.location_id
       AND level.backorder_limit <> change.units
    """
)


class MovedRow(msgspec.Struct, frozen=True):
    """A buyer who waits and was told another day."""

    order_id: OrderId
    order_line_id: OrderLineId
    sku: str
    was: date | None
    waiting: int


MOVE_PROMISES: Final = query(
    f"""
    /* inventory.move_promises */
    WITH place AS MATERIALIZED (
        SELECT order_line_id, sum(waiting)::int AS waiting
          FROM stock_queue(ARRAY[$1::uuid])
         WHERE waiting > 0
         GROUP BY order_line_id
    ), moved AS (
        SELECT promise.order_line_id, promise.promised_on AS was, place.waiting
          FROM backorder_promises AS promise
          JOIN place ON place.order_line_id = promise.order_line_id
         WHERE promise.variant_id = $1
           AND {_OPEN}
           AND promise.promised_on IS DISTINCT FROM $2::date
         ORDER BY promise.order_line_id
           FOR UPDATE OF promise
    )
    UPDATE backorder_promises AS promise
       SET promised_on = $2
      FROM moved, variants
     WHERE promise.order_line_id = moved.order_line_id
       AND variants.id = promise.variant_id
    RETURNING promise.order_id, promise.order_line_id, variants.sku, moved.was, moved.waiting
    """,
    MovedRow,
)


class TermsLevelRow(msgspec.Struct, frozen=True):
    """One level of a variant as its back-orders have it."""

    variant_id: VariantId
    sku: str
    location_id: LocationId
    location: str
    backorder_limit: int
    on_hand: int
    waiting: int


LIST_TERMS_LEVELS: Final = query(
    """
    /* inventory.list_terms_levels */
    SELECT level.variant_id, variants.sku, level.location_id, locations.code AS location,
           backorder_limit, on_hand,
           greatest(allocated + reserved - on_hand, 0) AS waiting
      FROM stock_levels AS level
      JOIN variants ON variants.id = level.variant_id
      JOIN locations ON locations.id = level.location_id
     WHERE level.variant_id = $1
     ORDER BY locations.priority, locations.id
    """,
    TermsLevelRow,
)


# --- telling -------------------------------------------------------------------------------------


class SettledPromiseRow(msgspec.Struct, frozen=True):
    """An open promise of which nothing waits: all of it is there, or nothing of it is left."""

    order_line_id: OrderLineId
    created_at: datetime
    is_owned: bool


# What is held and not paid is not told yet: it may be given up still. Who waits is left out by
# NOT IN, which looks them up by their hash; the planner takes a thousand to be few.
LIST_SETTLED_PROMISES: Final = query(
    f"""
    /* inventory.list_settled_promises */
    WITH place AS MATERIALIZED (
        SELECT order_line_id
          FROM stock_queue(ARRAY(SELECT DISTINCT promise.variant_id
                                   FROM backorder_promises AS promise
                                  WHERE {_OPEN}))
         WHERE waiting > 0
           AND order_line_id IS NOT NULL
    )
    SELECT promise.order_line_id, promise.created_at,
           EXISTS (SELECT
                     FROM allocations
                    WHERE allocations.order_id = promise.order_id
                      AND allocations.order_line_id = promise.order_line_id
                      AND released_quantity + shipped_quantity < allocations.quantity)
           AS is_owned
      FROM backorder_promises AS promise
     WHERE {_OPEN}
       AND promise.order_line_id NOT IN (SELECT order_line_id FROM place)
       AND NOT EXISTS (SELECT
                         FROM reservations
                        WHERE reservations.holder_id = promise.order_id
                          AND reservations.order_line_id = promise.order_line_id
                          AND state = 'active')
     ORDER BY promise.created_at, promise.order_line_id
     LIMIT $1
    """,
    SettledPromiseRow,
)


class ToldRow(msgspec.Struct, frozen=True):
    """A promise that ended now."""

    order_line_id: OrderLineId
    order_id: OrderId
    sku: str
    quantity: int
    kind: BackorderKind
    is_owned: bool


# Of two workers at once, the second finds the promise ended; one that was made anew meanwhile is
# another promise.
END_PROMISES: Final = query(
    f"""
    /* inventory.end_promises */
    WITH ended AS (
        SELECT promise.order_line_id, told.is_owned
          FROM backorder_promises AS promise
          JOIN unnest($1::uuid[], $2::timestamptz[], $3::boolean[])
               AS told (order_line_id, created_at, is_owned)
            ON told.order_line_id = promise.order_line_id
           AND told.created_at = promise.created_at
         WHERE {_OPEN}
         ORDER BY promise.order_line_id
           FOR UPDATE OF promise
    )
    UPDATE backorder_promises AS promise
       SET told_at = CASE WHEN ended.is_owned THEN store_now() END,
           dropped_at = CASE WHEN NOT ended.is_owned THEN store_now() END
      FROM ended, variants
     WHERE promise.order_line_id = ended.order_line_id
       AND variants.id = promise.variant_id
    RETURNING promise.order_line_id, promise.order_id, variants.sku, promise.quantity,
              promise.kind, ended.is_owned
    """,
    ToldRow,
)
