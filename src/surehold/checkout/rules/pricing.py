"""What a placement costs: as it was promised, or at the terms of this moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from surehold.cart.commands import CartContent
from surehold.cart.errors import CartNotFound
from surehold.catalog.model import Sellable
from surehold.checkout.errors import NothingToOrder
from surehold.checkout.model import Placement
from surehold.kernel.ids import CartId, QuoteId, VariantId
from surehold.orders.model import Address
from surehold.pricing import rules as pricing
from surehold.pricing.errors import (
    CouponExhausted,
    CouponNotApplicable,
    PriceChanged,
    QuoteExpired,
)
from surehold.pricing.model import Coupon, Destination, Quote


class Facts(msgspec.Struct, frozen=True):
    """What was read for a whole batch of placements."""

    terms: pricing.Terms
    now: datetime
    contents: Mapping[CartId, CartContent]
    quotes: Mapping[QuoteId, Quote]
    coupons: Mapping[str, Coupon]
    sellable: Mapping[tuple[VariantId, str], Sellable]
    #: Addresses, as they were written, whose buyers have paid for an order before.
    returning: frozenset[str] = frozenset()


def price(placement: Placement, facts: Facts) -> Quote:
    """What this basket costs: as it was promised, or at today's prices.

    Raises:
        CartNotFound, NothingToOrder, QuoteExpired, NotForSale, ShippingMethodUnknown: As named.
        CouponNotApplicable, CouponExhausted: The coupon gives nothing off it.
        NothingToPay: The discounts leave nothing to pay.
        PriceChanged: The buyer was shown another total.
    """
    lines, currency, code = placement.lines, placement.currency, placement.coupon
    seen: dict[VariantId, int] = {}
    if placement.cart_id is not None:
        content = facts.contents.get(placement.cart_id)
        if content is None:
            raise CartNotFound("There is no cart with this id and token.")
        lines = tuple((line[0], line[1]) for line in content.lines)
        currency = content.currency
        seen = {line[0]: line[2] for line in content.lines}
        code = code or (content.coupon_code if placement.quote_id is None else None)
    if not lines:
        raise NothingToOrder("There is nothing in the basket.")
    if placement.quote_id is not None:
        quote = _find_promised(placement, facts, lines)
    else:
        assert currency is not None
        asked = None if code is None else pricing.Asked(code, facts.coupons.get(code))
        quote = pricing.quote(
            lines,
            sellable=facts.sellable,
            currency=currency,
            terms=facts.terms,
            now=facts.now,
            shipping_method=placement.shipping_method,
            destination=destination_of(placement.shipping_address),
            asked=asked,
            vat_id=placement.vat_id,
            own=None if placement.draft is None else placement.draft.own_terms,
            is_first=placement.email not in facts.returning,
        )
        if code is not None and quote.coupon is None:
            raise refusal_of(quote, code)
    pricing.check_payable(quote)
    expected = placement.expected_total_minor
    if expected is not None and (
        expected != quote.total_minor or placement.expected_currency not in (None, quote.currency)
    ):
        raise _price_changed(quote, expected, placement.expected_currency, seen)
    return quote


def _find_promised(
    placement: Placement, facts: Facts, lines: tuple[tuple[VariantId, int], ...]
) -> Quote:
    """The quote that the buyer names, if it is for this basket, address, coupon, and buyer."""
    assert placement.quote_id is not None
    quote = facts.quotes.get(placement.quote_id)
    if (
        quote is None
        or [(line.variant_id, line.quantity) for line in quote.lines] != list(lines)
        or placement.shipping_method != quote.shipping_method
        or placement.coupon not in {None, quote.coupon and quote.coupon.code}
        or not pricing.is_promise_kept(
            quote,
            facts.terms,
            destination=destination_of(placement.shipping_address),
            vat_id=placement.vat_id,
        )
        or (placement.email in facts.returning and pricing.is_for_first(quote, facts.terms))
    ):
        raise QuoteExpired("The quote has expired or is not for this basket and address.")
    return quote


def destination_of(address: Address) -> Destination:
    """As much of an address as its price depends on."""
    return Destination(address.country, address.region, address.postal_code)


def refusal_of(quote: Quote, code: str) -> CouponExhausted | CouponNotApplicable:
    """Why a coupon gave nothing off, as a refusal."""
    reason = next(
        row for row in quote.explanations if row.coupon_code is not None and not row.is_applied
    )
    if reason.code == CouponExhausted.code:
        return CouponExhausted(code, limit="total")
    return CouponNotApplicable(reason.detail, coupon=code, reason=reason.code)


def _price_changed(
    quote: Quote, expected_minor: int, expected_currency: str | None, seen: dict[VariantId, int]
) -> PriceChanged:
    lines: list[dict[str, Any]] = []
    for line in quote.lines:
        entry: dict[str, Any] = {
            "variant_id": str(line.variant_id),
            "sku": line.sku,
            "quantity": line.quantity,
            "unit_price": {"amount": line.unit_price_minor, "currency": quote.currency},
        }
        before = seen.get(line.variant_id)
        if before is not None and before != line.unit_price_minor:
            entry["seen_price"] = {"amount": before, "currency": quote.currency}
        lines.append(entry)
    return PriceChanged(
        currency=quote.currency,
        expected_minor=expected_minor,
        expected_currency=expected_currency or quote.currency,
        actual_minor=quote.total_minor,
        lines=lines,
    )
