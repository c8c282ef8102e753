"""Statements of what staff enter into the price book.

An entry is sent as one document; its table takes the fields that it has, by name. Saving is
inserting or changing, and the caller knows which. A list goes by id after $1; where nothing was
seen yet that is the lowest id, and no alternative that a plan made for all values cannot enter the
index by.
"""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import CouponId
from surehold.pricing.model import (
    Coupon,
    Promotion,
    ShippingMethod,
    ShippingZone,
    SpecialPrice,
    TaxRate,
)

SAVE_SPECIAL_PRICE: Final = command(
    """
    /* pricing.save_special_price */
    INSERT INTO special_prices
           (id, variant_id, currency, amount_minor, min_quantity, starts_at, ends_at, is_active)
    SELECT id, variant_id, currency, amount_minor, min_quantity, starts_at, ends_at, is_active
      FROM jsonb_populate_record(NULL::special_prices, $1::jsonb)
    ON CONFLICT (id) DO UPDATE
       SET variant_id = excluded.variant_id,
           currency = excluded.currency,
           amount_minor = excluded.amount_minor,
           min_quantity = excluded.min_quantity,
           starts_at = excluded.starts_at,
           ends_at = excluded.ends_at,
           is_active = excluded.is_active
    """
)

LIST_SPECIAL_PRICES: Final = query(
    """
    /* pricing.list_special_prices */
    SELECT id, variant_id, currency, amount_minor, min_quantity, starts_at, ends_at, is_active
      FROM special_prices
     WHERE id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
       AND ($2::uuid IS NULL OR id = $2)
     ORDER BY id
     LIMIT $3
    """,
    SpecialPrice,
)

SAVE_TAX_RATE: Final = command(
    """
    /* pricing.save_tax_rate */
    INSERT INTO tax_rates (id, country, region, tax_class, rate, is_active)
    SELECT id, country, region, tax_class, rate, is_active
      FROM jsonb_populate_record(NULL::tax_rates, $1::jsonb)
    ON CONFLICT (id) DO UPDATE
       SET country = excluded.country,
           region = excluded.region,
           tax_class = excluded.tax_class,
           rate = excluded.rate,
           is_active = excluded.is_active
    """
)

LIST_TAX_RATES: Final = query(
    """
    /* pricing.list_tax_rates */
    SELECT id, country, rate::text AS rate, region, tax_class, is_active
      FROM tax_rates
     WHERE id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
       AND ($2::uuid IS NULL OR id = $2)
     ORDER BY id
     LIMIT $3
    """,
    TaxRate,
)

SAVE_SHIPPING_ZONE: Final = command(
    """
    /* pricing.save_shipping_zone */
    INSERT INTO shipping_zones (id, name, countries, regions, postal_prefixes, is_active)
    SELECT id, name, countries, regions, postal_prefixes, is_active
      FROM jsonb_populate_record(NULL::shipping_zones, $1::jsonb)
    ON CONFLICT (id) DO UPDATE
       SET name = excluded.name,
           countries = excluded.countries,
           regions = excluded.regions,
           postal_prefixes = excluded.postal_prefixes,
           is_active = excluded.is_active
    """
)

LIST_SHIPPING_ZONES: Final = query(
    """
    /* pricing.list_shipping_zones */
    SELECT id, name, countries, regions, postal_prefixes, is_active
      FROM shipping_zones
     WHERE id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
       AND ($2::uuid IS NULL OR id = $2)
     ORDER BY id
     LIMIT $3
    """,
    ShippingZone,
)

SAVE_SHIPPING_METHOD: Final = command(
    """
    /* pricing.save_shipping_method */
    INSERT INTO shipping_methods
           (id, zone_id, code, name, kind, basis, max_value, free_from, position, is_active)
    SELECT id, zone_id, code, name, kind, basis, max_value, free_from, position, is_active
      FROM jsonb_populate_record(NULL::shipping_methods, $1::jsonb)
    ON CONFLICT (id) DO UPDATE
       SET zone_id = excluded.zone_id,
           code = excluded.code,
           name = excluded.name,
           kind = excluded.kind,
           basis = excluded.basis,
           max_value = excluded.max_value,
           free_from = excluded.free_from,
           position = excluded.position,
           is_active = excluded.is_active
    """
)

DELETE_SHIPPING_RATES: Final = command(
    """
    /* pricing.delete_shipping_rates */
    DELETE FROM shipping_rates
     WHERE method_id = $1
    """
)

INSERT_SHIPPING_RATES: Final = command(
    """
    /* pricing.insert_shipping_rates */
    INSERT INTO shipping_rates (method_id, currency, from_value, amount_minor)
    SELECT $1, currency, from_value, amount_minor
      FROM unnest($2::text[], $3::bigint[], $4::bigint[])
           AS new (currency, from_value, amount_minor)
    """
)

LIST_SHIPPING_METHODS: Final = query(
    """
    /* pricing.list_shipping_methods */
    SELECT id, zone_id, code, name, kind, basis, max_value, free_from, position, is_active,
           coalesce((SELECT jsonb_agg(
                                jsonb_build_object('currency', rate.currency,
                                                   'from_value', rate.from_value,
                                                   'amount_minor', rate.amount_minor)
                                ORDER BY rate.currency, rate.from_value)
                       FROM shipping_rates AS rate
                      WHERE rate.method_id = shipping_methods.id), '[]') AS rates
      FROM shipping_methods
     WHERE id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
       AND ($2::uuid IS NULL OR id = $2)
     ORDER BY id
     LIMIT $3
    """,
    ShippingMethod,
)

SAVE_PROMOTION: Final = command(
    """
    /* pricing.save_promotion */
    INSERT INTO promotions
           (id, name, effect, rate, amounts, buy_quantity, get_quantity, minimums, product_ids,
            category_ids, variant_ids, priority, is_stackable, is_automatic, is_first_order,
            starts_at, ends_at, is_active)
    SELECT id, name, effect, rate, amounts, buy_quantity, get_quantity, minimums, product_ids,
           category_ids, variant_ids, priority, is_stackable, is_automatic, is_first_order,
           starts_at, ends_at, is_active
      FROM jsonb_populate_record(NULL::promotions, $1::jsonb)
    ON CONFLICT (id) DO UPDATE
       SET name = excluded.name,
           effect = excluded.effect,
           rate = excluded.rate,
           amounts = excluded.amounts,
           buy_quantity = excluded.buy_quantity,
           get_quantity = excluded.get_quantity,
           minimums = excluded.minimums,
           product_ids = excluded.product_ids,
           category_ids = excluded.category_ids,
           variant_ids = excluded.variant_ids,
           priority = excluded.priority,
           is_stackable = excluded.is_stackable,
           is_automatic = excluded.is_automatic,
           is_first_order = excluded.is_first_order,
           starts_at = excluded.starts_at,
           ends_at = excluded.ends_at,
           is_active = excluded.is_active
    """
)

LIST_PROMOTIONS: Final = query(
    """
    /* pricing.list_promotions */
    SELECT id, name, effect, rate::text AS rate, amounts, buy_quantity, get_quantity, minimums,
           product_ids, category_ids, variant_ids, priority, is_stackable, is_automatic,
           is_first_order, starts_at, ends_at, is_active
      FROM promotions
     WHERE id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
       AND ($2::uuid IS NULL OR id = $2)
     ORDER BY id
     LIMIT $3
    """,
    Promotion,
)

# How often it was used is the lanes' business: it begins at 0 and is not sent.
SAVE_COUPON: Final = command(
    """
    /* pricing.save_coupon */
    INSERT INTO coupons
           (id, promotion_id, code, limit_total, limit_per_buyer, starts_at, ends_at, is_active)
    SELECT id, promotion_id, code, limit_total, limit_per_buyer, starts_at, ends_at, is_active
      FROM jsonb_populate_record(NULL::coupons, $1::jsonb)
    ON CONFLICT (id) DO UPDATE
       SET promotion_id = excluded.promotion_id,
           code = excluded.code,
           limit_total = excluded.limit_total,
           limit_per_buyer = excluded.limit_per_buyer,
           starts_at = excluded.starts_at,
           ends_at = excluded.ends_at,
           is_active = excluded.is_active
    """
)

LIST_COUPONS: Final = query(
    """
    /* pricing.list_coupons */
    SELECT id, promotion_id, code, limit_total, limit_per_buyer, starts_at, ends_at, is_active,
           used
      FROM coupons
     WHERE id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
       AND ($2::uuid IS NULL OR id = $2)
     ORDER BY id
     LIMIT $3
    """,
    Coupon,
)


class MostUsesRow(msgspec.Struct, frozen=True):
    """How often the buyer who uses a coupon most uses it."""

    id: CouponId
    used: int


# Whether some buyer uses a coupon more often than a new limit allows.
FIND_MOST_USES: Final = query(
    """
    /* pricing.find_most_uses */
    SELECT coupon_id AS id, count(*) AS used
      FROM coupon_redemptions
     WHERE coupon_id = $1
       AND ended_at IS NULL
     GROUP BY coupon_id, buyer
     ORDER BY count(*) DESC
     LIMIT 1
    """,
    MostUsesRow,
)

RECORD_CHANGE: Final = command(
    """
    /* pricing.record_change */
    INSERT INTO price_book_changes (id, kind, subject_id, content, changed_by, changed_at)
    VALUES ($1, $2, $3, $4, $5, store_now())
    """
)
