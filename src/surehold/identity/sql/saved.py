"""Statements of what an account keeps: addresses, and orders that are its own."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import command, query
from surehold.identity.model import SavedAddress

_ADDRESS: Final = "id, content, is_default, created_at, updated_at"

LIST_ADDRESSES: Final = query(
    f"""
    /* identity.list_addresses */
    SELECT {_ADDRESS}
      FROM account_addresses
     WHERE account_id = $1
     ORDER BY is_default DESC, id DESC
    """,
    SavedAddress,
)

FIND_ADDRESS: Final = query(
    f"""
    /* identity.find_address */
    SELECT {_ADDRESS}
      FROM account_addresses
     WHERE account_id = $1
       AND id = $2
    """,
    SavedAddress,
)

INSERT_ADDRESS: Final = command(
    """
    /* identity.insert_address */
    WITH clock AS (
        SELECT store_now() AS now
    )
    INSERT INTO account_addresses
           (id, account_id, content, is_default, created_at, updated_at)
    SELECT $2, $1, $3, $4, now, now FROM clock
    """
)

CHANGE_ADDRESS: Final = command(
    """
    /* identity.change_address */
    UPDATE account_addresses
       SET content = $3, is_default = $4, updated_at = store_now()
     WHERE account_id = $1
       AND id = $2
    """
)

# Before another one becomes it: there is one, whatever two tabs do.
NO_DEFAULT: Final = command(
    """
    /* identity.no_default_address */
    UPDATE account_addresses
       SET is_default = false
     WHERE account_id = $1
       AND is_default
    """
)

DELETE_ADDRESS: Final = command(
    """
    /* identity.delete_address */
    DELETE FROM account_addresses
     WHERE account_id = $1
       AND id = $2
    """
)

# The first claim stands: an order is one account's.
CLAIM: Final = command(
    """
    /* identity.claim_orders */
    INSERT INTO account_orders (order_id, account_id, placed_at, claimed_by, claimed_at)
    SELECT order_id, $1, placed_at, $4, store_now()
      FROM unnest($2::uuid[], $3::timestamptz[]) AS new (order_id, placed_at)
        ON CONFLICT (order_id) DO NOTHING
    """
)


class OwnRow(msgspec.Struct, frozen=True):
    """Whether an order is an account's own."""

    is_own: bool


IS_OWN: Final = query(
    """
    /* identity.is_own_order */
    SELECT EXISTS (SELECT
                     FROM account_orders
                    WHERE order_id = $1
                      AND account_id = $2) AS is_own
    """,
    OwnRow,
)
