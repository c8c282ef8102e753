"""Invoices, credit notes and packing slips over HTTP: issued by staff, read by buyers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.db import shop
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Fault
from surehold.kernel.ids import OrderChangeId, OrderId, RefundId
from surehold.kernel.money import Money
from surehold.orders import queries as orders
from surehold.orders.documents import commands, queries
from surehold.orders.documents.errors import DocumentNotDue, DocumentNotFound
from surehold.orders.documents.model import Document, DocumentKind, DocumentSummary
from surehold.orders.errors import OrderNotFound
from surehold.payments.errors import RefundNotFound
from surehold.web.api.access import actor_of, open_order
from surehold.web.api.parts import Parts
from surehold.web.api.wire import (
    ApiRequest,
    ApiResponse,
    answer,
    headers_of,
    read_json,
    read_query,
)
from surehold.web.documents import page, pdf
from surehold.web.documents.sheet import Sheet, sheet_of
from surehold.web.errors import Unauthenticated
from surehold.web.openapi import ORDER, STAFF, describe
from surehold.web.problems import NotAcceptable
from surehold.web.validation import Reader, parse_id

PDF: Final = "application/pdf"
HTML: Final = "text/html"
#: What buyers may read of their own; the warehouse's papers are the shop's.
FOR_BUYERS: Final = frozenset({DocumentKind.INVOICE, DocumentKind.CREDIT_NOTE})

Language = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        max_length=35,
        description="A language tag; the nearest of en, am, de, fr, hi is used.",
    ),
]


class DocumentShape(msgspec.Struct, frozen=True):
    """One document of an order. Its text is at ``url``, as PDF or as a page that prints."""

    id: UUID
    kind: str
    number: str
    refund_id: RefundId | None
    #: The change that it was issued for, or after.
    change_id: OrderChangeId | None
    language: str
    total: Money
    issued_at: datetime
    url: str


class DocumentList(msgspec.Struct, frozen=True):
    """The documents of an order, oldest first."""

    items: tuple[DocumentShape, ...]
    next_cursor: str | None = None


class IssueBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which document. A credit note names its refund, or the change that gave something up.

    With a change the invoice is of what it added. Unset, the language is the buyer's.
    """

    kind: Literal["invoice", "credit_note", "packing_slip"]
    refund_id: UUID | None = None
    language: Language | None = None
    change_id: UUID | None = None

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Sequence[Fault]:
        """What is wrong between the fields."""
        is_note = raw.get("kind") == DocumentKind.CREDIT_NOTE.value
        is_named = raw.get("refund_id") is not None
        has_change = raw.get("change_id") is not None
        if is_note and is_named is has_change:
            detail = "A credit note is for a refund, or for a change."
            return [Fault(f"{at}/refund_id", "required", detail)]
        if is_named and not is_note:
            return [Fault(f"{at}/refund_id", "not_taken", "Only a credit note is for a refund.")]
        if has_change and raw.get("kind") == DocumentKind.PACKING_SLIP.value:
            return [Fault(f"{at}/change_id", "not_taken", "A packing slip is of the whole order.")]
        return []


class DocumentQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another language than the document's own."""

    language: Language | None = None
    token: (
        Annotated[
            str,
            Meta(max_length=200, description="The order's token, where no header can be sent."),
        ]
        | None
    ) = None


_ISSUE: Final = Reader(IssueBody)
_QUERY: Final = Reader(DocumentQuery)


def _shape(parts: Parts, order_id: OrderId, row: Document | DocumentSummary) -> DocumentShape:
    return DocumentShape(
        row.id,
        row.kind.value,
        row.number,
        row.refund_id,
        row.change_id,
        row.language,
        Money(row.total_minor, row.currency),
        row.issued_at,
        f"{parts.config.base_url}/api/v1/orders/{order_id}/documents/{row.id}",
    )


@post(
    "/orders/{order_id:str}/documents",
    opt=describe(
        tag="orders",
        summary="Issue an invoice, a credit note or a packing slip",
        about="Numbered without gaps in its series, and never changed. What was issued before is "
        "answered with 200. Invoices and credit notes are issued by themselves soon after the "
        "payment or the refund; this is for whoever cannot wait.",
        body=IssueBody,
        body_example={"kind": "invoice"},
        answer=DocumentShape,
        status=201,
        also={200: "It was issued before."},
        errors=(OrderNotFound, RefundNotFound, DocumentNotDue, Unauthenticated),
        permission=Permission.DOCUMENTS_WRITE,
        security=(STAFF,),
    ),
)
async def issue(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Issue a document, once."""
    body, _ = await read_json(request, _ISSUE)
    found = parse_id(order_id)
    if found is None:
        raise OrderNotFound("There is no order with this id.")
    issued = await commands.issue(
        parts.db,
        order_id=OrderId(found),
        kind=DocumentKind(body.kind),
        refund_id=None if body.refund_id is None else RefundId(body.refund_id),
        language=body.language,
        change_id=None if body.change_id is None else OrderChangeId(body.change_id),
        actor=actor_of(request).name,
    )
    shape = _shape(parts, OrderId(found), issued.document)
    return answer(shape, status=201 if issued.is_new else 200)


@get(
    "/orders/{order_id:str}/documents",
    opt=describe(
        tag="orders",
        summary="List an order's documents",
        about="Buyers see their invoice and credit notes; staff see packing slips as well.",
        answer=DocumentList,
        errors=(OrderNotFound, Unauthenticated),
        permission=Permission.DOCUMENTS_READ,
        security=(ORDER, STAFF),
    ),
)
async def list_documents(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Every document of an order that the caller may see."""
    found, is_staff = open_order(request, parts, order_id)
    async with parts.db.connection() as connection:
        await orders.get_order(connection, order_id=found)
        rows = await queries.list_documents(connection, order_id=found)
    shown = [row for row in rows if is_staff or row.kind in FOR_BUYERS]
    return answer(DocumentList(tuple(_shape(parts, found, row) for row in shown)))


@get(
    "/orders/{order_id:str}/documents/{document_id:str}",
    opt=describe(
        tag="orders",
        summary="Read a document as PDF or as a page that prints",
        about="By `Accept`: `application/pdf`, or `text/html` for one page with its own style, "
        "which browsers print. PDF where nothing is preferred and the extra `pdf` is installed.",
        query=DocumentQuery,
        answer=bytes,
        answer_type=PDF,
        also_types=(HTML,),
        errors=(OrderNotFound, DocumentNotFound, NotAcceptable, Unauthenticated),
        permission=Permission.DOCUMENTS_READ,
        security=(ORDER, STAFF),
    ),
)
async def get_document(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    document_id: FromPath[str],
) -> ApiResponse:
    """One document."""
    found, is_staff = open_order(request, parts, order_id)
    language = read_query(request, _QUERY).language
    kind = _preferred(headers_of(request).get(b"accept", b"").decode("latin-1"))
    wanted = parse_id(document_id)
    if wanted is None:
        raise DocumentNotFound("This order has no document with this id.")
    async with parts.db.connection() as connection:
        document = await queries.get_document(connection, order_id=found, document_id=wanted)
        zone = (await shop.load(connection)).zone
    if not is_staff and document.kind not in FOR_BUYERS:
        raise DocumentNotFound("This order has no document with this id.")
    sheet = sheet_of(document, zone=zone, language=language)
    return await _render(sheet, document, kind)


async def _render(sheet: Sheet, document: Document, kind: str) -> ApiResponse:
    name = f"{document.number}.{'pdf' if kind == PDF else 'html'}"
    headers = {
        "content-disposition": f'inline; filename="{name}"',
        "content-language": sheet.language,
        "vary": "accept",
    }
    if kind == PDF:
        body = await pdf.render(sheet, issued_at=document.issued_at)
        return Response(body, media_type=PDF, headers=headers)
    headers["content-security-policy"] = page.POLICY
    return Response(page.render(sheet), media_type=HTML, headers=headers)


def _preferred(accept: str) -> str:
    """PDF or HTML: what is named first of the two, or what there is.

    Raises:
        NotAcceptable: Neither is taken, or only PDF, and the extra is not installed.
    """
    offered = [PDF, HTML] if pdf.IS_INSTALLED else [HTML]
    ranges = [_range_of(part) for part in (accept or "*/*").split(",")]
    for kind in sorted(offered, key=lambda one: -_quality(one, ranges)):
        if _quality(kind, ranges) > 0:
            return kind
    raise NotAcceptable(f"This document is available as {' or '.join(offered)}.")


def _range_of(part: str) -> tuple[str, int]:
    """A media range, and its weight in thousandths; one that cannot be read is 0."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    whole, _, fraction = weight.partition(".")
    digits = (whole + fraction.ljust(3, "0")[:3]) if whole in {"0", "1"} else "0"
    return name, min(int(digits), 1000) if digits.isascii() and digits.isdigit() else 0


def _quality(kind: str, ranges: Sequence[tuple[str, int]]) -> int:
    """The weight of the range that says most about a kind."""
    for pattern in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        weights = [weight for name, weight in ranges if name == pattern]
        if weights:
            return max(weights)
    return 0


HANDLERS: Final = (issue, list_documents, get_document)
