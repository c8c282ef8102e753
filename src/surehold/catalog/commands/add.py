"""Adding vendors, categories and products. Each joins its caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from surehold.catalog import rules, sql
from surehold.catalog.errors import CategoryNotFound, SkuTaken, SlugTaken, VendorNotFound
from surehold.catalog.model import AddedProduct, NewProduct, NewVariant
from surehold.db import Transaction
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import CategoryId, ProductId, VariantId, VendorId, new_id


async def add_vendor(tx: Transaction, *, slug: str, name: str, description: str = "") -> VendorId:
    """Add a vendor.

    Raises:
        InvalidInput: Lists every fault.
        SlugTaken: Another vendor has the slug.
    """
    rules.check_entry(slug=slug, name=name, description=description)
    vendor_id = VendorId(new_id())
    added = await tx.all(sql.INSERT_VENDORS, [vendor_id], [slug], [name], [description])
    _require_all([slug], added, SlugTaken)
    return vendor_id


async def add_category(
    tx: Transaction,
    *,
    slug: str,
    name: str,
    description: str = "",
    position: int = 0,
    parent_id: CategoryId | None = None,
) -> CategoryId:
    """Add a category, at the top or under another one.

    Raises:
        InvalidInput: Lists every fault.
        CategoryNotFound: There is no such parent.
        SlugTaken: Another category has the slug.
    """
    rules.check_entry(slug=slug, name=name, description=description, position=position)
    if parent_id is not None:
        await _require_categories(tx, {parent_id})
    category_id = CategoryId(new_id())
    added = await tx.all(
        sql.INSERT_CATEGORIES,
        [category_id],
        [parent_id],
        [slug],
        [name],
        [description],
        [position],
    )
    _require_all([slug], added, SlugTaken)
    return category_id


async def add_product(tx: Transaction, *, product: NewProduct) -> AddedProduct:
    """Add one product with its variants, prices and pictures.

    Raises:
        InvalidInput: Lists every fault.
        VendorNotFound, CategoryNotFound: It names one that does not exist.
        SlugTaken, SkuTaken: Another product or variant has its slug or stock code.
    """
    faults = rules.product_faults(product)
    if faults:
        raise InvalidInput(tuple(faults))
    return (await _insert(tx, (product,)))[0]


async def add_products(
    tx: Transaction, *, products: Sequence[NewProduct]
) -> tuple[AddedProduct, ...]:
    """Add many products at once; pointers of faults begin with the product's index.

    Raises:
        InvalidInput: Lists every fault of every product.
        VendorNotFound, CategoryNotFound: One names what does not exist.
        SlugTaken, SkuTaken: Lists every slug or stock code that is taken.
    """
    rules.check_products(products)
    return await _insert(tx, products) if products else ()


async def _insert(tx: Transaction, products: Sequence[NewProduct]) -> tuple[AddedProduct, ...]:
    await _require_vendors(tx, {product.vendor_id for product in products})
    await _require_categories(tx, {row for product in products for row in product.category_ids})
    added = tuple(
        AddedProduct(ProductId(new_id()), tuple(VariantId(new_id()) for _ in product.variants))
        for product in products
    )
    await _insert_products(tx, products, added)
    await _insert_images(tx, products, added)
    await _insert_variants(tx, products, added)
    return added


async def _insert_products(
    tx: Transaction, products: Sequence[NewProduct], added: Sequence[AddedProduct]
) -> None:
    slugs = [product.slug for product in products]
    inserted = await tx.all(
        sql.INSERT_PRODUCTS,
        [row.product_id for row in added],
        [product.vendor_id for product in products],
        slugs,
        [product.name for product in products],
        [product.fact for product in products],
        [product.description for product in products],
        [product.details for product in products],
        [product.option_names for product in products],
        [product.status.value for product in products],
    )
    _require_all(slugs, inserted, SlugTaken)
    links = [
        (category_id, row.product_id)
        for product, row in zip(products, added, strict=True)
        for category_id in product.category_ids
    ]
    await tx.run(
        sql.INSERT_PRODUCT_CATEGORIES,
        [category_id for category_id, _ in links],
        [product_id for _, product_id in links],
    )


async def _insert_images(
    tx: Transaction, products: Sequence[NewProduct], added: Sequence[AddedProduct]
) -> None:
    images = [
        (row.product_id, position, image)
        for product, row in zip(products, added, strict=True)
        for position, image in enumerate(product.images)
    ]
    await tx.run(
        sql.INSERT_IMAGES,
        [product_id for product_id, _, _ in images],
        [position for _, position, _ in images],
        [image.file for _, _, image in images],
        [image.alt for _, _, image in images],
        [image.width for _, _, image in images],
        [image.height for _, _, image in images],
    )


async def _insert_variants(
    tx: Transaction, products: Sequence[NewProduct], added: Sequence[AddedProduct]
) -> None:
    await insert_variants(
        tx,
        [
            (variant_id, row.product_id, position, variant)
            for product, row in zip(products, added, strict=True)
            for position, (variant_id, variant) in enumerate(
                zip(row.variant_ids, product.variants, strict=True)
            )
        ],
    )


async def insert_variants(
    tx: Transaction, variants: Sequence[tuple[VariantId, ProductId, int, NewVariant]]
) -> None:
    """Add variants with their prices: id, product, position and what is sold.

    Raises:
        SkuTaken: Lists every stock code that is taken.
    """
    skus = [variant.sku for _, _, _, variant in variants]
    inserted = await tx.all(
        sql.INSERT_VARIANTS,
        [variant_id for variant_id, _, _, _ in variants],
        [product_id for _, product_id, _, _ in variants],
        skus,
        [position for _, _, position, _ in variants],
        [variant.options for _, _, _, variant in variants],
        [variant.weight_grams for _, _, _, variant in variants],
        [variant.is_active for _, _, _, variant in variants],
        [variant.tax_class for _, _, _, variant in variants],
    )
    _require_all(skus, inserted, SkuTaken)
    prices = [
        (variant_id, currency, amount_minor)
        for variant_id, _, _, variant in variants
        for currency, amount_minor in variant.prices.items()
    ]
    await tx.run(
        sql.INSERT_PRICES,
        [variant_id for variant_id, _, _ in prices],
        [currency for _, currency, _ in prices],
        [amount_minor for _, _, amount_minor in prices],
    )


def _require_all(
    wanted: Sequence[str],
    inserted: Sequence[sql.NameRow],
    failure: type[SlugTaken | SkuTaken],
) -> None:
    done = {row.name for row in inserted}
    taken = [name for name in wanted if name not in done]
    if taken:
        raise failure(taken)


async def _require_vendors(tx: Transaction, ids: set[VendorId]) -> None:
    known = {row.id for row in await tx.all(sql.KNOWN_VENDORS, list(ids))}
    if ids - known:
        missing = sorted(str(vendor_id) for vendor_id in ids - known)
        raise VendorNotFound("There is no such vendor.", vendor_ids=missing)


async def _require_categories(tx: Transaction, ids: set[CategoryId]) -> None:
    known = {row.id for row in await tx.all(sql.KNOWN_CATEGORIES, list(ids))}
    if ids - known:
        missing = sorted(str(category_id) for category_id in ids - known)
        raise CategoryNotFound("There is no such category.", category_ids=missing)
