"""Fills an empty store with the demo catalog: vendors, categories, products and opening stock."""

from __future__ import annotations

from contextlib import suppress
from importlib import resources
from typing import Final
from uuid import UUID

import msgspec

from surehold.catalog import commands as catalog
from surehold.catalog import queries as catalog_queries
from surehold.catalog.errors import SlugTaken
from surehold.catalog.model import AddedProduct, CatalogCounts, Image, NewProduct, NewVariant
from surehold.db import Database, Transaction
from surehold.identity import commands as identities
from surehold.identity.engine import Identity
from surehold.identity.errors import AddressTaken
from surehold.identity.model import AccountKind, Principal
from surehold.identity.permissions import EVERYTHING
from surehold.inventory import commands as inventory
from surehold.kernel.ids import AccountId, CategoryId, VendorId

#: Every third variant keeps this part of its stock in the annex, which is emptied last.
ANNEX_EVERY: Final = 3
ANNEX_PART: Final = 3

_COUNTRY: Final = "IE"
_DEMO: Final = Principal(
    AccountId(UUID(int=0)), AccountKind.ADMIN, "", "", None, EVERYTHING, known_as="demo"
)


class StoreEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The store itself; the first currency is the default."""

    name: str
    currencies: tuple[str, ...]


class VendorEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One vendor."""

    slug: str
    name: str
    description: str = ""


class CategoryEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One category; its parent stands before it."""

    slug: str
    name: str
    description: str = ""
    position: int = 0
    parent: str | None = None


class VariantEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variant and its opening stock."""

    sku: str
    prices: dict[str, int]
    on_hand: int
    options: tuple[str, ...] = ()
    weight_grams: int = 0
    low_stock_threshold: int = 0


class ProductEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One product, with its vendor and categories named by slug."""

    slug: str
    name: str
    vendor: str
    categories: tuple[str, ...]
    variants: tuple[VariantEntry, ...]
    fact: str = ""
    description: str = ""
    details: tuple[tuple[str, str], ...] = ()
    option_names: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()


class DemoCatalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    store: StoreEntry
    vendors: tuple[VendorEntry, ...]
    categories: tuple[CategoryEntry, ...]
    products: tuple[ProductEntry, ...]


class Loaded(msgspec.Struct, frozen=True):
    """What the store has. ``is_new`` is false when it was there before and nothing was done."""

    is_new: bool
    counts: CatalogCounts


def read_catalog(text: str | None = None) -> DemoCatalog:
    """The demo catalog that ships with the program, or one given as TOML.

    Raises:
        msgspec.DecodeError: The text is not TOML, or not a catalog.
    """
    if text is None:
        text = (resources.files("surehold.demo") / "catalog.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=DemoCatalog)


async def load_demo(db: Database, *, source: DemoCatalog | None = None) -> Loaded:
    """Fill an empty store, all of it or nothing. A store that sells anything is left as it is.

    Raises:
        InvalidInput, VendorNotFound, CategoryNotFound, SkuTaken: The catalog is at fault.
        KeyError: A product names a vendor or a category that the catalog does not have.
    """
    async with db.connection() as connection:
        counts = await catalog_queries.count(connection)
    if counts.products:
        return Loaded(is_new=False, counts=counts)
    content = read_catalog() if source is None else source
    try:
        async with db.transaction() as tx:
            await _load(tx, content)
            return Loaded(is_new=True, counts=await catalog_queries.count(tx))
    except SlugTaken:
        # Somebody else loads or has begun a store of their own: whoever commits first stays.
        async with db.connection() as connection:
            counts = await catalog_queries.count(connection)
        return Loaded(is_new=False, counts=counts)


async def _load(tx: Transaction, content: DemoCatalog) -> None:
    vendors: dict[str, VendorId] = {}
    for vendor in content.vendors:
        vendors[vendor.slug] = await catalog.add_vendor(
            tx, slug=vendor.slug, name=vendor.name, description=vendor.description
        )
    categories: dict[str, CategoryId] = {}
    for category in content.categories:
        categories[category.slug] = await catalog.add_category(
            tx,
            slug=category.slug,
            name=category.name,
            description=category.description,
            position=category.position,
            parent_id=None if category.parent is None else categories[category.parent],
        )
    # The first of the file is the newest, so that it opens the front page.
    products = tuple(reversed(content.products))
    added = await catalog.add_products(
        tx, products=[_new_product(entry, vendors, categories) for entry in products]
    )
    await _open_stock(tx, products, added)


def _new_product(
    entry: ProductEntry, vendors: dict[str, VendorId], categories: dict[str, CategoryId]
) -> NewProduct:
    return NewProduct(
        slug=entry.slug,
        name=entry.name,
        vendor_id=vendors[entry.vendor],
        variants=tuple(
            NewVariant(variant.sku, variant.prices, variant.options, variant.weight_grams)
            for variant in entry.variants
        ),
        category_ids=tuple(categories[slug] for slug in entry.categories),
        fact=entry.fact,
        description=entry.description,
        details=entry.details,
        option_names=entry.option_names,
        images=entry.images,
    )


async def _open_stock(
    tx: Transaction,
    products: tuple[ProductEntry, ...],
    added: tuple[AddedProduct, ...],
) -> None:
    main = await inventory.open_location(
        tx, code="main", name="Main warehouse", country=_COUNTRY, priority=0
    )
    annex = await inventory.open_location(
        tx, code="annex", name="Annex", country=_COUNTRY, priority=10
    )
    variants = [variant for entry in products for variant in entry.variants]
    variant_ids = [variant_id for product in added for variant_id in product.variant_ids]
    openings = [
        inventory.Opening(variant_id, place, units, variant.low_stock_threshold)
        for index, (variant, variant_id) in enumerate(zip(variants, variant_ids, strict=True))
        for place, units in zip((main, annex), _shares(variant.on_hand, index), strict=False)
    ]
    await inventory.open_stock(tx, openings=openings, reference="demo catalog", actor="demo")


def _shares(on_hand: int, index: int) -> tuple[int, ...]:
    """How the stock of the variant at this index is shared between main and annex."""
    if index % ANNEX_EVERY != ANNEX_EVERY - 1 or on_hand < ANNEX_PART:
        return (on_hand,)
    aside = on_hand // ANNEX_PART
    return (on_hand - aside, aside)


async def add_admin(identity: Identity, *, email: str, password: str) -> None:
    """Add the roles of a new store, and somebody who may everything. Twice changes nothing."""
    async with identity.db.transaction() as tx:
        await identities.found_roles(tx, actor=_DEMO.label)
    with suppress(AddressTaken):
        await identities.add_member(
            identity,
            principal=_DEMO,
            email=email,
            name="Demo admin",
            kind=AccountKind.ADMIN,
            password=password,
        )
