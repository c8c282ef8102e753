"""Settlement reports over HTTP: taken in whole or not at all, and what differs from the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.db import Connection, Transaction
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, NewKey
from surehold.identity.permissions import Permission
from surehold.kernel.csv_table import CellProblem
from surehold.kernel.errors import Busy, InvalidInput
from surehold.kernel.ids import OrderId, PaymentId, RefundId, new_id
from surehold.kernel.money import Money
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.orders.transfers import queries as transfers
from surehold.payments.reconciliation import commands, queries
from surehold.payments.reconciliation.commands import ReportFile
from surehold.payments.reconciliation.errors import (
    DifferenceEnded,
    DifferenceNotFound,
    NoReportMapping,
)
from surehold.payments.reconciliation.model import (
    Cause,
    Difference,
    DifferenceState,
    Imported,
    Report,
    RowKind,
)
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Line200
from surehold.web.api.once import Finished, find_key, get_key, keep_answer
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
    read_json,
    read_query,
)
from surehold.web.errors import IdempotencyKeyInvalid, RequestInFlight, Unauthenticated
from surehold.web.openapi import KEY, OPTIONAL_KEY, STAFF, describe
from surehold.web.problems import BodyTooLarge, BodyTooSlow, UnsupportedMediaType
from surehold.web.validation import Reader, parse_id

#: Five thousand rows of providers who write a lot.
FILE_LIMIT_BYTES: Final = 4 * 1024 * 1024
_OK: Final = 200
_SCOPE: Final = "settlement-reports"
_EXAMPLE: Final = (
    "type,id,payment,reference,gross,fee,net,currency,payout,created_at\r\n"
    "capture,cap_1,pay_1,SH01JC9Z0QYB3F7Q5K2T8R6M4N1P,2489,72,2417,EUR,,1763700000\r\n"
)
_REPEATED: Final = (
    IdempotencyKeyMissing,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    RequestInFlight,
    Busy,
)
Name = Annotated[str, Meta(min_length=1, max_length=50, pattern="^[a-z0-9_]+$")]
AccountName = Annotated[str, Meta(min_length=1, max_length=100, pattern="^[ -~]+$")]


class ImportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose report it is, what it covers, and whether only to say what it would do."""

    provider: Name
    account: AccountName | None = None
    covered_from: Annotated[datetime, Meta(tz=True)] | None = None
    covered_until: Annotated[datetime, Meta(tz=True)] | None = None
    dry_run: bool = False


class ReportShape(msgspec.Struct, frozen=True):
    """A file that was taken in. What moved between the two instants is expected to be in it."""

    id: UUID
    provider: str
    account: str
    row_count: int
    covered_from: datetime
    covered_until: datetime
    imported_by: str
    imported_at: datetime


class ReportImportShape(msgspec.Struct, frozen=True):
    """What came of a file. ``is_known``: it was here before, and nothing was done."""

    is_dry_run: bool
    is_known: bool
    report: ReportShape | None
    row_count: int
    new_count: int
    difference_count: int
    explained_count: int
    problems: tuple[CellProblem, ...]


class ReportList(msgspec.Struct, frozen=True):
    """One page of files, the newest first."""

    items: tuple[ReportShape, ...]
    next_cursor: str | None


class ReportPageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class DifferenceQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which differences, and which page of them."""

    state: DifferenceState = DifferenceState.OPEN
    provider: Name | None = None
    cause: Cause | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class DifferenceShape(msgspec.Struct, frozen=True):
    """Where a report and the books disagree: what the books say, and what the provider says."""

    id: UUID
    provider: str
    account: str
    cause: Cause
    kind: RowKind | None
    provider_row_id: str | None
    order_id: OrderId | None
    payment_id: PaymentId | None
    refund_id: RefundId | None
    expected: Money | None
    found: Money | None
    state: DifferenceState
    note: str | None
    ended_by: str | None
    found_at: datetime
    ended_at: datetime | None


class DifferenceList(msgspec.Struct, frozen=True):
    """One page of differences, in the order in which they were found."""

    items: tuple[DifferenceShape, ...]
    next_cursor: str | None


class ResolveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of it."""

    note: Line200


_IMPORT: Final = Reader(ImportQuery)
_PAGE: Final = Reader(ReportPageQuery)
_DIFFERENCES: Final = Reader(DifferenceQuery)
_RESOLVE: Final = Reader(ResolveBody)


@post(
    "/reconciliation/reports",
    status_code=_OK,
    opt=describe(
        tag="reconciliation",
        summary="Take in a provider's settlement report",
        about="Staff only. Columns and words are the provider's own, as the setting "
        "`settlement_mappings` says, or as we know them. All rows or none: with problems the "
        "answer is `invalid_input`, and the pointer of each is `/rows/{row}/{column}`. Fees and "
        "payouts are booked, each row once in however many files it comes. With `dry_run` nothing "
        "is changed and the answer lists the problems; without it an Idempotency-Key is needed. "
        "The period is that of the rows unless it is said. At most 5,000 rows and 4 MiB.",
        body=str,
        body_type=CSV,
        body_example=_EXAMPLE,
        query=ImportQuery,
        answer=ReportImportShape,
        headers=(OPTIONAL_KEY,),
        errors=(
            Unauthenticated,
            InvalidInput,
            NoReportMapping,
            *_REPEATED,
            BodyTooLarge,
            BodyTooSlow,
            UnsupportedMediaType,
        ),
        permission=Permission.RECONCILIATION_WRITE,
        security=(STAFF,),
    ),
)
async def take_in(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """A preview, or all of it."""
    query = read_query(request, _IMPORT)
    if query.dry_run:
        find_key(headers_of(request))  # not needed, but what is sent must be one
        raw = await read_csv(request, limit=FILE_LIMIT_BYTES)
        async with parts.db.connection() as connection:
            seen = await commands.preview_report(connection, file=_file(parts, query, raw))
        return answer(_imported(seen, is_dry_run=True))
    key = get_key(headers_of(request))
    raw = await read_csv(request, limit=FILE_LIMIT_BYTES)
    file = _file(parts, query, raw)

    async def find_named(
        connection: Connection, numbers: Sequence[str]
    ) -> Mapping[str, PaymentId]:
        return await transfers.find_named(
            connection, provider=file.provider, account=file.account, order_numbers=numbers
        )

    async def work(request_hash: bytes) -> None:
        async def keep(tx: Transaction, done: Imported) -> None:
            shown = encode(_imported(done, is_dry_run=False))
            new = NewKey(key, request_hash, new_id(), shown)
            await keep_answer(tx, scope=scope, status=_OK, new=new)

        await commands.import_report(
            parts.db, file=file, actor=actor_of(request).name, find_named=find_named, keep=keep
        )

    scope = f"{_SCOPE}:{file.provider}:{file.account}"
    done = await parts.once.kept(scope=scope, key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/reconciliation/reports",
    opt=describe(
        tag="reconciliation",
        summary="List settlement reports that were taken in",
        about="Staff only. The newest first.",
        query=ReportPageQuery,
        answer=ReportList,
        errors=(Unauthenticated,),
        permission=Permission.RECONCILIATION_READ,
        security=(STAFF,),
    ),
)
async def list_reports(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Files."""
    query = read_query(request, _PAGE)
    async with parts.db.connection() as connection:
        page = await queries.list_reports(connection, cursor=query.cursor, limit=query.limit)
    return answer(ReportList(tuple(map(_report, page.items)), page.next_cursor))


@get(
    "/reconciliation/differences",
    opt=describe(
        tag="reconciliation",
        summary="List where reports and the books disagree",
        about="Staff only. Open ones unless `state` says otherwise, each with its likely cause. "
        "One that a later report or the books explain is `explained` by itself.",
        query=DifferenceQuery,
        answer=DifferenceList,
        errors=(Unauthenticated,),
        permission=Permission.RECONCILIATION_READ,
        security=(STAFF,),
    ),
)
async def list_differences(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Work for whoever keeps the books."""
    query = read_query(request, _DIFFERENCES)
    async with parts.db.connection() as connection:
        page = await queries.list_differences(
            connection,
            state=query.state,
            provider=query.provider,
            cause=query.cause,
            cursor=query.cursor,
            limit=query.limit,
        )
    return answer(DifferenceList(tuple(map(_difference, page.items)), page.next_cursor))


@post(
    "/reconciliation/differences/{difference_id:str}/resolve",
    status_code=_OK,
    opt=describe(
        tag="reconciliation",
        summary="Say what became of a difference",
        about="Staff only. It is not found again. The books are not touched.",
        body=ResolveBody,
        body_example={"note": "Refunded at the provider's desk, order 7K4M92QX was told"},
        answer=DifferenceShape,
        headers=(KEY,),
        errors=(Unauthenticated, DifferenceNotFound, DifferenceEnded, *_REPEATED),
        permission=Permission.RECONCILIATION_WRITE,
        security=(STAFF,),
    ),
)
async def resolve(
    request: ApiRequest, parts: NamedDependency[Parts], difference_id: FromPath[str]
) -> ApiResponse:
    """Close one, with a note."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _RESOLVE)
    found = parse_id(difference_id)
    if found is None:
        raise DifferenceNotFound("There is no difference with this id.")

    async def work() -> Finished:
        done = await commands.resolve_difference(
            parts.db, difference_id=found, note=body.note, actor=actor_of(request).name
        )
        return Finished(_OK, encode(_difference(done)), done.id)

    done = await parts.once(scope=f"difference:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


def _file(parts: Parts, query: ImportQuery, raw: bytes) -> ReportFile:
    """The file, with the account that is switched on unless another is named."""
    switched_on = {one.name: one.account for one in parts.checkout.context.providers}
    account = query.account or switched_on.get(query.provider, query.provider)
    return ReportFile(query.provider, account, raw, query.covered_from, query.covered_until)


def _report(row: Report) -> ReportShape:
    return ReportShape(*msgspec.structs.astuple(row))


def _imported(done: Imported, *, is_dry_run: bool) -> ReportImportShape:
    report = None if done.report is None else _report(done.report)
    return ReportImportShape(
        is_dry_run,
        done.is_known,
        report,
        done.row_count,
        done.new_count,
        done.difference_count,
        done.explained_count,
        done.problems,
    )


def _difference(row: Difference) -> DifferenceShape:
    def money(amount_minor: int | None) -> Money | None:
        return None if amount_minor is None else Money(amount_minor, row.currency)

    return DifferenceShape(
        row.id,
        row.provider,
        row.account,
        row.cause,
        row.kind,
        row.provider_row_id,
        row.order_id,
        row.payment_id,
        row.refund_id,
        money(row.expected_minor),
        money(row.found_minor),
        row.state,
        row.note,
        row.ended_by,
        row.found_at,
        row.ended_at,
    )


HANDLERS: Final[tuple[Any, ...]] = (take_in, list_reports, list_differences, resolve)
