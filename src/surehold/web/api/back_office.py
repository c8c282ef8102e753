"""Orders as staff work on them: lists, statuses, notes, and many orders at once."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.checkout import commands, queries
from surehold.checkout.commands import BULK_MAX, NOTES
from surehold.checkout.model import BulkOutcome
from surehold.checkout.rules.fulfilling import Parcel
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Busy, Fault
from surehold.kernel.ids import OrderId
from surehold.kernel.money import MAX_MINOR, Money
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.orders import queries as orders
from surehold.orders.errors import OrderNotFound, StatusOutOfReach
from surehold.orders.model import (
    FulfillmentStatus,
    OrderFilter,
    OrderStatus,
    OrderSummary,
    PaymentStatus,
)
from surehold.web.api.access import actor_of, open_order, scope_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import CurrencyCode, Line200
from surehold.web.api.fulfillments import CarrierCode, TrackingNumber, VendorSlug
from surehold.web.api.once import Finished, get_key
from surehold.web.api.orders import OrderDetail, order_detail
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
from surehold.web.validation import Reader

_REPEATED: Final = (
    IdempotencyKeyMissing,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    RequestInFlight,
)
_CREATED: Final = 201
#: What a note may have in it beside what prints.
_LAYOUT: Final = frozenset("\n\t")


def _text_fault(text: str) -> tuple[str, str] | None:
    if not text.strip():
        return "blank", "There must be something in it."
    if any(not letter.isprintable() and letter not in _LAYOUT for letter in text):
        return "invalid_text", "Text without control characters."
    return None


NoteText = Annotated[str, Meta(min_length=1, max_length=2000, extra={"check": _text_fault})]
Search = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=254,
        description="A whole order number, e-mail address, SKU or tracking number.",
    ),
]
Total = Annotated[int, Meta(ge=0, le=MAX_MINOR, description="Minor units.")]


class SummaryShape(msgspec.Struct, frozen=True):
    """One order in a list.

    To vendors' staff units and total are their vendor's, and ``email`` is empty.
    """

    id: OrderId
    number: str
    email: str
    name: str
    country: str
    status: str
    payment_status: str
    fulfillment_status: str
    total: Money
    units: int
    needs_review: bool
    placed_at: datetime


class OrderList(msgspec.Struct, frozen=True):
    """One page of orders, newest first."""

    items: tuple[SummaryShape, ...]
    next_cursor: str | None


class ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which orders; everything that is set must hold. The range of instants is half-open."""

    search: Search | None = None
    status: OrderStatus | None = None
    payment_status: PaymentStatus | None = None
    fulfillment_status: FulfillmentStatus | None = None
    vendor: VendorSlug | None = None
    currency: CurrencyCode | None = None
    placed_from: Annotated[datetime, Meta(tz=True)] | None = None
    placed_until: Annotated[datetime, Meta(tz=True)] | None = None
    total_min: Total | None = None
    total_max: Total | None = None
    needs_review: bool | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class StatusBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which status is wanted, and why; for ``shipped`` also who carries it."""

    status: OrderStatus
    reason: Line200 | None = None
    carrier: CarrierCode | None = None
    tracking_number: TrackingNumber | None = None

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """What is wrong between the fields."""
        if raw.get("tracking_number") is not None and raw.get("carrier") is None:
            yield Fault(f"{at}/carrier", "missing", "A number is a carrier's.")


class NoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written, and whether the buyer sees it."""

    text: NoteText
    is_visible: bool = False


class NoteShape(msgspec.Struct, frozen=True):
    """A note was written."""

    order_id: OrderId
    text: str
    is_visible: bool


class BulkAction(enum.Enum):
    """What is done to every order that is named."""

    CONFIRM = "confirm"
    PROCESS = "process"
    PACK = "pack"
    SHIP = "ship"
    DELIVER = "deliver"
    CANCEL = "cancel"
    ARCHIVE = "archive"
    NOTE = "note"


_LEADS_TO: Final = {
    BulkAction.CONFIRM: OrderStatus.CONFIRMED,
    BulkAction.PROCESS: OrderStatus.PROCESSING,
    BulkAction.PACK: OrderStatus.READY_FOR_SHIPMENT,
    BulkAction.SHIP: OrderStatus.SHIPPED,
    BulkAction.DELIVER: OrderStatus.DELIVERED,
    BulkAction.CANCEL: OrderStatus.CANCELED,
    BulkAction.ARCHIVE: OrderStatus.ARCHIVED,
}


class BulkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do to which orders. ``text`` is for notes, ``carrier`` for shipping."""

    action: BulkAction
    order_ids: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=BULK_MAX)]
    reason: Line200 | None = None
    carrier: CarrierCode | None = None
    text: NoteText | None = None
    is_visible: bool = False

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """What is wrong between the fields."""
        if (raw.get("action") == BulkAction.NOTE.value) != (raw.get("text") is not None):
            yield Fault(f"{at}/text", "note_and_text", "A note has a text, and only a note.")
        ids = raw.get("order_ids")
        known: set[str] = set()
        for index, one in enumerate(ids[:BULK_MAX] if isinstance(ids, list) else ()):
            key = str(one).lower().replace("-", "")
            if key in known:
                yield Fault(f"{at}/order_ids/{index}", "repeated", "Name each order once.")
            known.add(key)


class RefusalShape(msgspec.Struct, frozen=True):
    """Why an order was left as it was; the same code and facts as a problem of its own."""

    code: str
    title: str
    detail: str
    facts: dict[str, Any]


class OutcomeShape(msgspec.Struct, frozen=True):
    """What became of one order: ``done``, ``unchanged``, or ``refused`` with the problem."""

    order_id: OrderId
    outcome: str
    problem: RefusalShape | None


class BulkShape(msgspec.Struct, frozen=True):
    """What became of each order, in the order in which they were named."""

    items: tuple[OutcomeShape, ...]
    done: int
    unchanged: int
    refused: int


_LIST: Final = Reader(ListQuery)
_STATUS: Final = Reader(StatusBody)
_NOTE: Final = Reader(NoteBody)
_BULK: Final = Reader(BulkBody)


def _summary(row: OrderSummary, *, is_whole: bool) -> SummaryShape:
    """One order; a vendor sends to the buyer, and has no other business with their address."""
    return SummaryShape(
        row.id,
        row.number,
        row.email if is_whole else "",
        row.name,
        row.country,
        row.status.value,
        row.payment_status.value,
        row.fulfillment_status.value,
        Money(row.total_minor, row.currency),
        row.units,
        row.needs_review,
        row.placed_at,
    )


@get(
    "/orders",
    opt=describe(
        tag="orders",
        summary="List and search orders",
        about="Newest first. `vendor` shows the orders with goods of that vendor. "
        "`needs_review`: a payment of the order waits for a person.",
        query=ListQuery,
        answer=OrderList,
        errors=(Unauthenticated,),
        permission=Permission.ORDERS_READ,
        is_vendor_scoped=True,
        security=(STAFF,),
    ),
)
async def list_orders(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """One page of orders."""
    query, scope = read_query(request, _LIST), scope_of(request)
    wanted = OrderFilter(
        search=query.search,
        status=query.status,
        payment_status=query.payment_status,
        fulfillment_status=query.fulfillment_status,
        vendor=query.vendor,
        currency=query.currency,
        placed_from=query.placed_from,
        placed_until=query.placed_until,
        total_min_minor=query.total_min,
        total_max_minor=query.total_max,
        needs_review=query.needs_review,
    )
    async with parts.db.connection() as connection:
        page = await orders.list_orders(
            connection,
            wanted=wanted,
            scope=scope,
            cursor=query.cursor,
            limit=query.limit,
        )
    items = tuple(_summary(row, is_whole=scope.vendor_id is None) for row in page.items)
    return answer(OrderList(items, page.next_cursor))


@put(
    "/orders/{order_id:str}/status",
    opt=describe(
        tag="orders",
        summary="Bring an order to a status",
        about="Does what brings the status about: confirms, packs everything that is left, ships "
        "it, delivers it, cancels or archives. Nobody sets a status by hand: where nothing leads "
        "there now, the refusal says what is `reachable`. There already: nothing changes. What "
        "packs, ships or delivers also needs `fulfillments.write`.",
        body=StatusBody,
        body_example={
            "status": "shipped",
            "carrier": "dhl",
            "tracking_number": "JD014600006281230704",
        },
        answer=OrderDetail,
        errors=(OrderNotFound, Unauthenticated, StatusOutOfReach, Busy),
        permission=Permission.ORDERS_WRITE,
        security=(STAFF,),
    ),
)
async def put_status(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Do what brings the status about."""
    found, _ = open_order(request, parts, order_id)
    body, _ = await read_json(request, _STATUS)
    await commands.reach_status(
        parts.checkout,
        order_id=found,
        status=body.status,
        actor=actor_of(request),
        reason=body.reason,
        parcel=None if body.carrier is None else Parcel(body.carrier, body.tracking_number),
    )
    async with parts.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=found)
    return answer(order_detail(parts, placed))


@post(
    "/orders/{order_id:str}/notes",
    opt=describe(
        tag="orders",
        summary="Write a note about an order",
        about="It stands in the order's timeline, and is never changed. The buyer sees it when "
        "`is_visible`.",
        body=NoteBody,
        body_example={"text": "Packed with a card, as asked.", "is_visible": True},
        answer=NoteShape,
        status=_CREATED,
        headers=(KEY,),
        errors=(OrderNotFound, Unauthenticated, Busy, *_REPEATED),
        permission=Permission.ORDERS_WRITE,
        security=(STAFF,),
    ),
)
async def write_note(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Write it once."""
    found, _ = open_order(request, parts, order_id)
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _NOTE)
    shape = NoteShape(found, body.text, body.is_visible)

    async def work(request_hash: bytes) -> None:
        await commands.write_note(
            parts.checkout,
            order_id=found,
            text=body.text,
            is_visible=body.is_visible,
            actor=actor_of(request),
            key=key,
            request_hash=request_hash,
            response=encode(shape),
        )

    done = await parts.once.kept(scope=NOTES, key=f"{found}:{key}", body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@post(
    "/orders/bulk",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Do the same to many orders",
        about=f"Up to {BULK_MAX} orders, each by itself: one that is refused stops no other. "
        "Asking again with the same key gets the same answer; with another key, what was done "
        "is `unchanged`.",
        body=BulkBody,
        body_example={
            "action": "confirm",
            "order_ids": ["0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"],
        },
        answer=BulkShape,
        headers=(KEY,),
        errors=(Unauthenticated, Busy, *_REPEATED),
        permission=Permission.ORDERS_WRITE,
        security=(STAFF,),
    ),
)
async def change_many(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Each order by itself."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _BULK)
    ids = [OrderId(one) for one in body.order_ids]

    async def work() -> Finished:
        if body.text is not None:
            outcomes = await commands.note_many(
                parts.checkout,
                order_ids=ids,
                text=body.text,
                is_visible=body.is_visible,
                actor=actor_of(request),
                key=key,
            )
        else:
            outcomes = await commands.change_many(
                parts.checkout,
                order_ids=ids,
                status=_LEADS_TO[body.action],
                actor=actor_of(request),
                reason=body.reason,
                parcel=None if body.carrier is None else Parcel(body.carrier),
            )
        return Finished(200, encode(_bulk(outcomes)), ids[0])

    done = await parts.once(scope="bulk", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


def _bulk(outcomes: tuple[BulkOutcome, ...]) -> BulkShape:
    items = tuple(_outcome(one) for one in outcomes)
    count = [item.outcome for item in items].count
    return BulkShape(items, count("done"), count("unchanged"), count("refused"))


def _outcome(one: BulkOutcome) -> OutcomeShape:
    refusal = one.refusal
    if refusal is None:
        return OutcomeShape(one.order_id, "done" if one.is_done else "unchanged", None)
    problem = RefusalShape(refusal.code, refusal.title, refusal.detail, refusal.facts)
    return OutcomeShape(one.order_id, "refused", problem)


HANDLERS: Final = (list_orders, put_status, write_note, change_many)
