"""Statements about the cart and the wishes of somebody who has signed in. There is one each."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import CartId


class OwnedRow(msgspec.Struct, frozen=True):
    """A cart, and whose it is."""

    id: CartId
    buyer_id: UUID | None


FIND_OWN: Final = query(
    """
    /* cart.find_own */
    SELECT id, buyer_id
      FROM carts
     WHERE buyer_id = $1
    """,
    OwnedRow,
)

FIND_SHOWN: Final = query(
    """
    /* cart.find_shown */
    SELECT id, buyer_id
      FROM carts
     WHERE id = coalesce(
           (SELECT shown.id FROM carts AS shown WHERE shown.token_hash = $1),
           (SELECT cart_id FROM cart_tokens WHERE cart_tokens.token_hash = $1))
    """,
    OwnedRow,
)

# Of two carts that would become one buyer's at once, the index lets one.
ADOPT: Final = command(
    """
    /* cart.adopt */
    UPDATE carts
       SET buyer_id = $2, updated_at = store_now()
     WHERE id = $1
       AND buyer_id IS NULL
    """
)


class OwnedWishlistRow(msgspec.Struct, frozen=True):
    """A list of wishes, and whose it is."""

    id: UUID
    buyer_id: UUID | None


FIND_OWN_WISHLIST: Final = query(
    """
    /* cart.find_own_wishlist */
    SELECT id, buyer_id
      FROM wishlists
     WHERE buyer_id = $1
    """,
    OwnedWishlistRow,
)

FIND_SHOWN_WISHLIST: Final = query(
    """
    /* cart.find_shown_wishlist */
    SELECT id, buyer_id
      FROM wishlists
     WHERE id = coalesce(
           (SELECT shown.id FROM wishlists AS shown WHERE shown.token_hash = $1),
           (SELECT wishlist_id FROM wishlist_tokens WHERE wishlist_tokens.token_hash = $1))
    """,
    OwnedWishlistRow,
)

# Of two lists that would become one buyer's at once, the index lets one.
ADOPT_WISHLIST: Final = command(
    """
    /* cart.adopt_wishlist */
    UPDATE wishlists
       SET buyer_id = $2, updated_at = store_now()
     WHERE id = $1
       AND buyer_id IS NULL
    """
)

LOCK_WISHLISTS: Final = query(
    """
    /* cart.lock_wishlists */
    SELECT id, buyer_id
      FROM wishlists
     WHERE id = ANY($1)
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    OwnedWishlistRow,
)

# As many as there is room for, those first that were wished for first; the other list goes.
MERGE_WISHES: Final = command(
    """
    /* cart.merge_wishes */
    WITH dropped AS (
        DELETE FROM wishlists WHERE id = $2
    ), touched AS (
        UPDATE wishlists SET updated_at = store_now() WHERE id = $1
    )
    INSERT INTO wishlist_lines (wishlist_id, variant_id, added_at)
    SELECT $1, other.variant_id, other.added_at
      FROM wishlist_lines AS other
     WHERE other.wishlist_id = $2
       AND NOT EXISTS (SELECT
                         FROM wishlist_lines AS mine
                        WHERE mine.wishlist_id = $1
                          AND mine.variant_id = other.variant_id)
     ORDER BY other.added_at, other.variant_id
     LIMIT greatest(0, $3::int - (SELECT count(*) FROM wishlist_lines WHERE wishlist_id = $1))
    """
)

# The oldest go when there are too many: browsers come and go.
ADD_WISHLIST_TOKEN: Final = command(
    """
    /* cart.add_wishlist_token */
    WITH dropped AS (
        DELETE FROM wishlist_tokens
         WHERE token_hash IN (
               SELECT token_hash
                 FROM wishlist_tokens
                WHERE wishlist_id = $1
                ORDER BY created_at DESC
               OFFSET $3::int - 1)
    )
    INSERT INTO wishlist_tokens (token_hash, wishlist_id, created_at)
    VALUES ($2, $1, store_now())
    """
)
