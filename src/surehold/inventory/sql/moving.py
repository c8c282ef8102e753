"""Statements by which units enter and leave shelves. The caller holds the levels' locks."""

from __future__ import annotations

from typing import Final

from surehold.db import command

# A level that is not kept yet begins with nothing, so that there is a row to lock.
OPEN_LEVELS: Final = command(
    """
    /* inventory.open_levels */
    INSERT INTO stock_levels (variant_id, location_id)
    SELECT variant_id, location_id
      FROM unnest($1::uuid[], $2::uuid[]) AS new (variant_id, location_id)
     ORDER BY variant_id, location_id
        ON CONFLICT DO NOTHING
    """
)

MOVE_STOCK: Final = command(
    """
    /* inventory.move_stock */
    WITH change AS (
        SELECT *
          FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[])
               AS change (variant_id, location_id, delta, movement_id)
    ), moved AS (
        INSERT INTO stock_movements
               (id, variant_id, location_id, delta, reason, reference, actor, note, moved_at)
        SELECT movement_id, variant_id, location_id, delta, $5, $6, $7, $8, store_now()
          FROM change
    )
    UPDATE stock_levels AS level
       SET on_hand = level.on_hand + change.delta,
           version = level.version + 1
      FROM change
     WHERE level.variant_id = change.variant_id
       AND level.location_id = change.location_id
    """
)

# A threshold that is not given stays as it is.
CHANGE_THRESHOLDS: Final = command(
    """
    /* inventory.change_thresholds */
    UPDATE stock_levels AS level
       SET low_stock_threshold = change.threshold,
           version = level.version + 1
      FROM unnest($1::uuid[], $2::uuid[], $3::int[])
           AS change (variant_id, location_id, threshold)
     WHERE level.variant_id = change.variant_id
       AND level.location_id = change.location_id
       AND level.low_stock_threshold <> change.threshold
    """
)
