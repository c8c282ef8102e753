"""The stock file over HTTP: written as it is read, and taken in whole or not at all."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.response import Stream

from surehold.db import Transaction
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, NewKey
from surehold.identity.permissions import Permission
from surehold.inventory import commands, queries
from surehold.inventory.rules.importing import FileChange, Plan
from surehold.kernel.csv_table import CellProblem
from surehold.kernel.errors import Busy, InvalidInput
from surehold.kernel.ids import new_id
from surehold.web.api.access import actor_of
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

#: Twenty thousand lines with long stock codes.
FILE_LIMIT_BYTES: Final = 4 * 1024 * 1024
_OK: Final = 200
_SCOPE: Final = "import-stock"
_EXAMPLE: Final = "sku,location,on_hand,expected_on_hand\r\nLAMP-1,main,12,10\r\n"


class ImportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether only to say what the file would do."""

    dry_run: bool = False


class ImportShape(msgspec.Struct, frozen=True):
    """What a file changes. With a problem it changes nothing; rows count the header as 1."""

    is_dry_run: bool
    row_count: int
    changes: tuple[FileChange, ...]
    problems: tuple[CellProblem, ...]


_QUERY: Final = Reader(ImportQuery)


@get(
    "/inventory/export",
    opt=describe(
        tag="inventory",
        summary="Download the stock file",
        about="Every stock level as CSV in UTF-8. Texts that a spreadsheet would take for a "
        "formula begin with an apostrophe; an import takes it off again.",
        answer=str,
        answer_type=CSV,
        answer_example=_EXAMPLE,
        errors=(Unauthenticated,),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def export(parts: NamedDependency[Parts]) -> Response[Any]:
    """The file, a piece at a time."""
    return Stream(
        queries.write_file(parts.db),
        media_type=CSV,
        headers={"content-disposition": 'attachment; filename="stock.csv"'},
    )


@post(
    "/inventory/import",
    status_code=_OK,
    opt=describe(
        tag="inventory",
        summary="Take in a stock file",
        about="Needs the columns `sku`, `location` and `on_hand`; `expected_on_hand` refuses a "
        "line whose stock has changed since, `low_stock_threshold` is set where it is given. All "
        "lines or none: with problems the answer is `invalid_input`, and the pointer of each is "
        "`/rows/{row}/{column}`. With `dry_run` nothing is changed and the answer lists changes "
        "and problems; without it an Idempotency-Key is needed. At most 20,000 lines and 4 MiB.",
        body=str,
        body_type=CSV,
        body_example=_EXAMPLE,
        query=ImportQuery,
        answer=ImportShape,
        headers=(OPTIONAL_KEY,),
        errors=(
            Unauthenticated,
            InvalidInput,
            IdempotencyKeyMissing,
            IdempotencyKeyInvalid,
            IdempotencyKeyReused,
            RequestInFlight,
            Busy,
            BodyTooLarge,
            BodyTooSlow,
            UnsupportedMediaType,
        ),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def take_in(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """A preview, or all of it."""
    is_dry_run = read_query(request, _QUERY).dry_run
    if is_dry_run:
        find_key(headers_of(request))  # not needed, but what is sent must be one
        raw = await read_csv(request, limit=FILE_LIMIT_BYTES)
        async with parts.db.connection() as connection:
            plan = await queries.preview_import(connection, raw=raw)
        return answer(_shape(plan, is_dry_run=True))
    key = get_key(headers_of(request))
    raw = await read_csv(request, limit=FILE_LIMIT_BYTES)
    subject_id = new_id()

    async def work(request_hash: bytes) -> None:
        async def keep(tx: Transaction, plan: Plan) -> None:
            new = NewKey(key, request_hash, subject_id, encode(_shape(plan, is_dry_run=False)))
            await keep_answer(tx, scope=_SCOPE, status=_OK, new=new)

        await commands.import_stock(
            parts.db,
            raw=raw,
            reference=f"import {subject_id}",
            actor=actor_of(request).name,
            keep=keep,
        )

    done = await parts.once.kept(scope=_SCOPE, key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


def _shape(plan: Plan, *, is_dry_run: bool) -> ImportShape:
    return ImportShape(is_dry_run, plan.row_count, plan.changes, plan.problems)


HANDLERS: Final = (export, take_in)
