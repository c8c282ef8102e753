"""Vendors' accounts over HTTP: commission rules, and statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.catalog.errors import VendorNotFound
from surehold.db import Transaction
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, NewKey
from surehold.identity.permissions import Permission
from surehold.kernel.csv_table import write_rows
from surehold.kernel.errors import Busy, InvalidInput
from surehold.kernel.money import Money, to_major
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.orders.vendor_accounts import commands, queries
from surehold.orders.vendor_accounts.errors import (
    CommissionRuleNotFound,
)
from surehold.orders.vendor_accounts.model import (
    CommissionRule,
    NewRule,
    Statement,
)
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Code, CurrencyCode, Minor
from surehold.web.api.once import Finished, get_key, keep_answer
from surehold.web.api.parts import Parts
from surehold.web.api.wire import (
    CSV,
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

_OK: Final = 200
_CREATED: Final = 201
REPEATED: Final = (
    IdempotencyKeyMissing,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    RequestInFlight,
    Busy,
)
Rate = Annotated[
    str, Meta(pattern=r"^(0(\.[0-9]{1,6})?|1)$", description="A fraction.", examples=["0.125"])
]
Cells: TypeAlias = Sequence[str | Decimal]
Instant = Annotated[datetime, Meta(tz=True)]


class RuleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept, of whose sales. What is left out fits all."""

    rate: Rate
    vendor: Code | None = None
    category: Code | None = None
    fixed_minor: Minor = 0
    currency: CurrencyCode | None = None
    starts_at: Instant | None = None


class RuleList(msgspec.Struct, frozen=True):
    """One page of rules, the oldest first."""

    items: tuple[CommissionRule, ...]
    next_cursor: str | None


class VendorPageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class PeriodQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From when, and until before when."""

    since: Instant
    until: Instant


class StatementShape(msgspec.Struct, frozen=True):
    """What a vendor had and got in one currency. A negative closing is carried forward.

    ``closing`` is ``opening + sales - commission - refunds + commission_refunded - payouts``.
    """

    opening: Money
    sales: Money
    commission: Money
    refunds: Money
    commission_refunded: Money
    payouts: Money
    closing: Money


class StatementList(msgspec.Struct, frozen=True):
    """A vendor's account over a period, by currency."""

    vendor: str
    since: datetime
    until: datetime
    items: tuple[StatementShape, ...]


_RULE: Final = Reader(RuleBody)
_PAGE: Final = Reader(VendorPageQuery)
_PERIOD: Final = Reader(PeriodQuery)


@post(
    "/commission-rules",
    status_code=_CREATED,
    opt=describe(
        tag="vendors",
        summary="Say what the store keeps of vendors' sales",
        about="Staff only. A fraction of net, exactly, and `fixed_minor` for each unit, in "
        "`currency`. Of the rules in force when something is sold the most specific counts: with "
        "a vendor before without, then with a category, then with a currency, then the later one. "
        "Where none fits, the goods are the store's own. Rules do not change: end one, add one.",
        body=RuleBody,
        body_example={
            "rate": "0.125",
            "vendor": "northline",
            "fixed_minor": 30,
            "currency": "EUR",
        },
        answer=CommissionRule,
        status=_CREATED,
        headers=(KEY,),
        errors=(Unauthenticated, *REPEATED),
        permission=Permission.COMMISSION_WRITE,
        security=(STAFF,),
    ),
)
async def add_rule(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """A rule."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _RULE)
    new = NewRule(**msgspec.structs.asdict(body))

    async def work(request_hash: bytes) -> None:
        async def keep(tx: Transaction, rule: CommissionRule) -> None:
            stored = NewKey(key, request_hash, rule.id, encode(rule))
            await keep_answer(tx, scope="commission-rules", status=_CREATED, new=stored)

        await commands.add_rule(parts.db, new=new, actor=actor_of(request).name, keep=keep)

    done = await parts.once.kept(scope="commission-rules", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/commission-rules",
    opt=describe(
        tag="vendors",
        summary="List commission rules",
        about="Staff only. Those that ended, too; the oldest first.",
        query=VendorPageQuery,
        answer=RuleList,
        errors=(Unauthenticated,),
        permission=Permission.VENDOR_PAYOUTS_READ,
        security=(STAFF,),
    ),
)
async def list_rules(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Rules."""
    query = read_query(request, _PAGE)
    async with parts.db.connection() as connection:
        page = await queries.list_rules(connection, cursor=query.cursor, limit=query.limit)
    return answer(RuleList(page.items, page.next_cursor))


@post(
    "/commission-rules/{rule_id:str}/end",
    status_code=_OK,
    opt=describe(
        tag="vendors",
        summary="End a commission rule",
        about="Staff only. What was sold keeps it. Twice changes nothing.",
        answer=CommissionRule,
        headers=(KEY,),
        errors=(Unauthenticated, CommissionRuleNotFound, *REPEATED),
        permission=Permission.COMMISSION_WRITE,
        security=(STAFF,),
    ),
)
async def end_rule(
    request: ApiRequest, parts: NamedDependency[Parts], rule_id: FromPath[str]
) -> ApiResponse:
    """No more."""
    key = get_key(headers_of(request))
    found = parse_id(rule_id)
    if found is None:
        raise CommissionRuleNotFound("There is no rule with this id.")

    async def work() -> Finished:
        rule = await commands.end_rule(parts.db, rule_id=found, actor=actor_of(request).name)
        return Finished(_OK, encode(rule), rule.id)

    done = await parts.once(scope=f"end-rule:{found}", key=key, body=b"", work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/vendors/{vendor:str}/statement",
    opt=describe(
        tag="vendors",
        summary="Read a vendor's statement",
        about="Staff only. What of sales was the vendor's between two instants, by currency, net "
        "of tax: the store pays the tax and keeps what is paid for shipping.",
        query=PeriodQuery,
        answer=StatementList,
        errors=(Unauthenticated, VendorNotFound, InvalidInput),
        permission=Permission.VENDOR_PAYOUTS_READ,
        security=(STAFF,),
    ),
)
async def read_statement(
    request: ApiRequest, parts: NamedDependency[Parts], vendor: FromPath[str]
) -> ApiResponse:
    """An account."""
    period, found = await _statements(request, parts, vendor)
    items = tuple(map(_statement, found))
    return answer(StatementList(vendor, period.since, period.until, items))


@get(
    "/vendors/{vendor:str}/statement/csv",
    opt=describe(
        tag="vendors",
        summary="Download a vendor's statement",
        about="Staff only. The same, a row for each currency, in major units.",
        query=PeriodQuery,
        answer=str,
        answer_type=CSV,
        answer_example="currency,opening,sales,commission,refunds,commission_refunded,payouts,"
        "closing\r\nEUR,0.00,16.66,2.38,0.00,0.00,0.00,14.28\r\n",
        errors=(Unauthenticated, VendorNotFound, InvalidInput),
        permission=Permission.VENDOR_PAYOUTS_READ,
        security=(STAFF,),
    ),
)
async def download_statement(
    request: ApiRequest, parts: NamedDependency[Parts], vendor: FromPath[str]
) -> Response[Any]:
    """The account as a table."""
    _, found = await _statements(request, parts, vendor)
    names = [name.removesuffix("_minor") for name in Statement.__struct_fields__]
    rows: list[Cells] = [[row.currency, *map(to_major, _amounts(row))] for row in found]
    return csv_file([names, *rows], f"{vendor}.csv")


async def _statements(
    request: ApiRequest, parts: Parts, vendor: str
) -> tuple[PeriodQuery, tuple[Statement, ...]]:
    period = read_query(request, _PERIOD)
    async with parts.db.connection() as connection:
        found = await queries.get_statements(
            connection, vendor=vendor, since=period.since, until=period.until
        )
    return period, found


def _amounts(row: Statement) -> list[Money]:
    _, *amounts = msgspec.structs.astuple(row)
    return [Money(amount, row.currency) for amount in amounts]


def _statement(row: Statement) -> StatementShape:
    return StatementShape(*_amounts(row))


def csv_file(rows: Sequence[Cells], name: str) -> Response[Any]:
    """A table to download."""
    return Response(
        write_rows(rows).encode(),
        media_type=CSV,
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


HANDLERS: Final[tuple[Any, ...]] = (
    add_rule,
    list_rules,
    end_rule,
    read_statement,
    download_statement,
)
