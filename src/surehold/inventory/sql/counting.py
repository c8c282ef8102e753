"""Statements about stock counts. Lock order: the count, then stock by key."""

from __future__ import annotations

from typing import Final

from surehold.db import command, query
from surehold.inventory.model import CountLine, StockCount

_COLUMNS: Final = """counting.id, location_id, locations.code AS location, state, note, created_by,
           created_at, ended_at"""
_TABLES: Final = """stock_counts AS counting
      JOIN locations ON locations.id = location_id"""

INSERT_COUNT: Final = command(
    """
    /* inventory.insert_count */
    INSERT INTO stock_counts (id, location_id, state, note, created_by, created_at)
    VALUES ($1, $2, 'open', $3, $4, store_now())
    """
)

# The variants that were named, or everything that the location keeps.
INSERT_COUNT_LINES: Final = command(
    """
    /* inventory.insert_count_lines */
    INSERT INTO stock_count_lines (count_id, variant_id)
    SELECT $1, variant_id
      FROM stock_levels
     WHERE location_id = $2
       AND ($3::uuid[] IS NULL OR variant_id = ANY($3))
    """
)

LOCK_COUNT: Final = query(
    f"""
    /* inventory.lock_count */
    SELECT {_COLUMNS}
      FROM {_TABLES}
     WHERE counting.id = $1
       FOR UPDATE OF counting
    """,
    StockCount,
)

FIND_COUNT: Final = query(
    f"""
    /* inventory.find_count */
    SELECT {_COLUMNS}
      FROM {_TABLES}
     WHERE counting.id = $1
    """,
    StockCount,
)

LIST_COUNTS: Final = query(
    f"""
    /* inventory.list_counts */
    SELECT {_COLUMNS}
      FROM {_TABLES}
     WHERE counting.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY counting.id DESC
     LIMIT $2
    """,
    StockCount,
)

LIST_COUNT_LINES: Final = query(
    """
    /* inventory.list_count_lines */
    SELECT count_id, line.variant_id, sku, expected, counted, level.on_hand
      FROM stock_count_lines AS line
      JOIN stock_counts AS counting ON counting.id = count_id
      JOIN variants ON variants.id = line.variant_id
      JOIN stock_levels AS level
        ON level.variant_id = line.variant_id
       AND level.location_id = counting.location_id
     WHERE count_id = $1
     ORDER BY sku
    """,
    CountLine,
)

# What is on hand is read by the statement that writes the count: both are of one instant.
RECORD_COUNTED: Final = command(
    """
    /* inventory.record_counted */
    UPDATE stock_count_lines AS line
       SET counted = found.counted, expected = level.on_hand, counted_by = $4,
           counted_at = store_now()
      FROM unnest($2::uuid[], $3::int[]) AS found (variant_id, counted),
           stock_counts AS counting,
           stock_levels AS level
     WHERE line.count_id = $1
       AND line.variant_id = found.variant_id
       AND counting.id = line.count_id
       AND level.variant_id = line.variant_id
       AND level.location_id = counting.location_id
    """
)

END_COUNT: Final = command(
    """
    /* inventory.end_count */
    UPDATE stock_counts
       SET state = $2, ended_by = $3, ended_at = store_now()
     WHERE id = $1
       AND state = 'open'
    """
)
