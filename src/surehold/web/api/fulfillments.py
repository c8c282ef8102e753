"""Parcels over HTTP, for staff: planned, packed, sent, followed, given up."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Meta

from surehold.catalog import queries as catalog
from surehold.catalog.errors import VendorNotFound
from surehold.checkout import commands
from surehold.checkout.commands import FULFILLMENTS
from surehold.checkout.model import PlacedOrder
from surehold.checkout.rules.fulfilling import Parcel, Pick, WantedUnits
from surehold.checkout.settlements import Keep
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Busy
from surehold.kernel.ids import FulfillmentId, LocationId, OrderId, OrderLineId
from surehold.orders import queries as orders
from surehold.orders.carriers import CARRIERS
from surehold.orders.errors import (
    FulfillmentNotFound,
    FulfillmentNotMovable,
    OrderDisputed,
    OrderHeld,
    OrderNotFound,
    OrderNotFulfillable,
    UnitsNotOnHand,
    UnitsNotOpen,
)
from surehold.orders.model import Fulfillment, Scope
from surehold.orders.states import FulfillmentEvent
from surehold.web.api.access import actor_of, open_order, scope_of
from surehold.web.api.fields import Line200, Quantity
from surehold.web.api.once import Finished, find_key, get_key
from surehold.web.api.parts import Parts
from surehold.web.api.shapes import FulfillmentShape, fulfillment_shape
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
from surehold.web.openapi import KEY, OPTIONAL_KEY, STAFF, describe
from surehold.web.validation import Reader, parse_id

_REPEATED: Final = (IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInFlight)
_CREATED: Final = 201
_MAX_LINES: Final = 100
_VENDOR_ONLY: Final = "With `vendor`, a fulfillment of another vendor looks like a missing one."


def _carrier_fault(text: str) -> tuple[str, str] | None:
    if text in CARRIERS:
        return None
    return "unknown_carrier", f"One of {', '.join(sorted(CARRIERS))}."


CarrierCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=50,
        description=f"One of {', '.join(sorted(CARRIERS))}.",
        examples=["dhl"],
        extra={"check": _carrier_fault},
    ),
]
TrackingNumber = Annotated[
    str, Meta(min_length=1, max_length=60, pattern="^[A-Za-z0-9 ._/-]+$", examples=["JD0146"])
]
VendorSlug = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[a-z0-9-]+$")]


class FulfillmentList(msgspec.Struct, frozen=True):
    """Every fulfillment of an order, oldest first."""

    items: tuple[FulfillmentShape, ...]


class ParcelMovedShape(msgspec.Struct, frozen=True):
    """A fulfillment, and whether anything happened to it now."""

    fulfillment: FulfillmentShape
    is_changed: bool


class VendorQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose goods; unset: everybody's."""

    vendor: VendorSlug | None = None


class ParcelUnitsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of one order line."""

    line_id: UUID
    quantity: Quantity


class OpenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be sent. Without ``lines``: everything that is left, at one place or at all."""

    lines: (
        Annotated[tuple[ParcelUnitsBody, ...], Meta(min_length=1, max_length=_MAX_LINES)] | None
    ) = None
    location_id: UUID | None = None


class ParcelBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who carries it, and under which number."""

    carrier: CarrierCode
    tracking_number: TrackingNumber | None = None


class ReasonBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, for the history."""

    reason: Line200 | None = None


_OPEN: Final = Reader(OpenBody)
_PARCEL: Final = Reader(ParcelBody)
_REASON: Final = Reader(ReasonBody)
_VENDOR: Final = Reader(VendorQuery)
_PARCEL_EXAMPLE: Final = {"carrier": "dhl", "tracking_number": "JD014600006281230704"}


async def _scope(request: ApiRequest, parts: Parts) -> Scope:
    """What staff may see, or of it what is the vendor's that was asked for.

    Raises:
        VendorNotFound: There is no vendor of this name, or the caller works for another.
    """
    own, vendor = scope_of(request), read_query(request, _VENDOR).vendor
    if vendor is None:
        return own
    async with parts.db.connection() as connection:
        asked = (await catalog.get_vendor(connection, slug=vendor)).id
    if own.vendor_id not in (None, asked):
        raise VendorNotFound("There is no vendor of this name.")
    return Scope(vendor_id=asked)


async def _check_own(parts: Parts, fulfillment_id: FulfillmentId, scope: Scope) -> None:
    """A vendor is told nothing of another's parcel, whatever is sent about it or was answered.

    Raises:
        FulfillmentNotFound: There is none with this id, or it is another vendor's.
    """
    if scope.vendor_id is not None:
        async with parts.db.connection() as connection:
            await orders.get_fulfillment(connection, fulfillment_id=fulfillment_id, scope=scope)


def _fulfillment_id(text: str) -> FulfillmentId:
    found = parse_id(text)
    if found is None:
        raise FulfillmentNotFound("There is no fulfillment with this id.")
    return FulfillmentId(found)


def _list(placed: PlacedOrder, scope: Scope) -> bytes:
    rows = (row for row in placed.fulfillments if scope.vendor_id in (None, row.vendor_id))
    return encode(FulfillmentList(tuple(fulfillment_shape(row) for row in rows)))


@post(
    "/orders/{order_id:str}/fulfillments",
    opt=describe(
        tag="fulfillments",
        summary="Plan to send units of an order",
        about="One fulfillment is one parcel from one location: units that lie at several places "
        "become several. Answers every fulfillment of the order, the new ones last. With "
        "`vendor`, only that vendor's units are taken.",
        body=OpenBody,
        is_body_optional=True,
        body_example={
            "lines": [{"line_id": "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10", "quantity": 1}]
        },
        query=VendorQuery,
        answer=FulfillmentList,
        status=_CREATED,
        headers=(KEY,),
        errors=(
            OrderNotFound,
            VendorNotFound,
            Unauthenticated,
            OrderHeld,
            OrderDisputed,
            OrderNotFulfillable,
            UnitsNotOpen,
            IdempotencyKeyMissing,
            Busy,
            *_REPEATED,
        ),
        permission=Permission.FULFILLMENTS_WRITE,
        is_vendor_scoped=True,
        security=(STAFF,),
    ),
)
async def open_fulfillments(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Plan one parcel per location."""
    found, _ = open_order(request, parts, order_id)
    key = get_key(headers_of(request))
    scope = await _scope(request, parts)
    if scope.vendor_id is not None:
        async with parts.db.connection() as connection:
            await orders.get_order(connection, order_id=found, scope=scope)
    body, raw = await read_json(request, _OPEN, is_optional=True)
    pick = Pick(
        lines=tuple(
            WantedUnits(OrderLineId(line.line_id), line.quantity) for line in body.lines or ()
        ),
        location_id=None if body.location_id is None else LocationId(body.location_id),
        vendor_id=scope.vendor_id,
    )
    place = f"{found}:{key}"

    async def work(request_hash: bytes) -> None:
        keep = Keep(
            FULFILLMENTS, place, request_hash, lambda placed: _list(placed, scope), _CREATED
        )
        await commands.open_fulfillments(
            parts.checkout, order_id=found, pick=pick, actor=actor_of(request), keep=keep
        )

    done = await parts.once.kept(scope=FULFILLMENTS, key=place, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/orders/{order_id:str}/fulfillments",
    opt=describe(
        tag="fulfillments",
        summary="List an order's fulfillments",
        query=VendorQuery,
        answer=FulfillmentList,
        errors=(OrderNotFound, VendorNotFound, Unauthenticated),
        permission=Permission.ORDERS_READ,
        is_vendor_scoped=True,
        security=(STAFF,),
    ),
)
async def list_fulfillments(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Every parcel of an order."""
    found, _ = open_order(request, parts, order_id)
    scope = await _scope(request, parts)
    async with parts.db.connection() as connection:
        await orders.get_order(connection, order_id=OrderId(found), scope=scope)
        rows = await orders.list_fulfillments(connection, order_id=OrderId(found), scope=scope)
    return answer(FulfillmentList(tuple(fulfillment_shape(row) for row in rows)))


@get(
    "/fulfillments/{fulfillment_id:str}",
    opt=describe(
        tag="fulfillments",
        summary="Read one fulfillment",
        about=_VENDOR_ONLY,
        query=VendorQuery,
        answer=FulfillmentShape,
        errors=(FulfillmentNotFound, VendorNotFound, Unauthenticated),
        permission=Permission.ORDERS_READ,
        is_vendor_scoped=True,
        security=(STAFF,),
    ),
)
async def get_fulfillment(
    request: ApiRequest, parts: NamedDependency[Parts], fulfillment_id: FromPath[str]
) -> ApiResponse:
    """One parcel."""
    scope = await _scope(request, parts)
    async with parts.db.connection() as connection:
        found = await orders.get_fulfillment(
            connection, fulfillment_id=_fulfillment_id(fulfillment_id), scope=scope
        )
    return answer(fulfillment_shape(found))


async def _move(
    request: ApiRequest,
    parts: Parts,
    fulfillment_id: str,
    event: FulfillmentEvent,
    *,
    has_parcel: bool,
) -> ApiResponse:
    found = _fulfillment_id(fulfillment_id)
    key = find_key(headers_of(request))
    scope = await _scope(request, parts)
    await _check_own(parts, found, scope)
    parcel: Parcel | None = None
    reason: str | None = None
    if has_parcel:
        sent, raw = await read_json(request, _PARCEL)
        parcel = Parcel(sent.carrier, sent.tracking_number)
    else:
        said, raw = await read_json(request, _REASON, is_optional=True)
        reason = said.reason

    async def work() -> Finished:
        after, effect = await commands.move_fulfillment(
            parts.checkout,
            fulfillment_id=found,
            event=event,
            actor=actor_of(request),
            parcel=parcel,
            reason=reason,
            scope=scope,
        )
        return Finished(200, encode(_moved(after, effect)), found)

    done = await parts.once(scope=f"{event.value}:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


def _moved(after: Fulfillment, effect: str) -> ParcelMovedShape:
    return ParcelMovedShape(fulfillment_shape(after), is_changed=effect == after.state.value)


def _verb(
    path: str, event: FulfillmentEvent, *, summary: str, about: str, has_parcel: bool = False
) -> HTTPRouteHandler:
    """The route of one thing that can happen to a parcel."""

    @post(
        f"/fulfillments/{{fulfillment_id:str}}/{path}",
        status_code=200,
        name=f"fulfillment-{path}",
        opt=describe(
            tag="fulfillments",
            summary=summary,
            about=f"{about} The second time changes nothing and says so (`is_changed`). "
            f"{_VENDOR_ONLY}",
            body=ParcelBody if has_parcel else ReasonBody,
            is_body_optional=not has_parcel,
            body_example=_PARCEL_EXAMPLE if has_parcel else {"reason": "as agreed by telephone"},
            query=VendorQuery,
            answer=ParcelMovedShape,
            headers=(OPTIONAL_KEY,),
            errors=(
                FulfillmentNotFound,
                VendorNotFound,
                Unauthenticated,
                FulfillmentNotMovable,
                *((OrderHeld, OrderDisputed, OrderNotFulfillable) if event in _FORWARD else ()),
                *((UnitsNotOnHand,) if event is FulfillmentEvent.SHIP else ()),
                Busy,
                *_REPEATED,
            ),
            permission=Permission.FULFILLMENTS_WRITE,
            is_vendor_scoped=True,
            security=(STAFF,),
        ),
    )
    async def move(
        request: ApiRequest, parts: NamedDependency[Parts], fulfillment_id: FromPath[str]
    ) -> ApiResponse:
        """Let it happen to the parcel."""
        return await _move(request, parts, fulfillment_id, event, has_parcel=has_parcel)

    return move


_FORWARD: Final = (FulfillmentEvent.PACK, FulfillmentEvent.SHIP)

_VERBS: Final = (
    _verb(
        "pack",
        FulfillmentEvent.PACK,
        summary="Say that a parcel is packed",
        about="It is ready to be handed over.",
    ),
    _verb(
        "ship",
        FulfillmentEvent.SHIP,
        summary="Send a parcel",
        about="Its units leave the shelf now, once, with a movement that names the parcel.",
        has_parcel=True,
    ),
    _verb(
        "in-transit",
        FulfillmentEvent.MOVE,
        summary="Say that a parcel is on its way",
        about="The carrier has it.",
    ),
    _verb(
        "deliver",
        FulfillmentEvent.DELIVER,
        summary="Say that a parcel has come",
        about="A lost one that turned up, too.",
    ),
    _verb(
        "cancel",
        FulfillmentEvent.CANCEL,
        summary="Give up a parcel before it is sent",
        about="Its units can be planned anew.",
    ),
    _verb(
        "lose",
        FulfillmentEvent.LOSE,
        summary="Say that a parcel is lost",
        about="Nothing is on the shelf again, and no money moves by itself.",
    ),
    _verb(
        "return-to-sender",
        FulfillmentEvent.RETURN,
        summary="Say that a parcel came back undelivered",
        about="Its units are on the shelf again when the return is received, not before.",
    ),
)


@put(
    "/fulfillments/{fulfillment_id:str}/tracking",
    opt=describe(
        tag="fulfillments",
        summary="Correct the carrier or the number of a parcel that is on its way",
        about=_VENDOR_ONLY,
        body=ParcelBody,
        body_example=_PARCEL_EXAMPLE,
        query=VendorQuery,
        answer=FulfillmentShape,
        errors=(
            FulfillmentNotFound,
            VendorNotFound,
            Unauthenticated,
            FulfillmentNotMovable,
            Busy,
        ),
        permission=Permission.FULFILLMENTS_WRITE,
        is_vendor_scoped=True,
        security=(STAFF,),
    ),
)
async def correct(
    request: ApiRequest, parts: NamedDependency[Parts], fulfillment_id: FromPath[str]
) -> ApiResponse:
    """Write down the right carrier and number."""
    found = _fulfillment_id(fulfillment_id)
    scope = await _scope(request, parts)
    await _check_own(parts, found, scope)
    body, _ = await read_json(request, _PARCEL)
    after = await commands.correct_parcel(
        parts.checkout,
        fulfillment_id=found,
        parcel=Parcel(body.carrier, body.tracking_number),
        actor=actor_of(request),
        scope=scope,
    )
    return answer(fulfillment_shape(after))


HANDLERS: Final = (open_fulfillments, list_fulfillments, get_fulfillment, *_VERBS, correct)
