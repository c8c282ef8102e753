"""Back-orders and pre-orders over HTTP: what is sold before it is there, and who waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.db import clock
from surehold.identity.permissions import Permission
from surehold.inventory import commands, queries
from surehold.inventory.errors import BackordersOwed, LocationNotFound, VariantNotStocked
from surehold.inventory.model import BackorderKind
from surehold.inventory.queries import BackordersView
from surehold.kernel.errors import Busy, Fault
from surehold.kernel.ids import LocationId, OrderId, OrderLineId, VariantId
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.orders import queries as orders
from surehold.orders.model import WaitingLine
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Note200
from surehold.web.api.inventory.changes import Units
from surehold.web.api.inventory.places import LocationCode
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json, read_query
from surehold.web.errors import Unauthenticated
from surehold.web.openapi import STAFF, describe
from surehold.web.validation import Reader, parse_id

_DENY: Final = "deny"


class LimitBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many units one location may owe."""

    location: LocationCode
    limit: Units


class BackordersBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a variant is sold before it is there, as a whole: what is unset is none.

    ``limit`` counts for each of its locations; ``limits`` name some, and the others owe none.
    """

    policy: Literal["deny", "backorder", "preorder"]
    limit: Units | None = None
    limits: Annotated[list[LimitBody], Meta(min_length=1, max_length=100)] | None = None
    promised_on: date | None = None
    note: Note200 = ""

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """What is wrong between the fields."""
        limit, limits = raw.get("limit"), raw.get("limits")
        if limit is not None and limits is not None:
            yield Fault(f"{at}/limits", "not_together", "Send limit or limits, not both.")
        if raw.get("policy") == _DENY:
            for name in ("limit", "limits", "promised_on"):
                if raw.get(name):
                    detail = "Nothing is sold before it is there, so there is none."
                    yield Fault(f"{at}/{name}", "denied", detail)
        elif limit is None and limits is None:
            yield Fault(f"{at}/limit", "missing", "Say how many units may be owed.")
        rows = limits if isinstance(limits, list) else []
        codes = [row.get("location") if isinstance(row, dict) else None for row in rows]
        for index, code in enumerate(codes):
            if code is not None and code in codes[:index]:
                detail = "It is given more than once."
                yield Fault(f"{at}/limits/{index}/location", "repeated", detail)


class OwedShape(msgspec.Struct, frozen=True):
    """What one location may owe, and what it owes: ``waiting_quantity`` units."""

    location_id: LocationId
    location: str
    limit: int
    on_hand: int
    waiting_quantity: int


class BackordersShape(msgspec.Struct, frozen=True):
    """How a variant is sold before it is there. Overdue: units wait, and the day has passed."""

    variant_id: VariantId
    sku: str
    policy: str
    promised_on: date | None
    is_overdue: bool
    note: str
    limit: int
    waiting_quantity: int
    levels: tuple[OwedShape, ...]
    updated_by: str | None
    updated_at: datetime | None


class WaitingShape(msgspec.Struct, frozen=True):
    """An order line that waits, and of how many units; ``quantity`` were promised."""

    order_id: OrderId
    number: str
    email: str
    is_paid: bool
    order_line_id: OrderLineId
    variant_id: VariantId
    sku: str
    name: str
    quantity: int
    waiting_quantity: int
    kind: str
    promised_on: date | None
    is_overdue: bool
    since: datetime


class WaitingList(msgspec.Struct, frozen=True):
    """One page of what waits, in the order in which it was taken."""

    items: tuple[WaitingShape, ...]
    next_cursor: str | None


class WaitingQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page; of one variant or of all."""

    variant_id: UUID | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


_SET: Final = Reader(BackordersBody)
_WAITING: Final = Reader(WaitingQuery)


def _shape(view: BackordersView, *, today: date) -> BackordersShape:
    terms, first = view.terms, view.levels[0]
    waiting = sum(row.waiting for row in view.levels)
    limit = sum(row.backorder_limit for row in view.levels)
    kind = BackorderKind.BACKORDER if terms is None else terms.kind
    promised_on = None if terms is None else terms.promised_on
    return BackordersShape(
        first.variant_id,
        first.sku,
        kind.value if limit or terms is not None else _DENY,
        promised_on,
        bool(waiting) and promised_on is not None and promised_on < today,
        "" if terms is None else terms.note,
        limit,
        waiting,
        tuple(
            OwedShape(row.location_id, row.location, row.backorder_limit, row.on_hand, row.waiting)
            for row in view.levels
        ),
        None if terms is None else terms.updated_by,
        None if terms is None else terms.updated_at,
    )


def _waiting(row: WaitingLine, *, today: date) -> WaitingShape:
    return WaitingShape(
        row.order_id,
        row.number,
        row.email,
        row.is_paid,
        row.order_line_id,
        row.variant_id,
        row.sku,
        row.name,
        row.quantity,
        row.waiting,
        row.kind.value,
        row.promised_on,
        row.promised_on is not None and row.promised_on < today,
        row.since,
    )


def _day(now: datetime) -> date:
    """Days are the store's, which counts in UTC."""
    return now.astimezone(UTC).date()


@get(
    "/inventory/backorders",
    opt=describe(
        tag="inventory",
        summary="List who waits for what",
        about="Order lines with units that are not there yet, in the order in which they were "
        "taken. What arrives is theirs in this order; nobody has to allocate it.",
        query=WaitingQuery,
        answer=WaitingList,
        errors=(Unauthenticated,),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def list_waiting(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """What was sold and is not there yet."""
    query = read_query(request, _WAITING)
    variant_id = None if query.variant_id is None else VariantId(query.variant_id)
    async with parts.db.connection() as connection:
        page = await orders.list_waiting(
            connection, variant_id=variant_id, cursor=query.cursor, limit=query.limit
        )
        today = _day(await clock.now(connection))
    items = tuple(_waiting(row, today=today) for row in page.items)
    return answer(WaitingList(items, page.next_cursor))


@get(
    "/inventory/{variant_id:str}/backorders",
    opt=describe(
        tag="inventory",
        summary="Read how a variant is sold before it is there",
        answer=BackordersShape,
        errors=(VariantNotStocked, Unauthenticated),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def get_backorders(parts: NamedDependency[Parts], variant_id: FromPath[str]) -> ApiResponse:
    """The policy of one variant, and what is owed."""
    found = _parse(variant_id)
    async with parts.db.connection() as connection:
        view = await queries.read_backorders(connection, variant_id=found)
        today = _day(await clock.now(connection))
    return answer(_shape(view, today=today))


@put(
    "/inventory/{variant_id:str}/backorders",
    opt=describe(
        tag="inventory",
        summary="Sell a variant before it is there, or no longer",
        about="`limit` is how many units each location may owe, `limits` name locations. With "
        "another `promised_on` every buyer who waits is told. A limit below what is owed is "
        "refused, and so is `deny` while somebody waits.",
        body=BackordersBody,
        body_example={"policy": "preorder", "limit": 50, "promised_on": "2026-12-12"},
        answer=BackordersShape,
        errors=(VariantNotStocked, LocationNotFound, BackordersOwed, Unauthenticated, Busy),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def put_backorders(
    request: ApiRequest, parts: NamedDependency[Parts], variant_id: FromPath[str]
) -> ApiResponse:
    """Set the policy of one variant. The same twice changes nothing."""
    body, _ = await read_json(request, _SET)
    wish = commands.BackorderWish(
        None if body.policy == _DENY else BackorderKind(body.policy),
        body.limit or 0,
        tuple((row.location, row.limit) for row in body.limits or ()),
        body.promised_on,
        body.note,
    )
    view = await commands.set_backorders(
        parts.db, variant_id=_parse(variant_id), wish=wish, actor=actor_of(request).name
    )
    async with parts.db.connection() as connection:
        today = _day(await clock.now(connection))
    return answer(_shape(view, today=today))


def _parse(variant_id: str) -> VariantId:
    found = parse_id(variant_id)
    if found is None:
        raise VariantNotStocked("No stock is kept of this variant.")
    return VariantId(found)


HANDLERS: Final = (list_waiting, get_backorders, put_backorders)
