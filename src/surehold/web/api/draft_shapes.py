"""What draft orders look like over HTTP: what staff send, what they and buyers are answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from surehold.checkout.engine import Context
from surehold.checkout.queries import PricedBasket
from surehold.kernel.errors import Fault
from surehold.kernel.ids import DraftOrderId, OrderId, VariantId
from surehold.kernel.money import Money
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.orders.drafts.model import Draft, DraftContent, DraftEvent, DraftLine
from surehold.orders.model import Address
from surehold.pricing import rules as pricing
from surehold.web.api.back_office import NoteText
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.checkout import (
    ExplanationShape,
    QuoteLineShape,
    ShippingShape,
    explanation_shapes,
    quote_line_shape,
    shipping_shapes,
)
from surehold.web.api.fields import (
    MAX_LINES,
    AddressBody,
    Code,
    CurrencyCode,
    Email,
    Line200,
    Minor,
    MoneyBody,
    PaymentMethodBody,
    Quantity,
    normalize_email,
    settle_address,
)
from surehold.web.api.inventory.transfers import repeated_faults
from surehold.web.api.price_fields import CouponCode, VatId
from surehold.web.api.shapes import AdjustmentShape, adjustment_shapes

#: So many minor units, times every unit that an order can have, are an amount still.
MAX_AGREED: Final = 10**12
Version = Annotated[int, Meta(ge=1, le=2**31 - 1, description="The one that was read.")]


class DraftLineBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one variant; ``unit_price`` in the place of the store's, with its ``reason``."""

    variant_id: UUID
    quantity: Quantity
    unit_price: MoneyBody | None = None
    reason: Line200 | None = None


class DraftBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What staff compose. What is left out is the buyer's to say, or the store's terms.

    ``shipping_price`` and ``discount`` are agreed amounts; the buyer reads ``discount_reason``.
    """

    currency: CurrencyCode
    lines: Annotated[tuple[DraftLineBody, ...], Meta(min_length=1, max_length=MAX_LINES)]
    email: Email | None = None
    shipping_address: AddressBody | None = None
    billing_address: AddressBody | None = None
    shipping_method: Code | None = None
    shipping_price: MoneyBody | None = None
    coupon: CouponCode | None = None
    vat_id: VatId | None = None
    discount: MoneyBody | None = None
    discount_reason: Line200 | None = None
    note: NoteText | None = None

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """What is wrong between the fields."""
        lines = raw.get("lines")
        yield from repeated_faults(lines, f"{at}/lines")
        currency = raw.get("currency")
        yield from _amount_faults(raw.get("shipping_price"), f"{at}/shipping_price", currency, 0)
        yield from _amount_faults(raw.get("discount"), f"{at}/discount", currency, 1)
        if raw.get("discount") is not None and raw.get("discount_reason") is None:
            yield Fault(f"{at}/discount_reason", "missing", "Say why, in the buyer's words.")
        for index, line in enumerate(lines[:MAX_LINES] if isinstance(lines, list) else ()):
            if isinstance(line, dict) and line.get("unit_price") is not None:
                here = f"{at}/lines/{index}"
                yield from _amount_faults(line["unit_price"], f"{here}/unit_price", currency, 1)
                if line.get("reason") is None:
                    yield Fault(f"{here}/reason", "missing", "Say why it has another price.")


def _amount_faults(value: object, at: str, currency: object, least: int) -> Iterator[Fault]:
    """An amount is in the draft's currency; 0 is no price."""
    if not isinstance(value, dict):
        return
    if isinstance(value.get("currency"), str) and value["currency"] != currency:
        yield Fault(f"{at}/currency", "other_currency", "In the currency of the draft.")
    if type(value.get("amount")) is int and not least <= value["amount"] <= MAX_AGREED:
        yield Fault(f"{at}/amount", "out_of_range", f"{least} to {MAX_AGREED} minor units.")


class ChangedDraftBody(DraftBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole draft as it is to be, and the version that was read."""

    version: Version


class PlaceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How it is paid, and what the draft leaves open.

    ``version`` and ``expected_total`` are what was shown: if either differs, nothing is placed.
    """

    payment_method: PaymentMethodBody
    email: Email | None = None
    shipping_address: AddressBody | None = None
    billing_address: AddressBody | None = None
    shipping_method: Code | None = None
    version: Version | None = None
    expected_total: Minor | None = None


class DraftsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page; in one state or in any."""

    state: Literal["open", "sent", "placed", "canceled", "expired"] | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class LinkQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token may stand here instead of in the header."""

    token: str | None = None


class DraftPriceShape(msgspec.Struct, frozen=True):
    """What the draft costs now. ``explanations`` are for staff."""

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


class NoPriceShape(msgspec.Struct, frozen=True):
    """Why it has no price now: the code and the words of the refusal."""

    code: str
    detail: str


class DraftLineShape(msgspec.Struct, frozen=True):
    """One line as staff wrote it."""

    variant_id: VariantId
    quantity: int
    unit_price: Money | None
    reason: str | None


class DraftShape(msgspec.Struct, frozen=True, kw_only=True):
    """One draft: what staff wrote, and what it costs now, or why it cannot be priced."""

    id: DraftOrderId
    state: str
    version: int
    currency: str
    lines: tuple[DraftLineShape, ...]
    email: str | None
    shipping_address: Address | None
    billing_address: Address | None
    shipping_method: str | None
    shipping_price: Money | None
    coupon: str | None
    vat_id: str | None
    discount: Money | None
    discount_reason: str | None
    note: str | None
    price: DraftPriceShape | None
    problem: NoPriceShape | None
    link_expires_at: datetime | None
    order_id: OrderId | None
    order_number: str | None
    changed_by: str
    created_at: datetime
    updated_at: datetime


class SentDraftShape(msgspec.Struct, frozen=True):
    """A draft and its link. Neither ``url`` nor ``token`` is told again."""

    draft: DraftShape
    url: str
    token: str


class DraftSummary(msgspec.Struct, frozen=True):
    """A draft in a list. ``total`` is what it costs now; null when it cannot be priced."""

    id: DraftOrderId
    state: str
    version: int
    email: str | None
    units: int
    currency: str
    total: Money | None
    link_expires_at: datetime | None
    order_number: str | None
    changed_by: str
    created_at: datetime
    updated_at: datetime


class DraftList(msgspec.Struct, frozen=True):
    """One page of drafts, newest first."""

    items: tuple[DraftSummary, ...]
    next_cursor: str | None


class DraftEventShape(msgspec.Struct, frozen=True):
    """One version: who wrote it, and all that it said. Amounts are minor units."""

    seq: int
    from_state: str | None
    to_state: str
    actor: str
    reason: str
    happened_at: datetime
    content: DraftContent


class DraftEventList(msgspec.Struct, frozen=True):
    """Every version of a draft, oldest first."""

    items: tuple[DraftEventShape, ...]
    next_cursor: str | None = None


class LinkedOrderShape(msgspec.Struct, frozen=True):
    """The order that a draft became; ``access_token`` opens it."""

    id: OrderId
    number: str
    access_token: str


class OfferShape(msgspec.Struct, frozen=True):
    """A draft as its buyer sees it. ``asks_for`` are the fields that paying it needs besides."""

    state: str
    version: int
    currency: str
    email: str | None
    shipping_address: Address | None
    billing_address: Address | None
    asks_for: tuple[str, ...]
    price: DraftPriceShape | None
    problem: NoPriceShape | None
    payment_methods: tuple[str, ...]
    link_expires_at: datetime | None
    order: LinkedOrderShape | None


def read_content(body: DraftBody) -> DraftContent:
    """What staff sent, as it is kept."""
    return DraftContent(
        currency=body.currency,
        lines=tuple(
            DraftLine(
                VariantId(line.variant_id),
                line.quantity,
                None if line.unit_price is None else line.unit_price.amount,
                line.reason,
            )
            for line in body.lines
        ),
        email=None if body.email is None else normalize_email(body.email),
        shipping_address=settled(body.shipping_address),
        billing_address=settled(body.billing_address),
        shipping_method=body.shipping_method,
        shipping_minor=None if body.shipping_price is None else body.shipping_price.amount,
        coupon=None if body.coupon is None else pricing.normalize_code(body.coupon),
        vat_id=None if body.vat_id is None else pricing.normalize_vat_id(body.vat_id),
        discount_minor=None if body.discount is None else body.discount.amount,
        discount_reason=body.discount_reason,
        note=body.note,
    )


def settled(body: AddressBody | None) -> Address | None:
    """An address as it is kept."""
    return None if body is None else settle_address(body)


def _price_shape(priced: PricedBasket, *, is_staff: bool) -> DraftPriceShape:
    quote = priced.quote
    currency = quote.currency
    return DraftPriceShape(
        lines=tuple(quote_line_shape(line, currency) for line in quote.lines),
        subtotal=Money(quote.subtotal_minor, currency),
        discount=Money(quote.discount_minor, currency),
        shipping=Money(quote.shipping_minor, currency),
        tax=Money(quote.tax_minor, currency),
        total=Money(quote.total_minor, currency),
        is_tax_included=quote.is_tax_included,
        shipping_method=quote.shipping_method,
        shipping_methods=shipping_shapes(priced.shipping_options),
        coupon=None if quote.coupon is None else quote.coupon.code,
        adjustments=adjustment_shapes(quote.adjustments, currency),
        explanations=explanation_shapes(quote) if is_staff else (),
    )


def draft_shape(draft: Draft, priced: PricedBasket | NoPriceShape) -> DraftShape:
    """A draft for staff."""
    content, currency = draft.content, draft.content.currency

    def money(amount: int | None) -> Money | None:
        return None if amount is None else Money(amount, currency)

    return DraftShape(
        id=draft.id,
        state=draft.state.value,
        version=draft.version,
        currency=currency,
        lines=tuple(
            DraftLineShape(
                line.variant_id, line.quantity, money(line.unit_price_minor), line.reason
            )
            for line in content.lines
        ),
        email=content.email,
        shipping_address=content.shipping_address,
        billing_address=content.billing_address,
        shipping_method=content.shipping_method,
        shipping_price=money(content.shipping_minor),
        coupon=content.coupon,
        vat_id=content.vat_id,
        discount=money(content.discount_minor),
        discount_reason=content.discount_reason,
        note=content.note,
        price=None if isinstance(priced, NoPriceShape) else _price_shape(priced, is_staff=True),
        problem=priced if isinstance(priced, NoPriceShape) else None,
        link_expires_at=draft.link_expires_at,
        order_id=draft.order_id,
        order_number=draft.order_number,
        changed_by=draft.changed_by,
        created_at=draft.created_at,
        updated_at=draft.updated_at,
    )


def event_shape(row: DraftEvent) -> DraftEventShape:
    """One version for the wire."""
    return DraftEventShape(
        row.seq,
        None if row.from_state is None else row.from_state.value,
        row.to_state.value,
        row.actor,
        row.reason,
        row.happened_at,
        row.content,
    )


def offer_shape(context: Context, draft: Draft, priced: PricedBasket | NoPriceShape) -> OfferShape:
    """A draft for whoever has its link."""
    content = draft.content
    order = None
    if draft.order_id is not None and draft.order_number is not None:
        token = context.access.token(draft.order_id)
        order = LinkedOrderShape(draft.order_id, draft.order_number, token)
    return OfferShape(
        state=draft.state.value,
        version=draft.version,
        currency=content.currency,
        email=content.email,
        shipping_address=content.shipping_address,
        billing_address=content.billing_address,
        asks_for=tuple(
            field for field in ("email", "shipping_address") if getattr(content, field) is None
        ),
        price=None if isinstance(priced, NoPriceShape) else _price_shape(priced, is_staff=False),
        problem=priced if isinstance(priced, NoPriceShape) else None,
        payment_methods=tuple(
            row.name for row in context.providers if row.capabilities.supports(content.currency)
        ),
        link_expires_at=draft.link_expires_at,
        order=order,
    )
