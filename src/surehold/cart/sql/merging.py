"""Two carts become one: what both have, and moving it over. Both carts are locked, in id order."""

from __future__ import annotations

from typing import Final

from surehold.cart.model import Meeting
from surehold.db import command, query

# What the other cart has, beside what the first has of it, in the first one's currency.
LIST_MEETINGS: Final = query(
    """
    /* cart.list_meetings */
    SELECT theirs.variant_id, coalesce(own.quantity, 0) AS own, theirs.quantity AS theirs,
           theirs.seen_price_minor AS their_seen_minor,
           CASE WHEN variants.is_active AND products.status = 'active'
                THEN prices.amount_minor END AS price_minor,
           (SELECT coalesce(sum(on_hand - allocated - reserved + backorder_limit), 0)::bigint
              FROM stock_levels
             WHERE stock_levels.variant_id = theirs.variant_id
               AND location_id <> ALL (
                   ARRAY(SELECT id FROM locations WHERE NOT is_active))) AS available
      FROM cart_lines AS theirs
      JOIN variants ON variants.id = theirs.variant_id
      JOIN products ON products.id = variants.product_id
      LEFT JOIN cart_lines AS own
        ON own.cart_id = $1
       AND own.variant_id = theirs.variant_id
      LEFT JOIN variant_prices AS prices
        ON prices.variant_id = theirs.variant_id
       AND prices.currency = $3
     WHERE theirs.cart_id = $2
     ORDER BY theirs.id
    """,
    Meeting,
)

# The price that the first cart's buyer saw stays, as it does when units are added.
MOVE_LINES: Final = command(
    """
    /* cart.move_lines */
    WITH moved AS (
        SELECT *
          FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::bigint[])
               AS moved (id, variant_id, quantity, seen_price_minor)
    ), touched AS (
        UPDATE carts SET updated_at = store_now() WHERE id IN ($1, $2)
    ), emptied AS (
        DELETE FROM cart_lines AS lines
         USING moved
         WHERE lines.cart_id = $2
           AND lines.variant_id = moved.variant_id
    )
    INSERT INTO cart_lines (id, cart_id, variant_id, quantity, seen_price_minor, added_at)
    SELECT id, $1, variant_id, quantity, seen_price_minor, store_now()
      FROM moved
        ON CONFLICT (cart_id, variant_id) DO UPDATE
       SET quantity = excluded.quantity
    """
)

MOVE_SAVED_LINES: Final = command(
    """
    /* cart.move_saved_lines */
    WITH moved AS (
        DELETE FROM cart_saved_lines
         WHERE cart_id = $2
        RETURNING variant_id, quantity, saved_at
    )
    INSERT INTO cart_saved_lines (cart_id, variant_id, quantity, saved_at)
    SELECT $1, variant_id, quantity, saved_at
      FROM moved
        ON CONFLICT (cart_id, variant_id) DO UPDATE
       SET quantity = greatest(cart_saved_lines.quantity, excluded.quantity)
    """
)
