"""Statements of gift cards. Cards are locked in id order, after stock and coupons, always."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import Statement, command, query
from surehold.kernel.ids import GiftCardId
from surehold.payments.gift_cards.model import Entry, GiftCard, Purse

_PURSE: Final = """id, kind, code_hash, last_four, currency, balance_minor, owner_email,
           disabled_at IS NULL AND coalesce(expires_at > store_now(), true) AS is_open,
           disabled_at IS NULL AND expires_at IS NULL AS is_lasting"""

READ_PURSES: Final = query(
    f"""
    /* payments.read_purses */
    SELECT {_PURSE}
      FROM gift_cards
     WHERE code_hash = ANY($1::bytea[])
    """,
    Purse,
)

LOCK_PURSES: Final = query(
    f"""
    /* payments.lock_purses */
    SELECT {_PURSE}
      FROM gift_cards
     WHERE code_hash = ANY($1::bytea[])
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    Purse,
)

LOCK_CARDS: Final = query(
    f"""
    /* payments.lock_cards */
    SELECT {_PURSE}
      FROM gift_cards
     WHERE id = ANY($1::uuid[])
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    Purse,
)

LIST_FACES: Final = query(
    f"""
    /* payments.list_faces */
    SELECT {_PURSE}
      FROM gift_cards
     WHERE id = ANY($1::uuid[])
     ORDER BY id
    """,
    Purse,
)


class CreditRow(msgspec.Struct, frozen=True):
    """The credit that somebody has."""

    id: GiftCardId


FIND_CREDIT: Final = query(
    """
    /* payments.find_credit */
    SELECT id
      FROM gift_cards
     WHERE owner_email = ANY($1::text[])
       AND kind = 'store_credit'
       AND expires_at IS NULL
       AND disabled_at IS NULL
    """,
    CreditRow,
)

INSERT_CARDS: Final = command(
    """
    /* payments.insert_gift_cards */
    INSERT INTO gift_cards
           (id, kind, code_hash, last_four, currency, initial_minor, owner_email, expires_at,
            reason, actor, created_at)
    SELECT id, kind, code_hash, last_four, currency, initial_minor, owner_email, expires_at,
           reason, actor, $11
      FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::bigint[],
                  $7::text[], $8::timestamptz[], $9::text[], $10::text[])
           AS new (id, kind, code_hash, last_four, currency, initial_minor, owner_email,
                   expires_at, reason, actor)
    """
)

# The database moves the balance with each of them, and refuses what is not there.
INSERT_ENTRIES: Final = command(
    """
    /* payments.insert_gift_card_entries */
    INSERT INTO gift_card_entries
           (id, gift_card_id, kind, amount_minor, reference, order_id, payment_id, refund_id,
            reason, actor, balance_minor, created_at)
    SELECT id, gift_card_id, kind, amount_minor, reference, order_id, payment_id, refund_id,
           reason, actor, 0, $11
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::uuid[], $6::uuid[],
                  $7::uuid[], $8::uuid[], $9::text[], $10::text[])
           WITH ORDINALITY
           AS new (id, gift_card_id, kind, amount_minor, reference, order_id, payment_id,
                   refund_id, reason, actor, position)
     ORDER BY position
    """
)

DISABLE_CARD: Final = command(
    """
    /* payments.disable_gift_card */
    UPDATE gift_cards
       SET disabled_at = store_now(),
           disabled_by = $2
     WHERE id = $1
       AND disabled_at IS NULL
    """
)


class ExpiringRow(msgspec.Struct, frozen=True):
    """A card whose time is over."""

    id: GiftCardId
    currency: str
    balance_minor: int


LOCK_EXPIRED: Final = query(
    """
    /* payments.lock_expired_gift_cards */
    SELECT id, currency, balance_minor
      FROM gift_cards
     WHERE expires_at <= (SELECT store_now())
       AND balance_minor > 0
     ORDER BY expires_at
     LIMIT $1
       FOR NO KEY UPDATE SKIP LOCKED
    """,
    ExpiringRow,
)

_STATE: Final = """CASE WHEN disabled_at IS NOT NULL THEN 'disabled'
                WHEN expires_at <= clock.now THEN 'expired'
                WHEN balance_minor = 0 THEN 'spent'
                ELSE 'active' END"""
_CARD: Final = f"""id, kind, last_four, currency, initial_minor, balance_minor, owner_email,
           expires_at, disabled_at, disabled_by, reason, actor, created_at,
           {_STATE} AS state"""
# A volatile call beside the columns would have a list read all cards before it sorts them.
_CARDS: Final = "gift_cards CROSS JOIN (SELECT store_now() AS now) AS clock"

FIND_CARD: Final = query(
    f"""
    /* payments.find_gift_card */
    SELECT {_CARD}
      FROM {_CARDS}
     WHERE id = $1
    """,
    GiftCard,
)

FIND_BY_CODE: Final = query(
    f"""
    /* payments.find_gift_card_by_code */
    SELECT {_CARD}
      FROM {_CARDS}
     WHERE code_hash = $1
    """,
    GiftCard,
)

#: By name: the index at which a list begins.
_STARTS: Final = {
    "newest": "true",
    "email": "owner_email = $1::text",
    "last_four": "last_four = $2::text",
}


def _listing(start: str) -> Statement[GiftCard]:
    # In a CASE: else a plan for all values takes what is left to be a few, and sorts all cards.
    return query(
        f"""
    /* payments.list_gift_cards_by_{start} */
    SELECT {_CARD}
      FROM {_CARDS}
     WHERE {_STARTS[start]}
       AND CASE WHEN coalesce($1::text, $2::text, $3::text) IS NULL THEN true
                ELSE ($1 IS NULL OR owner_email = $1) AND ($2 IS NULL OR last_four = $2)
                     AND ($3 IS NULL OR {_STATE} = $3) END
       AND id < coalesce($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY id DESC
     LIMIT $5
    """,
        GiftCard,
    )


LIST: Final = {start: _listing(start) for start in _STARTS}

LIST_ENTRIES: Final = query(
    """
    /* payments.list_gift_card_entries */
    SELECT id, kind, amount_minor, balance_minor, order_id, payment_id, refund_id, reason, actor,
           created_at
      FROM gift_card_entries
     WHERE gift_card_id = $1
       AND id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
     ORDER BY id
     LIMIT $3
    """,
    Entry,
)
