"""Single variants over HTTP: what staff change of one without a file."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import patch
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.catalog import commands
from surehold.catalog.errors import VariantNotFound
from surehold.identity.permissions import Permission
from surehold.kernel.ids import VariantId
from surehold.web.api.parts import Parts
from surehold.web.api.pricing import TaxClass
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json
from surehold.web.errors import Unauthenticated
from surehold.web.openapi import STAFF, describe
from surehold.web.validation import Reader, parse_id


class VariantBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The class that picks a variant's tax rate in each country."""

    tax_class: TaxClass


class TaxedVariant(msgspec.Struct, frozen=True):
    """A variant and its tax class."""

    id: VariantId
    tax_class: str


_BODY: Final = Reader(VariantBody)


@patch(
    "/variants/{variant_id:str}",
    opt=describe(
        tag="catalog",
        summary="Change the tax class of a variant",
        about="Staff only. Whatever is priced from now on is taxed by it; where a country has no "
        "rate of the class, by the standard one. Promised quotes and placed orders stay.",
        body=VariantBody,
        body_example={"tax_class": "books"},
        answer=TaxedVariant,
        errors=(Unauthenticated, VariantNotFound),
        permission=Permission.CATALOG_WRITE,
        security=(STAFF,),
    ),
)
async def change(
    request: ApiRequest, parts: NamedDependency[Parts], variant_id: FromPath[str]
) -> ApiResponse:
    """Tax it otherwise from now on."""
    body, _ = await read_json(request, _BODY)
    found = parse_id(variant_id)
    if found is None:
        raise VariantNotFound("There is no variant with this id.")
    changed = VariantId(found)
    await commands.change_tax_class(parts.db, variant_id=changed, tax_class=body.tax_class)
    return answer(TaxedVariant(changed, body.tax_class))


HANDLERS: Final = (change,)
