"""Goods that come back, over HTTP: buyers ask; staff decide, open the parcel and pay back."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.checkout.commands import (
    RETURNS,
    complete_return,
    inspect_return,
    move_return,
    receive_return,
    request_return,
)
from surehold.checkout.errors import NothingToRefund, RefundExceedsPaid
from surehold.checkout.model import PlacedOrder
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.checkout.settlements import Keep
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Busy
from surehold.kernel.ids import (
    LocationId,
    OrderId,
    OrderLineId,
    ReturnId,
    new_id,
)
from surehold.orders import queries
from surehold.orders.errors import (
    OrderNotFound,
    ReturnNotFound,
    ReturnNotPossible,
    ReturnWindowOver,
    UnitsNotReceived,
    UnitsNotReturnable,
)
from surehold.orders.model import STAFF_SCOPE, ReturnReason, Scope
from surehold.orders.states import ReturnEvent
from surehold.web.api.access import actor_of, open_order, scope_of
from surehold.web.api.fields import MAX_LINES, MAX_QUANTITY, Line200, Note200, Quantity, Units
from surehold.web.api.once import get_key
from surehold.web.api.orders import NoBody
from surehold.web.api.parts import Parts
from surehold.web.api.shapes import ReturnShape, return_shape
from surehold.web.api.wire import (
    ApiRequest,
    ApiResponse,
    answer,
    answer_bytes,
    encode,
    headers_of,
    read_json,
)
from surehold.web.errors import IdempotencyKeyInvalid, RequestInFlight, Unauthenticated
from surehold.web.openapi import KEY, ORDER, STAFF, describe
from surehold.web.validation import Reader, parse_id

_LINE: Final = "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"
_MOVES: Final = (OrderNotFound, Unauthenticated, ReturnNotFound, ReturnNotPossible, Busy)


class ReturnLineBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one line, and why they come back."""

    line_id: UUID
    quantity: Quantity
    reason: ReturnReason
    note: Note200 | None = None


class ReturnBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the buyer wants to send back."""

    lines: Annotated[tuple[ReturnLineBody, ...], Meta(min_length=1, max_length=MAX_LINES)]
    note: Note200 | None = None


class AnswerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the buyer is told with a decision."""

    answer: Note200 | None = None


class ReceivedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was in the parcel; unset: all units that were asked for."""

    lines: Units | None = None


Verdict = Annotated[int, Meta(ge=0, le=MAX_QUANTITY, description="Whole units.")]


class JudgedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a line's units. ``location_id``: the shelf, unless where they came from."""

    line_id: UUID
    sellable: Verdict = 0
    damaged: Verdict = 0
    location_id: UUID | None = None


class InspectBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every unit that was received, judged."""

    lines: Annotated[tuple[JudgedBody, ...], Meta(max_length=MAX_LINES)]


class CompleteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether shipping goes back as well, and what the buyer is told."""

    shipping: bool = False
    reason: Line200 = "Your return"


class ReturnList(msgspec.Struct, frozen=True):
    """The returns of an order, oldest first."""

    items: tuple[ReturnShape, ...]
    next_cursor: str | None = None


_RETURN: Final = Reader(ReturnBody)
_ANSWER: Final = Reader(AnswerBody)
_RECEIVED: Final = Reader(ReceivedBody)
_INSPECT: Final = Reader(InspectBody)
_COMPLETE: Final = Reader(CompleteBody)
_NO_BODY: Final = Reader(NoBody)


async def _list(
    parts: Parts, order_id: OrderId, scope: Scope = STAFF_SCOPE
) -> tuple[ReturnShape, ...]:
    async with parts.db.connection() as connection:
        await queries.get_order(connection, order_id=order_id, scope=scope)
        rows, lines = await queries.list_returns(connection, order_ids=[order_id], scope=scope)
    return tuple(return_shape(row, lines[row.id]) for row in rows)


async def _answer_one(parts: Parts, order_id: OrderId, return_id: ReturnId) -> ApiResponse:
    found = await _list(parts, order_id)
    return answer(next(row for row in found if row.id == return_id))


def _read_target(
    request: ApiRequest, parts: Parts, order_id: str, return_id: str
) -> tuple[OrderId, ReturnId]:
    found, _ = open_order(request, parts, order_id)
    return found, _read_id(return_id)


def _read_id(return_id: str) -> ReturnId:
    one = parse_id(return_id)
    if one is None:
        raise ReturnNotFound("There is no return with this id.")
    return ReturnId(one)


def _described(
    summary: str,
    about: str = "",
    *,
    permission: Permission = Permission.RETURNS_WRITE,
    **facts: Any,
) -> Any:
    return describe(
        tag="orders",
        summary=summary,
        about=about or "Staff only. Sent twice, it changes nothing the second time.",
        answer=ReturnShape,
        permission=permission,
        security=facts.pop("security", (STAFF,)),
        errors=(*_MOVES, *facts.pop("errors", ())),
        **facts,
    )


@get(
    "/orders/{order_id:str}/returns",
    opt=describe(
        tag="orders",
        summary="Read an order's returns",
        answer=ReturnList,
        errors=(OrderNotFound, Unauthenticated),
        permission=Permission.ORDERS_READ,
        is_vendor_scoped=True,
        security=(ORDER, STAFF),
    ),
)
async def list_returns(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Every return, oldest first."""
    found, _ = open_order(request, parts, order_id)
    return answer(ReturnList(await _list(parts, found, scope_of(request))))


@post(
    "/orders/{order_id:str}/returns",
    opt=describe(
        tag="orders",
        summary="Ask to send something back",
        about="Units that were sent and are not coming back already. Buyers ask within the "
        "store's days after delivery (the setting `return_days`), staff always. Staff decide "
        "next.",
        body=ReturnBody,
        body_example={
            "lines": [{"line_id": _LINE, "quantity": 1, "reason": "does_not_fit"}],
            "note": "A size smaller would do.",
        },
        answer=ReturnShape,
        status=201,
        headers=(KEY,),
        errors=(
            OrderNotFound,
            Unauthenticated,
            UnitsNotReturnable,
            ReturnWindowOver,
            Busy,
            IdempotencyKeyMissing,
            IdempotencyKeyInvalid,
            IdempotencyKeyReused,
            RequestInFlight,
        ),
        permission=Permission.RETURNS_WRITE,
        security=(ORDER, STAFF),
    ),
)
async def ask(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Ask to send units back."""
    found, _ = open_order(request, parts, order_id)
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _RETURN)
    return_id = ReturnId(new_id())
    place = f"{found}:{key}"

    def render(placed: PlacedOrder) -> bytes:
        [made] = [row for row in placed.returns if row.id == return_id]
        lines = tuple(row for row in placed.return_lines if row.return_id == return_id)
        return encode(return_shape(made, lines))

    async def work(request_hash: bytes) -> None:
        await request_return(
            parts.checkout,
            order_id=found,
            return_id=return_id,
            lines=tuple(
                Wanted(OrderLineId(row.line_id), row.quantity, row.reason, row.note)
                for row in body.lines
            ),
            note=body.note,
            actor=actor_of(request),
            keep=Keep(RETURNS, place, request_hash, render, 201),
        )

    done = await parts.once.kept(scope=RETURNS, key=place, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


async def _decide(
    request: ApiRequest, parts: Parts, order_id: str, return_id: str, event: ReturnEvent
) -> ApiResponse:
    found, one = _read_target(request, parts, order_id, return_id)
    body, _ = await read_json(request, _ANSWER, is_optional=True)
    await move_return(
        parts.checkout,
        order_id=found,
        return_id=one,
        event=event,
        actor=actor_of(request),
        answer=body.answer,
    )
    return await _answer_one(parts, found, one)


@post(
    "/orders/{order_id:str}/returns/{return_id:str}/approve",
    status_code=200,
    opt=_described("Let a return come", body=AnswerBody, is_body_optional=True),
)
async def approve(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
) -> ApiResponse:
    """Say yes."""
    return await _decide(request, parts, order_id, return_id, ReturnEvent.APPROVE)


@post(
    "/orders/{order_id:str}/returns/{return_id:str}/reject",
    status_code=200,
    opt=_described("Refuse a return", body=AnswerBody, is_body_optional=True),
)
async def reject(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
) -> ApiResponse:
    """Say no; its units may be asked for again."""
    return await _decide(request, parts, order_id, return_id, ReturnEvent.REJECT)


async def _by_anybody(
    request: ApiRequest, parts: Parts, order_id: str, return_id: str, event: ReturnEvent
) -> ApiResponse:
    found, _ = open_order(request, parts, order_id)
    await read_json(request, _NO_BODY, is_optional=True)
    one = _read_id(return_id)
    await move_return(
        parts.checkout,
        order_id=found,
        return_id=one,
        event=event,
        actor=actor_of(request),
    )
    return await _answer_one(parts, found, one)


@post(
    "/orders/{order_id:str}/returns/{return_id:str}/send",
    status_code=200,
    opt=_described(
        "Say that the parcel is on its way back",
        "May be left out. Sent twice, it changes nothing the second time.",
        body=NoBody,
        is_body_optional=True,
        security=(ORDER, STAFF),
    ),
)
async def send(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
) -> ApiResponse:
    """The buyer has handed it to a carrier."""
    return await _by_anybody(request, parts, order_id, return_id, ReturnEvent.SEND)


@post(
    "/orders/{order_id:str}/returns/{return_id:str}/cancel",
    status_code=200,
    opt=_described(
        "Keep the goods after all",
        "Before the parcel is on its way. Its units may be asked for again.",
        body=NoBody,
        is_body_optional=True,
        security=(ORDER, STAFF),
    ),
)
async def cancel(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
) -> ApiResponse:
    """The buyer keeps the goods."""
    return await _by_anybody(request, parts, order_id, return_id, ReturnEvent.CANCEL)


@post(
    "/orders/{order_id:str}/returns/{return_id:str}/receive",
    status_code=200,
    opt=_described(
        "Open the parcel",
        body=ReceivedBody,
        is_body_optional=True,
        body_example={"lines": [{"line_id": _LINE, "quantity": 1}]},
        errors=(UnitsNotReceived,),
    ),
)
async def receive(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
) -> ApiResponse:
    """Count what was in it."""
    found, one = _read_target(request, parts, order_id, return_id)
    body, _ = await read_json(request, _RECEIVED, is_optional=True)
    units = None
    if body.lines is not None:
        units = tuple((OrderLineId(row.line_id), row.quantity) for row in body.lines)
    await receive_return(
        parts.checkout, order_id=found, return_id=one, actor=actor_of(request), units=units
    )
    return await _answer_one(parts, found, one)


@post(
    "/orders/{order_id:str}/returns/{return_id:str}/inspect",
    status_code=200,
    opt=_described(
        "Judge what was received",
        "Staff only. Sellable units go on the shelf, once, with a movement `returned`; damaged "
        "ones do not. Every received unit is judged.",
        body=InspectBody,
        body_example={"lines": [{"line_id": _LINE, "sellable": 1, "damaged": 0}]},
        errors=(UnitsNotReceived,),
    ),
)
async def inspect(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
) -> ApiResponse:
    """Put on the shelf what is as good as new."""
    found, one = _read_target(request, parts, order_id, return_id)
    body, _ = await read_json(request, _INSPECT)
    judged = tuple(
        Judged(
            OrderLineId(row.line_id),
            row.sellable,
            row.damaged,
            None if row.location_id is None else LocationId(row.location_id),
        )
        for row in body.lines
    )
    await inspect_return(
        parts.checkout, order_id=found, return_id=one, actor=actor_of(request), judged=judged
    )
    return await _answer_one(parts, found, one)


@post(
    "/orders/{order_id:str}/returns/{return_id:str}/complete",
    status_code=200,
    opt=_described(
        "Pay back what was returned",
        "Staff only. The money of the units that came goes back, unless it went back already; "
        "`GET /orders/{order_id}/refunds` says what becomes of it.",
        body=CompleteBody,
        is_body_optional=True,
        errors=(NothingToRefund, RefundExceedsPaid),
        permission=Permission.REFUNDS_WRITE,
    ),
)
async def complete(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
) -> ApiResponse:
    """Settle the return."""
    found, one = _read_target(request, parts, order_id, return_id)
    body, _ = await read_json(request, _COMPLETE, is_optional=True)
    await complete_return(
        parts.checkout,
        order_id=found,
        return_id=one,
        actor=actor_of(request),
        has_shipping=body.shipping,
        reason=body.reason,
    )
    return await _answer_one(parts, found, one)


HANDLERS: Final = (
    list_returns,
    ask,
    approve,
    reject,
    send,
    cancel,
    receive,
    inspect,
    complete,
)
