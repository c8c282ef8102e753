"""Products for tests, made by the commands that the store uses itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final

import msgspec

from surehold.catalog import commands as catalog
from surehold.catalog import queries as catalog_queries
from surehold.catalog.errors import CategoryNotFound, VendorNotFound
from surehold.catalog.model import Image, NewProduct, NewVariant, ProductStatus
from surehold.db import Database, Transaction
from surehold.inventory import commands as inventory
from surehold.inventory import queries as inventory_queries
from surehold.kernel.ids import CategoryId, LocationId, ProductId, VariantId, VendorId

_numbers: Final = count(1)


class BuiltProduct(msgspec.Struct, frozen=True):
    """What was made; ``variant_id`` and ``sku`` are the first variant's."""

    product_id: ProductId
    slug: str
    variant_ids: tuple[VariantId, ...]
    skus: tuple[str, ...]
    location_id: LocationId

    @property
    def variant_id(self) -> VariantId:
        return self.variant_ids[0]

    @property
    def sku(self) -> str:
        return self.skus[0]


async def a_product(
    db: Database,
    *,
    sku: str | None = None,
    price: int | Mapping[str, int] = 1999,
    on_hand: int | Mapping[str, int] | None = 10,
    currencies: Sequence[str] = ("USD", "EUR"),
    sizes: Sequence[str] = (),
    name: str | None = None,
    slug: str | None = None,
    fact: str = "Solid brass",
    description: str = "It does what it should.",
    vendor: str = "northline",
    categories: Sequence[str] = (),
    images: int = 1,
    status: ProductStatus = ProductStatus.ACTIVE,
    weight_grams: int = 400,
    low_stock_threshold: int = 2,
) -> BuiltProduct:
    """A product that can be bought: one variant, or one per size (``SKU-1``, ``SKU-2``, …).

    ``price`` is in minor units, the same in every currency or by currency. ``on_hand`` is per
    variant, at the location "main" or by location code; ``None`` keeps no stock. Vendor,
    categories and locations are made when they are not there.
    """
    code = sku or f"SKU{next(_numbers)}"
    prices = dict(price) if isinstance(price, Mapping) else dict.fromkeys(currencies, price)
    skus = tuple(f"{code}-{index}" for index in range(1, len(sizes) + 1)) or (code,)
    options: list[tuple[str, ...]] = [(size,) for size in sizes] or [()]
    async with db.transaction() as tx:
        new = NewProduct(
            slug=slug or code.lower(),
            name=name or f"Product {code}",
            vendor_id=await a_vendor(tx, slug=vendor),
            variants=tuple(
                NewVariant(one, prices, chosen, weight_grams)
                for one, chosen in zip(skus, options, strict=True)
            ),
            category_ids=tuple([await a_category(tx, slug=category) for category in categories]),
            fact=fact,
            description=description,
            details=(("Material", "Brass"),),
            option_names=("Size",) if sizes else (),
            images=tuple(
                Image(f"{code.lower()}-{index}.svg", f"{code}, view {index}", 800, 1000)
                for index in range(1, images + 1)
            ),
            status=status,
        )
        added = await catalog.add_product(tx, product=new)
        main = await a_location(tx, code="main")
        if on_hand is not None:
            units = on_hand if isinstance(on_hand, Mapping) else {"main": on_hand}
            openings = [
                inventory.Opening(
                    variant_id, await a_location(tx, code=place), number, low_stock_threshold
                )
                for place, number in units.items()
                for variant_id in added.variant_ids
            ]
            await inventory.open_stock(
                tx, openings=openings, reference=f"opening {code}", actor="test"
            )
    return BuiltProduct(added.product_id, new.slug, added.variant_ids, skus, main)


async def a_vendor(tx: Transaction, *, slug: str) -> VendorId:
    """The vendor with this slug, made when it is not there; called "Northline" for "northline"."""
    try:
        return (await catalog_queries.get_vendor(tx, slug=slug)).id
    except VendorNotFound:
        return await catalog.add_vendor(tx, slug=slug, name=slug.replace("-", " ").capitalize())


async def a_category(
    tx: Transaction, *, slug: str, parent: str | None = None, position: int = 0
) -> CategoryId:
    """The category with this slug, made when it is not there, and its parent likewise."""
    try:
        return (await catalog_queries.get_category(tx, slug=slug)).id
    except CategoryNotFound:
        parent_id = None if parent is None else await a_category(tx, slug=parent)
        return await catalog.add_category(
            tx, slug=slug, name=slug.capitalize(), position=position, parent_id=parent_id
        )


async def a_location(tx: Transaction, *, code: str, priority: int | None = None) -> LocationId:
    """The location with this code, made when it is not there; a later one has less priority."""
    places = await inventory_queries.list_locations(tx)
    for place in places:
        if place.code == code:
            return place.id
    return await inventory.open_location(
        tx,
        code=code,
        name=code.capitalize(),
        country="DE",
        priority=10 * len(places) if priority is None else priority,
    )


# What the store's staff would do; there is no command for it yet.


async def change_price(
    db: Database, variant_id: VariantId, *, currency: str, price: int | None
) -> None:
    """Set a price, or take it away."""
    async with db.connection() as connection:
        await connection.raw.execute(
            "DELETE FROM variant_prices WHERE variant_id = $1 AND currency = $2",
            variant_id,
            currency,
        )
        if price is not None:
            await connection.raw.execute(
                "INSERT INTO variant_prices (variant_id, currency, amount_minor)"
                " VALUES ($1, $2, $3)",
                variant_id,
                currency,
                price,
            )


async def change_on_hand(db: Database, variant_id: VariantId, *, on_hand: int) -> None:
    """Set what is on hand of a variant, at every location that has it."""
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE stock_levels SET on_hand = $2 WHERE variant_id = $1", variant_id, on_hand
        )


async def withdraw(db: Database, variant_id: VariantId) -> None:
    """Stop selling a variant; its product stays."""
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE variants SET is_active = false WHERE id = $1", variant_id
        )


async def archive(db: Database, product_id: ProductId) -> None:
    """Stop selling a product."""
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE products SET status = 'archived' WHERE id = $1", product_id
        )
