"""Statements of the pricing room: quotes, the terms in force, coupons in use.

Coupons are locked in id order, after the stock. What staff enter is in ``entries``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import CouponId
from surehold.pricing.model import (
    Coupon,
    Promotion,
    Redemption,
    SavedQuote,
    ShippingMethod,
    ShippingZone,
    SpecialPrice,
    TaxRate,
)

INSERT_QUOTE: Final = query(
    """
    /* pricing.insert_quote */
    WITH clock AS (
        SELECT store_now() AS now
    )
    INSERT INTO quotes (id, currency, total_minor, content, created_at, expires_at)
    SELECT $1, $2, $3, $4, now, now + $5::interval FROM clock
    RETURNING id, content AS quote, expires_at
    """,
    SavedQuote,
)

FIND_QUOTES: Final = query(
    """
    /* pricing.find_quotes */
    SELECT id, content AS quote, expires_at
      FROM quotes
     WHERE id = ANY($1::uuid[])
       AND expires_at > store_now()
    """,
    SavedQuote,
)

PRUNE_QUOTES: Final = command(
    """
    /* pricing.prune_quotes */
    DELETE FROM quotes
     WHERE expires_at < (SELECT store_now()) - interval '1 day'
    """
)


class TermsRow(msgspec.Struct, frozen=True):
    """The stored settings, which price book is in force (none: an empty one), and the time."""

    settings: dict[str, Any]
    version: UUID | None
    now: datetime


# In one trip what every placement needs: the settings, and whether the book is the one we know.
READ_TERMS: Final = query(
    """
    /* pricing.read_terms */
    SELECT coalesce((SELECT jsonb_object_agg(key, value) FROM settings), '{}') AS settings,
           (SELECT version FROM price_book) AS version,
           store_now() AS now
    """,
    TermsRow,
)


class BookRow(msgspec.Struct, frozen=True):
    """Everything that may still apply, and the version that it is."""

    version: UUID | None
    prices: tuple[SpecialPrice, ...]
    tax_rates: tuple[TaxRate, ...]
    zones: tuple[ShippingZone, ...]
    methods: tuple[ShippingMethod, ...]
    promotions: tuple[Promotion, ...]


# One statement sees one state: the version is of just these rows. A promotion of categories gets
# their products, those of the categories below them included.
LOAD_BOOK: Final = query(
    """
    /* pricing.load_book */
    SELECT (SELECT version FROM price_book) AS version,
           coalesce((SELECT jsonb_agg(to_jsonb(row))
                       FROM special_prices AS row
                      WHERE is_active
                        AND (ends_at IS NULL OR ends_at > store_now())), '[]') AS prices,
           coalesce((SELECT jsonb_agg(to_jsonb(row) || jsonb_build_object('rate', rate::text))
                       FROM tax_rates AS row
                      WHERE is_active), '[]') AS tax_rates,
           coalesce((SELECT jsonb_agg(to_jsonb(row))
                       FROM shipping_zones AS row
                      WHERE is_active), '[]') AS zones,
           coalesce((SELECT jsonb_agg(to_jsonb(row) || jsonb_build_object(
                                'rates',
                                coalesce((SELECT jsonb_agg(to_jsonb(rate))
                                            FROM shipping_rates AS rate
                                           WHERE rate.method_id = row.id), '[]')))
                       FROM shipping_methods AS row
                      WHERE is_active), '[]') AS methods,
           coalesce((SELECT jsonb_agg(to_jsonb(row) || jsonb_build_object(
                                'rate', rate::text,
                                'product_ids', to_jsonb(row.product_ids || reached.product_ids)))
                       FROM promotions AS row
                      CROSS JOIN LATERAL (
                            WITH RECURSIVE below AS (
                                SELECT unnest(row.category_ids) AS id
                                 UNION
                                SELECT categories.id
                                  FROM categories
                                  JOIN below ON categories.parent_id = below.id)
                            SELECT coalesce(array_agg(DISTINCT product_id), '{}') AS product_ids
                              FROM product_categories
                              JOIN below ON below.id = product_categories.category_id) AS reached
                      WHERE is_active
                        AND (ends_at IS NULL OR ends_at > store_now())), '[]') AS promotions
    """,
    BookRow,
)

FIND_COUPONS: Final = query(
    """
    /* pricing.find_coupons */
    SELECT id, promotion_id, code, limit_total, limit_per_buyer, starts_at, ends_at, is_active,
           used
      FROM coupons
     WHERE code = ANY($1::text[])
    """,
    Coupon,
)


class LimitsRow(msgspec.Struct, frozen=True):
    """A coupon's counters, which nobody else changes until the end of the transaction."""

    id: CouponId
    code: str
    used: int
    limit_total: int | None
    limit_per_buyer: int | None


LOCK_COUPONS: Final = query(
    """
    /* pricing.lock_coupons */
    SELECT id, code, used, limit_total, limit_per_buyer
      FROM coupons
     WHERE id = ANY($1::uuid[])
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    LimitsRow,
)


READ_COUPONS: Final = query(
    """
    /* pricing.read_coupons */
    SELECT id, code, used, limit_total, limit_per_buyer
      FROM coupons
     WHERE id = ANY($1::uuid[])
    """,
    LimitsRow,
)


class UsesRow(msgspec.Struct, frozen=True):
    """How often one buyer uses one coupon."""

    coupon_id: CouponId
    buyer: str
    used: int


# A statement of its own: what is read after the lock sees what its last holder has written.
COUNT_USES: Final = query(
    """
    /* pricing.count_uses */
    SELECT coupon_id, buyer, count(*) AS used
      FROM coupon_redemptions
     WHERE coupon_id = ANY($1::uuid[])
       AND buyer = ANY($2::text[])
       AND ended_at IS NULL
     GROUP BY coupon_id, buyer
    """,
    UsesRow,
)

INSERT_REDEMPTIONS: Final = command(
    """
    /* pricing.insert_redemptions */
    INSERT INTO coupon_redemptions (id, coupon_id, order_id, buyer, redeemed_at)
    SELECT id, coupon_id, order_id, buyer, redeemed_at
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[])
           AS new (id, coupon_id, order_id, buyer, redeemed_at)
    """
)

END_REDEMPTIONS: Final = command(
    """
    /* pricing.end_redemptions */
    UPDATE coupon_redemptions
       SET ended_at = ended.ended_at,
           end_reason = ended.end_reason
      FROM unnest($1::uuid[], $2::timestamptz[], $3::text[])
           AS ended (id, ended_at, end_reason)
     WHERE coupon_redemptions.id = ended.id
       AND coupon_redemptions.ended_at IS NULL
    """
)

# The limit is the table's own constraint: whatever the code does, one use too many fails.
CHANGE_USED: Final = command(
    """
    /* pricing.change_used */
    UPDATE coupons
       SET used = used + changed.delta
      FROM unnest($1::uuid[], $2::int[]) AS changed (id, delta)
     WHERE coupons.id = changed.id
    """
)

# The coupons that these orders use or used; the orders are locked.
LIST_REDEMPTIONS: Final = query(
    """
    /* pricing.list_redemptions */
    SELECT id, coupon_id, order_id, buyer, redeemed_at, ended_at, end_reason
      FROM coupon_redemptions
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Redemption,
)
