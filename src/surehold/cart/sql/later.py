"""Statements of what is kept for later: a cart's saved lines, and lists of wishes."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.cart.model import Wishlist
from surehold.db import command, query


class QuantityRow(msgspec.Struct, frozen=True):
    """How many units a line had."""

    variant_id: UUID
    quantity: int


TAKE_LINE: Final = query(
    """
    /* cart.take_line */
    DELETE FROM cart_lines
     WHERE cart_id = $1
       AND id = $2
    RETURNING variant_id, quantity
    """,
    QuantityRow,
)

# What was saved before and what is saved now are one line; the database refuses over 999.
SAVE_LINE: Final = command(
    """
    /* cart.save_line */
    WITH touched AS (
        UPDATE carts SET updated_at = store_now() WHERE id = $1
    )
    INSERT INTO cart_saved_lines (cart_id, variant_id, quantity, saved_at)
    VALUES ($1, $2, $3, store_now())
    ON CONFLICT (cart_id, variant_id) DO UPDATE
       SET quantity = least(999, cart_saved_lines.quantity + excluded.quantity),
           saved_at = excluded.saved_at
    """
)


class CountRow(msgspec.Struct, frozen=True):
    """How many there are."""

    count: int


COUNT_SAVED: Final = query(
    """
    /* cart.count_saved */
    SELECT count(*) AS count
      FROM cart_saved_lines
     WHERE cart_id = $1
       AND variant_id <> $2
    """,
    CountRow,
)

TAKE_SAVED: Final = query(
    """
    /* cart.take_saved */
    DELETE FROM cart_saved_lines
     WHERE cart_id = $1
       AND variant_id = $2
    RETURNING variant_id, quantity
    """,
    QuantityRow,
)

INSERT_WISHLIST: Final = command(
    """
    /* cart.insert_wishlist */
    WITH clock AS (
        SELECT store_now() AS now
    )
    INSERT INTO wishlists (id, token_hash, created_at, updated_at)
    SELECT $1, $2, now, now FROM clock
    """
)


class WishlistRow(msgspec.Struct, frozen=True):
    """A list that nobody else changes until the end of the transaction."""

    id: UUID


LOCK_WISHLIST: Final = query(
    """
    /* cart.lock_wishlist */
    SELECT id
      FROM wishlists
     WHERE id = coalesce(
           (SELECT shown.id FROM wishlists AS shown WHERE shown.token_hash = $1),
           (SELECT wishlist_id FROM wishlist_tokens WHERE wishlist_tokens.token_hash = $1))
       FOR NO KEY UPDATE
    """,
    WishlistRow,
)

READ_WISHLIST: Final = query(
    """
    /* cart.read_wishlist */
    SELECT wishlists.id, wishlists.created_at, wishlists.updated_at,
           (SELECT coalesce(
                       jsonb_agg(
                           jsonb_build_object(
                               'variant_id', wished.variant_id,
                               'product_id', products.id,
                               'slug', products.slug,
                               'name', products.name,
                               'options', variants.options,
                               'sku', variants.sku,
                               'prices', prices.amounts,
                               'available', stock.available,
                               'is_for_sale',
                               variants.is_active AND products.status = 'active',
                               'added_at', wished.added_at)
                           ORDER BY wished.added_at, wished.variant_id),
                       '[]')
              FROM wishlist_lines AS wished
              JOIN variants ON variants.id = wished.variant_id
              JOIN products ON products.id = variants.product_id
             CROSS JOIN LATERAL (
                   SELECT coalesce(jsonb_object_agg(currency, amount_minor), '{}') AS amounts
                     FROM variant_prices
                    WHERE variant_prices.variant_id = wished.variant_id) AS prices
             CROSS JOIN LATERAL (
                   SELECT coalesce(sum(on_hand - allocated - reserved + backorder_limit), 0)
                          AS available
                     FROM stock_levels
                    WHERE stock_levels.variant_id = wished.variant_id
                      AND location_id <> ALL (
                          ARRAY(SELECT id FROM locations WHERE NOT is_active))) AS stock
             WHERE wished.wishlist_id = wishlists.id) AS lines
      FROM wishlists
     WHERE wishlists.id = coalesce(
           (SELECT shown.id FROM wishlists AS shown WHERE shown.token_hash = $1),
           (SELECT wishlist_id FROM wishlist_tokens WHERE wishlist_tokens.token_hash = $1))
    """,
    Wishlist,
)


class WishOfferRow(msgspec.Struct, frozen=True):
    """Whether a variant can be wished for, and how many other wishes there are."""

    is_for_sale: bool
    count: int


READ_WISH_OFFER: Final = query(
    """
    /* cart.read_wish_offer */
    SELECT EXISTS (SELECT
                     FROM variants
                     JOIN products ON products.id = variants.product_id
                    WHERE variants.id = $2
                      AND variants.is_active
                      AND products.status = 'active') AS is_for_sale,
           (SELECT count(*)
              FROM wishlist_lines
             WHERE wishlist_id = $1
               AND variant_id <> $2) AS count
    """,
    WishOfferRow,
)

ADD_WISH: Final = command(
    """
    /* cart.add_wish */
    WITH touched AS (
        UPDATE wishlists SET updated_at = store_now() WHERE id = $1
    )
    INSERT INTO wishlist_lines (wishlist_id, variant_id, added_at)
    VALUES ($1, $2, store_now())
    ON CONFLICT (wishlist_id, variant_id) DO NOTHING
    """
)

DELETE_WISH: Final = command(
    """
    /* cart.delete_wish */
    WITH touched AS (
        UPDATE wishlists SET updated_at = store_now() WHERE id = $1
    )
    DELETE FROM wishlist_lines
     WHERE wishlist_id = $1
       AND variant_id = $2
    """
)

PRUNE_WISHLISTS: Final = command(
    """
    /* cart.prune_wishlists */
    DELETE FROM wishlists
     WHERE id IN (
           SELECT id
             FROM wishlists
            WHERE created_at < (SELECT store_now()) - $1::interval
              AND updated_at < (SELECT store_now()) - $1::interval
            ORDER BY created_at
            LIMIT $2
              FOR UPDATE SKIP LOCKED)
    """
)
