"""Statements of the stock file: whole tables of rows at once."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import query
from surehold.kernel.ids import LocationId, VariantId


class KnownRow(msgspec.Struct, frozen=True):
    """What the store knows of one line of a file; ``None`` where it knows nothing."""

    number: int
    variant_id: VariantId | None
    location_id: LocationId | None
    on_hand: int | None
    available: int | None
    low_stock_threshold: int | None


RESOLVE_ROWS: Final = query(
    """
    /* inventory.resolve_rows */
    SELECT file.number, variants.id AS variant_id, locations.id AS location_id, on_hand,
           on_hand - allocated - reserved AS available, low_stock_threshold
      FROM unnest($1::int[], $2::text[], $3::text[]) AS file (number, sku, location)
      LEFT JOIN variants ON variants.sku = file.sku
      LEFT JOIN locations ON locations.code = file.location
      LEFT JOIN stock_levels AS level
        ON level.variant_id = variants.id
       AND level.location_id = locations.id
     ORDER BY file.number
    """,
    KnownRow,
)


class StockFileRow(msgspec.Struct, frozen=True):
    """One line of the exported file."""

    sku: str
    location: str
    name: str
    on_hand: int
    allocated: int
    reserved: int
    available: int
    low_stock_threshold: int


LIST_FILE: Final = query(
    """
    /* inventory.list_file */
    SELECT variants.sku, locations.code AS location, products.name, on_hand, allocated, reserved,
           on_hand - allocated - reserved AS available, low_stock_threshold
      FROM stock_levels AS level
      JOIN variants ON variants.id = level.variant_id
      JOIN products ON products.id = variants.product_id
      JOIN locations ON locations.id = level.location_id
     WHERE variants.sku >= coalesce($1::text, '')
       AND (variants.sku, locations.code) > (coalesce($1, ''), coalesce($2::text, ''))
     ORDER BY variants.sku, locations.code
     LIMIT $3
    """,
    StockFileRow,
)
