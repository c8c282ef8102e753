"""Statements of collected cash. Collections are locked in the order of their payments' ids."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import PaymentId
from surehold.payments.cash.model import Collection, Deposit

_COLLECTION: Final = """payment_id, order_id, currency, amount_minor, collected_by, actor,
           collected_at, deposit_id"""
_DEPOSIT: Final = """id, currency, collected_minor, counted_minor, reference, actor,
           deposited_at"""

INSERT_COLLECTIONS: Final = command(
    """
    /* payments.insert_collections */
    INSERT INTO cash_collections
           (payment_id, order_id, currency, amount_minor, collected_by, actor, collected_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[],
                         $7::timestamptz[])
    """
)

LOCK_HELD: Final = query(
    f"""
    /* payments.lock_held_cash */
    SELECT {_COLLECTION}
      FROM cash_collections
     WHERE payment_id = ANY($1::uuid[])
       AND deposit_id IS NULL
     ORDER BY payment_id
       FOR NO KEY UPDATE
    """,
    Collection,
)

# What couriers have, the oldest first.
LIST_HELD: Final = query(
    f"""
    /* payments.list_held_cash */
    SELECT {_COLLECTION}
      FROM cash_collections
     WHERE deposit_id IS NULL
       AND (collected_at, payment_id) > ($1::timestamptz, $2::uuid)
     ORDER BY collected_at, payment_id
     LIMIT $3
    """,
    Collection,
)

INSERT_DEPOSIT: Final = query(
    f"""
    /* payments.insert_deposit */
    INSERT INTO cash_deposits
           (id, currency, collected_minor, counted_minor, reference, actor, deposited_at)
    VALUES ($1, $2, $3, $4, $5, $6, store_now())
        ON CONFLICT (reference) DO NOTHING
    RETURNING {_DEPOSIT}
    """,
    Deposit,
)

FIND_DEPOSIT: Final = query(
    f"""
    /* payments.find_deposit */
    SELECT {_DEPOSIT}
      FROM cash_deposits
     WHERE reference = $1
    """,
    Deposit,
)


class PaymentIdRow(msgspec.Struct, frozen=True):
    """One payment whose cash is in a deposit."""

    payment_id: PaymentId


LIST_DEPOSITED: Final = query(
    """
    /* payments.list_deposited */
    SELECT payment_id
      FROM cash_collections
     WHERE deposit_id = $1
     ORDER BY payment_id
    """,
    PaymentIdRow,
)

DEPOSIT: Final = command(
    """
    /* payments.deposit_cash */
    UPDATE cash_collections
       SET deposit_id = $2
     WHERE payment_id = ANY($1::uuid[])
       AND deposit_id IS NULL
    """
)

#: Before every collection.
FIRST: Final = UUID(int=0)
