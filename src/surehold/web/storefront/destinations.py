"""Where the store delivers: how each country writes addresses, and how long parcels take.

A table until shipping zones are settings. Sources: the postal administrations' address formats as
collected in the Unicode CLDR address data (2024).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

import msgspec

from surehold.web.format import parse_locale
from surehold.web.storefront.views import (
    AddressFormat,
    ArrivalView,
    CountryChoice,
    RegionChoice,
)

_SATURDAY: Final = 5


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """One country: its address form, its postal codes, and working days until arrival."""

    address: AddressFormat
    postal_pattern: str
    postal_example: str
    days_first: int
    days_last: int
    tax_label: str = "VAT"


def _regions(text: str) -> tuple[RegionChoice, ...]:
    pairs = (row.strip().split(" ", 1) for row in text.strip().splitlines())
    return tuple(RegionChoice(code, name) for code, name in pairs)


_STATES: Final = _regions(
    """
    AL Alabama
    AK Alaska
    AZ Arizona
    AR Arkansas
    CA California
    CO Colorado
    CT Connecticut
    DE Delaware
    DC District of Columbia
    FL Florida
    GA Georgia
    HI Hawaii
    ID Idaho
    IL Illinois
    IN Indiana
    IA Iowa
    KS Kansas
    KY Kentucky
    LA Louisiana
    ME Maine
    MD Maryland
    MA Massachusetts
    MI Michigan
    MN Minnesota
    MS Mississippi
    MO Missouri
    MT Montana
    NE Nebraska
    NV Nevada
    NH New Hampshire
    NJ New Jersey
    NM New Mexico
    NY New York
    NC North Carolina
    ND North Dakota
    OH Ohio
    OK Oklahoma
    OR Oregon
    PA Pennsylvania
    RI Rhode Island
    SC South Carolina
    SD South Dakota
    TN Tennessee
    TX Texas
    UT Utah
    VT Vermont
    VA Virginia
    WA Washington
    WV West Virginia
    WI Wisconsin
    WY Wyoming
    """
)
_PROVINCES: Final = _regions(
    """
    AB Alberta
    BC British Columbia
    MB Manitoba
    NB New Brunswick
    NL Newfoundland and Labrador
    NT Northwest Territories
    NS Nova Scotia
    NU Nunavut
    ON Ontario
    PE Prince Edward Island
    QC Quebec
    SK Saskatchewan
    YT Yukon
    """
)

_POSTAL_FIRST: Final = ("postal_code", "city")
_DIGITS: Final = AddressFormat(order=_POSTAL_FIRST, is_postal_numeric=True)


def _european(pattern: str, example: str, days: tuple[int, int] = (3, 5)) -> Destination:
    return Destination(
        address=_DIGITS,
        postal_pattern=pattern,
        postal_example=example,
        days_first=days[0],
        days_last=days[1],
    )


DESTINATIONS: Final[Mapping[str, Destination]] = MappingProxyType(
    {
        "AT": _european(r"\d{4}", "1010"),
        "BE": _european(r"\d{4}", "1000"),
        "CA": Destination(
            address=AddressFormat(
                order=("city", "region", "postal_code"),
                region_label="Province",
                postal_label="Postal code",
                regions=_PROVINCES,
            ),
            postal_pattern=r"[A-Z]\d[A-Z] ?\d[A-Z]\d",
            postal_example="K1A 0B1",
            days_first=6,
            days_last=9,
            tax_label="tax",
        ),
        "CH": _european(r"\d{4}", "8001", (4, 6)),
        "DE": _european(r"\d{5}", "10115", (2, 4)),
        "ES": _european(r"\d{5}", "28013", (3, 6)),
        "FR": _european(r"\d{5}", "75001"),
        "GB": Destination(
            address=AddressFormat(city_label="Town or city"),
            postal_pattern=r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
            postal_example="SW1A 1AA",
            days_first=2,
            days_last=4,
        ),
        "IE": Destination(
            address=AddressFormat(
                city_label="Town or city", postal_label="Eircode", is_postal_required=False
            ),
            postal_pattern=r"[AC-FHKNPRTV-Y]\d[\dW] ?[\dAC-FHKNPRTV-Y]{4}",
            postal_example="H91 X2KP",
            days_first=1,
            days_last=2,
        ),
        "IT": _european(r"\d{5}", "00184", (3, 6)),
        "NL": Destination(
            address=AddressFormat(order=_POSTAL_FIRST),
            postal_pattern=r"[1-9]\d{3} ?[A-Z]{2}",
            postal_example="1012 JS",
            days_first=2,
            days_last=4,
        ),
        "US": Destination(
            address=AddressFormat(
                order=("city", "region", "postal_code"),
                region_label="State",
                postal_label="ZIP code",
                regions=_STATES,
                is_postal_numeric=True,
            ),
            postal_pattern=r"\d{5}(?:-\d{4})?",
            postal_example="94103",
            days_first=5,
            days_last=8,
            tax_label="tax",
        ),
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


def is_postal_code(text: str, code: str) -> bool:
    """Whether a country could have such a postal code."""
    return re.fullmatch(DESTINATIONS[code].postal_pattern, text) is not None
