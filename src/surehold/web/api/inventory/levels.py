"""Stock over HTTP, for staff and their programs: what there is, and holds outside any order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.db import Connection, Transaction, idempotency, shop
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, NewKey
from surehold.identity.permissions import Permission
from surehold.inventory import commands, queries
from surehold.inventory.errors import InsufficientStock, ReservationNotFound, VariantNotStocked
from surehold.inventory.model import Reservation, ReservationState
from surehold.inventory.queries import Level, Movement
from surehold.kernel.errors import Busy, Fault
from surehold.kernel.ids import LocationId, ReservationId, TransferId, VariantId, new_id
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.checkout_route import sum_lines
from surehold.web.api.fields import Lines, sum_faults
from surehold.web.api.once import get_key
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

_MAX_TTL_SECONDS: Final = 30 * 24 * 3600
_RELEASED: Final = "released over the API"
_HELD: Final = "reserve"
_CREATED: Final = 201


class LevelShape(msgspec.Struct, frozen=True):
    """One variant at one place: ``available = on_hand - allocated - reserved``."""

    variant_id: VariantId
    sku: str
    name: str
    location: str
    on_hand: int
    allocated: int
    reserved: int
    available: int
    low_stock_threshold: int
    is_low: bool


class LevelList(msgspec.Struct, frozen=True):
    """One page of stock levels, by stock code and location."""

    items: tuple[LevelShape, ...]
    next_cursor: str | None


class InTransitShape(msgspec.Struct, frozen=True):
    """Units that have left one location and not reached the other."""

    transfer_id: TransferId
    from_location: str
    to_location: str
    quantity: int


class StockShape(msgspec.Struct, frozen=True):
    """One variant over all places; ``available`` is what could be promised now."""

    variant_id: VariantId
    sku: str
    name: str
    available: int
    levels: tuple[LevelShape, ...]
    in_transit: tuple[InTransitShape, ...]


class MovementShape(msgspec.Struct, frozen=True):
    """One change of what is physically there."""

    id: UUID
    variant_id: VariantId
    sku: str
    location: str
    delta: int
    reason: str
    reference: str
    note: str
    actor: str
    moved_at: datetime


class MovementList(msgspec.Struct, frozen=True):
    """One page of movements, newest first."""

    items: tuple[MovementShape, ...]
    next_cursor: str | None


class HeldShape(msgspec.Struct, frozen=True):
    """Units held at one place."""

    id: ReservationId
    variant_id: VariantId
    location_id: LocationId
    quantity: int
    state: str
    ended_at: datetime | None
    end_reason: str | None


class ReservationShape(msgspec.Struct, frozen=True):
    """What one request holds. ``state`` is active, released or expired."""

    id: UUID
    state: str
    expires_at: datetime
    items: tuple[HeldShape, ...]


class LevelsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class MovementsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page; of one variant or of all."""

    variant_id: UUID | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class ReservationQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which reservation: the ``id`` of the answer that made it."""

    reservation_id: UUID


class ReserveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to hold, all or nothing; unset, ``ttl_seconds`` is the store's setting."""

    lines: Lines
    ttl_seconds: Annotated[int, Meta(ge=1, le=_MAX_TTL_SECONDS)] | None = None

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """What is wrong between the fields."""
        lines = raw.get("lines")
        if isinstance(lines, list):
            yield from sum_faults(lines, f"{at}/lines")


_LEVELS: Final = Reader(LevelsQuery)
_MOVEMENTS: Final = Reader(MovementsQuery)
_RESERVATION: Final = Reader(ReservationQuery)
_RESERVE: Final = Reader(ReserveBody)


def _level(row: Level) -> LevelShape:
    return LevelShape(*(getattr(row, name) for name in LevelShape.__struct_fields__))


def _movement(row: Movement) -> MovementShape:
    return MovementShape(*(getattr(row, name) for name in MovementShape.__struct_fields__))


def _reservation(holder_id: UUID, rows: Sequence[Reservation]) -> ReservationShape:
    # All holds of one request begin and end together; the first to end speaks for them.
    first = min(rows, key=lambda row: (row.state is ReservationState.ACTIVE, row.id))
    return ReservationShape(
        id=holder_id,
        state=first.state.value,
        expires_at=min(row.expires_at for row in rows),
        items=tuple(
            HeldShape(
                row.id,
                row.variant_id,
                row.location_id,
                row.quantity,
                row.state.value,
                row.ended_at,
                row.end_reason,
            )
            for row in rows
        ),
    )


@get(
    "/inventory",
    opt=describe(
        tag="inventory",
        summary="List stock levels",
        query=LevelsQuery,
        answer=LevelList,
        errors=(Unauthenticated,),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def list_levels(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Every stock level, by stock code and location."""
    query = read_query(request, _LEVELS)
    async with parts.db.connection() as connection:
        page = await queries.list_levels(connection, cursor=query.cursor, limit=query.limit)
    return answer(LevelList(tuple(_level(row) for row in page.items), page.next_cursor))


@get(
    "/inventory/low-stock",
    opt=describe(
        tag="inventory",
        summary="List what is at or under its threshold",
        query=LevelsQuery,
        answer=LevelList,
        errors=(Unauthenticated,),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def list_low(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Stock levels that somebody should look at."""
    query = read_query(request, _LEVELS)
    async with parts.db.connection() as connection:
        page = await queries.list_low(connection, cursor=query.cursor, limit=query.limit)
    return answer(LevelList(tuple(_level(row) for row in page.items), page.next_cursor))


@get(
    "/inventory/movements",
    opt=describe(
        tag="inventory",
        summary="List what changed on the shelves",
        query=MovementsQuery,
        answer=MovementList,
        errors=(Unauthenticated,),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def list_movements(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Every change of what is physically there, newest first."""
    query = read_query(request, _MOVEMENTS)
    variant_id = None if query.variant_id is None else VariantId(query.variant_id)
    async with parts.db.connection() as connection:
        page = await queries.list_movements(
            connection, variant_id=variant_id, cursor=query.cursor, limit=query.limit
        )
    return answer(MovementList(tuple(_movement(row) for row in page.items), page.next_cursor))


@get(
    "/inventory/{variant_id:str}",
    opt=describe(
        tag="inventory",
        summary="Read the stock of one variant",
        answer=StockShape,
        errors=(VariantNotStocked, Unauthenticated),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def get_stock(parts: NamedDependency[Parts], variant_id: FromPath[str]) -> ApiResponse:
    """One variant at every place."""
    found = parse_id(variant_id)
    if found is None:
        raise VariantNotStocked("No stock is kept of this variant.")
    async with parts.db.connection() as connection:
        levels = (await queries.list_levels_of(connection, variant_ids=[VariantId(found)])).get(
            VariantId(found), ()
        )
        return answer(await stock_shape(connection, levels))


async def stock_shape(connection: Connection, levels: Sequence[Level]) -> StockShape:
    """One variant's levels with what could be promised of it and what is on its way.

    Raises:
        VariantNotStocked: There are none.
    """
    if not levels:
        raise VariantNotStocked("No stock is kept of this variant.")
    first = levels[0]
    variant_id = first.variant_id
    on_the_way = await queries.list_in_transit(connection, variant_id=variant_id)
    return StockShape(
        variant_id,
        first.sku,
        first.name,
        (await queries.available(connection, [variant_id]))[variant_id],
        tuple(_level(row) for row in levels),
        tuple(
            InTransitShape(row.transfer_id, row.from_location, row.to_location, row.quantity)
            for row in on_the_way
        ),
    )


@post(
    "/inventory/reserve",
    opt=describe(
        tag="inventory",
        summary="Hold units outside any order",
        about="All lines or none, until `expires_at`; then they are free again by themselves.",
        body=ReserveBody,
        body_example={
            "lines": [{"variant_id": "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10", "quantity": 2}],
            "ttl_seconds": 900,
        },
        answer=ReservationShape,
        status=_CREATED,
        headers=(KEY,),
        errors=(
            Unauthenticated,
            VariantNotStocked,
            InsufficientStock,
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
async def reserve(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Hold units for a caller of the API."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _RESERVE)
    demands = [commands.Demand(*line) for line in sum_lines(body.lines)]

    async def work(request_hash: bytes) -> None:
        if body.ttl_seconds is not None:
            ttl = timedelta(seconds=body.ttl_seconds)
        else:
            async with parts.db.connection() as connection:
                ttl = timedelta(minutes=(await shop.load(connection)).hold_api_minutes)
        holder_id = new_id()

        async def keep(tx: Transaction, rows: Sequence[Reservation]) -> None:
            shown = encode(_reservation(holder_id, rows))
            new = NewKey(key, request_hash, holder_id, shown)
            now = rows[0].created_at
            await idempotency.insert(tx, scope=_HELD, status=_CREATED, keys=[new], now=now)

        await commands.reserve(parts.db, demands=demands, ttl=ttl, holder_id=holder_id, keep=keep)

    done = await parts.once.kept(scope=_HELD, key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/inventory/reserve",
    opt=describe(
        tag="inventory",
        summary="Read a reservation",
        query=ReservationQuery,
        answer=ReservationShape,
        errors=(ReservationNotFound, Unauthenticated),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def get_reservation(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """What one request holds or held."""
    holder_id = read_query(request, _RESERVATION).reservation_id
    async with parts.db.connection() as connection:
        rows = await queries.list_reservations(connection, holder_ids=[holder_id])
    # What an order holds is the order's own business.
    if not rows or any(row.order_line_id is not None for row in rows):
        raise ReservationNotFound("There is no reservation with this id.")
    return answer(_reservation(holder_id, rows))


@delete(
    "/inventory/reserve",
    status_code=200,
    opt=describe(
        tag="inventory",
        summary="Release a reservation",
        about="Releasing twice frees nothing more.",
        query=ReservationQuery,
        answer=ReservationShape,
        errors=(ReservationNotFound, Unauthenticated, Busy),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def release(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Free what one request holds."""
    holder_id = read_query(request, _RESERVATION).reservation_id
    rows = await commands.release(parts.db, holder_id=holder_id, reason=_RELEASED)
    return answer(_reservation(holder_id, rows))


HANDLERS: Final = (
    list_levels,
    list_low,
    list_movements,
    get_stock,
    reserve,
    get_reservation,
    release,
)
