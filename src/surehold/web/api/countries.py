"""What each country's addresses are made of, for whoever draws a form."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import get
from litestar.params import FromPath

from surehold.addresses import formats
from surehold.addresses import rules as addresses
from surehold.addresses.countries import COUNTRIES
from surehold.web.api.wire import REVALIDATE, ApiResponse, answer
from surehold.web.errors import CountryNotFound
from surehold.web.openapi import describe


class CountryShape(msgspec.Struct, frozen=True):
    """A country that addresses may name, by its ISO 3166-1 alpha-2 code."""

    code: str
    name: str


class CountriesShape(msgspec.Struct, frozen=True):
    """Every country, by name. The list is whole: ``next_cursor`` is null."""

    items: tuple[CountryShape, ...]
    next_cursor: str | None


class FieldShape(msgspec.Struct, frozen=True):
    """One field of an address, in the order in which the country writes them."""

    name: str
    label: str
    is_required: bool


class RegionShape(msgspec.Struct, frozen=True):
    """A region: as it is written on a parcel, and its name in English."""

    code: str
    name: str


class CountryFormatShape(msgspec.Struct, frozen=True):
    """How a country writes addresses. Without ``regions`` any text may be the region."""

    code: str
    name: str
    calling_code: str
    fields: tuple[FieldShape, ...]
    regions: tuple[RegionShape, ...]
    postal_code_examples: tuple[str, ...]


@get(
    "/countries",
    opt=describe(
        tag="checkout",
        summary="List the countries that addresses may name",
        about="Where the store delivers is another question: a quote for the address answers it.",
        answer=CountriesShape,
        answer_example={"items": [{"code": "IE", "name": "Ireland"}], "next_cursor": None},
    ),
)
async def list_countries() -> ApiResponse:
    """Every country, by its English name."""
    named = sorted((formats.name_of(code), code) for code in COUNTRIES)
    shapes = tuple(CountryShape(code, name) for name, code in named)
    return answer(CountriesShape(shapes, None), headers={"cache-control": REVALIDATE})


@get(
    "/countries/{code:str}",
    opt=describe(
        tag="checkout",
        summary="Read what a country's addresses are made of",
        about="The fields in the order in which they are written, which of them are required, "
        "the regions to choose from, and postal codes for an example. An address that a checkout "
        "takes is kept as the country writes it: `k1a0b1` becomes `K1A 0B1`, `Ontario` `ON`.",
        answer=CountryFormatShape,
        errors=(CountryNotFound,),
    ),
)
async def get_country(code: FromPath[str]) -> ApiResponse:
    """One country's form."""
    if code not in COUNTRIES:
        raise CountryNotFound("There is no country of this code of ISO 3166-1 alpha-2.")
    return answer(_shape(code), headers={"cache-control": REVALIDATE})


def _shape(code: str) -> CountryFormatShape:
    form = addresses.format_of(code)
    own = {
        "city": FieldShape("city", form.city_label, is_required=True),
        "region": FieldShape("region", form.region_label, form.is_region_required),
        "postal_code": FieldShape(
            "postal_code", form.postal_code_label, form.is_postal_code_required
        ),
    }
    fields = (
        FieldShape("name", "Full name", is_required=True),
        FieldShape("company", "Company", is_required=False),
        FieldShape("line1", "Street and number", is_required=True),
        FieldShape("line2", "Apartment, floor", is_required=False),
        *(own[name] for name in form.order),
        FieldShape("phone", "Phone", is_required=False),
    )
    return CountryFormatShape(
        code=code,
        name=formats.name_of(code),
        calling_code=f"+{form.calling_code}" if form.calling_code else "",
        fields=fields,
        regions=tuple(RegionShape(region.code, region.name) for region in form.regions),
        postal_code_examples=form.postal_code_examples,
    )


HANDLERS: Final = (list_countries, get_country)
