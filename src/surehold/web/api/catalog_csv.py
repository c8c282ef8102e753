"""The catalog as a table, for staff: out, and in again with a look at what would happen."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Stream

from surehold.catalog import commands, queries
from surehold.catalog.commands.bring_in import MAX_BYTES
from surehold.catalog.errors import SkuTaken, SlugTaken
from surehold.catalog.model import ImportReport
from surehold.db import Transaction
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, NewKey
from surehold.identity.permissions import Permission
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import new_id
from surehold.web.api.once import find_key, get_key, keep_answer
from surehold.web.api.parts import Parts
from surehold.web.api.wire import (
    CSV,
    ApiRequest,
    ApiResponse,
    answer,
    answer_bytes,
    encode,
    headers_of,
    read_csv,
    read_query,
)
from surehold.web.errors import IdempotencyKeyInvalid, RequestInFlight, Unauthenticated
from surehold.web.openapi import OPTIONAL_KEY, STAFF, describe
from surehold.web.problems import BodyTooLarge, BodyTooSlow, UnsupportedMediaType
from surehold.web.validation import Reader

_SCOPE: Final = "catalog-import"


class ImportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether only to look."""

    dry_run: bool = False


_IMPORT: Final = Reader(ImportQuery)


@post(
    "/catalog/import",
    status_code=200,
    opt=describe(
        tag="catalog",
        summary="Import products from CSV",
        about="One row per variant, at most 10,000; `product` and `sku` say which. With "
        "`dry_run=true` every problem is listed by row and column, or else everything that would "
        "be created or changed; nothing is written. Without, all of it is done or nothing, and an "
        "`Idempotency-Key` is required. What the file does not name stays as it is.",
        body=str,
        body_type=CSV,
        body_example="product,sku,name,vendor,price_EUR\r\nlamp,LMP-1,Lamp,northline,129.00\r\n",
        query=ImportQuery,
        answer=ImportReport,
        headers=(OPTIONAL_KEY,),
        errors=(
            Unauthenticated,
            InvalidInput,
            SlugTaken,
            SkuTaken,
            IdempotencyKeyMissing,
            IdempotencyKeyInvalid,
            IdempotencyKeyReused,
            RequestInFlight,
            BodyTooLarge,
            BodyTooSlow,
            UnsupportedMediaType,
        ),
        permission=Permission.CATALOG_WRITE,
        security=(STAFF,),
    ),
)
async def import_products(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Add and change products as a file says."""
    is_dry_run = read_query(request, _IMPORT).dry_run
    if is_dry_run:
        find_key(headers_of(request))  # not needed, but what is sent must be one
        raw = await read_csv(request, limit=MAX_BYTES)
        return answer(await commands.import_products(parts.db, raw=raw, is_dry_run=True))
    key = get_key(headers_of(request))
    raw = await read_csv(request, limit=MAX_BYTES)

    async def work(request_hash: bytes) -> None:
        async def keep(tx: Transaction, report: ImportReport) -> None:
            new = NewKey(key, request_hash, new_id(), encode(report))
            await keep_answer(tx, scope=_SCOPE, status=200, new=new)

        await commands.import_products(parts.db, raw=raw, keep=keep)

    done = await parts.once.kept(scope=_SCOPE, key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/catalog/export",
    opt=describe(
        tag="catalog",
        summary="Export products as CSV",
        about="Every product, drafts and archived ones included, one row per variant. Imported "
        "again it changes nothing. Text that a spreadsheet would run begins with an apostrophe.",
        answer=str,
        answer_type=CSV,
        errors=(Unauthenticated,),
        permission=Permission.CATALOG_WRITE,
        security=(STAFF,),
    ),
)
async def export_products(parts: NamedDependency[Parts]) -> Stream:
    """The catalog, a page at a time."""
    headers = {"content-disposition": 'attachment; filename="products.csv"'}
    return Stream(queries.export_products(parts.db), media_type=CSV, headers=headers)


HANDLERS: Final = (import_products, export_products)
