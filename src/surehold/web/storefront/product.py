"""One product with one of its variants chosen, and what is true of its stock now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.catalog import queries as catalog
from surehold.catalog.errors import ProductNotFound
from surehold.catalog.model import ProductDetail, Variant
from surehold.db import Connection
from surehold.db import clock as db_clock
from surehold.inventory import queries as inventory
from surehold.inventory.model import BackorderKind, Outlook
from surehold.inventory.queries import Level
from surehold.kernel import clock
from surehold.kernel.ids import VariantId
from surehold.web.storefront import destinations
from surehold.web.storefront.languages import region_of
from surehold.web.storefront.parts import Page, Store, category_url, product_url
from surehold.web.storefront.shown import FEW, MOST, product_card, tax_note
from surehold.web.storefront.views import (
    AvailabilityKind,
    AvailabilityView,
    LinkView,
    MoneyView,
    OptionChoice,
    OptionGroup,
    ProductCard,
    ProductView,
    SectionView,
)
from surehold.web.storefront.visit import StoreRequest, Visit

RELATED: Final = 4
#: A hold that ends later than this is no reason to wait for it.
WORTH_WAITING: Final = timedelta(hours=2)
RETURNS: Final = "Send it back within 30 days if it is not right"
_MINUTE: Final = timedelta(minutes=1)


class Stock(msgspec.Struct, frozen=True):
    """One variant's stock over all locations."""

    available: int = 0
    reserved: int = 0
    #: What could still be promised, back-orders included, and on which terms.
    room: int = 0
    outlook: Outlook | None = None


@get("/p/{slug:str}")
async def product(
    request: StoreRequest, store: NamedDependency[Store], slug: FromPath[str]
) -> Page:
    """The product page."""
    visit = store.greet(request)
    async with store.open(visit) as connection:
        view = await product_view(
            store, connection, visit, slug=slug, sku=visit.query.get("variant")
        )
    return store.page(visit, "store/product.html", view, block="buy")


async def product_view(
    store: Store,
    connection: Connection,
    visit: Visit,
    *,
    slug: str,
    sku: str | None,
    problem: str | None = None,
) -> ProductView:
    """The page of one product. ``problem`` is why it was not added to the cart.

    Raises:
        ProductNotFound: It is not for sale, or not in the visitor's currency.
    """
    found = await catalog.get_product(connection, currency=visit.currency, slug=slug)
    variants = tuple(row for row in found.variants if row.price_minor is not None)
    if not variants:
        raise ProductNotFound("It is not sold in this currency.")
    stock = await read_stock(connection, [row.id for row in variants])
    chosen = _choose(variants, stock, sku)
    ends_at = now = None
    of_chosen = stock[chosen.id]
    if of_chosen.room <= 0 and of_chosen.reserved > 0:
        ends_at = await inventory.soonest_hold_end(connection, variant_id=chosen.id)
        now = await db_clock.now(connection)
    today = clock.now().date()
    country = destinations.guess_country(region_of(visit.locale))
    lead, sections = _describe(found)
    assert chosen.price_minor is not None
    return ProductView(
        slug=found.slug,
        url=product_url(found.slug, chosen.sku),
        name=found.name,
        variant_id=str(chosen.id),
        variant_name=", ".join(chosen.options),
        sku=chosen.sku,
        images=tuple(store.image(image) for image in found.images) or (store.image(None),),
        price=MoneyView(chosen.price_minor, visit.currency),
        tax_note=tax_note(store.signs.settings, visit.currency),
        availability=describe_stock(of_chosen, today=today, ends_at=ends_at, now=now),
        max_quantity=max(0, min(of_chosen.room, MOST)),
        lead=lead,
        options=_options(found, variants, stock, chosen),
        # What is not there yet ships on its own day.
        arrival=None
        if of_chosen.available <= 0
        else destinations.arrival(country, today, visit.locale),
        returns_sentence=RETURNS,
        sections=sections,
        vendor=LinkView(found.vendor_name, f"/v/{found.vendor_slug}"),
        breadcrumbs=(
            LinkView("All", "/"),
            *(LinkView(row.name, category_url(row.slug)) for row in found.categories[:1]),
        ),
        related=await _related(store, connection, visit, found),
        problem=problem,
    )


async def read_stock(
    connection: Connection, variant_ids: Sequence[VariantId]
) -> dict[VariantId, Stock]:
    """The stock of these variants; back-orders are asked for only where nothing is left."""
    levels = await inventory.list_levels_of(connection, variant_ids=variant_ids)
    stock = {variant_id: _sum(levels.get(variant_id, ())) for variant_id in variant_ids}
    empty = [variant_id for variant_id, row in stock.items() if row.available <= 0]
    if empty:
        rooms = await inventory.available(connection, empty)
        coming = [variant_id for variant_id in empty if rooms[variant_id] > 0]
        outlook = await inventory.find_outlook(connection, variant_ids=coming)
        for variant_id in empty:
            stock[variant_id] = msgspec.structs.replace(
                stock[variant_id], room=rooms[variant_id], outlook=outlook.get(variant_id)
            )
    return stock


def _sum(levels: Sequence[Level]) -> Stock:
    # What one location owes, another does not lack.
    available = sum(max(level.available, 0) for level in levels)
    return Stock(available, sum(level.reserved for level in levels), available)


def describe_stock(
    stock: Stock, *, today: date, ends_at: datetime | None, now: datetime | None
) -> AvailabilityView:
    """The one sentence about stock. Pure."""
    kind = AvailabilityKind
    if stock.room > 0 and stock.available <= 0:
        return _describe_outlook(stock.outlook, today=today)
    if stock.room > 0:
        if stock.available <= FEW:
            return AvailabilityView(kind.FEW_LEFT, left=stock.available)
        return AvailabilityView(kind.IN_STOCK)
    if ends_at is not None and now is not None and ends_at - now <= WORTH_WAITING:
        minutes = max(1, -((now - ends_at) // _MINUTE))
        return AvailabilityView(kind.BEING_BOUGHT, free_in_minutes=minutes)
    return AvailabilityView(kind.SOLD_OUT)


def _describe_outlook(outlook: Outlook | None, *, today: date) -> AvailabilityView:
    """What is sold before it is there. A day that has passed is promised to nobody any more."""
    day = None if outlook is None else outlook.promised_on
    is_preorder = outlook is not None and outlook.kind is BackorderKind.PREORDER
    return AvailabilityView(
        AvailabilityKind.PREORDER if is_preorder else AvailabilityKind.BACKORDER,
        ships_on=day if day is not None and day >= today else None,
    )


def _choose(
    variants: Sequence[Variant], stock: Mapping[VariantId, Stock], sku: str | None
) -> Variant:
    """The variant that was asked for, else the first that can be bought, else the first."""
    asked = next((row for row in variants if row.sku == sku), None)
    if asked is not None:
        return asked
    return next((row for row in variants if stock[row.id].room > 0), variants[0])


def _options(
    found: ProductDetail,
    variants: Sequence[Variant],
    stock: Mapping[VariantId, Stock],
    chosen: Variant,
) -> tuple[OptionGroup, ...]:
    """For each option its values; each leads to the variant that is nearest to the chosen one."""
    groups = []
    for index, name in enumerate(found.option_names):
        choices = []
        for value in dict.fromkeys(row.options[index] for row in variants):
            nearest = max(
                (row for row in variants if row.options[index] == value),
                key=lambda row: (
                    sum(
                        mine == theirs
                        for mine, theirs in zip(row.options, chosen.options, strict=True)
                    ),
                    stock[row.id].room > 0,
                ),
            )
            choices.append(
                OptionChoice(
                    value,
                    product_url(found.slug, nearest.sku),
                    value == chosen.options[index],
                    stock[nearest.id].room <= 0,
                )
            )
        groups.append(OptionGroup(name, tuple(choices)))
    return tuple(groups)


def _describe(found: ProductDetail) -> tuple[str, tuple[SectionView, ...]]:
    """The first paragraph beside the price, the others and the facts below."""
    blocks = [" ".join(block.split()) for block in found.description.split("\n\n")]
    lead, *rest = [block for block in blocks if block] or [""]
    sections = []
    if rest:
        sections.append(SectionView("What it is", tuple(rest)))
    if found.details:
        sections.append(SectionView("Measures and material", facts=found.details))
    return lead, tuple(sections)


async def _related(
    store: Store, connection: Connection, visit: Visit, found: ProductDetail
) -> tuple[ProductCard, ...]:
    if not found.categories:
        return ()
    page = await inventory.list_shelf(
        connection,
        currency=visit.currency,
        category=found.categories[0].slug,
        limit=RELATED + 1,
    )
    others = [row for row in page.items if row.id != found.id]
    return tuple(product_card(store, row) for row in others[:RELATED])
