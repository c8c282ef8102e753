"""Statements of the cart room. Every writer of lines first locks their carts, in id order."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.cart.model import CartFacts, Offer
from surehold.db import command, query
from surehold.kernel.ids import CartId, VariantId

INSERT_CART: Final = command(
    """
    /* cart.insert_cart */
    WITH clock AS (
        SELECT store_now() AS now
    )
    INSERT INTO carts (id, token_hash, currency, created_at, updated_at)
    SELECT $1, $2, $3, now, now FROM clock
    """
)

#: The cart that a token opens: its own, or one that was given to a browser since.
_OPENED: Final = """
       carts.id = coalesce(
           (SELECT own.id FROM carts AS own WHERE own.token_hash = $1),
           (SELECT given.cart_id FROM cart_tokens AS given WHERE given.token_hash = $1))
   AND ($2::uuid IS NULL OR carts.id = $2)
"""

# One trip for the whole page. What is available is what the inventory room counts: on hand, minus
# allocated and reserved, plus what may be back-ordered, at every location.
_CART: Final = """
    SELECT carts.id, carts.currency, carts.created_at, carts.updated_at,
           (SELECT coalesce(
                       jsonb_agg(
                           jsonb_build_object(
                               'id', lines.id,
                               'variant_id', lines.variant_id,
                               'product_id', products.id,
                               'slug', products.slug,
                               'name', products.name,
                               'option_names', products.option_names,
                               'options', variants.options,
                               'image', image.content,
                               'sku', variants.sku,
                               'quantity', lines.quantity,
                               'seen_price_minor', lines.seen_price_minor,
                               'price_minor', prices.amount_minor,
                               'available', stock.available,
                               'is_withdrawn',
                               NOT variants.is_active OR products.status <> 'active',
                               'there', stock.there,
                               'kind', terms.kind,
                               'promised_on', terms.promised_on)
                           ORDER BY lines.id),
                       '[]')
              FROM cart_lines AS lines
              JOIN variants ON variants.id = lines.variant_id
              JOIN products ON products.id = variants.product_id
              LEFT JOIN variant_prices AS prices
                ON prices.variant_id = variants.id
               AND prices.currency = carts.currency
              LEFT JOIN backorder_terms AS terms ON terms.variant_id = variants.id
              LEFT JOIN LATERAL (
                   SELECT jsonb_build_object('file', file, 'alt', alt, 'width', width,
                                             'height', height) AS content
                     FROM product_images
                    WHERE product_id = products.id
                    ORDER BY position
                    LIMIT 1) AS image ON true
             CROSS JOIN LATERAL (
                   SELECT coalesce(sum(on_hand - allocated - reserved + backorder_limit), 0)
                          AS available,
                          coalesce(sum(greatest(on_hand - allocated - reserved, 0)), 0) AS there
                     FROM stock_levels
                    WHERE stock_levels.variant_id = lines.variant_id
                      AND location_id <> ALL (
                          ARRAY(SELECT id FROM locations WHERE NOT is_active))) AS stock
             WHERE lines.cart_id = carts.id) AS lines,
           (SELECT coalesce(
                       jsonb_agg(
                           jsonb_build_object(
                               'variant_id', saved.variant_id,
                               'product_id', products.id,
                               'slug', products.slug,
                               'name', products.name,
                               'options', variants.options,
                               'sku', variants.sku,
                               'quantity', saved.quantity,
                               'is_for_sale',
                               variants.is_active AND products.status = 'active',
                               'saved_at', saved.saved_at)
                           ORDER BY saved.saved_at, saved.variant_id),
                       '[]')
              FROM cart_saved_lines AS saved
              JOIN variants ON variants.id = saved.variant_id
              JOIN products ON products.id = variants.product_id
             WHERE saved.cart_id = carts.id) AS saved,
           carts.coupon_code
      FROM carts
"""

READ_CART: Final = query(
    f"""
    /* cart.read_cart */
    {_CART}
     WHERE {_OPENED}
    """,
    CartFacts,
)

READ_CART_BY_ID: Final = query(
    f"""
    /* cart.read_cart_by_id */
    {_CART}
     WHERE carts.id = $1
    """,
    CartFacts,
)


class LockedCartRow(msgspec.Struct, frozen=True):
    """A cart that nobody else changes until the end of the transaction."""

    id: CartId
    currency: str


# A statement of its own: what is read after it sees what the last holder of the lock has written.
LOCK_CART: Final = query(
    f"""
    /* cart.lock_cart */
    SELECT carts.id, carts.currency
      FROM carts
     WHERE {_OPENED}
       FOR NO KEY UPDATE OF carts
    """,
    LockedCartRow,
)

READ_OFFER: Final = query(
    """
    /* cart.read_offer */
    SELECT (SELECT amount_minor
              FROM variant_prices AS prices
              JOIN variants ON variants.id = prices.variant_id
              JOIN products ON products.id = variants.product_id
             WHERE prices.variant_id = $2
               AND prices.currency = $3
               AND variants.is_active
               AND products.status = 'active') AS price_minor,
           (SELECT coalesce(sum(on_hand - allocated - reserved + backorder_limit), 0)
              FROM stock_levels
             WHERE variant_id = $2
               AND location_id <> ALL (
                   ARRAY(SELECT id FROM locations WHERE NOT is_active))) AS available,
           coalesce((SELECT quantity
                       FROM cart_lines
                      WHERE cart_id = $1
                        AND variant_id = $2), 0) AS quantity,
           (SELECT count(*) FROM cart_lines WHERE cart_id = $1) AS line_count
    """,
    Offer,
)


class VariantRow(msgspec.Struct, frozen=True):
    """What a line is of."""

    variant_id: VariantId


FIND_LINE: Final = query(
    """
    /* cart.find_line */
    SELECT variant_id
      FROM cart_lines
     WHERE cart_id = $1
       AND id = $2
    """,
    VariantRow,
)

# The sum is made here, on the row as it is. The price that the buyer saw first stays, so that a
# change is said and not slipped in.
ADD_TO_LINE: Final = command(
    """
    /* cart.add_to_line */
    WITH touched AS (
        UPDATE carts SET updated_at = store_now() WHERE id = $2
    )
    INSERT INTO cart_lines (id, cart_id, variant_id, quantity, seen_price_minor, added_at)
    VALUES ($1, $2, $3, $4, $5, store_now())
    ON CONFLICT (cart_id, variant_id) DO UPDATE
       SET quantity = cart_lines.quantity + excluded.quantity
    """
)

SET_QUANTITY: Final = command(
    """
    /* cart.set_quantity */
    WITH touched AS (
        UPDATE carts SET updated_at = store_now() WHERE id = $1
    )
    UPDATE cart_lines
       SET quantity = $3
     WHERE cart_id = $1
       AND id = $2
    """
)

DELETE_LINE: Final = command(
    """
    /* cart.delete_line */
    WITH touched AS (
        UPDATE carts SET updated_at = store_now() WHERE id = $1
    )
    DELETE FROM cart_lines
     WHERE cart_id = $1
       AND id = $2
    """
)

DELETE_LINES: Final = command(
    """
    /* cart.delete_lines */
    WITH touched AS (
        UPDATE carts SET updated_at = store_now() WHERE id = $1
    )
    DELETE FROM cart_lines
     WHERE cart_id = $1
    """
)

LIST_UNPRICED: Final = query(
    """
    /* cart.list_unpriced */
    SELECT variant_id
      FROM cart_lines AS lines
     WHERE cart_id = $1
       AND NOT EXISTS (
           SELECT
             FROM variant_prices AS prices
            WHERE prices.variant_id = lines.variant_id
              AND prices.currency = $2)
     ORDER BY lines.id
    """,
    VariantRow,
)

CHANGE_CURRENCY: Final = command(
    """
    /* cart.change_currency */
    WITH changed AS (
        UPDATE carts SET currency = $2, updated_at = store_now() WHERE id = $1
    )
    UPDATE cart_lines AS lines
       SET seen_price_minor = prices.amount_minor
      FROM variant_prices AS prices
     WHERE lines.cart_id = $1
       AND prices.variant_id = lines.variant_id
       AND prices.currency = $2
    """
)

# Rows come as they were accepted: a line that was removed meanwhile is not brought back.
ACCEPT_CHANGES: Final = command(
    """
    /* cart.accept_changes */
    WITH touched AS (
        UPDATE carts SET updated_at = store_now() WHERE id = $1
    )
    UPDATE cart_lines AS lines
       SET quantity = accepted.quantity,
           seen_price_minor = accepted.price_minor
      FROM unnest($2::uuid[], $3::int[], $4::bigint[])
           AS accepted (id, quantity, price_minor)
     WHERE lines.cart_id = $1
       AND lines.id = accepted.id
    """
)


class ContentRow(msgspec.Struct, frozen=True):
    """One cart for the checkout: three columns of its lines, in their order."""

    cart_id: CartId
    currency: str
    variant_ids: list[UUID]
    quantities: list[int]
    seen_prices_minor: list[int]
    coupon_code: str | None


LOAD_LINES: Final = query(
    """
    /* cart.load_lines */
    SELECT carts.id AS cart_id, carts.currency,
           coalesce(content.variant_ids, '{}') AS variant_ids,
           coalesce(content.quantities, '{}') AS quantities,
           coalesce(content.seen_prices_minor, '{}') AS seen_prices_minor, carts.coupon_code
      FROM unnest($1::uuid[], $2::bytea[]) AS wanted (id, token_hash)
      JOIN carts
        ON carts.id = wanted.id
       AND (carts.token_hash = wanted.token_hash
            OR EXISTS (SELECT
                         FROM cart_tokens AS given
                        WHERE given.token_hash = wanted.token_hash
                          AND given.cart_id = carts.id))
     CROSS JOIN LATERAL (
           SELECT array_agg(variant_id ORDER BY lines.id) AS variant_ids,
                  array_agg(quantity ORDER BY lines.id) AS quantities,
                  array_agg(seen_price_minor ORDER BY lines.id) AS seen_prices_minor
             FROM cart_lines AS lines
            WHERE lines.cart_id = carts.id) AS content
    """,
    ContentRow,
)


SET_COUPON: Final = command(
    """
    /* cart.set_coupon */
    UPDATE carts
       SET coupon_code = $2, updated_at = store_now()
     WHERE id = $1
    """
)

LOCK_CARTS: Final = query(
    """
    /* cart.lock_carts */
    SELECT id, currency
      FROM carts
     WHERE id = ANY($1::uuid[])
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    LockedCartRow,
)

# Both halves see the rows as they were before the statement; the lock on their carts keeps
# everybody else from writing them in between.
TAKE_ORDERED: Final = command(
    """
    /* cart.take_ordered */
    WITH taken AS (
        SELECT *
          FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS taken (cart_id, variant_id, quantity)
    ), emptied AS (
        DELETE FROM cart_lines AS lines
         USING taken
         WHERE lines.cart_id = taken.cart_id
           AND lines.variant_id = taken.variant_id
           AND lines.quantity <= taken.quantity
    )
    UPDATE cart_lines AS lines
       SET quantity = lines.quantity - taken.quantity
      FROM taken
     WHERE lines.cart_id = taken.cart_id
       AND lines.variant_id = taken.variant_id
       AND lines.quantity > taken.quantity
    """
)

# A cart untouched for so long is at least that old, so only the oldest are looked at.
PRUNE_CARTS: Final = command(
    """
    /* cart.prune_carts */
    DELETE FROM carts
     WHERE id IN (
           SELECT id
             FROM carts
            WHERE created_at < (SELECT store_now()) - $1::interval
              AND updated_at < (SELECT store_now()) - $1::interval
            ORDER BY created_at
            LIMIT $2
              FOR UPDATE SKIP LOCKED)
    """
)
