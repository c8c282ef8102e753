"""The checkout: one page, one press that places the order, holds the stock and begins to pay."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency

from surehold.cart import commands as carts
from surehold.cart.errors import CartFull, CartLineNotFound, CartNotFound
from surehold.cart.model import Cart
from surehold.catalog import queries as catalog
from surehold.checkout.commands import place_order
from surehold.checkout.errors import NothingToOrder
from surehold.checkout.model import Answer
from surehold.checkout.queries import find_asked, find_first
from surehold.checkout.replay import SCOPE
from surehold.db import Connection, idempotency, urgent
from surehold.db.idempotency import IdempotencyKeyReused
from surehold.inventory.errors import InsufficientStock
from surehold.kernel import clock
from surehold.kernel.errors import Busy
from surehold.kernel.ids import CartLineId, OrderId
from surehold.orders import queries as orders
from surehold.payments.errors import AmountNotSupported, CurrencyNotSupported, ProviderUnknown
from surehold.payments.gift_cards.errors import GiftCardBalanceTooLow, GiftCardNotUsable
from surehold.payments.model import NextAction, Redirect
from surehold.pricing.errors import (
    CouponExhausted,
    CouponNotApplicable,
    NotForSale,
    NothingToPay,
    PriceChanged,
    ShippingMethodUnknown,
)
from surehold.pricing.model import Destination, Quote, ShippingOption
from surehold.pricing.rules import (
    STANDARD,
    find_area,
    is_code,
    list_options,
    normalize_code,
    parcel_of,
)
from surehold.web.languages import region_of
from surehold.web.storefront import checkout_extras, checkout_form, destinations
from surehold.web.storefront.cart import read_quantity
from surehold.web.storefront.parts import NO_STORE, Page, Store, product_url
from surehold.web.storefront.shown import (
    cart_shortages,
    full_name,
    payment_choices,
    quote_cart,
    quote_totals,
    wait_view,
)
from surehold.web.storefront.views import (
    AddressFormat,
    AlreadyPlaced,
    ArrivalView,
    CheckoutForm,
    CheckoutProblem,
    CheckoutView,
    FieldFault,
    LineView,
    MoneyView,
    PriceChange,
    PricesChanged,
    ShippingChoice,
    ShopBusy,
    StockShort,
    SummaryView,
)
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext, gettext_noop
from surehold.web.validation import parse_id

_MAX_ATTEMPT: Final = 99
_NO_CARD: Final = gettext_noop("This gift card cannot be used here.")


class _Order(msgspec.Struct, frozen=True):
    number: str
    access_token: str


class _Payment(msgspec.Struct, frozen=True):
    next_action: NextAction


class _Answer(msgspec.Struct, frozen=True):
    """What a browser needs of the stored answer of a checkout."""

    order: _Order
    payment: _Payment | None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says beside the form: its faults or a refusal, and the key to send next."""

    faults: tuple[FieldFault, ...] = ()
    problem: CheckoutProblem | None = None
    key: str | None = None
    attempt: int = 1
    status: int = 200
    #: The total that the buyer agreed to, when it is another one now.
    was_minor: int | None = None


@get("/checkout")
async def show(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The form, with what is known of the visitor filled in."""
    visit = store.greet(request)
    country = destinations.guess_country(region_of(visit.locale))
    typed = CheckoutForm(country=country, shipping_method=STANDARD)
    async with store.open(visit) as connection:
        problem = None
        if visit.cart is not None:
            short = cart_shortages(visit.cart)
            problem = StockShort(short) if short else None
        return await _page(store, connection, visit, typed, Said(problem=problem))


@post("/checkout/quote")
async def requote(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The same form for another country or shipping, or with fewer of a line. Places nothing."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    typed = checkout_form.read_typed(form)
    await _take(store, visit, form.get("take", ""))
    if "coupon_code" in form:
        return await _use_coupon(store, visit, typed, form)
    async with store.open(visit) as connection:
        problem = None
        if visit.cart is not None and "take" in form:
            short = cart_shortages(visit.cart)
            problem = StockShort(short) if short else None
        said = Said(problem=problem, key=checkout_form.read_key(form))
        return await _page(store, connection, visit, typed, said)


async def _use_coupon(
    store: Store, visit: Visit, typed: CheckoutForm, form: Mapping[str, str]
) -> Page:
    """Use a code, or with ``coupon_code=off`` none. One that gives nothing is not kept."""
    code = None if form.get("coupon_code") == "off" else normalize_code(typed.coupon)
    key = checkout_form.read_key(form)
    if code is not None and not is_code(code):
        said = Said(faults=_coupon_fault(gettext("There is no such coupon.")), key=key, status=422)
        async with store.open(visit) as connection:
            return await _page(store, connection, visit, typed, said)
    if visit.cart_token is not None:
        with suppress(CartNotFound):
            await carts.set_coupon(store.db, token=visit.cart_token, code=code)
    async with store.open(visit) as connection:
        view = await _view(store, connection, visit, typed, Said(key=key))
    if view is None or view.coupon is None or view.coupon.is_applied:
        if view is None:
            return store.go(visit, "/cart")
        shown = msgspec.structs.replace(view, form=msgspec.structs.replace(view.form, coupon=""))
        return _answer(store, visit, shown, 200)
    assert visit.cart_token is not None
    await carts.set_coupon(store.db, token=visit.cart_token, code=None)
    faults = _coupon_fault(view.coupon.reason)
    return _answer(store, visit, msgspec.structs.replace(view, coupon=None, faults=faults), 422)


def _coupon_fault(words: str) -> tuple[FieldFault, ...]:
    return (checkout_form.fault("coupon", words),)


@post("/checkout")
async def place(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The one press. Pressed twice it is one order."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    typed = checkout_form.read_typed(form)
    if typed.coupon:  # typed and not used yet: nobody means to pay without it
        return await _use_coupon(store, visit, typed, form)
    key, expected = checkout_form.read_key(form), checkout_form.read_total(form)
    async with store.open(visit) as connection:
        if visit.cart is None or visit.cart_token is None:
            return store.go(visit, "/cart")
        typed, _ = await checkout_extras.with_account(connection, visit, typed)
        faults = checkout_form.find_faults(typed)
        if faults or key is None or expected is None:
            said = Said(faults=faults, key=key, status=422)
            return await _page(store, connection, visit, typed, said)
    wanted = checkout_form.placement(
        typed,
        key=key,
        cart_id=visit.cart.id,
        cart_token=visit.cart_token,
        expected_minor=expected,
        currency=visit.cart.currency,
        client_address=None if request.client is None else request.client.host,
    )
    try:
        with urgent():
            answer = await place_order(store.checkout, wanted)
    except (NothingToOrder, CartNotFound, NotForSale):
        return store.go(visit, "/cart")
    except (CouponNotApplicable, CouponExhausted, NothingToPay):
        # The page says what the order costs without it; whoever agrees presses again.
        await carts.set_coupon(store.db, token=visit.cart_token, code=None)
        async with store.open(visit) as connection:
            said = Said(key=key, status=409, was_minor=expected)
            return await _page(store, connection, visit, typed, said)
    except IdempotencyKeyReused:
        return await _already_placed(store, visit, typed, key)
    except (
        PriceChanged, InsufficientStock, Busy, ShippingMethodUnknown, ProviderUnknown,
        CurrencyNotSupported, AmountNotSupported, GiftCardNotUsable, GiftCardBalanceTooLow,
    ) as refusal:  # fmt: skip
        attempt = min(read_quantity(form.get("attempt", "")) or 0, _MAX_ATTEMPT) + 1
        async with store.open(visit) as connection:
            said = refused(refusal, visit.cart, typed, key=key, attempt=attempt)
            return await _page(store, connection, visit, typed, said)
    return go_and_pay(store, visit, answer)


def go_and_pay(store: Store, visit: Visit, answer: Answer) -> Page:
    """The order is placed: let this browser open it, and lead on to where it is paid."""
    placed = msgspec.json.decode(answer.body, type=_Answer)
    visit.keep_order(placed.order.number, placed.order.access_token)
    if placed.payment is not None and isinstance(placed.payment.next_action, Redirect):
        return store.go(visit, placed.payment.next_action.url)
    return store.go(visit, f"/orders/{placed.order.number}/pay")


def refused(
    refusal: Exception, cart: Cart | None, typed: CheckoutForm, *, key: str, attempt: int
) -> Said:
    """Nothing was placed: what the page says, and with which status. The key was not used."""
    match refusal:
        case PriceChanged():
            return Said(problem=_prices(refusal, cart), key=key, status=409)
        case InsufficientStock():
            short = () if cart is None else cart_shortages(cart, refusal.shortages)
            return Said(problem=StockShort(short), key=key, status=409)
        case Busy():
            busy = ShopBusy(refusal.retry_after_seconds, attempt)
            return Said(problem=busy, key=key, attempt=attempt, status=503)
        case ShippingMethodUnknown():
            field = "shipping_method"
            words = gettext("We do not send it this way. Choose another one.")
        case GiftCardNotUsable():
            field = "gift_card"
            words = gettext("This gift card cannot be used here. Nothing was ordered.")
        case GiftCardBalanceTooLow():
            field, words = "gift_card", gettext("There is nothing left on this gift card.")
        case CurrencyNotSupported():
            field = "provider"
            words = gettext("This way of paying does not take the cart's currency.")
        case AmountNotSupported():
            field = "provider"
            words = gettext("This way of paying does not take this amount.")
        case _:
            field, words = "provider", gettext("Choose how you want to pay.")
    faults = (checkout_form.fault(field, words, typed.country),)
    return Said(faults=faults, key=key, status=422)


def _prices(refusal: PriceChanged, cart: Cart | None) -> PricesChanged:
    """Every line with another price than the buyer saw, and the two totals."""
    names = {}
    if cart is not None:
        names = {str(row.variant_id): full_name(row.name, row.options) for row in cart.lines}
    changes = tuple(
        PriceChange(
            names.get(line["variant_id"], line["sku"]),
            MoneyView(line["seen_price"]["amount"], line["seen_price"]["currency"]),
            MoneyView(line["unit_price"]["amount"], line["unit_price"]["currency"]),
        )
        for line in refusal.facts["lines"]
        if "seen_price" in line
    )
    was, now = refusal.facts["expected"], refusal.facts["actual"]
    return PricesChanged(
        changes,
        MoneyView(was["amount"], was["currency"]),
        MoneyView(now["amount"], now["currency"]),
    )


async def _already_placed(store: Store, visit: Visit, typed: CheckoutForm, key: str) -> Page:
    """The form was sent before and edited since: say which order it made, and take a new key."""
    async with store.open(visit) as connection:
        stored = (await idempotency.find(connection, scope=SCOPE, keys=[key])).get(key)
        problem = None
        if stored is not None:
            order = await orders.get_order(connection, order_id=OrderId(stored.subject_id))
            if visit.cart is not None and order.cart_id == visit.cart.id:
                problem = AlreadyPlaced(order.number, f"/orders/{order.number}")
        return await _page(store, connection, visit, typed, Said(problem=problem, status=409))


async def _take(store: Store, visit: Visit, take: str) -> None:
    """Fewer of one line, or none of it: ``line-id:2``. What is gone already is no fault."""
    line_id, _, count = take.rpartition(":")
    found, quantity = parse_id(line_id), read_quantity(count)
    if found is None or quantity is None or visit.cart_token is None:
        return
    try:
        if quantity:
            await carts.change_line(
                store.db, token=visit.cart_token, line_id=CartLineId(found), quantity=quantity
            )
        else:
            await carts.remove_line(store.db, token=visit.cart_token, line_id=CartLineId(found))
    except (CartNotFound, CartLineNotFound, CartFull, NotForSale, InsufficientStock):
        return


async def _page(
    store: Store, connection: Connection, visit: Visit, typed: CheckoutForm, said: Said
) -> Page:
    """The page; a cart that cannot be priced goes back to where it says why."""
    view = await _view(store, connection, visit, typed, said)
    if view is None:
        return store.go(visit, "/cart")
    return _answer(store, visit, view, said.status)


def _answer(store: Store, visit: Visit, view: CheckoutView, status: int) -> Page:
    retry = isinstance(view.problem, ShopBusy) and view.problem.retry_after_seconds
    return store.page(
        visit,
        "store/checkout.html",
        view,
        block="checkout",
        status=status,
        path="/checkout",
        cache=NO_STORE,
        headers={"retry-after": str(retry)} if retry else None,
    )


async def _view(
    store: Store, connection: Connection, visit: Visit, typed: CheckoutForm, said: Said
) -> CheckoutView | None:
    cart = visit.cart
    if cart is None or not cart.lines:
        return None
    typed, saved = await checkout_extras.with_account(connection, visit, typed)
    terms, now = await store.checkout.context.books.load(connection)
    sellable = await catalog.list_sellable(
        connection, variant_ids=[line.variant_id for line in cart.lines]
    )
    place = destinations.DESTINATIONS.get(typed.country)
    destination = Destination(typed.country, typed.region, typed.postal_code)
    price = partial(
        quote_cart,
        cart,
        sellable=sellable,
        terms=terms,
        now=now,
        destination=destination,
        asked=await find_asked(connection, code=cart.coupon_code),
        is_first=await find_first(connection, terms=terms, email=checkout_form.read_email(typed)),
    )
    # What was chosen may not be on offer in another country: then the first that is.
    quote = (typed.shipping_method and price(shipping_method=typed.shipping_method)) or price()
    if quote is None:
        return None
    options = list_options(
        terms,
        find_area(terms, destination),
        currency=cart.currency,
        parcel=parcel_of(quote, sellable),
    )
    payment = payment_choices(store.checkout.context.providers, currency=cart.currency)
    if typed.provider not in {choice.code for choice in payment} and payment:
        typed = msgspec.structs.replace(typed, provider=payment[0].code)
    arrival = destinations.arrival(typed.country, clock.now().date(), visit.locale)
    shipping: tuple[ShippingChoice, ...] = ()
    if arrival is not None:
        has_wait = any(line.backorder for line in cart.lines)
        shipping = shipping_choices(options, quote, None if has_wait else arrival)
        typed = msgspec.structs.replace(typed, shipping_method=quote.shipping_method)
    label = gettext_noop("tax") if place is None else place.tax_label
    totals, is_refused = await checkout_extras.with_card(
        connection, typed, quote, quote_totals(quote, tax_label=label)
    )
    faults = said.faults
    if is_refused and not faults:
        faults = (checkout_form.fault("gift_card", gettext(_NO_CARD)),)
    return CheckoutView(
        form=typed,
        summary=SummaryView(_lines(store, cart, quote), totals),
        countries=destinations.list_countries(visit.locale),
        address=AddressFormat() if place is None else place.address,
        shipping=shipping,
        payment=payment,
        expected_total=totals.total,
        idempotency_key=said.key or str(uuid.uuid4()),
        attempt=said.attempt,
        faults=faults,
        problem=_other_total(said, totals.total) or said.problem,
        is_email_priced=terms.asks_for_first,
        sign_in_url="/account/sign-in?next=/checkout" if visit.principal is None else None,
        known_email=None if visit.principal is None else visit.principal.email,
        saved_addresses=saved,
        coupon=checkout_extras.coupon_view(quote, cart.coupon_code),
    )


def shipping_choices(
    options: Iterable[ShippingOption], quote: Quote, arrival: ArrivalView | None
) -> tuple[ShippingChoice, ...]:
    """The ways of delivery; the chosen one at what it costs with everything taken off."""
    return tuple(
        ShippingChoice(
            code=row.code,
            name=row.name,
            price=MoneyView(
                quote.shipping_minor if row.code == quote.shipping_method else row.price_minor,
                row.currency,
            ),
            arrival=arrival,
        )
        for row in options
    )


def _other_total(said: Said, now: MoneyView) -> PricesChanged | None:
    if said.was_minor is None:
        return None
    return PricesChanged((), MoneyView(said.was_minor, now.currency), now)


def _lines(store: Store, cart: Cart, quote: Quote) -> tuple[LineView, ...]:
    """The lines as they will be ordered."""
    return tuple(
        LineView(
            line_id=str(line.id),
            name=line.name,
            variant_name=", ".join(line.options),
            url=product_url(line.slug, line.sku),
            image=store.image(line.image, alt=""),
            quantity=priced.quantity,
            unit_price=MoneyView(priced.unit_price_minor, quote.currency),
            line_total=MoneyView(priced.total_minor, quote.currency),
            waits=wait_view(line.backorder),
        )
        for line, priced in zip(cart.lines, quote.lines, strict=True)
    )
