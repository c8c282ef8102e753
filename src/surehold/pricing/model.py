"""Prices, promotions, taxes and shipping as data, and the basket priced by them.

All amounts are minor units of the currency beside them; by currency where a mapping says so. Rates
are decimal fractions written as text.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec

from surehold.kernel.ids import (
    CategoryId,
    CouponId,
    OrderId,
    ProductId,
    PromotionId,
    QuoteId,
    RedemptionId,
    ShippingMethodId,
    ShippingZoneId,
    SpecialPriceId,
    TaxRateId,
    VariantId,
    VendorId,
)

# --- the price book ------------------------------------------------------------------------------


class SpecialPrice(msgspec.Struct, frozen=True):
    """A unit price for a time, from so many units on. The lowest that applies counts."""

    id: SpecialPriceId
    variant_id: VariantId
    currency: str
    amount_minor: int
    min_quantity: int = 1
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_active: bool = True


class TaxRate(msgspec.Struct, frozen=True):
    """The rate of one class of goods in a country, or in one region of it."""

    id: TaxRateId
    country: str
    rate: str
    region: str = ""
    tax_class: str = "standard"
    is_active: bool = True


class ShippingZone(msgspec.Struct, frozen=True):
    """Places that are sent to alike: countries, or regions or postal areas of one. None: all."""

    id: ShippingZoneId
    name: str
    countries: list[str] = []
    regions: list[str] = []
    postal_prefixes: list[str] = []
    is_active: bool = True


class MethodKind(enum.Enum):
    """Whether goods are sent, or fetched by the buyer."""

    DELIVERY = "delivery"
    PICKUP = "pickup"


class RateBasis(enum.Enum):
    """What a shipping price depends on: grams, minor units of the goods, or units."""

    WEIGHT = "weight"
    PRICE = "price"
    COUNT = "count"


class ShippingRate(msgspec.Struct, frozen=True):
    """The price from so many grams, minor units or units on."""

    currency: str
    from_value: int
    amount_minor: int


class ShippingMethod(msgspec.Struct, frozen=True):
    """One way to get the goods in one zone. In a currency without a rate it is not offered."""

    id: ShippingMethodId
    zone_id: ShippingZoneId
    code: str
    name: str
    kind: MethodKind = MethodKind.DELIVERY
    basis: RateBasis = RateBasis.COUNT
    max_value: int | None = None
    free_from: dict[str, int] = {}
    position: int = 0
    is_active: bool = True
    rates: tuple[ShippingRate, ...] = ()


class Effect(enum.Enum):
    """What a promotion does."""

    PERCENT = "percent"
    FIXED = "fixed"
    FREE_SHIPPING = "free_shipping"
    BUY_X_GET_Y = "buy_x_get_y"


class Promotion(msgspec.Struct, frozen=True):
    """A reduction and its conditions. ``name`` is what the buyer reads.

    ``rate`` is the part taken off (of every unit, or of each unit that is got for those bought).
    Without products, categories or variants it is for everything. One that is not automatic needs
    a coupon, one for a first order a buyer who has paid for none yet. The highest priority goes
    first; one that is not stackable stands alone.
    """

    id: PromotionId
    name: str
    effect: Effect
    rate: str | None = None
    amounts: dict[str, int] = {}
    buy_quantity: int | None = None
    get_quantity: int | None = None
    minimums: dict[str, int] = {}
    product_ids: list[ProductId] = []
    category_ids: list[CategoryId] = []
    variant_ids: list[VariantId] = []
    priority: int = 0
    is_stackable: bool = True
    is_automatic: bool = True
    is_first_order: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_active: bool = True


class Coupon(msgspec.Struct, frozen=True):
    """A code that unlocks a promotion. ``used`` counts its live redemptions."""

    id: CouponId
    promotion_id: PromotionId
    code: str
    limit_total: int | None = None
    limit_per_buyer: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_active: bool = True
    used: int = 0


#: What staff enter and change.
Entry: TypeAlias = SpecialPrice | TaxRate | ShippingZone | ShippingMethod | Promotion | Coupon


class PriceBook(msgspec.Struct, frozen=True):
    """Everything that is priced by, as one version of it. Coupons are looked up one by one.

    ``promotions`` have the products of their categories among their products, and stand in the
    order in which they are applied; ``zones`` stand with the closest description first.
    """

    version: UUID | None
    prices: dict[tuple[VariantId, str], tuple[SpecialPrice, ...]]
    tax_rates: dict[tuple[str, str, str], str]
    zones: tuple[ShippingZone, ...]
    methods: dict[ShippingZoneId, tuple[ShippingMethod, ...]]
    promotions: tuple[Promotion, ...]


# --- quotes --------------------------------------------------------------------------------------


class Destination(msgspec.Struct, frozen=True):
    """As much of an address as a price depends on."""

    country: str
    region: str | None = None
    postal_code: str | None = None


class QuoteLine(msgspec.Struct, frozen=True):
    """One priced line.

    ``total`` is quantity times unit price as shown to the buyer; net, tax and gross are what is
    left of it after the discount, so that gross is always net plus tax.
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
    discount_minor: int = 0
    #: ``None`` in quotes of an earlier release: the rate of the whole quote.
    tax_rate: str | None = None


class OwnPrice(msgspec.Struct, frozen=True):
    """What staff ask for a unit of a variant, and why."""

    variant_id: VariantId
    unit_price_minor: int
    reason: str


class OwnTerms(msgspec.Struct, frozen=True):
    """What staff set for one basket in the place of the store's terms.

    A price of its own is meant as shown to buyers, like any other, and takes no part in
    promotions. The discount goes off what all of these have left, at most all of it.
    """

    prices: tuple[OwnPrice, ...] = ()
    discount_minor: int = 0
    discount_reason: str = ""
    #: ``None``: as the shipping method says.
    shipping_minor: int | None = None


class Adjustment(msgspec.Struct, frozen=True):
    """What one promotion took off one line; without a line, off shipping.

    Without a promotion it is what staff took off, and the name says why.
    """

    promotion_id: PromotionId | None
    name: str
    coupon_code: str | None
    line: int | None
    amount_minor: int


class Explanation(msgspec.Struct, frozen=True):
    """Why a promotion or a coupon did or did not apply: a stable code and a sentence."""

    code: str
    detail: str
    is_applied: bool
    promotion_id: PromotionId | None
    name: str | None
    coupon_code: str | None
    amount_minor: int = 0


class UsedCoupon(msgspec.Struct, frozen=True):
    """The coupon that took part in a quote."""

    id: CouponId
    code: str


class Quote(msgspec.Struct, frozen=True):
    """What a basket costs. ``tax_minor`` includes the tax on shipping.

    ``total = subtotal - discount + shipping (+ tax, when prices are without it)``. What a
    promotion takes off shipping is not in the discount: shipping is what is left of it.
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
    adjustments: tuple[Adjustment, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    coupon: UsedCoupon | None = None
    vat_id: str | None = None
    is_tax_exempt: bool = False
    destination: Destination | None = None


class SavedQuote(msgspec.Struct, frozen=True):
    """A quote that was promised until an instant."""

    id: QuoteId
    quote: Quote
    expires_at: datetime


class ShippingOption(msgspec.Struct, frozen=True):
    """A way to get the goods, and its price for one basket."""

    code: str
    name: str
    kind: MethodKind
    price_minor: int
    currency: str


# --- coupons in use ------------------------------------------------------------------------------


class CouponLimits(msgspec.Struct, frozen=True):
    """A coupon's counters under lock. ``used_by`` has the live uses of the buyers asked for."""

    id: CouponId
    code: str
    used: int
    limit_total: int | None
    limit_per_buyer: int | None
    used_by: dict[str, int]


class Redemption(msgspec.Struct, frozen=True):
    """One use of a coupon by an order; it ends when the order is given up before it was sold."""

    id: RedemptionId
    coupon_id: CouponId
    order_id: OrderId
    buyer: str
    redeemed_at: datetime
    ended_at: datetime | None = None
    end_reason: str | None = None
