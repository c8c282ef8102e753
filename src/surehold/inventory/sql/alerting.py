"""Statements about low stock: one alert per crossing, ended when the level is above again."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import LocationId, VariantId

END_ALERTS: Final = command(
    """
    /* inventory.end_alerts */
    UPDATE low_stock_alerts AS alert
       SET ended_at = store_now()
      FROM stock_levels AS level
     WHERE alert.ended_at IS NULL
       AND level.variant_id = alert.variant_id
       AND level.location_id = alert.location_id
       AND on_hand - allocated - reserved > low_stock_threshold
    """
)


class LowRow(msgspec.Struct, frozen=True):
    """A level that is low, and of which nobody was told."""

    variant_id: VariantId
    location_id: LocationId
    sku: str
    location: str
    available: int
    threshold: int


LIST_UNTOLD: Final = query(
    """
    /* inventory.list_untold */
    WITH level AS MATERIALIZED (
        SELECT variant_id, location_id, low_stock_threshold,
               on_hand - allocated - reserved AS available
          FROM stock_levels
         WHERE on_hand - allocated - reserved <= low_stock_threshold
    )
    SELECT level.variant_id, level.location_id, sku, locations.code AS location, available,
           low_stock_threshold AS threshold
      FROM level
      JOIN variants ON variants.id = level.variant_id
      JOIN locations ON locations.id = level.location_id
     WHERE NOT EXISTS (SELECT
                         FROM low_stock_alerts AS alert
                        WHERE alert.variant_id = level.variant_id
                          AND alert.location_id = level.location_id
                          AND alert.ended_at IS NULL)
     ORDER BY level.variant_id, level.location_id
     LIMIT $1
    """,
    LowRow,
)


class RaisedRow(msgspec.Struct, frozen=True):
    """An alert that is new."""

    id: UUID


# Of two workers at once, the second finds the alert of the first and raises none.
RAISE_ALERTS: Final = query(
    """
    /* inventory.raise_alerts */
    INSERT INTO low_stock_alerts (id, variant_id, location_id, available, threshold, raised_at)
    SELECT id, variant_id, location_id, available, threshold, store_now()
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::int[])
           AS new (id, variant_id, location_id, available, threshold)
        ON CONFLICT (variant_id, location_id) WHERE ended_at IS NULL DO NOTHING
    RETURNING id
    """,
    RaisedRow,
)
