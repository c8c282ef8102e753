"""The list of wishes: what a browser keeps for another day, and putting it into the cart."""

from __future__ import annotations

from contextlib import suppress
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.cart import commands as carts
from surehold.cart import queries as cart_queries
from surehold.cart.errors import CartFull, WishlistFull, WishlistNotFound, WishNotFound
from surehold.cart.model import Wish, Wishlist
from surehold.catalog import queries as catalog
from surehold.db import Connection
from surehold.identity.model import AccountKind
from surehold.inventory import queries as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.ids import VariantId
from surehold.pricing.errors import NotForSale
from surehold.web.storefront.cart import add_to_cart, cart_full
from surehold.web.storefront.parts import NO_STORE, Page, Store, product_url
from surehold.web.storefront.shown import full_name
from surehold.web.storefront.views import BannerView, MoneyView, WishlistView, WishView
from surehold.web.storefront.visit import StoreRequest, Visit, local_path
from surehold.web.templating import render_block
from surehold.web.translations import gettext, ngettext
from surehold.web.validation import parse_id

_NONE: Final = UUID(int=0)


@get("/wishlist")
async def show(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """What this browser keeps for another day."""
    visit = store.greet(request)
    async with store.open(visit) as connection:
        wishlist = await find_wishlist(connection, visit)
        view = await _view(store, connection, visit, wishlist)
    return store.page(visit, "store/wishlist.html", view, cache=NO_STORE)


@post("/wishlist/items")
async def add(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Keep a variant, or of a product the one that is shown first."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    target = local_path(form.get("next", "/wishlist"))
    variant_id = parse_id(form.get("variant_id", ""))
    slug = form.get("product", "")
    async with store.open(visit) as connection:
        if variant_id is None and slug:
            product = await catalog.get_product(connection, currency=visit.currency, slug=slug)
            variant_id = next(
                (row.id for row in product.variants if row.price_minor is not None), None
            )
    try:
        await _keep(store, visit, VariantId(variant_id or _NONE))
    except NotForSale:
        visit.leave_notice(BannerView(tone="warn", title=gettext("This is not for sale any more")))
        return store.go(visit, target)
    except WishlistFull as refusal:
        limit = refusal.facts["limit"]
        title = ngettext(
            "A list has at most %(num)s wish.", "A list has at most %(num)s wishes.", limit
        )
        visit.leave_notice(BannerView(tone="warn", title=title))
        return store.go(visit, "/wishlist")
    if visit.is_partial:
        html = render_block(
            store.environment,
            "store/wishlist.html",
            "kept",
            page=store.shell(visit, banner=None),
            view=None,
            csrf_token=visit.csrf_token,
        )
        return store.answer(visit, html, cache=NO_STORE)
    visit.leave_notice(BannerView(tone="ok", title=gettext("Kept on your wishlist")))
    return store.go(visit, target)


async def _keep(store: Store, visit: Visit, variant_id: VariantId) -> None:
    if visit.wishlist_token is not None:
        try:
            await carts.add_wish(store.db, token=visit.wishlist_token, variant_id=variant_id)
        except WishlistNotFound:
            # A browser keeps its cookie longer than we keep an untouched list.
            pass
        else:
            return
    _, token = await carts.create_wishlist(store.db, variant_id=variant_id)
    if visit.principal is not None and visit.principal.kind is AccountKind.CUSTOMER:
        # Theirs at once: with the session it leaves this browser, and comes back with the next.
        buyer_id = visit.principal.account_id
        token = await carts.adopt_wishlist(store.db, buyer_id=buyer_id, token=token) or token
    visit.keep_wishlist(token, seconds=int(carts.WISHES_KEPT_FOR.total_seconds()))


@post("/wishlist/items/{variant_id:str}/remove")
async def remove(
    request: StoreRequest, store: NamedDependency[Store], variant_id: FromPath[str]
) -> Page:
    """Keep a variant no more; the next page offers to undo it."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    wish = VariantId(parse_id(variant_id) or _NONE)
    async with store.open(visit) as connection:
        wishlist = await find_wishlist(connection, visit)
    line = _line_of(wishlist, wish)
    if visit.wishlist_token is None or line is None:
        visit.leave_notice(_gone())
        return store.go(visit, "/wishlist")
    try:
        await carts.remove_wish(store.db, token=visit.wishlist_token, variant_id=wish)
    except (WishNotFound, WishlistNotFound):
        visit.leave_notice(_gone())
        return store.go(visit, "/wishlist")
    visit.leave_notice(
        BannerView(
            tone="neutral",
            title=gettext("Removed %(name)s", name=full_name(line.name, line.options)),
            undo_url="/wishlist/items" if line.is_for_sale else None,
            undo_fields=(("variant_id", str(wish)), ("next", "/wishlist")),
        )
    )
    return store.go(visit, "/wishlist")


@post("/wishlist/items/{variant_id:str}/move")
async def move(
    request: StoreRequest, store: NamedDependency[Store], variant_id: FromPath[str]
) -> Page:
    """Put one unit into the cart, then take it off the list; a refusal leaves it there."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    wish = VariantId(parse_id(variant_id) or _NONE)
    async with store.open(visit) as connection:
        wishlist = await find_wishlist(connection, visit)
    line = _line_of(wishlist, wish)
    if visit.wishlist_token is None or line is None:
        visit.leave_notice(_gone())
        return store.go(visit, "/wishlist")
    name = full_name(line.name, line.options)
    try:
        await add_to_cart(store, visit, variant_id=wish, quantity=1)
    except InsufficientStock:
        return _stays(store, visit, gettext("%(name)s is sold out", name=name))
    except NotForSale:
        return _stays(store, visit, gettext("%(name)s is not for sale right now", name=name))
    except CartFull as refusal:
        return _stays(store, visit, cart_full(refusal))
    # If another tab has taken it off, it is in the cart all the same.
    with suppress(WishNotFound, WishlistNotFound):
        await carts.remove_wish(store.db, token=visit.wishlist_token, variant_id=wish)
    visit.leave_notice(BannerView(tone="ok", title=gettext("%(name)s is in your cart", name=name)))
    return store.go(visit, "/wishlist")


def _gone() -> BannerView:
    return BannerView(tone="info", title=gettext("That was removed already"))


def _stays(store: Store, visit: Visit, reason: str) -> Page:
    """Back to the list, which is as it was."""
    visit.leave_notice(BannerView(tone="warn", title=reason, text=gettext("It stays here.")))
    return store.go(visit, "/wishlist")


async def find_wishlist(connection: Connection, visit: Visit) -> Wishlist | None:
    """The visitor's list, if there is one."""
    if visit.wishlist_token is None:
        return None
    try:
        return await cart_queries.get_wishlist(connection, token=visit.wishlist_token)
    except WishlistNotFound:
        return None


def _line_of(wishlist: Wishlist | None, variant_id: VariantId) -> Wish | None:
    lines = () if wishlist is None else wishlist.lines
    return next((line for line in lines if line.variant_id == variant_id), None)


async def _view(
    store: Store, connection: Connection, visit: Visit, wishlist: Wishlist | None
) -> WishlistView:
    """What is kept, the last first, as it is sold today."""
    if wishlist is None or not wishlist.lines:
        return WishlistView(())
    rows = await inventory.list_shelf_of(
        connection,
        currency=visit.currency,
        product_ids=list({line.product_id for line in wishlist.lines}),
    )
    images = {row.id: row.image for row in rows}
    wishes = []
    for line in reversed(wishlist.lines):
        minor = line.prices.get(visit.currency)
        is_sold = line.is_for_sale and minor is not None
        wishes.append(
            WishView(
                variant_id=str(line.variant_id),
                name=line.name,
                variant_name=", ".join(line.options),
                url=product_url(line.slug, line.sku) if line.is_for_sale else None,
                image=store.image(images.get(line.product_id), alt=""),
                price=None if minor is None else MoneyView(minor, visit.currency),
                is_for_sale=is_sold,
                is_available=is_sold and line.available > 0,
            )
        )
    return WishlistView(tuple(wishes))
