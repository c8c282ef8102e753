"""Stock counts over HTTP: begun, counted, compared, applied once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.db import Transaction
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, NewKey
from surehold.identity.permissions import Permission
from surehold.inventory import commands, queries
from surehold.inventory.commands import CountView
from surehold.inventory.errors import (
    CountEnded,
    CountNotFound,
    LocationNotFound,
    UnitsPromised,
    VariantNotStocked,
)
from surehold.inventory.model import StockCount
from surehold.kernel.errors import Busy
from surehold.kernel.ids import CountId, VariantId
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Note200
from surehold.web.api.inventory.places import LocationCode
from surehold.web.api.once import get_key, keep_answer
from surehold.web.api.parts import Parts
from surehold.web.api.wire import (
    ApiRequest,
    ApiResponse,
    answer,
    answer_bytes,
    encode,
    headers_of,
    read_json,
    read_query,
)
from surehold.web.errors import IdempotencyKeyInvalid, RequestInFlight, Unauthenticated
from surehold.web.openapi import KEY, STAFF, describe
from surehold.web.validation import Reader, parse_id

_CREATED: Final = 201
_OK: Final = 200
_MAX_LINES: Final = 1_000
_SCOPE: Final = "count"
_VARIANT: Final = "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"

Units = Annotated[int, Meta(ge=0, le=1_000_000, description="Whole units.")]


class CountBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to count where; without ``variant_ids``, everything that the location keeps."""

    location: LocationCode
    variant_ids: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=_MAX_LINES)] | None = (
        None
    )
    note: Note200 = ""


class CountedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many units of one variant stood there."""

    variant_id: UUID
    counted: Units


class CountedLinesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was counted; a line that was counted before is replaced."""

    lines: Annotated[tuple[CountedBody, ...], Meta(min_length=1, max_length=_MAX_LINES)]


class CountsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class CountSummary(msgspec.Struct, frozen=True):
    """A stock count without its lines. ``state`` is open, applied or canceled."""

    id: CountId
    location: str
    state: str
    note: str
    created_by: str
    created_at: datetime
    ended_at: datetime | None


class CountLineShape(msgspec.Struct, frozen=True):
    """One variant: ``expected`` was on hand when it was counted, ``on_hand`` is now.

    Applying adds ``difference``, so what moved in between stays moved.
    """

    variant_id: VariantId
    sku: str
    expected: int | None
    counted: int | None
    difference: int | None
    on_hand: int


class CountShape(msgspec.Struct, frozen=True):
    """A stock count with its lines, by stock code."""

    count: CountSummary
    lines: tuple[CountLineShape, ...]


class CountList(msgspec.Struct, frozen=True):
    """One page of stock counts, newest first."""

    items: tuple[CountSummary, ...]
    next_cursor: str | None


_NEW: Final = Reader(CountBody)
_COUNTED: Final = Reader(CountedLinesBody)
_PAGE: Final = Reader(CountsQuery)


def _summary(row: StockCount) -> CountSummary:
    return CountSummary(
        row.id,
        row.location,
        row.state.value,
        row.note,
        row.created_by,
        row.created_at,
        row.ended_at,
    )


def _shape(view: CountView) -> CountShape:
    return CountShape(
        _summary(view.count),
        tuple(
            CountLineShape(
                line.variant_id,
                line.sku,
                line.expected,
                line.counted,
                line.difference,
                line.on_hand,
            )
            for line in view.lines
        ),
    )


def _id(text: str) -> CountId:
    found = parse_id(text)
    if found is None:
        raise CountNotFound("There is no stock count with this id.")
    return CountId(found)


@post(
    "/inventory/counts",
    opt=describe(
        tag="inventory",
        summary="Begin a stock count",
        body=CountBody,
        body_example={"location": "main", "variant_ids": [_VARIANT]},
        answer=CountShape,
        status=_CREATED,
        headers=(KEY,),
        errors=(
            Unauthenticated,
            LocationNotFound,
            VariantNotStocked,
            IdempotencyKeyMissing,
            IdempotencyKeyInvalid,
            IdempotencyKeyReused,
            RequestInFlight,
            Busy,
        ),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def start(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """A list of what is to be counted."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _NEW)
    ids = None if body.variant_ids is None else [VariantId(one) for one in body.variant_ids]

    async def work(request_hash: bytes) -> None:
        async def keep(tx: Transaction, view: CountView) -> None:
            new = NewKey(key, request_hash, view.count.id, encode(_shape(view)))
            await keep_answer(tx, scope=_SCOPE, status=_CREATED, new=new)

        await commands.start_count(
            parts.db,
            location=body.location,
            variant_ids=ids,
            note=body.note,
            actor=actor_of(request).name,
            keep=keep,
        )

    done = await parts.once.kept(scope=_SCOPE, key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/inventory/counts",
    opt=describe(
        tag="inventory",
        summary="List stock counts",
        query=CountsQuery,
        answer=CountList,
        errors=(Unauthenticated,),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def list_all(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Stock counts, newest first."""
    query = read_query(request, _PAGE)
    async with parts.db.connection() as connection:
        page = await queries.list_counts(connection, cursor=query.cursor, limit=query.limit)
    return answer(CountList(tuple(_summary(row) for row in page.items), page.next_cursor))


@get(
    "/inventory/counts/{count_id:str}",
    opt=describe(
        tag="inventory",
        summary="Read a stock count: what applying it would change",
        answer=CountShape,
        errors=(Unauthenticated, CountNotFound),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def read(parts: NamedDependency[Parts], count_id: FromPath[str]) -> ApiResponse:
    """One stock count with its differences."""
    async with parts.db.connection() as connection:
        return answer(_shape(await queries.read_count(connection, count_id=_id(count_id))))


@put(
    "/inventory/counts/{count_id:str}/lines",
    opt=describe(
        tag="inventory",
        summary="Write down what was counted",
        body=CountedLinesBody,
        body_example={"lines": [{"variant_id": _VARIANT, "counted": 11}]},
        answer=CountShape,
        errors=(Unauthenticated, CountNotFound, CountEnded, Busy),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def record(
    request: ApiRequest, parts: NamedDependency[Parts], count_id: FromPath[str]
) -> ApiResponse:
    """Some lines of a count; no unit moves yet."""
    body, _ = await read_json(request, _COUNTED)
    counted = [(VariantId(line.variant_id), line.counted) for line in body.lines]
    view = await commands.record_counted(
        parts.db, count_id=_id(count_id), counted=counted, actor=actor_of(request).name
    )
    return answer(_shape(view))


@post(
    "/inventory/counts/{count_id:str}/apply",
    status_code=_OK,
    opt=describe(
        tag="inventory",
        summary="Apply a stock count",
        about="Adds the differences, once; what was not counted stays as it is.",
        answer=CountShape,
        errors=(Unauthenticated, CountNotFound, CountEnded, UnitsPromised, Busy),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def apply(
    request: ApiRequest, parts: NamedDependency[Parts], count_id: FromPath[str]
) -> ApiResponse:
    """Believe what was counted."""
    view = await commands.apply_count(
        parts.db, count_id=_id(count_id), actor=actor_of(request).name
    )
    return answer(_shape(view))


@post(
    "/inventory/counts/{count_id:str}/cancel",
    status_code=_OK,
    opt=describe(
        tag="inventory",
        summary="Cancel a stock count",
        answer=CountShape,
        errors=(Unauthenticated, CountNotFound, CountEnded, Busy),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def cancel(
    request: ApiRequest, parts: NamedDependency[Parts], count_id: FromPath[str]
) -> ApiResponse:
    """Forget what was counted."""
    view = await commands.cancel_count(
        parts.db, count_id=_id(count_id), actor=actor_of(request).name
    )
    return answer(_shape(view))


HANDLERS: Final = (start, list_all, read, record, apply, cancel)
