"""Statements of the catalog room."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.catalog.model import (
    CatalogCounts,
    Category,
    ProductDetail,
    Sellable,
    StoredProduct,
    Vendor,
)
from surehold.db import command, query
from surehold.kernel.ids import CategoryId, ProductId, VariantId, VendorId

LIST_SELLABLE: Final = query(
    """
    /* catalog.list_sellable */
    SELECT variants.id AS variant_id, variants.product_id, products.vendor_id, products.slug,
           variants.sku, products.name, variants.options,
           (SELECT file
              FROM product_images
             WHERE product_images.product_id = products.id
             ORDER BY position
             LIMIT 1) AS image,
           prices.currency, prices.amount_minor AS price_minor, variants.weight_grams,
           variants.tax_class
      FROM variants
      JOIN products ON products.id = variants.product_id
      JOIN variant_prices AS prices ON prices.variant_id = variants.id
     WHERE variants.id = ANY($1::uuid[])
       AND variants.is_active
       AND products.status = 'active'
    """,
    Sellable,
)


# One trip for the whole page: what belongs to a product is small and comes as JSON.
class VariantOfRow(msgspec.Struct, frozen=True):
    """One variant with the product that it is of."""

    product_id: ProductId
    id: VariantId
    sku: str
    options: list[str]
    price_minor: int | None
    weight_grams: int


LIST_VARIANTS: Final = query(
    """
    /* catalog.list_variants */
    SELECT variants.product_id, variants.id, variants.sku, variants.options,
           prices.amount_minor AS price_minor, variants.weight_grams
      FROM variants
      LEFT JOIN variant_prices AS prices
        ON prices.variant_id = variants.id
       AND prices.currency = $2
     WHERE variants.product_id = ANY($1::uuid[])
       AND variants.is_active
     ORDER BY variants.product_id, variants.position, variants.id
    """,
    VariantOfRow,
)

FIND_PRODUCT: Final = query(
    """
    /* catalog.find_product */
    SELECT products.id, products.slug, products.name, products.fact, products.description,
           products.details, to_jsonb(products.option_names) AS option_names,
           $3::bpchar AS currency,
           vendors.id AS vendor_id, vendors.slug AS vendor_slug, vendors.name AS vendor_name,
           (SELECT coalesce(
                       jsonb_agg(
                           jsonb_build_object('file', file, 'alt', alt, 'width', width,
                                              'height', height)
                           ORDER BY position),
                       '[]')
              FROM product_images
             WHERE product_images.product_id = products.id) AS images,
           (SELECT coalesce(
                       jsonb_agg(
                           jsonb_build_object('slug', categories.slug, 'name', categories.name)
                           ORDER BY categories.position, categories.slug),
                       '[]')
              FROM product_categories
              JOIN categories ON categories.id = product_categories.category_id
             WHERE product_categories.product_id = products.id) AS categories,
           (SELECT coalesce(
                       jsonb_agg(
                           jsonb_build_object('id', variants.id, 'sku', variants.sku,
                                              'options', variants.options,
                                              'price_minor', prices.amount_minor,
                                              'weight_grams', variants.weight_grams)
                           ORDER BY variants.position, variants.id),
                       '[]')
              FROM variants
              LEFT JOIN variant_prices AS prices
                ON prices.variant_id = variants.id
               AND prices.currency = $3
             WHERE variants.product_id = products.id
               AND variants.is_active) AS variants
      FROM products
      JOIN vendors ON vendors.id = products.vendor_id
     WHERE (products.slug = $1::text OR products.id = $2::uuid)
       AND products.status = 'active'
    """,
    ProductDetail,
)

LIST_CATEGORIES: Final = query(
    """
    /* catalog.list_categories */
    SELECT categories.id, categories.slug, categories.name, categories.description,
           categories.position, parents.slug AS parent_slug
      FROM categories
      LEFT JOIN categories AS parents ON parents.id = categories.parent_id
     WHERE ($1::text IS NULL OR categories.slug = $1)
     ORDER BY categories.position, categories.slug
    """,
    Category,
)

LIST_VENDORS: Final = query(
    """
    /* catalog.list_vendors */
    SELECT id, slug, name, description
      FROM vendors
     WHERE ($1::text IS NULL OR slug = $1)
     ORDER BY name, slug
    """,
    Vendor,
)

COUNT: Final = query(
    """
    /* catalog.count */
    SELECT (SELECT count(*) FROM vendors) AS vendors,
           (SELECT count(*) FROM categories) AS categories,
           (SELECT count(*) FROM products) AS products,
           (SELECT count(*) FROM variants) AS variants
    """,
    CatalogCounts,
)


class NameRow(msgspec.Struct, frozen=True):
    """The slug or stock code of a row that was inserted."""

    name: str


# Taken slugs and stock codes are what does not come back: nobody can take one in between.
INSERT_VENDORS: Final = query(
    """
    /* catalog.insert_vendors */
    INSERT INTO vendors (id, slug, name, description)
    SELECT id, slug, name, description
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
           AS new (id, slug, name, description)
    ON CONFLICT (slug) DO NOTHING
    RETURNING slug AS name
    """,
    NameRow,
)

INSERT_CATEGORIES: Final = query(
    """
    /* catalog.insert_categories */
    INSERT INTO categories (id, parent_id, slug, name, description, position)
    SELECT id, parent_id, slug, name, description, position
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[])
           AS new (id, parent_id, slug, name, description, position)
    ON CONFLICT (slug) DO NOTHING
    RETURNING slug AS name
    """,
    NameRow,
)

# The clock is read once per row, so that products added together keep their order.
INSERT_PRODUCTS: Final = query(
    """
    /* catalog.insert_products */
    INSERT INTO products
           (id, vendor_id, slug, name, fact, description, details, option_names, status,
            created_at, updated_at)
    SELECT new.id, new.vendor_id, new.slug, new.name, new.fact, new.description, new.details,
           ARRAY(SELECT jsonb_array_elements_text(new.option_names)), new.status,
           clock.now, clock.now
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                  $7::jsonb[], $8::jsonb[], $9::text[])
           AS new (id, vendor_id, slug, name, fact, description, details, option_names, status),
           LATERAL (SELECT store_now() AS now WHERE new.id IS NOT NULL) AS clock
    ON CONFLICT (slug) DO NOTHING
    RETURNING slug AS name
    """,
    NameRow,
)

INSERT_PRODUCT_CATEGORIES: Final = command(
    """
    /* catalog.insert_product_categories */
    INSERT INTO product_categories (category_id, product_id)
    SELECT category_id, product_id
      FROM unnest($1::uuid[], $2::uuid[]) AS new (category_id, product_id)
    """
)

INSERT_IMAGES: Final = command(
    """
    /* catalog.insert_images */
    INSERT INTO product_images (product_id, position, file, alt, width, height)
    SELECT product_id, position, file, alt, width, height
      FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::int[], $6::int[])
           AS new (product_id, position, file, alt, width, height)
    """
)

INSERT_VARIANTS: Final = query(
    """
    /* catalog.insert_variants */
    INSERT INTO variants (id, product_id, sku, position, options, weight_grams, is_active,
                          tax_class)
    SELECT id, product_id, sku, position, ARRAY(SELECT jsonb_array_elements_text(options)),
           weight_grams, is_active, tax_class
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::jsonb[], $6::int[],
                  $7::boolean[], $8::text[])
           AS new (id, product_id, sku, position, options, weight_grams, is_active,
                   tax_class)
    ON CONFLICT (sku) DO NOTHING
    RETURNING sku AS name
    """,
    NameRow,
)

INSERT_PRICES: Final = command(
    """
    /* catalog.insert_prices */
    INSERT INTO variant_prices (variant_id, currency, amount_minor)
    SELECT variant_id, currency, amount_minor
      FROM unnest($1::uuid[], $2::text[], $3::bigint[])
           AS new (variant_id, currency, amount_minor)
    """
)


class KnownVendorRow(msgspec.Struct, frozen=True):
    """A vendor that exists."""

    id: VendorId


class KnownCategoryRow(msgspec.Struct, frozen=True):
    """A category that exists."""

    id: CategoryId


KNOWN_VENDORS: Final = query(
    """
    /* catalog.known_vendors */
    SELECT id
      FROM vendors
     WHERE id = ANY($1::uuid[])
    """,
    KnownVendorRow,
)

KNOWN_CATEGORIES: Final = query(
    """
    /* catalog.known_categories */
    SELECT id
      FROM categories
     WHERE id = ANY($1::uuid[])
    """,
    KnownCategoryRow,
)


class SlugRow(msgspec.Struct, frozen=True):
    """A vendor or a category by the name that people type."""

    id: UUID
    slug: str


VENDORS_BY_SLUG: Final = query(
    """
    /* catalog.vendors_by_slug */
    SELECT id, slug
      FROM vendors
     WHERE slug = ANY($1::text[])
    """,
    SlugRow,
)

CATEGORIES_BY_SLUG: Final = query(
    """
    /* catalog.categories_by_slug */
    SELECT id, slug
      FROM categories
     WHERE slug = ANY($1::text[])
    """,
    SlugRow,
)


class ProductIdRow(msgspec.Struct, frozen=True):
    """One product's id."""

    id: ProductId


# Whoever changes products takes this lock first, in id order.
LOCK_PRODUCTS: Final = query(
    """
    /* catalog.lock_products */
    SELECT id
      FROM products
     WHERE slug = ANY($1::text[])
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    ProductIdRow,
)

_STORED: Final = """products.id, products.slug, products.name, vendors.slug AS vendor_slug,
           products.status, products.fact, products.description,
           to_jsonb(products.option_names) AS option_names,
           (SELECT coalesce(jsonb_agg(categories.slug ORDER BY categories.slug), '[]')
              FROM product_categories
              JOIN categories ON categories.id = product_categories.category_id
             WHERE product_categories.product_id = products.id) AS category_slugs,
           (SELECT coalesce(
                       jsonb_agg(
                           jsonb_build_object(
                               'id', variants.id, 'sku', variants.sku,
                               'position', variants.position, 'options', variants.options,
                               'weight_grams', variants.weight_grams,
                               'is_active', variants.is_active,
                               'tax_class', variants.tax_class,
                               'prices', (
                                    SELECT coalesce(
                                               jsonb_object_agg(currency, amount_minor), '{}')
                                      FROM variant_prices
                                     WHERE variant_prices.variant_id = variants.id))
                           ORDER BY variants.position, variants.id),
                       '[]')
              FROM variants
             WHERE variants.product_id = products.id) AS variants"""

LIST_STORED: Final = query(
    f"""
    /* catalog.list_stored */
    SELECT {_STORED}
      FROM products
      JOIN vendors ON vendors.id = products.vendor_id
     WHERE products.slug = ANY($1::text[])
     ORDER BY products.slug
    """,
    StoredProduct,
)

# The whole catalog, a page at a time along the unique index of slugs.
PAGE_STORED: Final = query(
    f"""
    /* catalog.page_stored */
    SELECT {_STORED}
      FROM products
      JOIN vendors ON vendors.id = products.vendor_id
     WHERE products.slug > $1
     ORDER BY products.slug
     LIMIT $2
    """,
    StoredProduct,
)


class CurrencyRow(msgspec.Struct, frozen=True):
    """A currency that something is sold in."""

    currency: str


LIST_CURRENCIES: Final = query(
    """
    /* catalog.list_currencies */
    SELECT DISTINCT currency
      FROM variant_prices
     ORDER BY currency
    """,
    CurrencyRow,
)


class SkuOwnerRow(msgspec.Struct, frozen=True):
    """Which product a stock code belongs to."""

    sku: str
    slug: str


SKU_OWNERS: Final = query(
    """
    /* catalog.sku_owners */
    SELECT variants.sku, products.slug
      FROM variants
      JOIN products ON products.id = variants.product_id
     WHERE variants.sku = ANY($1::text[])
    """,
    SkuOwnerRow,
)

UPDATE_PRODUCTS: Final = command(
    """
    /* catalog.update_products */
    UPDATE products
       SET vendor_id = changed.vendor_id,
           name = changed.name,
           fact = changed.fact,
           description = changed.description,
           option_names = ARRAY(SELECT jsonb_array_elements_text(changed.option_names)),
           status = changed.status,
           updated_at = store_now()
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[],
                  $7::text[])
           AS changed (id, vendor_id, name, fact, description, option_names, status)
     WHERE products.id = changed.id
    """
)

DELETE_PRODUCT_CATEGORIES: Final = command(
    """
    /* catalog.delete_product_categories */
    DELETE FROM product_categories
     WHERE product_id = ANY($1::uuid[])
    """
)

# Two variants may swap their options: each first takes one that nobody else can have.
FREE_OPTIONS: Final = command(
    """
    /* catalog.free_options */
    UPDATE variants
       SET options = ARRAY[id::text]
     WHERE id = ANY($1::uuid[])
    """
)

UPDATE_VARIANTS: Final = command(
    """
    /* catalog.update_variants */
    UPDATE variants
       SET options = ARRAY(SELECT jsonb_array_elements_text(changed.options)),
           weight_grams = changed.weight_grams,
           is_active = changed.is_active,
           tax_class = changed.tax_class
      FROM unnest($1::uuid[], $2::jsonb[], $3::int[], $4::boolean[], $5::text[])
           AS changed (id, options, weight_grams, is_active, tax_class)
     WHERE variants.id = changed.id
    """
)

LOCK_PRODUCT_OF: Final = query(
    """
    /* catalog.lock_product_of */
    SELECT products.id
      FROM products
      JOIN variants ON variants.product_id = products.id
     WHERE variants.id = $1
       FOR NO KEY UPDATE OF products
    """,
    ProductIdRow,
)

CHANGE_TAX_CLASS: Final = command(
    """
    /* catalog.change_tax_class */
    UPDATE variants
       SET tax_class = $2
     WHERE id = $1
    """
)

DELETE_PRICES: Final = command(
    """
    /* catalog.delete_prices */
    DELETE FROM variant_prices
     WHERE variant_id = ANY($1::uuid[])
    """
)
