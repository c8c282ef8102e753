"""From what the rooms know to what the templates show: amounts, lines, sums, ways to pay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from surehold.cart.model import Cart, Line, Problem, ProblemKind
from surehold.catalog.model import Image, ProductSummary, Sellable
from surehold.db.shop import ShopSettings
from surehold.inventory.model import Backorder, BackorderKind
from surehold.inventory.model import Shortage as StockShortage
from surehold.kernel.ids import OrderLineId, VariantId
from surehold.orders.model import Address, Order, OrderLine
from surehold.payments.gift_cards.model import Purse
from surehold.payments.model import Payment, PaymentState
from surehold.payments.providers.port import (
    Capabilities,
    HoldKind,
    Provider,
)
from surehold.pricing import rules as pricing
from surehold.pricing.errors import NotForSale, ShippingMethodUnknown
from surehold.pricing.model import Destination, Quote
from surehold.web.storefront import destinations
from surehold.web.storefront.parts import Store, product_url
from surehold.web.storefront.views import (
    CardPartView,
    LineProblem,
    LineProblemKind,
    LineView,
    MoneyView,
    PaymentChoice,
    ProductCard,
    Shortage,
    StockWord,
    SummaryView,
    TotalsView,
    WaitView,
)
from surehold.web.translations import gettext, gettext_noop

#: From here on down a page says how many are left.
FEW: Final = 5
#: More than anybody types into a quantity field.
MOST: Final = 99
#: What ways to pay call themselves, and what happens next. They know no pages and speak English.
WAYS_TO_PAY: Final = frozenset(
    {
        gettext_noop("Card"),
        gettext_noop("Card or wallet"),
        gettext_noop("Card, bank or mobile money"),
        gettext_noop("UPI, card or net banking"),
        gettext_noop("Telebirr, CBE Birr or card"),
        gettext_noop("Bank transfer"),
        gettext_noop("Cash on delivery"),
        gettext_noop("You approve at PayPal, then come back here."),
        gettext_noop("You choose on Chapa's page, then come back here."),
        gettext_noop("You choose on Flutterwave's page, then come back here."),
        gettext_noop("You pay here; Paystack takes the details."),
        gettext_noop("You pay here; Razorpay takes the details."),
        gettext_noop("You pay here; Stripe takes the details."),
        gettext_noop("You pay in cash when your order is brought to you."),
        gettext_noop("You pay on Paystack's page, then come back here."),
        gettext_noop("You pay on Razorpay's page, then come back here."),
        gettext_noop("You pay on Stripe's page, then come back here."),
        gettext_noop("You pay on Telebirr's page with your telephone, then come back here."),
        gettext_noop("You pay on the bank's page, then come back here."),
        gettext_noop("You send the amount from your bank; we hold your items until it arrives."),
    }
)


def product_card(store: Store, product: ProductSummary) -> ProductCard:
    """One product of a grid."""
    word = None
    if product.available <= 0:
        word = StockWord.SOLD_OUT
    elif product.available <= FEW:
        word = StockWord.FEW_LEFT
    until = product.price_to_minor
    return ProductCard(
        name=product.name,
        url=product_url(product.slug),
        image=store.image(product.image, alt=""),
        price=MoneyView(product.price_from_minor, product.currency),
        price_until=MoneyView(until, product.currency)
        if until != product.price_from_minor
        else None,
        fact=product.fact,
        stock_word=word,
        slug=product.slug,
    )


def cart_line(store: Store, line: Line, currency: str) -> LineView:
    """One line of the cart, with the worst that is wrong with it."""
    unit = line.seen_price_minor if line.unit_price_minor is None else line.unit_price_minor
    problem = line.problem
    return LineView(
        line_id=str(line.id),
        name=line.name,
        variant_name=", ".join(line.options),
        url=product_url(line.slug, line.sku),
        image=store.image(line.image, alt=""),
        quantity=line.quantity,
        unit_price=MoneyView(unit, currency),
        line_total=MoneyView(unit * line.quantity, currency),
        max_quantity=max(min(line.available, MOST), 1),
        problem=None if problem is None else _line_problem(problem, currency),
        waits=wait_view(line.backorder),
    )


def wait_view(waits: Backorder | None) -> WaitView | None:
    """What of a line is not there yet."""
    if waits is None:
        return None
    is_preorder = waits.kind is BackorderKind.PREORDER
    return WaitView(waits.waiting_quantity, is_preorder, waits.promised_on)


def _line_problem(problem: Problem, currency: str) -> LineProblem:
    if problem.kind is ProblemKind.TOO_FEW and problem.available:
        return LineProblem(LineProblemKind.ONLY_LEFT, left=problem.available)
    if problem.kind is ProblemKind.PRICE_CHANGED:
        was, now = problem.old_price_minor, problem.new_price_minor
        assert was is not None
        assert now is not None
        kind = LineProblemKind.PRICE_ROSE if now > was else LineProblemKind.PRICE_FELL
        return LineProblem(kind, was=MoneyView(was, currency), now=MoneyView(now, currency))
    return LineProblem(LineProblemKind.SOLD_OUT)


def is_gone(line: Line) -> bool:
    """Whether nothing of a line can be bought."""
    return line.unit_price_minor is None or line.available <= 0


def quote_cart(
    cart: Cart,
    *,
    sellable: Mapping[tuple[VariantId, str], Sellable],
    terms: pricing.Terms,
    now: datetime,
    destination: Destination,
    asked: pricing.Asked | None = None,
    shipping_method: str | None = None,
    is_first: bool | None = None,
) -> Quote | None:
    """What the cart costs today; ``None`` while something in it cannot be bought or sent."""
    try:
        return pricing.quote(
            [(line.variant_id, line.quantity) for line in cart.lines],
            sellable=sellable,
            currency=cart.currency,
            terms=terms,
            now=now,
            destination=destination,
            asked=asked,
            shipping_method=shipping_method,
            is_first=is_first,
        )
    except (NotForSale, ShippingMethodUnknown):
        return None


def quote_totals(quote: Quote, *, tax_label: str, is_estimate: bool = False) -> TotalsView:
    """The sums of a quote."""
    return TotalsView(
        item_count=sum(line.quantity for line in quote.lines),
        subtotal=MoneyView(quote.subtotal_minor, quote.currency),
        total=MoneyView(quote.total_minor, quote.currency),
        discount=_when_any(quote.discount_minor, quote.currency),
        shipping=MoneyView(quote.shipping_minor, quote.currency),
        is_shipping_estimated=is_estimate,
        tax=_when_any(quote.tax_minor, quote.currency),
        tax_label=gettext(tax_label),
        is_tax_included=quote.is_tax_included,
    )


def order_summary(
    store: Store,
    order: Order,
    lines: Iterable[OrderLine],
    *,
    slugs: Mapping[VariantId, str] | None = None,
    payments: Iterable[Payment] = (),
    cards: Iterable[Purse] = (),
    backorders: Mapping[OrderLineId, Backorder] | None = None,
) -> SummaryView:
    """Lines and sums of an order, as they were promised; ``slugs`` of what is still sold."""
    parts = _card_parts(payments, cards)
    by_card = sum(part.amount.minor for part in parts)
    lines = tuple(lines)
    shown = tuple(
        msgspec.structs.replace(
            order_line(store, line, order.currency, slugs=slugs or {}),
            waits=wait_view((backorders or {}).get(line.id)),
            canceled=line.canceled_quantity,
        )
        for line in lines
    )
    place = destinations.DESTINATIONS.get(order.shipping_address.country)
    totals = TotalsView(
        item_count=sum(line.quantity for line in lines if line.change_id is None),
        subtotal=MoneyView(order.subtotal_minor, order.currency),
        total=MoneyView(order.total_minor, order.currency),
        discount=_when_any(order.discount_minor, order.currency),
        shipping=MoneyView(order.shipping_minor, order.currency),
        tax=_when_any(order.tax_minor, order.currency),
        tax_label=gettext(destinations.TAX if place is None else place.tax_label),
        is_tax_included=order.is_tax_included,
        cards=parts,
        added=_when_any(order.added_minor, order.currency),
        canceled=_when_any(order.canceled_minor, order.currency),
        due=_when_any(order.due_minor, order.currency)
        if order.added_minor or order.canceled_minor
        else None,
        rest=None
        if not parts or order.paid_minor
        else MoneyView(order.due_minor - by_card, order.currency),
    )
    return SummaryView(shown, totals)


def _card_parts(payments: Iterable[Payment], cards: Iterable[Purse]) -> tuple[CardPartView, ...]:
    """What gift cards pay, or paid, of an order."""
    faces = {card.id: card.last_four for card in cards}
    return tuple(
        CardPartView(faces[row.gift_card_id], MoneyView(row.requested_minor, row.currency))
        for row in payments
        if row.gift_card_id is not None and row.state is not PaymentState.VOIDED
    )


def order_line(
    store: Store, line: OrderLine, currency: str, *, slugs: Mapping[VariantId, str]
) -> LineView:
    """One line of an order. What is sold no more leads to the search page."""
    slug = slugs.get(line.variant_id)
    image = None if line.image is None else Image(line.image, "", 800, 1000)
    return LineView(
        line_id=str(line.id),
        name=line.name,
        variant_name=", ".join(line.options),
        url="/search" if slug is None else product_url(slug, line.sku),
        image=store.image(image),
        quantity=line.quantity,
        unit_price=MoneyView(line.unit_price_minor, currency),
        line_total=MoneyView(line.total_minor, currency),
    )


def address_lines(address: Address, locale: str) -> tuple[str, ...]:
    """An address as it is written where it leads."""
    place = destinations.DESTINATIONS.get(address.country)
    order = ("postal_code", "city", "region") if place is None else place.address.order
    parts = {
        "city": address.city,
        "region": address.region,
        "postal_code": address.postal_code,
    }
    town = " ".join(text for name in order if (text := parts[name]))
    country = destinations.country_name(address.country, locale)
    found = (address.name, address.company, address.line1, address.line2, town, country)
    return tuple(text for text in found if text)


def payment_choices(providers: Iterable[Provider], *, currency: str) -> tuple[PaymentChoice, ...]:
    """The ways to pay in a currency, in the store's order."""
    return tuple(
        PaymentChoice(
            code=provider.name,
            name=_say(provider.capabilities.title),
            explanation=_say(provider.capabilities.explanation),
            icon=_icon(provider.capabilities),
            is_paid_later=provider.capabilities.hold_kind is HoldKind.TRANSFER
            or provider.capabilities.is_paid_on_delivery,
        )
        for provider in providers
        if provider.capabilities.supports(currency)
    )


def _say(words: str) -> str:
    """What a provider says of itself; what a store wrote of its own bank, as it is written."""
    return gettext(words) if words in WAYS_TO_PAY else words


def _icon(capabilities: Capabilities) -> str:
    """What stands beside a way to pay."""
    if capabilities.is_paid_on_delivery:
        return "wallet"
    return "landmark" if capabilities.hold_kind is HoldKind.TRANSFER else "credit-card"


def order_shortages(
    lines: Iterable[OrderLine], shortages: Iterable[StockShortage]
) -> tuple[Shortage, ...]:
    """The lines of an order that are short, by name."""
    left = {short.variant_id: short.available for short in shortages}
    return tuple(
        Shortage(str(line.id), full_name(line.name, line.options), line.quantity, left_of)
        for line in lines
        if (left_of := left.get(line.variant_id)) is not None
    )


def cart_shortages(
    cart: Cart, shortages: Iterable[StockShortage] | None = None
) -> tuple[Shortage, ...]:
    """The lines of a cart that are short: as a refusal says, or by the stock of this moment."""
    if shortages is None:
        left = {line.variant_id: max(line.available, 0) for line in cart.lines}
    else:
        left = {short.variant_id: max(short.available, 0) for short in shortages}
    return tuple(
        Shortage(str(line.id), full_name(line.name, line.options), line.quantity, available)
        for line in cart.lines
        if (available := left.get(line.variant_id)) is not None and available < line.quantity
    )


def tax_note(settings: ShopSettings, currency: str) -> str:
    """What a price says about tax."""
    if currency in {"USD", "CAD"}:
        return gettext("incl. tax") if settings.is_tax_included else gettext("plus tax")
    return gettext("incl. VAT") if settings.is_tax_included else gettext("plus VAT")


def full_name(name: str, options: Iterable[str]) -> str:
    """A product's name with the options that were chosen."""
    return ", ".join((name, *options))


def _when_any(minor: int, currency: str) -> MoneyView | None:
    return MoneyView(minor, currency) if minor else None
