"""What other rooms may read of the catalog. Listings with stock: ``inventory.queries``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from surehold.catalog import sql, table
from surehold.catalog.errors import CategoryNotFound, ProductNotFound, VendorNotFound
from surehold.catalog.model import (
    CatalogCounts,
    Category,
    ProductDetail,
    Sellable,
    StoredProduct,
    Variant,
    Vendor,
)
from surehold.db import Connection, Database, Transaction
from surehold.kernel.csv_table import write_rows
from surehold.kernel.ids import ProductId, VariantId

#: Whole products that are read at a time.
_PAGE: Final = 500


async def list_sellable(
    connection: Connection, *, variant_ids: Iterable[VariantId]
) -> dict[tuple[VariantId, str], Sellable]:
    """What is for sale of these variants, by variant and currency; the rest is left out."""
    rows = await connection.all(sql.LIST_SELLABLE, list(variant_ids))
    return {(row.variant_id, row.currency): row for row in rows}


async def find_product(
    connection: Connection,
    *,
    currency: str,
    slug: str | None = None,
    id: ProductId | None = None,  # noqa: A002 - what the caller calls it
) -> ProductDetail | None:
    """One product that buyers may see, by its slug or its id, with the prices of one currency."""
    if (slug is None) == (id is None):
        raise TypeError("a product is found by its slug or by its id")
    if slug is not None and "\0" in slug:
        return None
    return await connection.find(sql.FIND_PRODUCT, slug, id, currency)


async def get_product(
    connection: Connection,
    *,
    currency: str,
    slug: str | None = None,
    id: ProductId | None = None,  # noqa: A002 - what the caller calls it
) -> ProductDetail:
    """One product that buyers may see, by its slug or its id, with the prices of one currency.

    Raises:
        ProductNotFound: There is none, or it is a draft or archived.
    """
    product = await find_product(connection, currency=currency, slug=slug, id=id)
    if product is None:
        raise ProductNotFound("There is no such product.")
    return product


async def list_variants(
    connection: Connection, *, product_ids: Iterable[ProductId], currency: str
) -> dict[ProductId, tuple[Variant, ...]]:
    """The variants of these products, in their order, with the prices of one currency."""
    found: dict[ProductId, tuple[Variant, ...]] = {}
    for row in await connection.all(sql.LIST_VARIANTS, list(product_ids), currency):
        variant = Variant(row.id, row.sku, tuple(row.options), row.price_minor, row.weight_grams)
        found[row.product_id] = (*found.get(row.product_id, ()), variant)
    return found


async def list_categories(connection: Connection) -> tuple[Category, ...]:
    """Every category, in the order in which the store shows them."""
    return tuple(await connection.all(sql.LIST_CATEGORIES, None))


async def get_category(connection: Connection, *, slug: str) -> Category:
    """One category.

    Raises:
        CategoryNotFound: There is none with this slug.
    """
    found = [] if "\0" in slug else await connection.all(sql.LIST_CATEGORIES, slug)
    if not found:
        raise CategoryNotFound("There is no such category.")
    return found[0]


async def list_vendors(connection: Connection) -> tuple[Vendor, ...]:
    """Every vendor, by name."""
    return tuple(await connection.all(sql.LIST_VENDORS, None))


async def get_vendor(connection: Connection, *, slug: str) -> Vendor:
    """One vendor.

    Raises:
        VendorNotFound: There is none with this slug.
    """
    found = [] if "\0" in slug else await connection.all(sql.LIST_VENDORS, slug)
    if not found:
        raise VendorNotFound("There is no such vendor.")
    return found[0]


async def count(connection: Connection) -> CatalogCounts:
    """How much there is of everything."""
    return await connection.one(sql.COUNT)


async def list_stored(connection: Connection, *, slugs: Sequence[str]) -> dict[str, StoredProduct]:
    """Products as they stand, by slug."""
    found: dict[str, StoredProduct] = {}
    for start in range(0, len(slugs), _PAGE):
        rows = await connection.all(sql.LIST_STORED, list(slugs[start : start + _PAGE]))
        found.update((row.slug, row) for row in rows)
    return found


async def lock_stored(tx: Transaction, *, slugs: Sequence[str]) -> dict[str, StoredProduct]:
    """Products as they stand, by slug, locked until the end of the transaction."""
    await tx.all(sql.LOCK_PRODUCTS, list(slugs))
    return await list_stored(tx, slugs=slugs)


async def page_stored(
    connection: Connection, *, after: str, limit: int
) -> tuple[StoredProduct, ...]:
    """Every product, drafts and archived ones included, by slug: those after one, so many."""
    return tuple(await connection.all(sql.PAGE_STORED, after, limit))


async def list_currencies(connection: Connection) -> tuple[str, ...]:
    """The currencies that anything has a price in."""
    return tuple(row.currency for row in await connection.all(sql.LIST_CURRENCIES))


async def export_products(db: Database) -> AsyncIterator[str]:
    """The catalog as CSV, a page at a time: no connection is held while somebody reads slowly."""
    async with db.connection() as connection:
        currencies = await list_currencies(connection)
    yield write_rows([table.header(currencies)])
    after = ""
    while True:
        async with db.connection() as connection:
            products = await page_stored(connection, after=after, limit=_PAGE)
        if products:
            yield write_rows(row for one in products for row in table.rows_of(one, currencies))
        if len(products) < _PAGE:
            return
        after = products[-1].slug
