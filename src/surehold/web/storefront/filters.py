"""What of the shelf a visitor chose: read from the address, and written into other addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from surehold.catalog.model import FacetCount
from surehold.inventory import queries as shelf
from surehold.kernel.money import MAX_MINOR, exponent, from_major
from surehold.web.storefront.parts import category_url
from surehold.web.storefront.views import (
    ChipView,
    FacetGroup,
    FacetView,
    MoneyView,
    PriceFilter,
    SortChoice,
)
from surehold.web.storefront.visit import Visit
from surehold.web.translations import gettext, gettext_noop

#: How a parameter of an address begins that names an option: ``o.Color=Black``.
OPTION: Final = "o."
#: As many options and values as are worth a look; more are found by searching.
OPTIONS_SHOWN: Final = 4
VALUES_SHOWN: Final = 16
_MAX_TEXT: Final = 200
_PRICE: Final = re.compile(r"[0-9]{1,12}(?:[.,][0-9]{1,3})?", re.ASCII)
_SORTS: Final = MappingProxyType(
    {
        shelf.NEWEST: gettext_noop("Newest"),
        "price": gettext_noop("Price, low to high"),
        "-price": gettext_noop("Price, high to low"),
        "name": gettext_noop("Name"),
    }
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What of the shelf a page shows: fixed by the page, then chosen by the visitor."""

    path: str
    currency: str
    category: str | None = None
    vendor: str | None = None
    search: str | None = None
    in_stock: bool = False
    #: As typed, in whole units of the currency; what is no amount is not kept.
    min_price: str = ""
    max_price: str = ""
    options: tuple[tuple[str, str], ...] = ()
    sort: str = shelf.NEWEST
    cursor: str | None = None

    def url(self, **changes: Any) -> str:
        """The address of this page with other choices; a new choice begins at the first page."""
        wanted = msgspec.structs.replace(self, **{"cursor": None, **changes})
        kept = wanted.fields()
        return f"{wanted.path}?{urlencode(kept)}" if kept else wanted.path

    def fields(self, *without: str) -> tuple[tuple[str, str], ...]:
        """The parameters of the address, but those that a form has fields of its own for."""
        pairs = [
            ("q", self.search or ""),
            ("category", "" if self.is_category_page else self.category or ""),
            ("vendor", "" if self.is_vendor_page else self.vendor or ""),
            *((OPTION + name, value) for name, value in self.options),
            ("min_price", self.min_price),
            ("max_price", self.max_price),
            ("in_stock", "1" if self.in_stock else ""),
            ("sort", self.sort if self.sort != self.usual_sort else ""),
            ("cursor", self.cursor or ""),
        ]
        return tuple((name, value) for name, value in pairs if value and name not in without)

    def without_option(self, name: str) -> tuple[tuple[str, str], ...]:
        """The options that are chosen, but this one."""
        return tuple(pair for pair in self.options if pair[0] != name)

    @property
    def filters(self) -> dict[str, Any]:
        """What the shelf is asked for."""
        return {
            "currency": self.currency,
            "search": self.search,
            "category": self.category,
            "vendor": self.vendor,
            "in_stock": self.in_stock,
            "min_price_minor": _minor(self.min_price, self.currency),
            "max_price_minor": _minor(self.max_price, self.currency),
            "options": dict(self.options) or None,
        }

    @property
    def usual_sort(self) -> str:
        """How the page is sorted when nothing is chosen."""
        return shelf.NEWEST if self.search is None else shelf.RELEVANCE

    @property
    def is_category_page(self) -> bool:
        """Whether the path says the category."""
        return self.path.startswith("/c/")

    @property
    def is_vendor_page(self) -> bool:
        """Whether the path says the vendor."""
        return self.path.startswith("/v/")


def read_wanted(
    visit: Visit,
    path: str,
    *,
    category: str | None = None,
    vendor: str | None = None,
    search: str | None = None,
) -> Wanted:
    """What the address asks for; what it asks for in no way that we know is left out."""
    query = visit.query
    usual = shelf.NEWEST if search is None else shelf.RELEVANCE
    sort = query.get("sort", usual)
    options = [
        (name.removeprefix(OPTION), value)
        for name, value in query.items()
        if name.startswith(OPTION) and name != OPTION and max(len(name), len(value)) <= _MAX_TEXT
    ]
    return Wanted(
        path=path,
        currency=visit.currency,
        category=category or query.get("category") or None,
        vendor=vendor or query.get("vendor") or None,
        search=search,
        in_stock=query.get("in_stock") == "1",
        min_price=_price(query.get("min_price", ""), visit.currency),
        max_price=_price(query.get("max_price", ""), visit.currency),
        options=tuple(sorted(options)[: shelf.MAX_OPTIONS]),
        sort=sort if sort in _SORTS else usual,
        cursor=query.get("cursor") or None,
    )


def _price(typed: str, currency: str) -> str:
    """An amount as somebody types it, or nothing.

    >>> _price(" 12,5 ", "EUR"), _price("1e9", "EUR"), _price("0.5", "JPY")
    ('12.5', '', '')
    """
    text = typed.strip()
    if not _PRICE.fullmatch(text):
        return ""
    text = text.replace(",", ".")
    minor = _minor(text, currency)
    return text if minor is not None and minor <= MAX_MINOR else ""


def _minor(text: str, currency: str) -> int | None:
    if not text or len(text.partition(".")[2]) > exponent(currency):
        return None
    return from_major(Decimal(text), currency).amount


def category_facets(wanted: Wanted, found: Sequence[FacetCount]) -> tuple[FacetView, ...]:
    """The shelves of the store, and those below the one that is shown."""
    counts = [row for row in found if row.facet == "category"]
    everything = next((row.count for row in found if row.facet == "all"), 0)
    parents = {row.value: row.parent for row in counts}
    opened = {wanted.category, parents.get(wanted.category or "")} - {None}

    def url(slug: str | None) -> str:
        if wanted.search is not None or wanted.is_vendor_page:
            return wanted.url(category=slug)
        path = "/" if slug is None else category_url(slug)
        return wanted.url(path=path, category=slug)

    shown = [row for row in counts if row.parent is None or row.parent in opened]
    facets = [
        FacetView(row.label, url(row.value), row.count, row.value == wanted.category)
        for row in shown
        if row.count or row.value == wanted.category
    ]
    return (FacetView(gettext("All"), url(None), everything, wanted.category is None), *facets)


def further_facets(wanted: Wanted, found: Sequence[FacetCount]) -> tuple[FacetGroup, ...]:
    """Vendors and options. What is chosen leads back to without it; one choice is none."""
    groups = []
    vendors = [row for row in found if row.facet == "vendor"][:VALUES_SHOWN]
    if not wanted.is_vendor_page and (len(vendors) > 1 or wanted.vendor is not None):
        links = tuple(
            FacetView(
                row.label,
                wanted.url(vendor=None if row.value == wanted.vendor else row.value),
                row.count,
                row.value == wanted.vendor,
            )
            for row in vendors
        )
        groups.append(FacetGroup(gettext("Maker"), links, wanted.vendor is not None))
    chosen = dict(wanted.options)
    named = [
        (name, list(rows))
        for name, rows in groupby(
            (row for row in found if row.facet == "option"), key=lambda row: row.name
        )
    ]
    named.sort(key=lambda pair: -sum(row.count for row in pair[1]))
    for name, rows in named[:OPTIONS_SHOWN]:
        if len(rows) < 2 and name not in chosen:  # one value is no choice
            continue
        others = wanted.without_option(name)
        links = tuple(
            FacetView(
                row.label,
                wanted.url(
                    options=others
                    if chosen.get(name) == row.value
                    else (*others, (name, row.value))
                ),
                row.count,
                chosen.get(name) == row.value,
            )
            for row in rows[:VALUES_SHOWN]
        )
        groups.append(FacetGroup(name, links, name in chosen))
    return tuple(groups)


def price_filter(wanted: Wanted) -> PriceFilter:
    """The two prices that may be typed, and what the form sends along."""
    return PriceFilter(
        lowest=wanted.min_price,
        highest=wanted.max_price,
        currency=wanted.currency,
        kept_fields=wanted.fields("min_price", "max_price", "cursor"),
    )


def sorts(wanted: Wanted) -> tuple[SortChoice, ...]:
    """The orders of the grid."""
    choices = dict(_SORTS)
    if wanted.search is not None:
        choices = {shelf.RELEVANCE: gettext_noop("Best match"), **choices}
    return tuple(
        SortChoice(value, gettext(label), value == wanted.sort) for value, label in choices.items()
    )


def chips(wanted: Wanted, found: Sequence[FacetCount]) -> tuple[ChipView, ...]:
    """What is chosen, each to be taken off. Amounts are worded by the template."""
    labels = {(row.facet, row.value): row.label for row in found}
    shown = []
    if wanted.category is not None and not wanted.is_category_page:
        name = labels.get(("category", wanted.category), wanted.category)
        shown.append(ChipView(name, wanted.url(category=None)))
    if wanted.vendor is not None and not wanted.is_vendor_page:
        name = labels.get(("vendor", wanted.vendor), wanted.vendor)
        shown.append(ChipView(name, wanted.url(vendor=None)))
    for name, value in wanted.options:
        shown.append(ChipView(f"{name}: {value}", wanted.url(options=wanted.without_option(name))))
    filters = wanted.filters
    lowest, highest = filters["min_price_minor"], filters["max_price_minor"]
    if lowest is not None or highest is not None:
        shown.append(
            ChipView(
                "",
                wanted.url(min_price="", max_price=""),
                lowest=None if lowest is None else MoneyView(lowest, wanted.currency),
                highest=None if highest is None else MoneyView(highest, wanted.currency),
            )
        )
    if wanted.in_stock:
        shown.append(ChipView(gettext("In stock only"), wanted.url(in_stock=False)))
    return tuple(shown)


def clear_url(wanted: Wanted) -> str:
    """This page with nothing chosen."""
    return wanted.url(
        category=wanted.category if wanted.is_category_page else None,
        vendor=wanted.vendor if wanted.is_vendor_page else None,
        options=(),
        min_price="",
        max_price="",
        in_stock=False,
    )
