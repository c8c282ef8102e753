"""A priced basket. All amounts are minor units of the quote's currency."""

from __future__ import annotations

from datetime import datetime

import msgspec

from surehold.kernel.ids import ProductId, QuoteId, VariantId, VendorId


class QuoteLine(msgspec.Struct, frozen=True):
    """One priced line.

    ``total`` is quantity times unit price as shown to the buyer; net, tax and gross are what it
    comes to, so that gross is always net plus tax.
    """

    variant_id: VariantId
    product_id: ProductId
    vendor_id: VendorId
    slug: str
    sku: str
    name: str
    options: list[str]
    image: str | None
    quantity: int
    unit_price_minor: int
    total_minor: int
    net_minor: int
    tax_minor: int
    gross_minor: int


class Quote(msgspec.Struct, frozen=True):
    """What a basket costs. ``tax_minor`` includes the tax on shipping.

    ``total = subtotal - discount + shipping (+ tax, when prices are without it)``.
    """

    currency: str
    lines: tuple[QuoteLine, ...]
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    shipping_tax_minor: int
    tax_minor: int
    total_minor: int
    is_tax_included: bool
    tax_rate: str
    shipping_method: str


class SavedQuote(msgspec.Struct, frozen=True):
    """A quote that was promised until an instant."""

    id: QuoteId
    quote: Quote
    expires_at: datetime


class ShippingMethod(msgspec.Struct, frozen=True):
    """A way to have the goods sent, and its price for one basket."""

    code: str
    name: str
    price_minor: int
    currency: str
