"""The audit log over HTTP: who of the staff did what, as a list and as a table."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import Meta

from surehold.db import audit
from surehold.db.model import AuditEntry
from surehold.identity.permissions import Permission
from surehold.kernel.csv_table import write_rows
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.parts import Parts
from surehold.web.api.wire import CSV, ApiRequest, ApiResponse, answer, read_query
from surehold.web.openapi import STAFF, describe
from surehold.web.validation import Reader

#: So many entries are in one file; earlier ones by the instants.
EXPORT_MAX: Final = 10_000
_COLUMNS: Final = (
    "seq",
    "happened_at",
    "actor",
    "action",
    "subject",
    "address",
    "request_id",
    "content",
    "digest",
)

Actor = Annotated[str, Meta(min_length=1, max_length=200, examples=["operator"])]
Action = Annotated[
    str, Meta(min_length=1, max_length=200, examples=["POST /orders/{order_id}/cancel"])
]


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which entries; everything that is set must hold. The range of instants is half-open."""

    actor: Actor | None = None
    action: Action | None = None
    happened_from: Annotated[datetime, Meta(tz=True)] | None = None
    happened_until: Annotated[datetime, Meta(tz=True)] | None = None


class AuditQuery(ExportQuery, frozen=True, forbid_unknown_fields=True):
    """Which entries, and which page of them."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class AuditShape(msgspec.Struct, frozen=True):
    """One entry. ``digest`` is what the next one holds.

    ``content`` is what was sent, or what was ``before`` and ``after``; secrets and what says who
    somebody is are masked.
    """

    seq: int
    happened_at: datetime
    actor: str
    action: str
    subject: str
    address: str
    request_id: str
    content: dict[str, Any]
    digest: str


class AuditList(msgspec.Struct, frozen=True):
    """One page of entries, newest first."""

    items: tuple[AuditShape, ...]
    next_cursor: str | None


_LIST: Final = Reader(AuditQuery)
_EXPORT: Final = Reader(ExportQuery)


@get(
    "/audit",
    opt=describe(
        tag="staff",
        summary="Read who of the staff did what",
        about="Every change that staff made, newest first, each entry chained to the one before: "
        "`surehold doctor` follows the chain.",
        query=AuditQuery,
        answer=AuditList,
        permission=Permission.AUDIT_READ,
        security=(STAFF,),
    ),
)
async def list_entries(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """One page of the log."""
    query = read_query(request, _LIST)
    async with parts.db.connection() as connection:
        page = await audit.list_entries(
            connection, **_wanted(query), cursor=query.cursor, limit=query.limit
        )
    return answer(AuditList(tuple(map(_shape, page.items)), page.next_cursor))


@get(
    "/audit/export",
    opt=describe(
        tag="staff",
        summary="Take the audit log as a table",
        about=f"CSV, the newest {EXPORT_MAX} entries that match. No cell is a formula.",
        query=ExportQuery,
        answer=bytes,
        answer_type=CSV,
        permission=Permission.AUDIT_READ,
        security=(STAFF,),
    ),
)
async def export(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """The log for a spreadsheet."""
    query = read_query(request, _EXPORT)
    async with parts.db.connection() as connection:
        rows = [row async for row in audit.iterate(connection, limit=EXPORT_MAX, **_wanted(query))]
    body = write_rows([_COLUMNS, *map(_cells, rows)])
    name = {"content-disposition": 'attachment; filename="audit.csv"'}
    return Response(body.encode(), media_type=CSV, headers=name)


def _wanted(query: ExportQuery) -> dict[str, Any]:
    return {
        "actor": query.actor,
        "action": query.action,
        "from_": query.happened_from,
        "until": query.happened_until,
    }


def _shape(row: AuditEntry) -> AuditShape:
    return AuditShape(
        row.seq,
        row.happened_at,
        row.actor,
        row.action,
        row.subject,
        row.address,
        row.request_id,
        row.content,
        row.digest.hex(),
    )


def _cells(row: AuditEntry) -> tuple[str, ...]:
    return (
        str(row.seq),
        row.happened_at.isoformat(),
        row.actor,
        row.action,
        row.subject,
        row.address,
        row.request_id,
        msgspec.json.encode(row.content).decode(),
        row.digest.hex(),
    )


HANDLERS: Final = (list_entries, export)
