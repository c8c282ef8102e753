"""The cart: what is in it, what changed since, adding, changing and removing.

Nothing changes without a press: a page that is only looked at tells what is different, and a
button accepts it.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.cart import commands as carts
from surehold.cart.errors import CartFull, CartLineNotFound, CartNotFound
from surehold.cart.model import Cart, Line, ProblemKind
from surehold.catalog import queries as catalog
from surehold.checkout.queries import find_asked
from surehold.db import Connection
from surehold.identity.model import AccountKind
from surehold.inventory import queries as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import Shortage
from surehold.kernel import clock
from surehold.kernel.ids import CartLineId, VariantId
from surehold.pricing.errors import NotForSale
from surehold.pricing.model import Destination
from surehold.web.languages import region_of
from surehold.web.storefront import destinations
from surehold.web.storefront.parts import NO_STORE, Page, Store
from surehold.web.storefront.product import product_view
from surehold.web.storefront.shown import (
    cart_line,
    full_name,
    is_gone,
    product_card,
    quote_cart,
    quote_totals,
)
from surehold.web.storefront.views import (
    BannerView,
    CartAddedView,
    CartView,
    MoneyView,
    TotalsView,
)
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext, gettext_noop, ngettext
from surehold.web.validation import parse_id

SUGGESTED: Final = 4
MAX_QUANTITY: Final = 999
_MAX_DIGITS: Final = 4
#: No variant has this id.
_NONE: Final = UUID(int=0)
_AS_IT_WAS: Final = gettext_noop("Your cart is as it was.")


@get("/cart")
async def show_cart(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The cart."""
    visit = store.greet(request)
    return await cart_page(store, visit)


@get("/cart/added")
async def show_added(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """What Add to cart has just done, for browsers without scripts; a reload adds nothing."""
    visit = store.greet(request)
    async with store.open(visit):
        pass
    line = _line_of(visit.cart, visit.query.get("line", ""))
    if line is None or visit.cart is None:
        return store.go(visit, "/cart")
    view = _added(store, visit.cart, line)
    return store.page(visit, "store/cart_added.html", view, path="/cart", cache=NO_STORE)


@post("/cart/items")
async def add(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Put units of a variant into the cart, which is made when there is none."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    variant_id = VariantId(parse_id(form.get("variant_id", "")) or _NONE)
    quantity = read_quantity(form.get("quantity", "1"))
    try:
        if quantity is None or quantity < 1:
            words = gettext("Enter a quantity from 1 to %(most)s.", most=MAX_QUANTITY)
            return await _not_added(store, visit, variant_id, words, 422)
        cart = await add_to_cart(store, visit, variant_id=variant_id, quantity=quantity)
    except InsufficientStock as refusal:
        reason = _too_few(refusal, has_some=_quantity_of(visit.cart, variant_id))
        return await _not_added(store, visit, variant_id, reason, 409)
    except NotForSale:
        words = gettext("This is not for sale right now.")
        return await _not_added(store, visit, variant_id, words, 409)
    except CartFull as refusal:
        return await _not_added(store, visit, variant_id, cart_full(refusal), 409)
    visit.cart = cart
    line = next(row for row in cart.lines if row.variant_id == variant_id)
    goal = form.get("next")
    if goal == "checkout":
        return store.go(visit, "/checkout")
    if goal == "cart":
        return store.go(visit, "/cart")
    if visit.is_partial:
        async with store.open(visit):
            pass
        view = _added(store, cart, line)
        return store.page(visit, "store/cart_added.html", view, block="drawer", cache=NO_STORE)
    return store.go(visit, f"/cart/added?line={line.id}")


async def add_to_cart(store: Store, visit: Visit, *, variant_id: VariantId, quantity: int) -> Cart:
    """Add to the visitor's cart, or to a new one, which is theirs wherever they sign in.

    Raises:
        NotForSale, CartFull, InsufficientStock: As the cart says; nothing was added.
    """
    async with store.open(visit) as connection:
        if visit.cart is None:
            await _check_can_be_bought(connection, variant_id, quantity, visit.currency)
    if visit.cart is None or visit.cart_token is None:
        visit.keep_cart(await _begin_cart(store, visit))
    elif not visit.cart.lines and visit.cart.currency != visit.currency:
        await carts.change_currency(store.db, token=visit.cart_token, currency=visit.currency)
    assert visit.cart_token is not None
    return await carts.add_line(
        store.db, token=visit.cart_token, variant_id=variant_id, quantity=quantity
    )


async def _begin_cart(store: Store, visit: Visit) -> str:
    """The token of a new cart, or of the one that a signed-in buyer has elsewhere."""
    _, token = await carts.create_cart(store.db, currency=visit.currency)
    buyer = visit.principal
    if buyer is None or buyer.kind is not AccountKind.CUSTOMER:
        return token
    return await carts.adopt_cart(store.db, buyer_id=buyer.account_id, token=token) or token


async def _check_can_be_bought(
    connection: Connection, variant_id: VariantId, quantity: int, currency: str
) -> None:
    """Refuse before a cart is made: a refusal leaves nothing behind."""
    sellable = await catalog.list_sellable(connection, variant_ids=[variant_id])
    if (variant_id, currency) not in sellable:
        raise NotForSale([variant_id], currency=currency)
    left = (await inventory.available(connection, [variant_id]))[variant_id]
    if left < quantity:
        raise InsufficientStock([Shortage(variant_id, quantity, left)])


@post("/cart/items/{line_id:str}")
async def change(
    request: StoreRequest, store: NamedDependency[Store], line_id: FromPath[str]
) -> Page:
    """Set how many units a line has; none removes it."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    quantity = read_quantity(form.get("quantity", ""))
    if quantity is None or visit.cart_token is None:
        title = gettext("Enter a quantity from 1 to %(most)s", most=MAX_QUANTITY)
        banner = BannerView(tone="bad", title=title, text=gettext(_AS_IT_WAS))
        return await cart_page(store, visit, status=422, banner=banner)
    if quantity == 0:
        return await _remove(store, visit, line_id)
    # An id that is none belongs to no line.
    found = CartLineId(parse_id(line_id) or _NONE)
    try:
        await carts.change_line(store.db, token=visit.cart_token, line_id=found, quantity=quantity)
    except (CartLineNotFound, CartNotFound):
        visit.leave_notice(BannerView(tone="info", title=gettext("That was removed already")))
    except (InsufficientStock, NotForSale, CartFull) as refusal:
        reason = gettext("It is not for sale right now.")
        if isinstance(refusal, InsufficientStock):
            reason = _too_few(refusal, has_some=0)
        elif isinstance(refusal, CartFull):
            reason = cart_full(refusal)
        banner = BannerView(tone="warn", title=reason, text=gettext(_AS_IT_WAS))
        return await cart_page(store, visit, status=409, banner=banner)
    return store.go(visit, "/cart")


@post("/cart/items/{line_id:str}/remove")
async def remove(
    request: StoreRequest, store: NamedDependency[Store], line_id: FromPath[str]
) -> Page:
    """Take a line out; the next page offers to undo it."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    return await _remove(store, visit, line_id)


@post("/cart/accept")
async def accept(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Agree to today's prices, and to fewer units where fewer are left."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    if visit.cart_token is None:
        return store.go(visit, "/cart")
    try:
        accepted = await carts.accept_changes(store.db, token=visit.cart_token)
    except CartNotFound:
        return store.go(visit, "/cart")
    reduced = [row for row in accepted.changes if row.kind is ProblemKind.TOO_FEW]
    words = [
        gettext(
            "%(name)s: we changed %(asked)s to %(left)s.",
            name=full_name(line.name, line.options),
            asked=row.requested,
            left=line.quantity,
        )
        for row in reduced
        for line in accepted.cart.lines
        if line.id == row.line_id
    ]
    if accepted.changes:
        title = gettext("Your cart is up to date")
        visit.leave_notice(BannerView(tone="ok", title=title, text=" ".join(words)))
    return store.go(visit, "/cart")


async def _remove(store: Store, visit: Visit, line_id: str) -> Page:
    async with store.open(visit):
        pass
    line = _line_of(visit.cart, line_id)
    if line is None or visit.cart_token is None:
        visit.leave_notice(BannerView(tone="info", title=gettext("That was removed already")))
        return store.go(visit, "/cart")
    try:
        await carts.remove_line(store.db, token=visit.cart_token, line_id=line.id)
    except (CartLineNotFound, CartNotFound):
        return store.go(visit, "/cart")
    fields = (
        ("variant_id", str(line.variant_id)),
        ("quantity", str(line.quantity)),
        ("next", "cart"),
    )
    visit.leave_notice(
        BannerView(
            tone="neutral",
            title=gettext("Removed %(name)s", name=full_name(line.name, line.options)),
            undo_url=None if is_gone(line) else "/cart/items",
            undo_fields=fields,
        )
    )
    return store.go(visit, "/cart")


async def cart_page(
    store: Store, visit: Visit, *, status: int = 200, banner: BannerView | None = None
) -> Page:
    """The cart page as it is now."""
    async with store.open(visit) as connection:
        view = await cart_view(store, connection, visit)
    return store.page(
        visit,
        "store/cart.html",
        view,
        block="cart",
        status=status,
        path="/cart",
        banner=banner,
        cache=NO_STORE,
    )


async def cart_view(store: Store, connection: Connection, visit: Visit) -> CartView:
    """The cart with its sums; an empty one has things to look at."""
    cart = visit.cart
    if cart is None or not cart.lines:
        page = await inventory.list_shelf(
            connection, currency=visit.currency, in_stock=True, limit=SUGGESTED
        )
        cards = tuple(product_card(store, row) for row in page.items)
        return CartView(lines=(), totals=None, suggestions=cards)
    terms, now = await store.checkout.context.books.load(connection)
    sellable = await catalog.list_sellable(
        connection, variant_ids=[line.variant_id for line in cart.lines]
    )
    country = destinations.guess_country(region_of(visit.locale))
    quote = quote_cart(
        cart,
        sellable=sellable,
        terms=terms,
        now=now,
        destination=Destination(country),
        asked=await find_asked(connection, code=cart.coupon_code),
    )
    subtotal = MoneyView(cart.subtotal_minor, cart.currency)
    totals = TotalsView(item_count=cart.item_count, subtotal=subtotal, total=subtotal)
    if quote is not None:
        label = destinations.DESTINATIONS[country].tax_label
        totals = quote_totals(quote, tax_label=label, is_estimate=True)
    return CartView(
        lines=tuple(cart_line(store, line, cart.currency) for line in cart.lines),
        totals=totals,
        can_check_out=not any(is_gone(line) for line in cart.lines),
        has_changes=any(
            problem.kind is ProblemKind.PRICE_CHANGED
            or (problem.kind is ProblemKind.TOO_FEW and bool(problem.available))
            for problem in cart.problems
        ),
        arrival=None
        if any(line.backorder for line in cart.lines)
        else destinations.arrival(country, clock.now().date(), visit.locale),
    )


async def _not_added(
    store: Store, visit: Visit, variant_id: VariantId, reason: str, status: int
) -> Page:
    """Why nothing was added: in the drawer, or on the product's own page."""
    async with store.open(visit) as connection:
        if not visit.is_partial:
            sellable = await catalog.list_sellable(connection, variant_ids=[variant_id])
            offer = sellable.get((variant_id, visit.currency))
            if offer is not None:
                view = await product_view(
                    store, connection, visit, slug=offer.slug, sku=offer.sku, problem=reason
                )
                return store.page(
                    visit, "store/product.html", view, status=status, path=view.url, cache=NO_STORE
                )
    count = visit.cart.item_count if visit.cart else 0
    subtotal = None
    if visit.cart is not None and count:
        subtotal = MoneyView(visit.cart.subtotal_minor, visit.cart.currency)
    words = f"{reason} {gettext('Nothing was added to your cart.')}"
    refused = CartAddedView(cart_count=count, problem=words, subtotal=subtotal)
    return store.page(
        visit,
        "store/cart_added.html",
        refused,
        block="drawer",
        status=status,
        path="/cart",
        cache=NO_STORE,
    )


def _added(store: Store, cart: Cart, line: Line) -> CartAddedView:
    return CartAddedView(
        cart_count=cart.item_count,
        line=cart_line(store, line, cart.currency),
        added=line.quantity,
        subtotal=MoneyView(cart.subtotal_minor, cart.currency),
    )


def _too_few(refusal: InsufficientStock, *, has_some: int) -> str:
    left = max(refusal.shortages[0].available, 0)
    if not left:
        return gettext("The last one was just taken.")
    if has_some:
        return ngettext(
            "Only %(num)s is left, and %(mine)s of them in your cart.",
            "Only %(num)s are left, and %(mine)s of them in your cart.",
            left,
            mine=has_some,
        )
    return ngettext("Only %(num)s is left.", "Only %(num)s are left.", left)


def cart_full(refusal: CartFull) -> str:
    """Why nothing more goes into a cart: too many units of one line, or too many lines."""
    limit = refusal.facts["limit"]
    if "requested" in refusal.facts:
        return ngettext(
            "A line has at most %(num)s unit.", "A line has at most %(num)s units.", limit
        )
    return ngettext("A cart has at most %(num)s line.", "A cart has at most %(num)s lines.", limit)


def read_quantity(text: str) -> int | None:
    """A quantity as typed: whole, from 0 to 999; ``None`` when it is not."""
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > _MAX_DIGITS:
        return None
    value = int(digits)
    return value if value <= MAX_QUANTITY else None


def _line_of(cart: Cart | None, line_id: str) -> Line | None:
    if cart is None:
        return None
    return next((line for line in cart.lines if str(line.id) == line_id), None)


def _quantity_of(cart: Cart | None, variant_id: VariantId) -> int:
    if cart is None:
        return 0
    return sum(line.quantity for line in cart.lines if line.variant_id == variant_id)
