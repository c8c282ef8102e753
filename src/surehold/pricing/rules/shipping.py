"""What it costs to get the goods: zones, methods, and rates by weight, price or count."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.pricing.errors import ShippingMethodUnknown
from surehold.pricing.model import (
    MethodKind,
    RateBasis,
    ShippingMethod,
    ShippingOption,
)
from surehold.pricing.rules.terms import Area, Terms

#: The method of a store that has entered no zones; its prices are settings.
STANDARD: Final = "standard"


class Parcel(msgspec.Struct, frozen=True):
    """What is sent: units, grams, and minor units of the goods after their discounts."""

    count: int
    grams: int
    goods_minor: int


def find_option(
    terms: Terms, area: Area, *, method: str | None, currency: str, parcel: Parcel
) -> tuple[str, int]:
    """The code of a method and what sending costs that way; unless named, the first on offer.

    Raises:
        ShippingMethodUnknown: Not this way, not in this currency, not there, or not so much.
    """
    if method is None:
        offered = list_options(terms, area, currency=currency, parcel=parcel)
        if offered:
            return offered[0].code, offered[0].price_minor
    price = None
    if not terms.book.zones:
        if method == STANDARD:
            price = _settings_price(terms, currency=currency, parcel=parcel)
    elif area.zone is not None:
        for row in terms.book.methods.get(area.zone.id, ()):
            if row.code == method:
                price = _method_price(row, currency=currency, parcel=parcel)
    if price is None or method is None:
        words = "shipping method" if method is None else f"shipping method {method!r}"
        raise ShippingMethodUnknown(
            f"There is no {words} in {currency} to {area.country}.", shipping_method=method
        )
    return method, price


def list_options(
    terms: Terms, area: Area, *, currency: str, parcel: Parcel
) -> tuple[ShippingOption, ...]:
    """Every way to get the goods there, in the store's order, with its price."""
    if not terms.book.zones:
        price = _settings_price(terms, currency=currency, parcel=parcel)
        standard = ShippingOption(STANDARD, "Standard", MethodKind.DELIVERY, price or 0, currency)
        return () if price is None else (standard,)
    if area.zone is None:
        return ()
    priced = (
        (row, _method_price(row, currency=currency, parcel=parcel))
        for row in terms.book.methods.get(area.zone.id, ())
    )
    return tuple(
        ShippingOption(row.code, row.name, row.kind, price, currency)
        for row, price in priced
        if price is not None
    )


def _settings_price(terms: Terms, *, currency: str, parcel: Parcel) -> int | None:
    price = terms.settings.shipping_standard.get(currency)
    free_from = terms.settings.shipping_free_from.get(currency)
    return 0 if price is not None and _is_reached(free_from, parcel) else price


def _is_reached(free_from: int | None, parcel: Parcel) -> bool:
    return free_from is not None and parcel.goods_minor >= free_from


def _method_price(method: ShippingMethod, *, currency: str, parcel: Parcel) -> int | None:
    """``None`` when it is not offered. Fetching costs nothing unless the store says so."""
    value = {
        RateBasis.WEIGHT: parcel.grams,
        RateBasis.PRICE: parcel.goods_minor,
        RateBasis.COUNT: parcel.count,
    }[method.basis]
    if method.max_value is not None and value > method.max_value:
        return None
    if _is_reached(method.free_from.get(currency), parcel):
        return 0
    if method.kind is MethodKind.PICKUP and not method.rates:
        return 0
    # The highest step comes first.
    return next(
        (
            rate.amount_minor
            for rate in method.rates
            if rate.currency == currency and rate.from_value <= value
        ),
        None,
    )
