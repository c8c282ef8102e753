"""A basket priced: special prices, promotions, shipping and tax, in this order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from surehold.catalog.model import Sellable
from surehold.kernel.ids import VariantId
from surehold.pricing.errors import NotForSale, NothingToPay
from surehold.pricing.model import (
    Adjustment,
    Destination,
    OwnTerms,
    Quote,
    QuoteLine,
    UsedCoupon,
)
from surehold.pricing.rules.own import AGREED, concede
from surehold.pricing.rules.prices import unit_price
from surehold.pricing.rules.promotions import Applied, Asked, Item, apply
from surehold.pricing.rules.shipping import Parcel, find_option
from surehold.pricing.rules.tax import TaxRule, is_reverse_charge, taxes
from surehold.pricing.rules.terms import SHIPPING_CLASS, Area, Terms

_NO_TAX = TaxRule("0", is_included=False)


class Priced(msgspec.Struct, frozen=True):
    """One line with its unit price and the rule of its tax."""

    item: Sellable
    quantity: int
    unit_price_minor: int
    total_minor: int
    tax: TaxRule
    is_own: bool = False


def quote(
    lines: Sequence[tuple[VariantId, int]],
    *,
    sellable: Mapping[tuple[VariantId, str], Sellable],
    currency: str,
    terms: Terms,
    now: datetime,
    shipping_method: str | None = None,
    destination: Destination | None = None,
    asked: Asked | None = None,
    vat_id: str | None = None,
    own: OwnTerms | None = None,
    is_first: bool | None = None,
) -> Quote:
    """Price a basket. Every total is the sum of its parts.

    Without a destination it is priced for the store's own country, without a shipping method by
    the first on offer there. A business that owes the tax itself is shown prices without it.
    Whatever was taken off is in ``adjustments``, and why in ``explanations``; the total may be 0
    (see ``check_payable``). ``own`` is what staff set; ``is_first``: see ``apply``.

    Raises:
        NotForSale: Lists every variant that cannot be bought in this currency.
        ShippingMethodUnknown: Nothing is sent this way there.
    """
    area = find_area(terms, destination)
    is_exempt = vat_id is not None and _is_exempt(terms, area, vat_id)
    priced = _price(
        lines, sellable, currency, terms, area=area, now=now, is_exempt=is_exempt, own=own
    )
    applied = _take_off(priced, terms, currency=currency, asked=asked, now=now, is_first=is_first)
    applied = concede(own, applied, priced, currency=currency)
    subtotal = sum([row.total_minor for row in priced])
    discounts = (0,) * len(priced) if applied is None else applied.discounts
    discount = sum(discounts)
    parcel = _parcel(priced, goods_minor=subtotal - discount)
    method, full = _find_shipping(terms, area, own, shipping_method, currency, parcel=parcel)
    shipping_rule = area.tax_rule(SHIPPING_CLASS)
    if is_exempt:
        full, shipping_rule = shipping_rule.without(full), _NO_TAX
    shipping = full if applied is None or applied.free_shipping is None else 0
    amounts = [row.total_minor - off for row, off in zip(priced, discounts, strict=True)]
    *line_taxes, shipping_tax = taxes(
        [*amounts, shipping],
        [*[row.tax for row in priced], shipping_rule],
        per_total=terms.settings.tax_rounding == "total",
    )
    tax = sum(line_taxes) + shipping_tax
    is_included = shipping_rule.is_included
    return Quote(
        currency,
        tuple(map(_line, priced, discounts, line_taxes)),
        subtotal,
        discount,
        shipping,
        shipping_tax,
        tax,
        subtotal - discount + shipping + (0 if is_included else tax),
        is_included,
        _NO_TAX.rate if is_exempt else area.standard.rate,
        method,
        () if applied is None else _adjustments(applied, saved=full - shipping),
        () if applied is None else applied.explanations,
        _find_coupon(applied, asked),
        vat_id,
        is_exempt,
        destination,
    )


def _find_shipping(
    terms: Terms,
    area: Area,
    own: OwnTerms | None,
    method: str | None,
    currency: str,
    *,
    parcel: Parcel,
) -> tuple[str, int]:
    if own is not None and own.shipping_minor is not None:
        return method or AGREED, own.shipping_minor
    return find_option(terms, area, method=method, currency=currency, parcel=parcel)


def find_area(terms: Terms, destination: Destination | None) -> Area:
    """What holds where the goods go."""
    if destination is None:
        return terms.area(terms.settings.shop_country, None, None)
    return terms.area(destination.country, destination.region, destination.postal_code)


def check_payable(priced: Quote) -> None:
    """Refuse what would be an order of nothing.

    Raises:
        NothingToPay: The total is 0.
    """
    if priced.total_minor <= 0:
        raise NothingToPay("The discounts leave nothing to pay. An order asks for something.")


def is_promise_kept(
    promised: Quote, terms: Terms, *, destination: Destination, vat_id: str | None
) -> bool:
    """Whether a quote was made for where, and for whom, the order is.

    Another address in the same zone and with the same taxes is the same.
    """
    then, here = find_area(terms, promised.destination), find_area(terms, destination)
    return (
        then.zone == here.zone
        and (then.rates, then.standard) == (here.rates, here.standard)
        and vat_id in {None, promised.vat_id}
        and promised.is_tax_exempt == _is_exempt(terms, here, promised.vat_id)
    )


def parcel_of(priced: Quote, sellable: Mapping[tuple[VariantId, str], Sellable]) -> Parcel:
    """What would be sent of a quote."""
    return Parcel(
        sum(line.quantity for line in priced.lines),
        sum(
            line.quantity * sellable[line.variant_id, priced.currency].weight_grams
            for line in priced.lines
        ),
        priced.subtotal_minor - priced.discount_minor,
    )


def is_for_first(promised: Quote, terms: Terms) -> bool:
    """Whether something was taken off that is for a first order alone."""
    firsts = {row.id for row in terms.book.promotions if row.is_first_order}
    return any(row.is_applied and row.promotion_id in firsts for row in promised.explanations)


def _is_exempt(terms: Terms, area: Area, vat_id: str | None) -> bool:
    return vat_id is not None and is_reverse_charge(
        vat_id, shop_country=terms.settings.shop_country, country=area.country
    )


def _price(
    lines: Sequence[tuple[VariantId, int]],
    sellable: Mapping[tuple[VariantId, str], Sellable],
    currency: str,
    terms: Terms,
    *,
    area: Area,
    now: datetime,
    is_exempt: bool,
    own: OwnTerms | None,
) -> list[Priced]:
    found: list[Priced] = []
    missing: list[VariantId] = []
    prices = terms.book.prices
    agreed = {row.variant_id: row.unit_price_minor for row in own.prices} if own else {}
    for variant_id, quantity in lines:
        item = sellable.get((variant_id, currency))
        if item is None:
            missing.append(variant_id)
            continue
        unit, rule = item.price_minor, area.tax_rule(item.tax_class)
        if prices:
            specials = prices.get((variant_id, currency), ())
            unit = unit_price(unit, specials, quantity=quantity, now=now)
        unit = agreed.get(variant_id, unit)
        if is_exempt:
            # Rounded half up once per unit, so that a line is quantity times unit price.
            unit, rule = rule.without(unit), _NO_TAX
        is_own = variant_id in agreed
        found.append(Priced(item, quantity, unit, unit * quantity, rule, is_own))
    if missing:
        raise NotForSale(missing, currency=currency)
    return found


def _take_off(
    priced: Sequence[Priced],
    terms: Terms,
    *,
    currency: str,
    asked: Asked | None,
    now: datetime,
    is_first: bool | None,
) -> Applied | None:
    """``None`` when there is nothing that could be taken off, as in most stores mostly."""
    if not terms.book.promotions and asked is None:
        return None
    items = [
        Item(
            row.item.variant_id,
            row.item.product_id,
            row.quantity,
            row.unit_price_minor,
            row.is_own,
        )
        for row in priced
    ]
    return apply(
        items,
        terms.book.promotions,
        members=terms.members,
        currency=currency,
        asked=asked,
        now=now,
        is_first=is_first,
    )


def _parcel(priced: Sequence[Priced], *, goods_minor: int) -> Parcel:
    return Parcel(
        sum([row.quantity for row in priced]),
        sum([row.quantity * row.item.weight_grams for row in priced]),
        goods_minor,
    )


def _adjustments(applied: Applied, *, saved: int) -> tuple[Adjustment, ...]:
    promotion = applied.free_shipping
    if promotion is None or not saved:
        return applied.adjustments
    code = next(
        (row.coupon_code for row in applied.explanations if row.promotion_id == promotion.id), None
    )
    return (*applied.adjustments, Adjustment(promotion.id, promotion.name, code, None, saved))


def _find_coupon(applied: Applied | None, asked: Asked | None) -> UsedCoupon | None:
    if applied is None or asked is None or asked.coupon is None:
        return None
    is_used = any(row.is_applied and row.coupon_code for row in applied.explanations)
    return UsedCoupon(asked.coupon.id, asked.coupon.code) if is_used else None


def _line(row: Priced, discount: int, tax: int) -> QuoteLine:
    item, amount = row.item, row.total_minor - discount
    is_included = row.tax.is_included
    return QuoteLine(
        item.variant_id,
        item.product_id,
        item.vendor_id,
        item.slug,
        item.sku,
        item.name,
        item.options,
        item.image,
        row.quantity,
        row.unit_price_minor,
        row.total_minor,
        amount - tax if is_included else amount,
        tax,
        amount if is_included else amount + tax,
        discount,
        row.tax.rate,
    )
