"""Statements about the cart of somebody who has signed in. There is one each."""

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
