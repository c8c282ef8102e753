"""The statement by which units enter a level that is kept already."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import query


class ReceivedRow(msgspec.Struct, frozen=True):
    """How many units one level grew by."""

    quantity: int


# The caller holds the levels' locks: nobody can write the same reference between look and insert.
RECEIVE_STOCK: Final = query(
    """
    /* inventory.receive_stock */
    WITH arrived AS (
        SELECT *
          FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[])
               AS arrived (variant_id, location_id, quantity, movement_id)
    ), moved AS (
        INSERT INTO stock_movements
               (id, variant_id, location_id, delta, reason, reference, actor, moved_at)
        SELECT movement_id, variant_id, location_id, quantity, 'received', $5, $6, store_now()
          FROM arrived
         WHERE NOT EXISTS (SELECT
                             FROM stock_movements AS known
                            WHERE known.variant_id = arrived.variant_id
                              AND known.location_id = arrived.location_id
                              AND known.reason = 'received'
                              AND known.reference = $5)
        RETURNING variant_id, location_id, delta
    )
    UPDATE stock_levels AS level
       SET on_hand = level.on_hand + moved.delta,
           version = level.version + 1
      FROM moved
     WHERE level.variant_id = moved.variant_id
       AND level.location_id = moved.location_id
    RETURNING moved.delta AS quantity
    """,
    ReceivedRow,
)

# Likewise for units that buyers sent back: a return's line is put on the shelf once.
TAKE_BACK: Final = query(
    """
    /* inventory.take_back */
    WITH arrived AS (
        SELECT *
          FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::text[], $6::text[])
               AS arrived (variant_id, location_id, quantity, movement_id, reference, actor)
    ), moved AS (
        INSERT INTO stock_movements
               (id, variant_id, location_id, delta, reason, reference, actor, moved_at)
        SELECT movement_id, variant_id, location_id, quantity, 'returned', reference, actor,
               store_now()
          FROM arrived
         WHERE NOT EXISTS (SELECT
                             FROM stock_movements AS known
                            WHERE known.variant_id = arrived.variant_id
                              AND known.reason = 'returned'
                              AND known.reference = arrived.reference)
        RETURNING variant_id, location_id, delta
    ), added AS (
        SELECT variant_id, location_id, sum(delta)::int AS units
          FROM moved
         GROUP BY variant_id, location_id
    )
    UPDATE stock_levels AS level
       SET on_hand = level.on_hand + added.units,
           version = level.version + 1
      FROM added
     WHERE level.variant_id = added.variant_id
       AND level.location_id = added.location_id
    RETURNING added.units AS quantity
    """,
    ReceivedRow,
)
