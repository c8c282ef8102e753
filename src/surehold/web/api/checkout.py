"""Quotes, and the checkout as the document shows it; the work is in ``checkout_route.py``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import post
from litestar.di import NamedDependency

from surehold.cart import commands as carts
from surehold.cart.errors import CartNotFound
from surehold.checkout import queries
from surehold.checkout.commands import save_quote
from surehold.checkout.errors import NothingToOrder, ToPayChanged
from surehold.checkout.rules import destination_of
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.inventory import queries as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import Backorder, Outlook
from surehold.kernel.errors import Busy, Fault
from surehold.kernel.ids import CartId, ProductId, QuoteId, VariantId, VendorId
from surehold.kernel.money import Money
from surehold.payments.errors import (
    AmountNotSupported,
    CashOnDeliveryNotOffered,
    CurrencyNotSupported,
    ProviderUnknown,
)
from surehold.payments.gift_cards import commands as gift_cards
from surehold.payments.gift_cards.errors import (
    GiftCardBalanceTooLow,
    GiftCardNotUsable,
    GiftCardPaysTooMuch,
)
from surehold.payments.gift_cards.model import CardPart
from surehold.payments.gift_cards.rules import CardRefused, Purses
from surehold.pricing import rules as pricing
from surehold.pricing.errors import (
    CouponExhausted,
    CouponNotApplicable,
    NotForSale,
    NothingToPay,
    PriceChanged,
    QuoteExpired,
    ShippingMethodUnknown,
)
from surehold.pricing.model import Quote, QuoteLine, SavedQuote, ShippingOption
from surehold.web.api.access import find_cart_token
from surehold.web.api.checkout_route import CheckoutBody, CheckoutRoute, sum_lines
from surehold.web.api.fields import (
    AddressBody,
    Code,
    CurrencyCode,
    Email,
    Lines,
    basket_faults,
    normalize_email,
)
from surehold.web.api.parts import Parts
from surehold.web.api.price_fields import (
    CouponCode,
    GiftCards,
    VatId,
    gift_card_faults,
    wishes_of,
)
from surehold.web.api.shapes import AdjustmentShape, CheckoutShape, adjustment_shapes
from surehold.web.api.wire import (
    ApiRequest,
    ApiResponse,
    answer,
    answer_bytes,
    headers_of,
    read_json,
)
from surehold.web.errors import CartCurrencyDiffers, IdempotencyKeyInvalid
from surehold.web.limits import CHECKOUT_LIMIT_BYTES, read_body
from surehold.web.openapi import CART, KEY, describe
from surehold.web.validation import Reader


class QuoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to price: a cart (with its token) or lines, exactly one of the two."""

    cart_id: UUID | None = None
    lines: Lines | None = None
    currency: CurrencyCode | None = None
    shipping_method: Code = pricing.STANDARD
    shipping_address: AddressBody | None = None
    coupon: CouponCode | None = None
    vat_id: VatId | None = None
    gift_cards: GiftCards | None = None
    #: Whose order it will be, for store credit.
    email: Email | None = None

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """What is wrong between the fields."""
        yield from basket_faults(raw, at)
        yield from gift_card_faults(raw, at)


class QuoteLineShape(msgspec.Struct, frozen=True):
    """One priced line. ``total`` is quantity times unit price."""

    variant_id: VariantId
    product_id: ProductId
    vendor_id: VendorId
    slug: str
    sku: str
    name: str
    options: list[str]
    image: str | None
    quantity: int
    unit_price: Money
    total: Money
    net: Money
    tax: Money
    gross: Money
    discount: Money
    tax_rate: str
    #: Units that would have to be waited for now, and until when. No promise before the order.
    waiting_quantity: int
    promised_on: date | None


class ExplanationShape(msgspec.Struct, frozen=True):
    """Why a promotion or the coupon did or did not apply. ``amount`` is what it took off lines."""

    code: str
    detail: str
    is_applied: bool
    promotion: str | None
    coupon: str | None
    amount: Money


class ShippingShape(msgspec.Struct, frozen=True):
    """A way to get the goods: `delivery` or `pickup`, and what it costs for this basket."""

    code: str
    name: str
    kind: str
    price: Money


class QuotedCard(msgspec.Struct, frozen=True):
    """What a gift card would pay now."""

    last_four: str
    amount: Money


class QuoteShape(msgspec.Struct, frozen=True):
    """A priced basket. Until ``expires_at`` a checkout that names its id gets these prices."""

    id: QuoteId
    currency: str
    lines: tuple[QuoteLineShape, ...]
    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money
    is_tax_included: bool
    shipping_method: str
    shipping_methods: tuple[ShippingShape, ...]
    coupon: str | None
    adjustments: tuple[AdjustmentShape, ...]
    explanations: tuple[ExplanationShape, ...]
    is_tax_exempt: bool
    expires_at: datetime
    #: What gift cards would pay at this moment; that is not promised.
    gift_cards: tuple[QuotedCard, ...]
    to_pay: Money


_CARDS: Final = (GiftCardNotUsable, GiftCardBalanceTooLow, GiftCardPaysTooMuch)
_QUOTE: Final = Reader(QuoteBody)
_VARIANT: Final = "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"
_ADDRESS: Final = {
    "name": "Ada Byron",
    "line1": "12 Mill Lane",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}


def quote_line_shape(
    line: QuoteLine, currency: str, waits: Backorder | None = None
) -> QuoteLineShape:
    """One priced line for the wire, and what of it would have to be waited for."""
    return QuoteLineShape(
        line.variant_id,
        line.product_id,
        line.vendor_id,
        line.slug,
        line.sku,
        line.name,
        line.options,
        line.image,
        line.quantity,
        Money(line.unit_price_minor, currency),
        Money(line.total_minor, currency),
        Money(line.net_minor, currency),
        Money(line.tax_minor, currency),
        Money(line.gross_minor, currency),
        Money(line.discount_minor, currency),
        line.tax_rate or "",
        0 if waits is None else waits.waiting_quantity,
        None if waits is None else waits.promised_on,
    )


def explanation_shapes(quote: Quote) -> tuple[ExplanationShape, ...]:
    """Why each promotion, and the coupon, did or did not apply."""
    return tuple(
        ExplanationShape(
            row.code,
            row.detail,
            row.is_applied,
            row.name,
            row.coupon_code,
            Money(row.amount_minor, quote.currency),
        )
        for row in quote.explanations
    )


def shipping_shapes(options: Iterable[ShippingOption]) -> tuple[ShippingShape, ...]:
    """Every way to get the goods, for the wire."""
    return tuple(
        ShippingShape(row.code, row.name, row.kind.value, Money(row.price_minor, row.currency))
        for row in options
    )


def quote_shape(
    saved: SavedQuote,
    options: Iterable[ShippingOption],
    outlook: Mapping[VariantId, Outlook],
    parts: tuple[CardPart, ...] = (),
) -> QuoteShape:
    """A promised quote for the wire, and what cards would pay of it.

    ``outlook`` is of what may be sold before it is there.
    """
    quote = saved.quote
    currency = quote.currency
    by_card = sum(part.amount_minor for part in parts)
    return QuoteShape(
        id=saved.id,
        currency=currency,
        lines=tuple(
            quote_line_shape(
                line,
                currency,
                seen.of(line.quantity) if (seen := outlook.get(line.variant_id)) else None,
            )
            for line in quote.lines
        ),
        subtotal=Money(quote.subtotal_minor, currency),
        discount=Money(quote.discount_minor, currency),
        shipping=Money(quote.shipping_minor, currency),
        tax=Money(quote.tax_minor, currency),
        total=Money(quote.total_minor, currency),
        is_tax_included=quote.is_tax_included,
        shipping_method=quote.shipping_method,
        shipping_methods=shipping_shapes(options),
        coupon=None if quote.coupon is None else quote.coupon.code,
        adjustments=adjustment_shapes(quote.adjustments, currency),
        explanations=explanation_shapes(quote),
        is_tax_exempt=quote.is_tax_exempt,
        expires_at=saved.expires_at,
        gift_cards=tuple(
            QuotedCard(part.purse.last_four, Money(part.amount_minor, currency)) for part in parts
        ),
        to_pay=Money(quote.total_minor - by_card, currency),
    )


async def _plan_cards(parts: Parts, body: QuoteBody, quote: Quote) -> tuple[CardPart, ...]:
    """What each card would pay now. Takes nothing and locks nothing."""
    wishes = wishes_of(body.gift_cards)
    if not wishes:
        return ()
    async with parts.db.connection() as connection:
        found = await gift_cards.read_purses(
            connection, hashes=[wish.code_hash for wish in wishes]
        )
    email = None if body.email is None else normalize_email(body.email)
    planned = Purses(found).plan(
        wishes, due_minor=quote.total_minor, currency=quote.currency, email=email
    )
    if isinstance(planned, CardRefused):
        raise planned.refusal()
    return planned


async def _price(
    parts: Parts, body: QuoteBody, headers: Mapping[bytes, bytes]
) -> queries.PricedBasket:
    coupon = None if body.coupon is None else pricing.normalize_code(body.coupon)
    currency = body.currency or parts.config.default_currency
    lines = () if body.lines is None else sum_lines(body.lines)
    async with parts.db.connection() as connection:
        if body.cart_id is not None:
            token, _ = find_cart_token(headers)
            cart_id = CartId(body.cart_id)
            known = [] if token is None else [(cart_id, carts.hash_token(token))]
            content = (await carts.load_lines(connection, carts=known)).get(cart_id)
            if content is None:
                raise CartNotFound("There is no cart with this id and token.")
            if body.currency not in {None, content.currency}:
                raise CartCurrencyDiffers(
                    f"This cart counts in {content.currency}.", currency=content.currency
                )
            currency = content.currency
            lines = tuple((line[0], line[1]) for line in content.lines)
            coupon = coupon or content.coupon_code
        basket = queries.Basket(
            lines=lines,
            currency=currency,
            shipping_method=body.shipping_method,
            destination=None
            if body.shipping_address is None
            else destination_of(body.shipping_address),
            coupon=coupon,
            vat_id=None if body.vat_id is None else pricing.normalize_vat_id(body.vat_id),
            email=None if body.email is None else normalize_email(body.email),
        )
        return await queries.price_basket(
            connection, books=parts.checkout.context.books, basket=basket
        )


@post(
    "/checkout/quote",
    opt=describe(
        tag="checkout",
        summary="Price a basket",
        about="Subtotal, discount, shipping, tax and total, and a promise of them for a time. "
        "Reserves nothing. `explanations` say why each promotion and the coupon did or did not "
        "apply, `shipping_methods` what else can be had there. Without an address the basket is "
        "priced for the store's own country, and without an `email` nothing that is for a first "
        "order applies. `gift_cards` say what each card would pay now, in their order, and "
        "`to_pay` what would be left; store credit needs the buyer's `email`.",
        body=QuoteBody,
        body_example={
            "lines": [{"variant_id": _VARIANT, "quantity": 1}],
            "currency": "EUR",
            "shipping_method": "standard",
            "coupon": "SPRING-10",
        },
        answer=QuoteShape,
        status=201,
        errors=(
            CartNotFound,
            NothingToOrder,
            NotForSale,
            NothingToPay,
            ShippingMethodUnknown,
            CartCurrencyDiffers,
            *_CARDS,
        ),
        security=(CART,),
        is_security_optional=True,
    ),
)
async def make_quote(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Price a basket and promise the prices."""
    body, _ = await read_json(request, _QUOTE)
    priced = await _price(parts, body, headers_of(request))
    pricing.check_payable(priced.quote)
    planned = await _plan_cards(parts, body, priced.quote)
    saved = await save_quote(parts.checkout, quote=priced.quote)
    async with parts.db.connection() as connection:
        outlook = await inventory.find_outlook(
            connection, variant_ids={line.variant_id for line in priced.quote.lines}
        )
    return answer(quote_shape(saved, priced.shipping_options, outlook, planned), status=201)


@post(
    "/checkout",
    opt=describe(
        tag="checkout",
        summary="Place an order and begin its payment",
        about="All lines are reserved or none. The answer says in `payment.next_action` what the "
        "buyer must do: `redirect` (send the browser to `url`), `instructions` (show them), "
        "`wait` (read the payment again) or `none`. Up to five `gift_cards` pay their parts, in "
        "their order, and the payment asks for the rest; what they pay in full is paid at once. "
        "With the order's `access_token` a guest reads it later. At most 64 kB.",
        body=CheckoutBody,
        body_example={
            "lines": [{"variant_id": _VARIANT, "quantity": 1}],
            "email": "ada@example.com",
            "shipping_address": _ADDRESS,
            "shipping_method": "standard",
            "payment_method": {"provider": "bank_transfer"},
            "currency": "EUR",
            "expected_total": {"amount": 2489, "currency": "EUR"},
        },
        answer=CheckoutShape,
        status=201,
        headers=(KEY,),
        errors=(
            IdempotencyKeyMissing,
            IdempotencyKeyInvalid,
            IdempotencyKeyReused,
            CartNotFound,
            NothingToOrder,
            CouponNotApplicable,
            CouponExhausted,
            NothingToPay,
            ShippingMethodUnknown,
            ProviderUnknown,
            CashOnDeliveryNotOffered,
            CurrencyNotSupported,
            AmountNotSupported,
            NotForSale,
            PriceChanged,
            QuoteExpired,
            InsufficientStock,
            *_CARDS,
            ToPayChanged,
            Busy,
        ),
        security=(CART,),
        is_security_optional=True,
    ),
)
async def place(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Answer the addresses that are not quite the hot path's, such as one that ends in a slash."""
    headers = headers_of(request)
    raw = await read_body(request.receive, headers, limit=CHECKOUT_LIMIT_BYTES)
    client = None if request.client is None else request.client.host
    placed = await CheckoutRoute(parts).place(raw, headers, client)
    return answer_bytes(placed.body, status=placed.status)


HANDLERS: Final = (make_quote, place)
