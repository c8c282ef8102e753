"""Statements of the shelf. Nothing is written here; the room above the catalog may read both.

$1 is the currency, $2 the words searched for, $3 a category and $4 a vendor (slugs), $5 whether
only what is in stock is wanted, $6 and $7 the lowest and the highest price, $8 the options that
are wanted (an object of names and values). Each may be null but $1 and $5. Statements are put
together from the fragments below, once, when the module is read. A search is a statement of its
own, so that its plan begins at the index of words, and so is an aisle (a category with those below
it), which begins at what stands in it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.catalog.model import CategoryCount, FacetCount, ProductSummary
from surehold.db import Statement, query

_COMMON: Final = """
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

_MATCHES: Final = {
    "list": "AND $2::text IS NULL",
    "search": "AND products.search @@ wanted.words",
}

_PLACES: Final = {
    "shelf": """
           AND $3::text IS NULL""",
    "aisle": """
           AND products.id IN (
               SELECT product_id FROM product_categories
                WHERE category_id IN (SELECT id FROM aisle))""",
}

_FILTERS: Final = """
         WHERE products.status = 'active'
           AND ($4::text IS NULL
                OR products.vendor_id = (SELECT id FROM vendors WHERE slug = $4))"""

# Whether a variant has every option that is wanted.
_CHOSEN: Final = """CASE WHEN $8::jsonb IS NULL THEN true
                           WHEN cardinality(products.option_names)
                                <> cardinality(variants.options) THEN false
                           ELSE jsonb_object(products.option_names, variants.options) @> $8
                       END"""

# --- Listing: each product is asked as it is met, since a page needs two dozen of them ----------

_PRODUCTS: Final = """
          FROM products"""

# What stands in a category is met in its order there, and fetched one by one.
_PRODUCTS_OF_CATEGORY: Final = """
          FROM product_categories AS placed
         CROSS JOIN LATERAL (
               SELECT * FROM products WHERE id = placed.product_id LIMIT 1) AS products"""

# By price, the prices are walked in their order up to the end of the page. A product stands at
# its lowest price, at one variant of those that have it.
_PRODUCTS_BY_PRICE: Final = """
          FROM variant_prices AS first
          JOIN variants AS cheapest
            ON cheapest.id = first.variant_id
           AND cheapest.is_active
           AND first.currency = $1::bpchar
          JOIN products
            ON products.id = cheapest.product_id
           AND NOT EXISTS (
               SELECT
                 FROM variants AS other
                 JOIN variant_prices AS price ON price.variant_id = other.id
                WHERE other.product_id = cheapest.product_id
                  AND other.is_active
                  AND price.currency = $1
                  AND (price.amount_minor, other.id) < (first.amount_minor, cheapest.id))"""

_PRICE_OF_EACH: Final = f"""
         CROSS JOIN LATERAL (
               SELECT min(amount_minor) AS lowest, max(amount_minor) AS highest,
                      bool_or(($6::bigint IS NULL OR amount_minor >= $6)
                              AND ($7::bigint IS NULL OR amount_minor <= $7)
                              AND {_CHOSEN}) AS is_within
                 FROM variants
                 JOIN variant_prices AS prices ON prices.variant_id = variants.id
                WHERE variants.product_id = products.id
                  AND variants.is_active
                  AND prices.currency = $1::bpchar) AS price"""

_STOCK_OF_EACH: Final = """
           AND price.is_within
           AND (NOT $5::boolean OR (
               SELECT true
                 FROM variants
                 JOIN variant_prices AS prices ON prices.variant_id = variants.id
                 JOIN stock_levels AS level ON level.variant_id = variants.id
                WHERE variants.product_id = products.id
                  AND variants.is_active
                  AND prices.currency = $1
                  AND on_hand - allocated - reserved + backorder_limit > 0
                  AND location_id <> ALL (ARRAY(SELECT id FROM locations WHERE NOT is_active))
                LIMIT 1))"""

_SUMMARY: Final = """
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
               AND prices.currency = $1
               AND location_id <> ALL (ARRAY(SELECT id FROM locations WHERE NOT is_active))
           ) AS available,
           page.key::text AS key
      FROM page
      JOIN vendors ON vendors.id = page.vendor_id"""

_MOST: Final = "9223372036854775807"
_LAST_ID: Final = "'ffffffff-ffff-ffff-ffff-ffffffffffff'"

#: What a listing is ordered by: from where, the key, its type, its direction, and beyond it; and
#: what lies before every key. Ids are ordered by time: the newest is the last one.
_ORDERS: Final = {
    "newest": (_PRODUCTS, "products.id", "uuid", "DESC", "<", _LAST_ID),
    "name": (_PRODUCTS, "products.name", "text", "ASC", ">", "''"),
    "price_up": (_PRODUCTS, "price.lowest", "bigint", "ASC", ">", "0"),
    "price_down": (_PRODUCTS, "price.lowest", "bigint", "DESC", "<", _MOST),
    # For the whole catalog only: among few products the walk would pass all the others.
    "price_up_of_all": (_PRODUCTS_BY_PRICE, "first.amount_minor", "bigint", "ASC", ">", "0"),
    "price_down_of_all": (_PRODUCTS_BY_PRICE, "first.amount_minor", "bigint", "DESC", "<", _MOST),
    # Whole millionths, so that a cursor names exactly the rank that was seen.
    "relevance": (
        _PRODUCTS,
        "(1000000 * ts_rank(products.search, wanted.words))::int",
        "int",
        "DESC",
        "<",
        "2147483647",
    ),
}


class ShelfRow(ProductSummary, frozen=True):
    """One product of a listing and the key that it is sorted by, as text."""

    key: str


def _listing(verb: str, place: str, order: str) -> Statement[ShelfRow]:
    products, key, kind, direction, beyond, edge = _ORDERS[order]
    within, id_, limit = _PLACES[place], "products.id", "$11"
    is_walked = (verb, place) == ("list", "aisle")
    if is_walked:
        products, id_ = _PRODUCTS_OF_CATEGORY, "placed.product_id"
        key = id_ if key == "products.id" else key
        within = """
           AND placed.category_id = aisle.id"""
    if verb == "list":
        limit = "(SELECT $11::bigint)"  # each enters one index, whatever it is asked
    # The last comparison says no more than the one before; with it, an index is entered there,
    # even by a plan that is made for all values.
    page = f"""
        SELECT products.id, products.slug, products.name, products.fact, products.vendor_id,
               price.lowest, price.highest, {key} AS key{products}
         CROSS JOIN wanted{_PRICE_OF_EACH}{_FILTERS}{_STOCK_OF_EACH}{within}
           {_MATCHES[verb]}
           AND ($9::{kind} IS NULL OR ({key}, {id_}) {beyond} ($9, $10::uuid))
           AND {key} {beyond}= coalesce($9, {edge})
         ORDER BY {key} {direction}, {id_} {direction}
         LIMIT {limit}"""
    if is_walked:
        # A page of each category, and of these the first; what stands in two of them once.
        page = f"""
        SELECT DISTINCT found.*
          FROM aisle
         CROSS JOIN LATERAL ({page}) AS found
         ORDER BY found.key {direction}, found.id {direction}
         LIMIT {limit}"""
    return query(
        f"""
    /* inventory.{verb}_{place}_by_{order} */{_COMMON}, page AS ({page}
    ){_SUMMARY}
     ORDER BY page.key {direction}, page.id {direction}
    """,
        ShelfRow,
    )


# $1: the currency; $2: products, in the order in which they are wanted.
LIST_OF: Final = query(
    f"""
    /* inventory.list_shelf_of */
    WITH page AS (
        SELECT products.id, products.slug, products.name, products.fact, products.vendor_id,
               price.lowest, price.highest, wanted.position AS key
          FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, position)
          JOIN products ON products.id = wanted.id
         CROSS JOIN LATERAL (
               SELECT min(amount_minor) AS lowest, max(amount_minor) AS highest
                 FROM variants
                 JOIN variant_prices AS prices ON prices.variant_id = variants.id
                WHERE variants.product_id = products.id
                  AND variants.is_active
                  AND prices.currency = $1::bpchar) AS price
         WHERE products.status = 'active'
           AND price.lowest IS NOT NULL
    ){_SUMMARY}
     ORDER BY page.key
    """,
    ShelfRow,
)


class NameRow(msgspec.Struct, frozen=True):
    """What a product is called."""

    name: str


# The function is made by a migration: what it does depends on what the server has.
LIST_NEAR_NAMES: Final = query(
    """
    /* inventory.list_near_names */
    SELECT near_names($1::text, $2::integer) AS name
    """,
    NameRow,
)

_OF_ALL: Final = ("price_up_of_all", "price_down_of_all")

#: Without a search nothing goes by relevance, and neither a search nor an aisle is the whole.
LISTINGS: Final = {
    (verb, place): {
        order: _listing(verb, place, order)
        for order in _ORDERS
        if (order != "relevance" or verb == "search")
        and (order not in _OF_ALL or (verb, place) == ("list", "shelf"))
    }
    for verb in _MATCHES
    for place in _PLACES
}

# --- Counting: every product is looked at, so prices and stock are gathered first ---------------

_PRICED: Final = """
          FROM variants
          JOIN variant_prices AS prices ON prices.variant_id = variants.id
         WHERE variants.is_active
           AND prices.currency = $1::bpchar
           AND ($6::bigint IS NULL OR amount_minor >= $6)
           AND ($7::bigint IS NULL OR amount_minor <= $7)"""

_STOCKED: Final = """stocked AS MATERIALIZED (
        SELECT DISTINCT variants.product_id
          FROM variants
          JOIN variant_prices AS prices ON prices.variant_id = variants.id
          JOIN stock_levels AS level ON level.variant_id = variants.id
         WHERE variants.is_active
           AND prices.currency = $1
           AND on_hand - allocated - reserved + backorder_limit > 0
           AND location_id <> ALL (ARRAY(SELECT id FROM locations WHERE NOT is_active))
    )"""

_GATHERED: Final = f""", priced AS MATERIALIZED (
        SELECT DISTINCT variants.product_id{_PRICED}
           AND ($8::jsonb IS NULL
                OR (SELECT {_CHOSEN}
                      FROM products
                     WHERE products.id = variants.product_id))
    ), {_STOCKED}"""

_COUNTED_PRODUCTS: Final = """
          FROM products
          JOIN priced ON priced.product_id = products.id
         CROSS JOIN wanted"""

_STOCK_OF_ALL: Final = """
           AND (NOT $5::boolean OR products.id IN (SELECT product_id FROM stocked))"""


class CountRow(msgspec.Struct, frozen=True):
    """How many."""

    count: int


def _total(verb: str, place: str) -> Statement[CountRow]:
    return query(
        f"""
    /* inventory.{verb}_{place}_total */{_COMMON}{_GATHERED}
        SELECT count(*) AS count{_COUNTED_PRODUCTS}{_FILTERS}{_PLACES[place]}{_STOCK_OF_ALL}
           {_MATCHES[verb]}
    """,
        CountRow,
    )


def _by_category(verb: str) -> Statement[CategoryCount]:
    return query(
        f"""
    /* inventory.{verb}_shelf_categories */{_COMMON}{_GATHERED}, within AS (
        SELECT id AS category_id, id FROM categories
         UNION
        SELECT within.category_id, below.id
          FROM within JOIN categories AS below ON below.parent_id = within.id
    ), matching AS MATERIALIZED (
        SELECT products.id{_COUNTED_PRODUCTS}{_FILTERS}{_PLACES["shelf"]}{_STOCK_OF_ALL}
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


TOTALS: Final = {(verb, place): _total(verb, place) for verb in _MATCHES for place in _PLACES}
CATEGORIES: Final = {verb: _by_category(verb) for verb in _MATCHES}

# --- Facets: what each further filter would leave, all in one reading ---------------------------

# Each facet counts under all filters but its own. Options are counted where somebody has begun to
# choose: of the whole catalog they would say little and take long.
_EVERY_FACET: Final = """
    SELECT 'all' AS facet, '' AS name, '' AS value, '' AS label, NULL AS parent,
           count(*) AS count, 0::bigint AS position
      FROM matching
     WHERE is_theirs AND is_chosen AND (is_stocked OR NOT $5)
     UNION ALL
    SELECT 'here', '', '', '', NULL, count(*), 0
      FROM matching
     WHERE is_here AND is_theirs AND is_chosen AND (is_stocked OR NOT $5)
     UNION ALL
    SELECT 'in_stock', '', '1', '', NULL, count(*), 0
      FROM matching
     WHERE is_here AND is_theirs AND is_chosen AND is_stocked
     UNION ALL
    SELECT 'category', '', categories.slug, categories.name, parents.slug,
           (SELECT count(DISTINCT matching.id)
              FROM within
              JOIN product_categories AS placed ON placed.category_id = within.id
              JOIN matching ON matching.id = placed.product_id
             WHERE within.category_id = categories.id
               AND is_theirs AND is_chosen AND (is_stocked OR NOT $5)),
           row_number() OVER (ORDER BY categories.position, categories.slug)
      FROM categories
      LEFT JOIN categories AS parents ON parents.id = categories.parent_id
     UNION ALL
    SELECT 'vendor', '', vendors.slug, vendors.name, NULL, count(*),
           row_number() OVER (ORDER BY count(*) DESC, vendors.name)
      FROM matching
      JOIN vendors ON vendors.id = matching.vendor_id
     WHERE is_here AND is_chosen AND (is_stocked OR NOT $5)
     GROUP BY vendors.slug, vendors.name
     UNION ALL
    SELECT 'option', option.name, option.value, option.value, NULL,
           count(DISTINCT products.id), (1000 * avg(variants.position))::bigint
      FROM matching AS products
      JOIN fitting AS variants ON variants.product_id = products.id
     CROSS JOIN LATERAL unnest(products.option_names, variants.options) AS option (name, value)
     WHERE is_here AND is_theirs AND (is_stocked OR NOT $5)
       AND CASE WHEN cardinality(products.option_names) <> cardinality(variants.options) THEN false
                WHEN $8::jsonb IS NULL THEN true
                ELSE jsonb_object(products.option_names, variants.options) @> ($8 - option.name)
            END
       AND coalesce($2, $3, $4) IS NOT NULL
     GROUP BY option.name, option.value
     ORDER BY facet, name, position, value"""


def _facets(verb: str) -> Statement[FacetCount]:
    return query(
        f"""
    /* inventory.{verb}_shelf_facets */{_COMMON}, fitting AS MATERIALIZED (
        SELECT variants.product_id, variants.options, variants.position{_PRICED}
    ), priced AS MATERIALIZED (
        SELECT products.id AS product_id, bool_or({_CHOSEN}) AS is_chosen
          FROM fitting AS variants
          JOIN products ON products.id = variants.product_id
         GROUP BY products.id
    ), {_STOCKED}, within AS (
        SELECT id AS category_id, id FROM categories
         UNION
        SELECT within.category_id, below.id
          FROM within JOIN categories AS below ON below.parent_id = within.id
    ), matching AS MATERIALIZED (
        SELECT products.id, products.vendor_id, products.option_names, priced.is_chosen,
               $3::text IS NULL OR products.id IN (
                   SELECT product_id FROM product_categories
                    WHERE category_id IN (SELECT id FROM aisle)) AS is_here,
               $4::text IS NULL
               OR products.vendor_id = (SELECT id FROM vendors WHERE slug = $4) AS is_theirs,
               products.id IN (SELECT product_id FROM stocked) AS is_stocked{_COUNTED_PRODUCTS}
         WHERE products.status = 'active'
           {_MATCHES[verb]}
    ){_EVERY_FACET}
    """,
        FacetCount,
    )


FACETS: Final = {verb: _facets(verb) for verb in _MATCHES}
