"""Transfers over HTTP: drafted, dispatched, received in one piece or several, or canceled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.db import Transaction
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, NewKey
from surehold.identity.permissions import Permission
from surehold.inventory import commands, queries
from surehold.inventory.commands import KeepTransfer, TransferView
from surehold.inventory.errors import (
    InsufficientStock,
    LocationNotFound,
    TransferNotFound,
    TransferNotPossible,
    VariantNotStocked,
)
from surehold.inventory.model import Transfer, TransferState
from surehold.kernel.errors import Busy, Fault
from surehold.kernel.ids import TransferId, VariantId
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
_SCOPE: Final = "transfer"
_KEY_ERRORS: Final = (
    IdempotencyKeyMissing,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    RequestInFlight,
    Busy,
)
_LINE_EXAMPLE: Final = {"variant_id": "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10", "quantity": 12}

Units = Annotated[int, Meta(ge=1, le=1_000_000, description="Whole units.")]


class TransferLineBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of one variant."""

    variant_id: UUID
    quantity: Units


class TransferBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to bring from where to where."""

    from_location: LocationCode
    to_location: LocationCode
    lines: Annotated[tuple[TransferLineBody, ...], Meta(min_length=1, max_length=_MAX_LINES)]
    note: Note200 = ""

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """What is wrong between the fields."""
        place = raw.get("from_location")
        if isinstance(place, str) and place == raw.get("to_location"):
            yield Fault(f"{at}/to_location", "same_location", "Units are there already.")
        yield from repeated_faults(raw.get("lines"), f"{at}/lines")


class ReceiveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has arrived; without lines, everything that is in transit."""

    lines: Annotated[tuple[TransferLineBody, ...], Meta(max_length=_MAX_LINES)] = ()


class TransfersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page; in one state or in any."""

    state: Literal["draft", "in_transit", "received", "canceled"] | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class TransferSummary(msgspec.Struct, frozen=True):
    """A transfer without its lines."""

    id: TransferId
    from_location: str
    to_location: str
    state: str
    note: str
    created_by: str
    created_at: datetime
    dispatched_at: datetime | None
    ended_at: datetime | None


class TransferLineShape(msgspec.Struct, frozen=True):
    """Units of one variant; what is neither received nor returned is in transit or not sent."""

    variant_id: VariantId
    sku: str
    quantity: int
    received: int
    returned: int
    in_transit: int


class TransferShape(msgspec.Struct, frozen=True):
    """A transfer with its lines."""

    transfer: TransferSummary
    lines: tuple[TransferLineShape, ...]


class TransferList(msgspec.Struct, frozen=True):
    """One page of transfers, newest first."""

    items: tuple[TransferSummary, ...]
    next_cursor: str | None


_NEW: Final = Reader(TransferBody)
_RECEIVE: Final = Reader(ReceiveBody)
_PAGE: Final = Reader(TransfersQuery)


def repeated_faults(lines: object, at: str) -> Iterator[Fault]:
    """Each variant stands in one line."""
    seen: set[str] = set()
    for index, line in enumerate(lines[:_MAX_LINES] if isinstance(lines, list) else ()):
        variant_id = line.get("variant_id") if isinstance(line, dict) else None
        if not isinstance(variant_id, str):
            continue
        plain = variant_id.lower().replace("-", "")
        if plain in seen:
            yield Fault(f"{at}/{index}/variant_id", "repeated", "It is given more than once.")
        seen.add(plain)


def _summary(row: Transfer) -> TransferSummary:
    return TransferSummary(
        row.id,
        row.from_location,
        row.to_location,
        row.state.value,
        row.note,
        row.created_by,
        row.created_at,
        row.dispatched_at,
        row.ended_at,
    )


def _shape(view: TransferView) -> TransferShape:
    is_sent = view.transfer.state is TransferState.IN_TRANSIT
    return TransferShape(
        _summary(view.transfer),
        tuple(
            TransferLineShape(
                line.variant_id,
                line.sku,
                line.quantity,
                line.received_quantity,
                line.returned_quantity,
                line.open_quantity if is_sent else 0,
            )
            for line in view.lines
        ),
    )


def _id(text: str) -> TransferId:
    found = parse_id(text)
    if found is None:
        raise TransferNotFound("There is no transfer with this id.")
    return TransferId(found)


async def _once(
    request: ApiRequest,
    parts: Parts,
    raw: bytes,
    work: Callable[[KeepTransfer], Awaitable[TransferView]],
    *,
    scope: str,
    status: int,
) -> ApiResponse:
    """Do what would count twice, and store its key with the answer in the same transaction."""
    key = get_key(headers_of(request))

    async def begin(request_hash: bytes) -> None:
        async def keep(tx: Transaction, view: TransferView) -> None:
            new = NewKey(key, request_hash, view.transfer.id, encode(_shape(view)))
            await keep_answer(tx, scope=scope, status=status, new=new)

        await work(keep)

    done = await parts.once.kept(scope=scope, key=key, body=raw, work=begin)
    return answer_bytes(done.body, status=done.status)


@post(
    "/inventory/transfers",
    opt=describe(
        tag="inventory",
        summary="Draft a transfer between two locations",
        about="Nothing moves before it is dispatched.",
        body=TransferBody,
        body_example={"from_location": "main", "to_location": "annex", "lines": [_LINE_EXAMPLE]},
        answer=TransferShape,
        status=_CREATED,
        headers=(KEY,),
        errors=(Unauthenticated, LocationNotFound, VariantNotStocked, *_KEY_ERRORS),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def create(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """A draft."""
    body, raw = await read_json(request, _NEW)
    new = commands.NewTransfer(
        body.from_location,
        body.to_location,
        tuple((VariantId(line.variant_id), line.quantity) for line in body.lines),
        body.note,
    )

    async def work(keep: KeepTransfer) -> TransferView:
        return await commands.create_transfer(
            parts.db, new=new, actor=actor_of(request).name, keep=keep
        )

    return await _once(request, parts, raw, work, scope=_SCOPE, status=_CREATED)


@get(
    "/inventory/transfers",
    opt=describe(
        tag="inventory",
        summary="List transfers",
        query=TransfersQuery,
        answer=TransferList,
        errors=(Unauthenticated,),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def list_all(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Transfers, newest first."""
    query = read_query(request, _PAGE)
    state = None if query.state is None else TransferState(query.state)
    async with parts.db.connection() as connection:
        page = await queries.list_transfers(
            connection, state=state, cursor=query.cursor, limit=query.limit
        )
    return answer(TransferList(tuple(_summary(row) for row in page.items), page.next_cursor))


@get(
    "/inventory/transfers/{transfer_id:str}",
    opt=describe(
        tag="inventory",
        summary="Read a transfer",
        answer=TransferShape,
        errors=(Unauthenticated, TransferNotFound),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def read(parts: NamedDependency[Parts], transfer_id: FromPath[str]) -> ApiResponse:
    """One transfer with what is in transit of each line."""
    async with parts.db.connection() as connection:
        return answer(
            _shape(await queries.read_transfer(connection, transfer_id=_id(transfer_id)))
        )


@post(
    "/inventory/transfers/{transfer_id:str}/dispatch",
    status_code=_OK,
    opt=describe(
        tag="inventory",
        summary="Dispatch a transfer",
        about="The units leave their shelf and are in transit. Dispatching twice sends nothing "
        "more.",
        answer=TransferShape,
        errors=(Unauthenticated, TransferNotFound, TransferNotPossible, InsufficientStock, Busy),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def dispatch(
    request: ApiRequest, parts: NamedDependency[Parts], transfer_id: FromPath[str]
) -> ApiResponse:
    """Send the units on their way."""
    return answer(
        _shape(
            await commands.dispatch_transfer(
                parts.db, transfer_id=_id(transfer_id), actor=actor_of(request).name
            )
        )
    )


@post(
    "/inventory/transfers/{transfer_id:str}/receive",
    status_code=_OK,
    opt=describe(
        tag="inventory",
        summary="Receive units of a transfer",
        about="In one piece or in several; with the last unit the transfer is `received`.",
        body=ReceiveBody,
        is_body_optional=True,
        body_example={"lines": [_LINE_EXAMPLE]},
        answer=TransferShape,
        headers=(KEY,),
        errors=(Unauthenticated, TransferNotFound, TransferNotPossible, *_KEY_ERRORS),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def receive(
    request: ApiRequest, parts: NamedDependency[Parts], transfer_id: FromPath[str]
) -> ApiResponse:
    """Put what has arrived on its new shelf."""
    body, raw = await read_json(request, _RECEIVE, is_optional=True)
    found = _id(transfer_id)
    arrived = [(VariantId(line.variant_id), line.quantity) for line in body.lines]

    async def work(keep: KeepTransfer) -> TransferView:
        return await commands.receive_transfer(
            parts.db, transfer_id=found, arrived=arrived, actor=actor_of(request).name, keep=keep
        )

    scope = f"receive:{found}"
    return await _once(request, parts, raw, work, scope=scope, status=_OK)


@post(
    "/inventory/transfers/{transfer_id:str}/cancel",
    status_code=_OK,
    opt=describe(
        tag="inventory",
        summary="Cancel a transfer",
        about="What is in transit goes back to where it came from, once.",
        answer=TransferShape,
        errors=(Unauthenticated, TransferNotFound, TransferNotPossible, Busy),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def cancel(
    request: ApiRequest, parts: NamedDependency[Parts], transfer_id: FromPath[str]
) -> ApiResponse:
    """Give a transfer up."""
    return answer(
        _shape(
            await commands.cancel_transfer(
                parts.db, transfer_id=_id(transfer_id), actor=actor_of(request).name
            )
        )
    )


HANDLERS: Final = (create, list_all, read, dispatch, receive, cancel)
