"""The terms of sale: settings and the price book, and what follows from both, worked out once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from surehold.db.shop import ShopSettings
from surehold.pricing.model import (
    Destination,
    PriceBook,
    Promotion,
    ShippingMethod,
    ShippingZone,
    SpecialPrice,
    TaxRate,
)
from surehold.pricing.rules.promotions import find_members
from surehold.pricing.rules.tax import TaxRule

EMPTY_BOOK: Final = PriceBook(None, {}, {}, (), {}, ())
#: The class that every variant is of unless it says otherwise, and the one of sending things.
STANDARD_CLASS: Final = "standard"
SHIPPING_CLASS: Final = "shipping"
#: Places remembered of one version of the terms; beyond, all are forgotten and found anew.
_AREAS_MAX: Final = 4096


class Area(msgspec.Struct, frozen=True):
    """What the terms say of one place: its zone and its taxes.

    ``zone`` is ``None`` where there is none; then nothing is sent there, unless the store has no
    zones at all and sends everything at the price of its settings.
    """

    country: str
    zone: ShippingZone | None
    rates: dict[str, TaxRule]
    standard: TaxRule

    def tax_rule(self, tax_class: str) -> TaxRule:
        """The rate of a class; one without its own has the standard rate."""
        return self.rates.get(tax_class, self.standard)


class Terms:
    """Settings in force and one version of the price book."""

    __slots__ = ("_areas", "_has_places", "asks_for_first", "book", "members", "settings")

    def __init__(self, settings: ShopSettings, book: PriceBook = EMPTY_BOOK) -> None:
        self.settings = settings
        self.book = book
        self.members = find_members(book.promotions)
        #: Whether it matters to any price if an order is its buyer's first.
        self.asks_for_first = any(row.is_first_order for row in book.promotions)
        self._areas: dict[Destination | str, Area] = {}
        # Most stores need no more than the country.
        self._has_places = any(region for _, region, _ in book.tax_rates) or any(
            zone.regions or zone.postal_prefixes for zone in book.zones
        )

    def area(self, country: str, region: str | None, postal_code: str | None) -> Area:
        """What holds at one place; regions and postal codes in whatever form they were written."""
        key: Destination | str = country
        if self._has_places:
            key = Destination(country, region, postal_code)
        found = self._areas.get(key)
        if found is None:
            if len(self._areas) >= _AREAS_MAX:
                self._areas.clear()
            found = self._areas[key] = self._find_area(country, region, postal_code)
        return found

    def _find_area(self, country: str, region: str | None, postal_code: str | None) -> Area:
        place, code = plain_region(region), plain_code(postal_code)
        is_included = self.settings.is_tax_included
        rates: dict[str, TaxRule] = {}
        for scope in ("", place):
            for (where, part, tax_class), rate in self.book.tax_rates.items():
                if where == country and part == scope:
                    rates[tax_class] = TaxRule(rate, is_included)
        standard = rates.get(STANDARD_CLASS, TaxRule(self.settings.tax_rate, is_included))
        zone = next(
            (zone for zone in self.book.zones if _lies_in(zone, country, place, code)), None
        )
        return Area(country, zone, rates, standard)


def plain_region(region: str | None) -> str:
    """A region as it is compared: ``us-ca`` and ``CA `` are alike."""
    return (region or "").strip().upper().rpartition("-")[2]


def plain_code(code: str | None) -> str:
    """A postal code as it is compared."""
    return (code or "").upper().replace(" ", "").replace("-", "")


def _lies_in(zone: ShippingZone, country: str, region: str, code: str) -> bool:
    return (
        (not zone.countries or country in zone.countries)
        and (not zone.regions or region in map(plain_region, zone.regions))
        and (
            not zone.postal_prefixes
            or code.startswith(tuple(map(plain_code, zone.postal_prefixes)))
        )
    )


def bind_book(
    version: object,
    *,
    prices: Iterable[SpecialPrice],
    tax_rates: Iterable[TaxRate],
    zones: Iterable[ShippingZone],
    methods: Iterable[ShippingMethod],
    promotions: Iterable[Promotion],
) -> PriceBook:
    """Everything in the order in which it is looked for."""
    by_variant: dict[tuple[object, str], tuple[SpecialPrice, ...]] = {}
    for price in prices:
        key = (price.variant_id, price.currency)
        by_variant[key] = (*by_variant.get(key, ()), price)
    by_zone: dict[object, tuple[ShippingMethod, ...]] = {}
    for method in sorted(methods, key=lambda row: (row.position, row.id)):
        rates = tuple(sorted(method.rates, key=lambda rate: -rate.from_value))
        sorted_method = msgspec.structs.replace(method, rates=rates)
        by_zone[method.zone_id] = (*by_zone.get(method.zone_id, ()), sorted_method)
    return PriceBook(
        version,  # type: ignore[arg-type]  # a UUID of the driver's kind
        by_variant,  # type: ignore[arg-type]  # keys are ids
        {(row.country, plain_region(row.region), row.tax_class): row.rate for row in tax_rates},
        tuple(sorted(zones, key=_closeness)),
        by_zone,  # type: ignore[arg-type]  # keys are ids
        tuple(sorted(promotions, key=lambda row: (-row.priority, row.id))),
    )


def _closeness(zone: ShippingZone) -> tuple[bool, int, bool, bool, object]:
    """Postal areas before regions before countries before everywhere; then the older one."""
    longest = max((len(plain_code(text)) for text in zone.postal_prefixes), default=0)
    return (not zone.postal_prefixes, -longest, not zone.regions, not zone.countries, zone.id)
