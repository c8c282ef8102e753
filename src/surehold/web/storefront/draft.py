"""What staff wrote for a buyer, by its link: the checkout's page, with what is known filled in."""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.catalog.model import Image
from surehold.checkout.commands import DraftForm, place_draft
from surehold.checkout.model import BUYER
from surehold.checkout.queries import PricedBasket, basket_of, price_basket
from surehold.db import Connection, urgent
from surehold.db.idempotency import IdempotencyKeyReused
from surehold.inventory import queries as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.kernel import clock
from surehold.kernel.errors import Busy
from surehold.orders.drafts import queries as drafts
from surehold.orders.drafts.errors import (
    DraftLinkExpired,
    DraftOrderCanceled,
    DraftOrderChanged,
    DraftOrderNotFound,
    DraftOrderPlaced,
)
from surehold.orders.drafts.model import Draft, DraftContent, DraftState
from surehold.payments.errors import CurrencyNotSupported, ProviderUnknown
from surehold.pricing.errors import PriceChanged, ShippingMethodUnknown
from surehold.pricing.model import Destination, Quote
from surehold.web.api.fields import normalize_email
from surehold.web.languages import region_of
from surehold.web.storefront import checkout_form, destinations
from surehold.web.storefront.cart import read_quantity
from surehold.web.storefront.checkout import Said, go_and_pay, refused, shipping_choices
from surehold.web.storefront.parts import NO_STORE, Page, Store, product_url
from surehold.web.storefront.shown import (
    address_lines,
    full_name,
    payment_choices,
    quote_totals,
    wait_view,
)
from surehold.web.storefront.views import (
    AddressFormat,
    CheckoutForm,
    CheckoutView,
    FieldFault,
    LineView,
    MoneyView,
    OfferChanged,
    Shortage,
    StockShort,
    SummaryView,
)
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext_noop

_MAX_TOKEN: Final = 200
_MAX_ATTEMPT: Final = 99
_MAX_VERSION: Final = 2**31 - 1


class _Offer(msgspec.Struct, frozen=True):
    """A draft, and the token of the link that it was opened by."""

    draft: Draft
    token: str

    @property
    def content(self) -> DraftContent:
        return self.draft.content

    @property
    def path(self) -> str:
        return f"/draft/{self.token}"


@get("/draft/{token:str}")
async def show(request: StoreRequest, store: NamedDependency[Store], token: FromPath[str]) -> Page:
    """What is offered. Once it is an order, the order's own page."""
    visit = store.greet(request)
    country = destinations.guess_country(region_of(visit.locale))
    async with store.open(visit) as connection:
        offer = await _open(connection, token)
        if offer.draft.state is DraftState.PLACED:
            return _go_to_order(store, visit, offer.draft)
        view = await _view(
            store, connection, visit, offer, CheckoutForm(country=country), said=Said()
        )
    return _page(store, visit, offer, view, status=200)


@post("/draft/{token:str}/quote")
async def requote(
    request: StoreRequest, store: NamedDependency[Store], token: FromPath[str]
) -> Page:
    """The same form for another country or way of sending. Places nothing."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    typed = checkout_form.read_typed(form)
    async with store.open(visit) as connection:
        offer = await _open(connection, token)
        said = Said(key=checkout_form.read_key(form))
        view = await _view(store, connection, visit, offer, typed, said=said)
    return _page(store, visit, offer, view, status=said.status)


@post("/draft/{token:str}")
async def place(
    request: StoreRequest, store: NamedDependency[Store], token: FromPath[str]
) -> Page:
    """The one press. Pressed twice, or by staff as well, it is one order."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    typed = checkout_form.read_typed(form)
    key, expected = checkout_form.read_key(form), checkout_form.read_total(form)
    async with store.open(visit) as connection:
        offer = await _open(connection, token)
        if offer.draft.state is DraftState.PLACED:
            return _go_to_order(store, visit, offer.draft)
        faults = _faults(offer.content, typed)
        is_other = _read_version(form.get("version", "")) != offer.draft.version
        if is_other or faults or key is None or expected is None:
            said = Said(faults=faults, key=key, status=422)
            if is_other:  # Perhaps it asks for other things now.
                said = Said(problem=OfferChanged(), key=key, status=409)
            view = await _view(store, connection, visit, offer, typed, said=said)
            return _page(store, visit, offer, view, status=said.status)
    wanted = _form(
        offer,
        typed,
        key=key,
        expected_minor=expected,
    )
    try:
        with urgent():
            answer = await place_draft(store.checkout, draft=offer.draft, form=wanted)
    except (DraftOrderPlaced, IdempotencyKeyReused):
        async with store.open(visit) as connection:
            return _go_to_order(store, visit, (await _open(connection, token)).draft)
    except DraftOrderChanged:
        said = Said(problem=OfferChanged(), key=key, status=409)
    except InsufficientStock as refusal:
        said = Said(problem=await _short(store, visit, offer, refusal), key=key, status=409)
    except (
        PriceChanged, Busy, ShippingMethodUnknown, ProviderUnknown, CurrencyNotSupported,
    ) as refusal:  # fmt: skip
        attempt = min(read_quantity(form.get("attempt", "")) or 0, _MAX_ATTEMPT) + 1
        said = refused(refusal, None, typed, key=key, attempt=attempt)
    else:
        return go_and_pay(store, visit, answer)
    async with store.open(visit) as connection:
        offer = await _open(connection, token)
        view = await _view(store, connection, visit, offer, typed, said=said)
    return _page(store, visit, offer, view, status=said.status)


async def _open(connection: Connection, token: str) -> _Offer:
    """The draft of a link that still leads somewhere.

    Raises:
        DraftOrderNotFound, DraftOrderCanceled, DraftLinkExpired: As named; the page says so.
    """
    if len(token) > _MAX_TOKEN:
        raise DraftOrderNotFound("There is no draft order with this link.")
    draft = await drafts.get_draft_by_link(connection, token=token)
    if draft.state is DraftState.CANCELED:
        raise DraftOrderCanceled("The store has taken this order back.")
    if draft.state is DraftState.EXPIRED:
        raise DraftLinkExpired("The link has expired. Ask the store for another.")
    return _Offer(draft, token)


def _go_to_order(store: Store, visit: Visit, draft: Draft) -> Page:
    """Whoever has the link may open the order that came of it."""
    if draft.order_id is None or draft.order_number is None:
        return store.go(visit, visit.path)
    token = store.checkout.context.access.token(draft.order_id)
    visit.keep_order(draft.order_number, token)
    return store.go(visit, f"/orders/{draft.order_number}/pay")


def _is_shipping_known(content: DraftContent) -> bool:
    return content.shipping_method is not None or content.shipping_minor is not None


def _faults(content: DraftContent, typed: CheckoutForm) -> tuple[FieldFault, ...]:
    """What is wrong with the fields that are asked for."""
    known: set[str] = set()
    if content.email is not None:
        known.add("email")
    if _is_shipping_known(content):
        known.add("shipping_method")
    if content.shipping_address is not None:
        known |= set(CheckoutForm.__struct_fields__) - {"email", "shipping_method", "provider"}
    return tuple(row for row in checkout_form.find_faults(typed) if row.field not in known)


def _read_version(text: str) -> int:
    """The version that the page showed; 0 is nobody's."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_VERSION))):
        return 0
    return min(int(text), _MAX_VERSION)


def _form(offer: _Offer, typed: CheckoutForm, *, key: str, expected_minor: int) -> DraftForm:
    content, token = offer.content, offer.token
    email = None if content.email is not None else normalize_email(typed.email)
    address = None
    if content.shipping_address is None:
        address = checkout_form.address_of(typed)
    method = None if _is_shipping_known(content) else typed.shipping_method
    # The link is part of the question: without it nobody hears the answer again.
    asked = msgspec.json.encode((email, address, method, typed.provider))
    return DraftForm(
        key=key,
        request_hash=hashlib.sha256(asked + drafts.hash_token(token)).digest(),
        provider=typed.provider,
        actor=BUYER.name,
        token=token,
        version=offer.draft.version,
        expected_total_minor=expected_minor,
        email=email,
        shipping_address=address,
        shipping_method=method,
    )


async def _short(
    store: Store, visit: Visit, offer: _Offer, refusal: InsufficientStock
) -> StockShort:
    """The lines that are short, by name."""
    async with store.open(visit) as connection:
        priced = await price_basket(
            connection, books=store.checkout.context.books, basket=basket_of(offer.content)
        )
    left = {short.variant_id: max(short.available, 0) for short in refusal.shortages}
    return StockShort(
        tuple(
            Shortage(
                str(line.variant_id), full_name(line.name, line.options), line.quantity, left_of
            )
            for line in priced.quote.lines
            if (left_of := left.get(line.variant_id)) is not None
        )
    )


async def _price(
    store: Store, connection: Connection, content: DraftContent, typed: CheckoutForm
) -> PricedBasket:
    """What it costs there; a way of sending that is not on offer there gives way to the first."""
    destination = Destination(typed.country, typed.region, typed.postal_code)
    books = store.checkout.context.books
    email = checkout_form.read_email(typed)
    if typed.shipping_method and not _is_shipping_known(content):
        basket = basket_of(
            content,
            destination=destination,
            shipping_method=typed.shipping_method,
            email=email,
        )
        try:
            return await price_basket(connection, books=books, basket=basket)
        except ShippingMethodUnknown:
            pass
    basket = basket_of(content, destination=destination, email=email)
    return await price_basket(connection, books=books, basket=basket)


def _page(store: Store, visit: Visit, offer: _Offer, view: CheckoutView, *, status: int) -> Page:
    retry = getattr(view.problem, "retry_after_seconds", None)
    return store.page(
        visit,
        "store/checkout.html",
        view,
        block="checkout",
        status=status,
        path=offer.path,
        cache=NO_STORE,
        headers={"x-robots-tag": "noindex", **({"retry-after": str(retry)} if retry else {})},
    )


async def _view(
    store: Store,
    connection: Connection,
    visit: Visit,
    offer: _Offer,
    typed: CheckoutForm,
    *,
    said: Said,
) -> CheckoutView:
    content = offer.content
    priced = await _price(store, connection, content, typed)
    quote = priced.quote
    lines = await _lines(store, connection, quote)
    address = content.shipping_address
    country = typed.country if address is None else address.country
    place = destinations.DESTINATIONS.get(country)
    payment = payment_choices(store.checkout.context.providers, currency=quote.currency)
    if typed.provider not in {choice.code for choice in payment} and payment:
        typed = msgspec.structs.replace(typed, provider=payment[0].code)
    typed = msgspec.structs.replace(typed, shipping_method=quote.shipping_method)
    arrival = destinations.arrival(country, clock.now().date(), visit.locale)
    has_wait = any(line.waits for line in lines)
    label = gettext_noop("tax") if place is None else place.tax_label
    totals = quote_totals(quote, tax_label=label)
    return CheckoutView(
        form=typed,
        summary=SummaryView(lines, totals),
        countries=destinations.list_countries(visit.locale),
        address=AddressFormat() if place is None else place.address,
        shipping=()
        if arrival is None
        else shipping_choices(priced.shipping_options, quote, None if has_wait else arrival),
        payment=payment,
        expected_total=totals.total,
        idempotency_key=said.key or str(uuid.uuid4()),
        attempt=said.attempt,
        faults=said.faults,
        problem=said.problem,
        quote_url=f"{offer.path}/quote",
        action_url=offer.path,
        back_url=None,
        version=offer.draft.version,
        known_email=content.email,
        known_address=() if address is None else address_lines(address, visit.locale),
        is_shipping_known=_is_shipping_known(content),
        has_billing_address=content.billing_address is not None,
        takes_gift_cards=False,
        takes_coupons=False,
    )


async def _lines(store: Store, connection: Connection, quote: Quote) -> tuple[LineView, ...]:
    """The lines as they will be ordered, and what of them is not there yet."""
    outlook = await inventory.find_outlook(
        connection, variant_ids={line.variant_id for line in quote.lines}
    )
    return tuple(
        LineView(
            line_id=str(line.variant_id),
            name=line.name,
            variant_name=", ".join(line.options),
            url=product_url(line.slug, line.sku),
            image=store.image(None if line.image is None else Image(line.image, "", 800, 1000)),
            quantity=line.quantity,
            unit_price=MoneyView(line.unit_price_minor, quote.currency),
            line_total=MoneyView(line.total_minor, quote.currency),
            waits=wait_view(
                seen.of(line.quantity) if (seen := outlook.get(line.variant_id)) else None
            ),
        )
        for line in quote.lines
    )
