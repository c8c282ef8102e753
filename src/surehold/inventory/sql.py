"""Statements of the inventory room. Lock order: reservations by id, then stock rows by key."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from surehold.catalog.model import CategoryCount, ProductSummary
from surehold.db import Statement, command, query
from surehold.inventory.model import Allocation, Reservation
from surehold.kernel.ids import LocationId, VariantId


class LockedStockRow(msgspec.Struct, frozen=True):
    """One locked stock level and the instant at which its lock was had."""

    variant_id: VariantId
    location_id: LocationId
    on_hand: int
    allocated: int
    reserved: int
    backorder_limit: int
    locked_at: datetime


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
           store_now() AS locked_at
      FROM locked
      JOIN locations ON locations.id = locked.location_id
     ORDER BY locations.priority, locations.id
    """,
    LockedStockRow,
)

CHANGE_STOCK: Final = command(
    """
    /* inventory.change_stock */
    UPDATE stock_levels AS level
       SET reserved = level.reserved + change.reserved,
           allocated = level.allocated + change.allocated,
           version = level.version + 1
      FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[])
           AS change (variant_id, location_id, reserved, allocated)
     WHERE level.variant_id = change.variant_id
       AND level.location_id = change.location_id
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

RELEASE_ALLOCATIONS: Final = command(
    """
    /* inventory.release_allocations */
    UPDATE allocations
       SET released_quantity = quantity - shipped_quantity
     WHERE id = ANY($1::uuid[])
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
               AND expires_at <= store_now()
             ORDER BY expires_at
             LIMIT $1) AS due
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


LIST_LEVELS: Final = query(
    """
    /* inventory.list_levels */
    SELECT level.variant_id, variants.sku, products.name, locations.code AS location,
           on_hand, allocated, reserved, on_hand - allocated - reserved AS available,
           low_stock_threshold, on_hand - allocated - reserved <= low_stock_threshold AS is_low
      FROM stock_levels AS level
      JOIN variants ON variants.id = level.variant_id
      JOIN products ON products.id = variants.product_id
      JOIN locations ON locations.id = level.location_id
     WHERE ($1::text IS NULL OR (variants.sku, locations.code) > ($1, $2))
       AND (NOT $3::boolean OR on_hand - allocated - reserved <= low_stock_threshold)
     ORDER BY variants.sku, locations.code
     LIMIT $4
    """,
    LevelRow,
)

LIST_LEVELS_OF: Final = query(
    """
    /* inventory.list_levels_of */
    SELECT level.variant_id, variants.sku, products.name, locations.code AS location,
           on_hand, allocated, reserved, on_hand - allocated - reserved AS available,
           low_stock_threshold, on_hand - allocated - reserved <= low_stock_threshold AS is_low
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
    actor: str
    moved_at: datetime


LIST_MOVEMENTS: Final = query(
    """
    /* inventory.list_movements */
    SELECT move.id, move.variant_id, variants.sku, locations.code AS location, delta, reason,
           reference, actor, moved_at
      FROM stock_movements AS move
      JOIN variants ON variants.id = move.variant_id
      JOIN locations ON locations.id = move.location_id
     WHERE ($1::uuid IS NULL OR move.variant_id = $1)
       AND ($2::uuid IS NULL OR move.id < $2)
     ORDER BY move.id DESC
     LIMIT $3
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

INSERT_LOCATIONS: Final = command(
    """
    /* inventory.insert_locations */
    INSERT INTO locations (id, code, name, country, priority)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[])
    """
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


class LocationRow(msgspec.Struct, frozen=True):
    """A place where stock is kept; lower priorities are emptied first."""

    id: LocationId
    code: str
    name: str
    country: str
    priority: int


LIST_LOCATIONS: Final = query(
    """
    /* inventory.list_locations */
    SELECT id, code, name, country, priority
      FROM locations
     ORDER BY priority, id
    """,
    LocationRow,
)

# --- The shelf: products with their stock, as the storefront lists them -------------------------
#
# $1 currency, $2 words, $3 category and $4 vendor (slugs), $5 in stock only, $6 and $7 lowest and
# highest price; each may be null but the first. A search is a statement of its own, so that its
# plan starts at the index of words.

_SHELF_TABLES: Final = """
    WITH RECURSIVE aisle AS (
        SELECT id FROM categories WHERE slug = $3::text
         UNION
        SELECT below.id FROM categories AS below JOIN aisle ON below.parent_id = aisle.id
    ), wanted AS (
        -- The last word may be unfinished. A query that ends in a bracket has no last word.
        SELECT CASE WHEN base::text LIKE '%''' THEN (base::text || ':*')::tsquery ELSE base END
               AS words
          FROM websearch_to_tsquery('simple', $2::text) AS base
    )"""

# Asked per product that is looked at, never for the whole catalog first: a page needs 24 of them.
_SHELF_FILTERS: Final = """
         WHERE products.status = 'active'
           AND ($3::text IS NULL OR EXISTS (
               SELECT
                 FROM product_categories AS placed
                WHERE placed.product_id = products.id
                  AND placed.category_id IN (SELECT id FROM aisle)))
           AND ($4::text IS NULL
                OR products.vendor_id = (SELECT id FROM vendors WHERE slug = $4))
           AND (NOT $5::boolean OR (
               SELECT true
                 FROM variants
                 JOIN variant_prices AS prices ON prices.variant_id = variants.id
                 JOIN stock_levels AS level ON level.variant_id = variants.id
                WHERE variants.product_id = products.id
                  AND variants.is_active
                  AND prices.currency = $1
                  AND on_hand - allocated - reserved + backorder_limit > 0
                LIMIT 1))"""

_SHELF_PRICE: Final = """
         CROSS JOIN LATERAL (
               SELECT min(amount_minor) AS lowest, max(amount_minor) AS highest,
                      bool_or(($6::bigint IS NULL OR amount_minor >= $6)
                              AND ($7::bigint IS NULL OR amount_minor <= $7)) AS is_within
                 FROM variants
                 JOIN variant_prices AS prices ON prices.variant_id = variants.id
                WHERE variants.product_id = products.id
                  AND variants.is_active
                  AND prices.currency = $1::bpchar) AS price"""

# The same question for counting, where every product is looked at anyway.
_SHELF_PRICED: Final = """
           AND EXISTS (
               SELECT
                 FROM variants
                 JOIN variant_prices AS prices ON prices.variant_id = variants.id
                WHERE variants.product_id = products.id
                  AND variants.is_active
                  AND prices.currency = $1::bpchar
                  AND ($6::bigint IS NULL OR amount_minor >= $6)
                  AND ($7::bigint IS NULL OR amount_minor <= $7))"""

# By price, a listing walks the prices in their order and stops at the end of the page. A product
# stands at its lowest price, at one variant of those that have it.
_BY_PRICE: Final = """
          FROM variant_prices AS first
          JOIN variants AS cheapest
            ON cheapest.id = first.variant_id
           AND cheapest.is_active
           AND first.currency = $1::bpchar
          JOIN products ON products.id = cheapest.product_id"""

_IS_CHEAPEST: Final = """
           AND first.amount_minor = price.lowest
           AND NOT EXISTS (
               SELECT
                 FROM variants AS twin
                 JOIN variant_prices AS same ON same.variant_id = twin.id
                WHERE twin.product_id = products.id
                  AND twin.is_active
                  AND same.currency = first.currency
                  AND same.amount_minor = first.amount_minor
                  AND twin.id < cheapest.id)"""

_SHELF_COLUMNS: Final = """
    SELECT page.id, page.slug, page.name, page.fact, vendors.slug AS vendor_slug,
           vendors.name AS vendor_name,
           (SELECT jsonb_build_object('file', file, 'alt', alt, 'width', width, 'height', height)
              FROM product_images
             WHERE product_id = page.id
             ORDER BY position
             LIMIT 1) AS image,
           page.lowest AS price_from_minor, page.highest AS price_to_minor,
           $1::bpchar AS currency,
           (SELECT coalesce(sum(on_hand - allocated - reserved + backorder_limit), 0)
              FROM variants
              JOIN variant_prices AS prices ON prices.variant_id = variants.id
              JOIN stock_levels AS level ON level.variant_id = variants.id
             WHERE variants.product_id = page.id
               AND variants.is_active
               AND prices.currency = $1) AS available,
           page.key::text AS key
      FROM page
      JOIN vendors ON vendors.id = page.vendor_id"""

_PLAIN: Final = """
          FROM products"""

_MATCHES: Final = {
    "list": "AND $2::text IS NULL",
    "search": "AND products.search @@ wanted.words",
}

_KEYS: Final = {
    "newest": ("products.created_at", "timestamptz", "DESC", "<"),
    "price_up": ("first.amount_minor", "bigint", "ASC", ">"),
    "price_down": ("first.amount_minor", "bigint", "DESC", "<"),
    "name": ("products.name", "text", "ASC", ">"),
    # Whole millionths, so that a cursor names exactly the rank that was seen.
    "relevance": ("(1000000 * ts_rank(products.search, wanted.words))::int", "int", "DESC", "<"),
}


class ShelfRow(ProductSummary, frozen=True):
    """One product of a listing and the key that it is sorted by, as text."""

    key: str


def _listing(verb: str, order: str) -> Statement[ShelfRow]:
    key, kind, direction, beyond = _KEYS[order]
    is_by_price = order in {"price_up", "price_down"}
    # The second comparison says no more than the first; it lets the scan of an index begin there.
    return query(
        f"""
    /* inventory.{verb}_shelf_by_{order} */{_SHELF_TABLES}, page AS (
        SELECT products.id, products.slug, products.name, products.fact, products.vendor_id,
               price.lowest, price.highest, {key} AS key{_BY_PRICE if is_by_price else _PLAIN}
         CROSS JOIN wanted{_SHELF_PRICE}{_SHELF_FILTERS}
           AND price.is_within{_IS_CHEAPEST if is_by_price else ""}
           {_MATCHES[verb]}
           AND ($8::{kind} IS NULL OR ({key}, products.id) {beyond} ($8, $9::uuid))
           AND ($8 IS NULL OR {key} {beyond}= $8)
         ORDER BY {key} {direction}, products.id {direction}
         LIMIT $10
    ){_SHELF_COLUMNS}
     ORDER BY page.key {direction}, page.id {direction}
    """,
        ShelfRow,
    )


LIST_SHELF: Final = {order: _listing("list", order) for order in _KEYS if order != "relevance"}
SEARCH_SHELF: Final = {order: _listing("search", order) for order in _KEYS}


class CountRow(msgspec.Struct, frozen=True):
    """How many."""

    count: int


def _total(verb: str) -> Statement[CountRow]:
    return query(
        f"""
    /* inventory.{verb}_shelf_total */{_SHELF_TABLES}
        SELECT count(*) AS count{_PLAIN}
         CROSS JOIN wanted{_SHELF_FILTERS}{_SHELF_PRICED}
           {_MATCHES[verb]}
    """,
        CountRow,
    )


def _facets(verb: str) -> Statement[CategoryCount]:
    return query(
        f"""
    /* inventory.{verb}_shelf_categories */{_SHELF_TABLES}, within AS (
        SELECT id AS category_id, id FROM categories
         UNION
        SELECT within.category_id, below.id
          FROM within JOIN categories AS below ON below.parent_id = within.id
    ), matching AS (
        SELECT products.id{_PLAIN}
         CROSS JOIN wanted{_SHELF_FILTERS}{_SHELF_PRICED}
           {_MATCHES[verb]}
    ), counted AS (
        -- Once each, although a product may stand in a category and in one above it.
        SELECT category_id, count(*) AS count
          FROM (SELECT DISTINCT within.category_id, matching.id
                  FROM within
                  JOIN product_categories AS placed ON placed.category_id = within.id
                  JOIN matching ON matching.id = placed.product_id) AS once
         GROUP BY category_id
    )
    SELECT categories.slug, categories.name, parents.slug AS parent_slug,
           coalesce(counted.count, 0) AS count
      FROM categories
      LEFT JOIN categories AS parents ON parents.id = categories.parent_id
      LEFT JOIN counted ON counted.category_id = categories.id
     ORDER BY categories.position, categories.slug
    """,
        CategoryCount,
    )


COUNT_SHELF: Final = {verb: _total(verb) for verb in _MATCHES}
COUNT_SHELF_CATEGORIES: Final = {verb: _facets(verb) for verb in _MATCHES}
