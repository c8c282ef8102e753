"""Changing products that are there: by an import, and in the back office."""

from __future__ import annotations

from collections.abc import Sequence

from surehold.catalog import sql
from surehold.catalog.commands.add import insert_variants
from surehold.catalog.errors import VariantNotFound
from surehold.catalog.model import ChangedProduct
from surehold.db import Database, Transaction
from surehold.kernel.ids import VariantId, new_id
from surehold.kernel.permissions import Permission, require


async def change_products(tx: Transaction, *, changes: Sequence[ChangedProduct]) -> None:
    """Write what locked products become, each whole; doing it twice changes nothing more.

    The caller holds their locks (``queries.lock_stored``) and has checked them
    (``rules.product_faults``): this looks at nothing.

    Raises:
        SkuTaken: A variant to add has a stock code that somebody has taken meanwhile.
    """
    if not changes:
        return
    ids = [row.id for row in changes]
    await tx.run(
        sql.UPDATE_PRODUCTS,
        ids,
        [row.vendor_id for row in changes],
        [row.name for row in changes],
        [row.fact for row in changes],
        [row.description for row in changes],
        [row.option_names for row in changes],
        [row.status.value for row in changes],
    )
    links = [(category_id, row.id) for row in changes for category_id in row.category_ids]
    await tx.run(sql.DELETE_PRODUCT_CATEGORIES, ids)
    await tx.run(
        sql.INSERT_PRODUCT_CATEGORIES,
        [category_id for category_id, _ in links],
        [product_id for _, product_id in links],
    )
    await _change_variants(tx, changes)
    await insert_variants(
        tx,
        [
            (VariantId(new_id()), row.id, position, variant)
            for row in changes
            for position, variant in row.new_variants
        ],
    )


async def change_tax_class(db: Database, *, variant_id: VariantId, tax_class: str) -> None:
    """Let a variant be taxed by another class from now on. The same again changes nothing.

    Quotes that were promised and orders that were placed keep the tax that they were promised.

    Raises:
        VariantNotFound: There is none with this id.
    """
    require(Permission.CATALOG_WRITE)

    async def work(tx: Transaction) -> None:
        # As an import does, which would otherwise write back the class that it has read.
        if await tx.find(sql.LOCK_PRODUCT_OF, variant_id) is None:
            raise VariantNotFound("There is no variant with this id.")
        await tx.run(sql.CHANGE_TAX_CLASS, variant_id, tax_class)

    await db.retrying(work)


async def _change_variants(tx: Transaction, changes: Sequence[ChangedProduct]) -> None:
    variants = [variant for row in changes for variant in row.variants]
    if not variants:
        return
    ids = [variant.id for variant in variants]
    prices = [
        (variant.id, currency, amount_minor)
        for variant in variants
        for currency, amount_minor in variant.prices.items()
    ]
    await tx.run(sql.FREE_OPTIONS, ids)
    await tx.run(
        sql.UPDATE_VARIANTS,
        ids,
        [variant.options for variant in variants],
        [variant.weight_grams for variant in variants],
        [variant.is_active for variant in variants],
        [variant.tax_class for variant in variants],
    )
    await tx.run(sql.DELETE_PRICES, ids)
    await tx.run(
        sql.INSERT_PRICES,
        [variant_id for variant_id, _, _ in prices],
        [currency for _, currency, _ in prices],
        [amount_minor for _, _, amount_minor in prices],
    )
