"""Orders over HTTP: for the guest who has the order's token, and for staff."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout import queries
from surehold.checkout.commands import (
    EXTENSIONS,
    PARTS,
    cancel_order,
    cancel_part,
    extend_reservation,
    retry_payment,
)
from surehold.checkout.errors import (
    ExtensionRefused,
    HoldOver,
    NothingLeft,
    OrderNotPayable,
    UnitsNotCancelable,
)
from surehold.checkout.model import BUYER, SYSTEM, PlacedOrder
from surehold.checkout.settlements import Keep
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.errors import Busy
from surehold.kernel.ids import OrderId, OrderLineId
from surehold.kernel.page import MAX_LIMIT
from surehold.orders import queries as orders
from surehold.orders.carriers import tracking_url
from surehold.orders.errors import OrderHeld, OrderNotCancelable, OrderNotFound
from surehold.orders.model import Address, CancelReason, TimelineEntry
from surehold.payments.errors import (
    AmountNotSupported,
    CashOnDeliveryNotOffered,
    CurrencyNotSupported,
    PaymentInProgress,
    ProviderUnknown,
)
from surehold.web.api.access import actor_of, open_order, scope_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import PaymentMethodBody, Phone, Units
from surehold.web.api.once import Finished, find_key, get_key
from surehold.web.api.parts import Parts
from surehold.web.api.shapes import (
    FulfillmentShape,
    LineShape,
    MoneyBack,
    OrderShape,
    PaymentShape,
    fulfillment_shape,
    line_shape,
    money_back,
    order_shape,
    payment_shape,
)
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
from surehold.web.openapi import OPTIONAL_KEY, ORDER, STAFF, describe
from surehold.web.validation import Reader

#: Why an order cannot be paid in the way that was named.
PAYING: Final = (
    ProviderUnknown,
    CashOnDeliveryNotOffered,
    CurrencyNotSupported,
    AmountNotSupported,
)
_REPEATED: Final = (IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInFlight)


class OrderDetail(OrderShape, frozen=True):
    """An order, its latest payment, and everything that was paid, given back and sent."""

    payment: PaymentShape | None
    payments: tuple[PaymentShape, ...]
    refunds: tuple[MoneyBack, ...]
    fulfillments: tuple[FulfillmentShape, ...]


class OrderLines(msgspec.Struct, frozen=True):
    """The lines of an order that the caller may see, and where they are to go."""

    order_id: OrderId
    number: str
    status: str
    fulfillment_status: str
    shipping_method: str
    shipping_address: Address
    placed_at: datetime
    items: tuple[LineShape, ...]


class EventShape(msgspec.Struct, frozen=True):
    """One line of an order's timeline.

    ``kind`` is status, payment, refund, fulfillment or note; the statuses are those of the
    subject, and ``reason`` is what a note says.
    """

    kind: str
    subject_id: UUID
    seq: int
    from_status: str | None
    to_status: str | None
    actor: str
    reason: str
    carrier: str | None
    tracking_number: str | None
    tracking_url: str | None
    is_visible: bool
    happened_at: datetime


class EventList(msgspec.Struct, frozen=True):
    """One page of an order's timeline, oldest first."""

    items: tuple[EventShape, ...]
    next_cursor: str | None


class EventQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page. The order's token may stand here as well."""

    cursor: Cursor | None = None
    limit: Limit = MAX_LIMIT
    token: str | None = None


class RetryBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to pay this time; unset: as before.

    ``phone``: the telephone on which it is confirmed, if that is not the one that goods are sent
    to. Another number is asked in place of the last; the same one once more after a minute.
    """

    payment_method: PaymentMethodBody | None = None
    phone: Phone | None = None


class NoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing."""


_EVENTS: Final = Reader(EventQuery)


class CancelBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which units to give up; unset: the whole order."""

    lines: Units | None = None


_RETRY: Final = Reader(RetryBody)
_CANCEL: Final = Reader(CancelBody)
_NO_BODY: Final = Reader(NoBody)


def order_detail(parts: Parts, placed: PlacedOrder) -> OrderDetail:
    """An order with its payment for the wire."""
    order = order_shape(placed, token=parts.checkout.context.access.token(placed.order.id))
    payment = payment_shape(placed.payment) if placed.payment else None
    return OrderDetail(
        **msgspec.structs.asdict(order),
        payment=payment,
        payments=tuple(payment_shape(row) for row in placed.payments),
        refunds=tuple(money_back(row) for row in placed.refunds),
        fulfillments=tuple(fulfillment_shape(row) for row in placed.fulfillments),
    )


def _finished(parts: Parts, placed: PlacedOrder) -> Finished:
    return Finished(200, encode(order_detail(parts, placed)), placed.order.id)


def _event(entry: TimelineEntry, *, is_staff: bool) -> EventShape:
    """One entry; buyers are not told which of the staff it was."""
    is_named = is_staff or entry.actor in {BUYER.name, SYSTEM.name}
    return EventShape(
        entry.kind.value,
        entry.subject_id,
        entry.seq,
        entry.from_state,
        entry.to_state,
        entry.actor if is_named else "staff",
        entry.text,
        entry.carrier,
        entry.tracking_number,
        tracking_url(entry.carrier, entry.tracking_number),
        entry.is_visible,
        entry.happened_at,
    )


@get(
    "/orders/{order_id:str}",
    opt=describe(
        tag="orders",
        summary="Read one order",
        about="A wrong token and a missing order look the same.",
        answer=OrderDetail,
        errors=(OrderNotFound, Unauthenticated),
        permission=Permission.ORDERS_READ,
        security=(ORDER, STAFF),
    ),
)
async def get_order(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """One order with its lines and its latest payment."""
    found, _ = open_order(request, parts, order_id)
    async with parts.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=found)
    return answer(order_detail(parts, placed))


@get(
    "/orders/{order_id:str}/lines",
    opt=describe(
        tag="orders",
        summary="Read an order's lines, and where they are to go",
        about="Of vendors' staff their vendor's lines; an order without any is as good as none.",
        answer=OrderLines,
        errors=(OrderNotFound,),
        permission=Permission.ORDERS_READ,
        is_vendor_scoped=True,
        security=(STAFF,),
    ),
)
async def list_lines(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """What is to be packed, and for whom."""
    found, _ = open_order(request, parts, order_id)
    scope = scope_of(request)
    async with parts.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=found, scope=scope)
    order = placed.order
    return answer(
        OrderLines(
            order.id,
            order.number,
            order.status.value,
            order.fulfillment_status.value,
            order.shipping_method,
            order.shipping_address,
            order.placed_at,
            tuple(
                line_shape(line, order.currency, placed.backorders.get(line.id))
                for line in placed.lines
            ),
        )
    )


@get(
    "/orders/{order_id:str}/events",
    opt=describe(
        tag="orders",
        summary="Read what happened to an order",
        about="Its changes of status, parcels, refunds and notes, oldest first. Payments' own "
        "moves and internal notes are for staff alone.",
        query=EventQuery,
        answer=EventList,
        errors=(OrderNotFound, Unauthenticated),
        permission=Permission.ORDERS_READ,
        security=(ORDER, STAFF),
    ),
)
async def list_events(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Everything that the caller may know of, oldest first."""
    found, is_staff = open_order(request, parts, order_id)
    query = read_query(request, _EVENTS)
    async with parts.db.connection() as connection:
        await orders.get_order(connection, order_id=found)
        page = await orders.list_timeline(
            connection,
            order_id=found,
            is_visible_only=not is_staff,
            cursor=query.cursor,
            limit=query.limit,
        )
    items = tuple(_event(row, is_staff=is_staff) for row in page.items)
    return answer(EventList(items, page.next_cursor))


@post(
    "/orders/{order_id:str}/cancel",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Cancel an order that has not shipped, or a part of it",
        about="Its stock is free again and its money goes back, once. Canceling twice answers the "
        "canceled order. With `lines` only these units are given up, which needs an "
        "`Idempotency-Key`: what was paid for them goes back, what was not is not due, and a "
        "payment that was open is begun anew with what is. Shipping stays as promised. Buyers "
        "cancel until work on the order begins, staff until something was sent.",
        body=CancelBody,
        is_body_optional=True,
        body_example={
            "lines": [{"line_id": "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10", "quantity": 1}]
        },
        answer=OrderDetail,
        headers=(OPTIONAL_KEY,),
        errors=(
            OrderNotFound,
            Unauthenticated,
            OrderNotCancelable,
            OrderHeld,
            UnitsNotCancelable,
            NothingLeft,
            PaymentInProgress,
            IdempotencyKeyMissing,
            Busy,
            *_REPEATED,
        ),
        permission=Permission.ORDERS_WRITE,
        security=(ORDER, STAFF),
    ),
)
async def cancel(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Cancel as the buyer or as staff, whoever asks."""
    found, is_staff = open_order(request, parts, order_id)
    key = find_key(headers_of(request))
    body, raw = await read_json(request, _CANCEL, is_optional=True)
    reason = CancelReason.STAFF if is_staff else CancelReason.BUYER
    actor = actor_of(request)
    if body.lines is not None:
        key = get_key(headers_of(request))
        units = tuple((OrderLineId(row.line_id), row.quantity) for row in body.lines)
        place = f"{found}:{key}"

        async def give_up(request_hash: bytes) -> None:
            keep = Keep(PARTS, place, request_hash, render)
            await cancel_part(
                parts.checkout, order_id=found, lines=units, reason=reason, actor=actor, keep=keep
            )

        def render(placed: PlacedOrder) -> bytes:
            return encode(order_detail(parts, placed))

        done = await parts.once.kept(scope=PARTS, key=place, body=raw, work=give_up)
        return answer_bytes(done.body, status=done.status)

    async def work() -> Finished:
        placed = await cancel_order(parts.checkout, order_id=found, reason=reason, actor=actor)
        return _finished(parts, placed)

    done = await parts.once(scope=f"cancel:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@post(
    "/orders/{order_id:str}/retry-payment",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Pay an order again, perhaps another way",
        about="A payment that is still open is joined, not doubled. When the items are no longer "
        "held, they are held afresh: all of them, or the answer says what is left.",
        body=RetryBody,
        is_body_optional=True,
        body_example={"payment_method": {"provider": "bank_transfer"}},
        answer=OrderDetail,
        headers=(OPTIONAL_KEY,),
        errors=(
            OrderNotFound,
            Unauthenticated,
            *PAYING,
            OrderNotPayable,
            PaymentInProgress,
            InsufficientStock,
            Busy,
            *_REPEATED,
        ),
        permission=Permission.ORDERS_WRITE,
        security=(ORDER, STAFF),
    ),
)
async def retry(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Begin another payment of the same order."""
    found, _ = open_order(request, parts, order_id)
    key = find_key(headers_of(request))
    body, raw = await read_json(request, _RETRY, is_optional=True)

    async def work() -> Finished:
        placed = await begin_payment(parts, found, body)
        return _finished(parts, placed)

    done = await parts.once(scope=f"retry-payment:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


async def begin_payment(parts: Parts, order_id: OrderId, asked: RetryBody) -> PlacedOrder:
    """Pay an order (again), the way that was named or the way it was begun."""
    if asked.payment_method is not None:
        provider = asked.payment_method.provider
    else:
        async with parts.db.connection() as connection:
            provider = (await orders.get_order(connection, order_id=order_id)).provider
    return await retry_payment(
        parts.checkout,
        order_id=order_id,
        provider=provider,
        phone=asked.phone,
        is_again=asked.phone is not None,
    )


@post(
    "/orders/{order_id:str}/extend-reservation",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Hold an unpaid order's items for longer",
        about="As often as the store allows. A repeated request without a key counts again.",
        body=NoBody,
        is_body_optional=True,
        answer=OrderDetail,
        headers=(OPTIONAL_KEY,),
        errors=(
            OrderNotFound,
            Unauthenticated,
            OrderNotPayable,
            HoldOver,
            ExtensionRefused,
            Busy,
            *_REPEATED,
        ),
        permission=Permission.ORDERS_WRITE,
        security=(ORDER, STAFF),
    ),
)
async def extend(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Give the buyer more time."""
    found, _ = open_order(request, parts, order_id)
    key = find_key(headers_of(request))
    _, raw = await read_json(request, _NO_BODY, is_optional=True)

    def render(placed: PlacedOrder) -> bytes:
        return encode(order_detail(parts, placed))

    if key is None:
        return answer_bytes(render(await extend_reservation(parts.checkout, order_id=found)))
    place = f"{found}:{key}"

    async def work(request_hash: bytes) -> None:
        keep = Keep(EXTENSIONS, place, request_hash, render)
        await extend_reservation(parts.checkout, order_id=found, keep=keep)

    done = await parts.once.kept(scope=EXTENSIONS, key=place, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


HANDLERS: Final = (get_order, list_lines, list_events, cancel, retry, extend)
