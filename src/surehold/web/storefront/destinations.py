"""Where the store delivers, and how long parcels take. A table until shipping zones are settings.

How each country writes addresses is what the ``addresses`` room knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

import msgspec

from surehold.addresses import rules as addresses
from surehold.web.format import parse_locale
from surehold.web.storefront.views import (
    AddressFormat,
    ArrivalView,
    CountryChoice,
    RegionChoice,
)
from surehold.web.translations import gettext_noop

_SATURDAY: Final = 5
VAT: Final = gettext_noop("VAT")
TAX: Final = gettext_noop("tax")
#: What countries call parts of their addresses: the form says them to its reader.
LABELS: Final = frozenset(
    {
        gettext_noop("City"),
        gettext_noop("Town or city"),
        gettext_noop("Postcode"),
        gettext_noop("ZIP code"),
        gettext_noop("PIN code"),
        gettext_noop("Eircode"),
        gettext_noop("Region"),
        gettext_noop("County"),
        gettext_noop("Province"),
        gettext_noop("State"),
    }
)


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """One country: its address form, working days until arrival, and what it calls the tax."""

    address: AddressFormat
    days_first: int
    days_last: int
    tax_label: str = VAT


def _address(code: str) -> AddressFormat:
    """The form of a country's addresses; what nobody has to say is not asked for."""
    form = addresses.format_of(code)
    return AddressFormat(
        order=tuple(field for field in form.order if field != "region" or form.is_region_required),
        city_label=form.city_label,
        postal_label=form.postal_code_label,
        region_label=form.region_label,
        regions=tuple(RegionChoice(region.code, region.name) for region in form.regions),
        is_postal_numeric=all(
            text.replace("-", "").isdecimal() for text in form.postal_code_examples
        ),
        is_postal_required=form.is_postal_code_required,
        is_region_required=form.is_region_required,
    )


def _destination(code: str, first: int, last: int, tax_label: str = VAT) -> Destination:
    return Destination(
        address=_address(code), days_first=first, days_last=last, tax_label=tax_label
    )


DESTINATIONS: Final[Mapping[str, Destination]] = MappingProxyType(
    {
        "AT": _destination("AT", 3, 5),
        "BE": _destination("BE", 3, 5),
        "CA": _destination("CA", 6, 9, TAX),
        "CH": _destination("CH", 4, 6),
        "DE": _destination("DE", 2, 4),
        "ES": _destination("ES", 3, 6),
        "ET": _destination("ET", 7, 12),
        "FR": _destination("FR", 3, 5),
        "GB": _destination("GB", 2, 4),
        "IE": _destination("IE", 1, 2),
        "IN": _destination("IN", 6, 10),
        "IT": _destination("IT", 3, 6),
        "KE": _destination("KE", 7, 12),
        "NG": _destination("NG", 7, 12),
        "NL": _destination("NL", 2, 4),
        "US": _destination("US", 5, 8, TAX),
        "ZA": _destination("ZA", 7, 12),
    }
)
#: Where a visitor of unknown country is taken to be.
FALLBACK: Final = "IE"


def guess_country(region: str | None) -> str:
    """The country to begin with: the reader's own when we deliver there."""
    return region if region is not None and region in DESTINATIONS else FALLBACK


def country_name(code: str, locale: str) -> str:
    """A country's name in the reader's language; its code when it has none."""
    return str(parse_locale(locale).territories.get(code, code))


def list_countries(locale: str) -> tuple[CountryChoice, ...]:
    """Every country that we deliver to, by name."""
    found = [CountryChoice(code, country_name(code, locale)) for code in DESTINATIONS]
    return tuple(sorted(found, key=lambda choice: choice.name))


def arrival(code: str, today: date, locale: str) -> ArrivalView | None:
    """When something ordered today arrives; ``None`` where we do not deliver."""
    place = DESTINATIONS.get(code)
    if place is None:
        return None
    return ArrivalView(
        add_working_days(today, place.days_first),
        add_working_days(today, place.days_last),
        country_name(code, locale),
    )


def add_working_days(day: date, count: int) -> date:
    """The day so many working days later; Saturdays and Sundays do not count.

    >>> add_working_days(date(2026, 11, 20), 1)
    datetime.date(2026, 11, 23)
    """
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < _SATURDAY
    return day
