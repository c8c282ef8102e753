"""One product with one of its variants chosen, and what is true of its stock now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.cart import queries as carts
from surehold.cart.errors import WishlistNotFound
from surehold.catalog import queries as catalog
from surehold.catalog.errors import ProductNotFound
from surehold.catalog.model import ProductDetail, Variant
from surehold.db import Connection
from surehold.inventory import queries as inventory
from surehold.kernel import clock
from surehold.kernel.ids import ProductId, VariantId
from surehold.reviews import queries as opinions
from surehold.web.languages import region_of
from surehold.web.storefront import destinations, reviews
from surehold.web.storefront.parts import Page, Store, category_url, product_url
from surehold.web.storefront.shown import MOST, product_card, tax_note
from surehold.web.storefront.stock import Stock, live_view, read_stock, tell
from surehold.web.storefront.views import (
    AlertView,
    LinkView,
    MoneyView,
    OptionChoice,
    OptionGroup,
    ProductCard,
    ProductView,
    SectionView,
)
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext, gettext_noop

RELATED: Final = 4
#: How many of the products that were looked at before are shown.
SEEN: Final = 4
RETURNS: Final = gettext_noop("Send it back within 30 days if it is not right")


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
    visit.see(view.product_id)
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
    of_chosen = stock[chosen.id]
    told = await tell(connection, chosen.id, of_chosen)
    today = clock.now().date()
    country = destinations.guess_country(region_of(visit.locale))
    lead, sections = _describe(found)
    assert chosen.price_minor is not None
    return ProductView(
        product_id=found.id,
        slug=found.slug,
        url=product_url(found.slug, chosen.sku),
        name=found.name,
        variant_id=str(chosen.id),
        variant_name=", ".join(chosen.options),
        sku=chosen.sku,
        images=tuple(store.image(image) for image in found.images) or (store.image(None),),
        price=MoneyView(chosen.price_minor, visit.currency),
        tax_note=tax_note(store.signs.settings, visit.currency),
        live=live_view(chosen.id, of_chosen, told),
        max_quantity=max(0, min(of_chosen.room, MOST)),
        lead=lead,
        options=_options(found, variants, stock, chosen),
        # What is not there yet ships on its own day.
        arrival=None
        if of_chosen.available <= 0
        else destinations.arrival(country, today, visit.locale),
        returns_sentence=gettext(RETURNS),
        sections=sections,
        vendor=LinkView(found.vendor_name, f"/v/{found.vendor_slug}"),
        breadcrumbs=(
            LinkView(gettext("All"), "/"),
            *(LinkView(row.name, category_url(row.slug)) for row in found.categories[:1]),
        ),
        related=await _related(store, connection, visit, found),
        is_kept=await _is_kept(connection, visit, chosen.id),
        opinion=reviews.opinion_view(
            found.slug,
            await opinions.read_opinion(connection, product_id=found.id, newest=reviews.NEWEST),
        ),
        seen=await _seen(store, connection, visit, found),
        problem=problem,
        alert=None
        if of_chosen.room > 0
        else AlertView(
            url=f"{product_url(found.slug)}/alerts",
            to=None if visit.principal is None else visit.principal.email,
        ),
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
        sections.append(SectionView(gettext("What it is"), tuple(rest)))
    if found.details:
        sections.append(SectionView(gettext("Measures and material"), facts=found.details))
    return lead, tuple(sections)


async def _is_kept(connection: Connection, visit: Visit, variant_id: VariantId) -> bool:
    """Whether it is on the visitor's list of wishes, which is read where there is one."""
    if visit.wishlist_token is None:
        return False
    try:
        found = await carts.get_wishlist(connection, token=visit.wishlist_token)
    except WishlistNotFound:
        return False
    return any(line.variant_id == variant_id for line in found.lines)


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


async def _seen(
    store: Store, connection: Connection, visit: Visit, found: ProductDetail
) -> tuple[ProductCard, ...]:
    """What this browser looked at before, the last first; only the browser keeps it."""
    others = [ProductId(one) for one in visit.seen if one != found.id][:SEEN]
    if not others:
        return ()
    rows = await inventory.list_shelf_of(connection, currency=visit.currency, product_ids=others)
    return tuple(product_card(store, row) for row in rows)
