"""Locations over HTTP: where stock is kept, and where it is sent from."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.identity.permissions import Permission
from surehold.inventory import commands, queries
from surehold.inventory.errors import LocationChanged, LocationCodeTaken, LocationNotFound
from surehold.inventory.model import Location
from surehold.kernel.ids import LocationId
from surehold.web.api.access import actor_of
from surehold.web.api.fields import Country, Line100, Note20, Note100
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json
from surehold.web.errors import Unauthenticated
from surehold.web.openapi import STAFF, describe
from surehold.web.validation import Reader, parse_id

#: Who the staff secret stands for, until staff have names.
_CREATED: Final = 201
_EXAMPLE: Final = {
    "code": "galway",
    "name": "Galway warehouse",
    "country": "IE",
    "region": "Connacht",
    "postal_code": "H91 X2KP",
    "priority": 10,
    "is_active": True,
    "ships_to": ["IE", "GB"],
}

LocationCode = Annotated[
    str, Meta(min_length=1, max_length=40, pattern="^[a-z0-9][a-z0-9-]*$", examples=["main"])
]
Priority = Annotated[int, Meta(ge=0, le=1_000_000, description="Lower is emptied first.")]


class LocationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A location. Without ``ships_to`` it sends everywhere; closed, it sells nothing."""

    code: LocationCode
    name: Line100
    country: Country
    priority: Priority = 0
    region: Note100 | None = None
    postal_code: Note20 | None = None
    is_active: bool = True
    ships_to: Annotated[list[Country], Meta(min_length=1, max_length=250)] | None = None


class LocationChangeBody(LocationBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A location as it should be; ``version`` is the one that was read."""

    version: Annotated[int, Meta(ge=1, le=2_147_483_647)]


class LocationShape(msgspec.Struct, frozen=True):
    """A place where stock is kept. ``ships_to`` null is everywhere."""

    id: LocationId
    code: str
    name: str
    country: str
    region: str | None
    postal_code: str | None
    priority: int
    is_active: bool
    ships_to: list[str] | None
    version: int


class LocationList(msgspec.Struct, frozen=True):
    """Every location, in the order in which they are emptied."""

    items: tuple[LocationShape, ...]


_NEW: Final = Reader(LocationBody)
_CHANGE: Final = Reader(LocationChangeBody)


def _shape(row: Location) -> LocationShape:
    return LocationShape(*(getattr(row, name) for name in LocationShape.__struct_fields__))


def _facts(body: LocationBody) -> commands.LocationFacts:
    return commands.LocationFacts(
        body.code,
        body.name,
        body.country,
        body.priority,
        body.region,
        body.postal_code,
        None if body.ships_to is None else sorted(set(body.ships_to)),
        body.is_active,
    )


@get(
    "/inventory/locations",
    opt=describe(
        tag="inventory",
        summary="List the locations",
        answer=LocationList,
        errors=(Unauthenticated,),
        permission=Permission.INVENTORY_READ,
        security=(STAFF,),
    ),
)
async def list_locations(parts: NamedDependency[Parts]) -> ApiResponse:
    """Where stock is kept, closed places included."""
    async with parts.db.connection() as connection:
        rows = await queries.list_locations(connection)
    return answer(LocationList(tuple(_shape(row) for row in rows)))


@post(
    "/inventory/locations",
    opt=describe(
        tag="inventory",
        summary="Add a location",
        about="An order is taken from the location in the buyer's region, then from one in the "
        "buyer's country, then from the others; among equals the lowest `priority` comes first.",
        body=LocationBody,
        body_example=_EXAMPLE,
        answer=LocationShape,
        status=_CREATED,
        errors=(Unauthenticated, LocationCodeTaken),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def add_location(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """A new place; it keeps nothing yet."""
    body, _ = await read_json(request, _NEW)
    made = await commands.add_location(parts.db, facts=_facts(body), actor=actor_of(request).name)
    return answer(_shape(made), status=_CREATED)


@put(
    "/inventory/locations/{location_id:str}",
    opt=describe(
        tag="inventory",
        summary="Change or close a location",
        about="`version` is the one that was read; when somebody was faster, nothing is changed. "
        "A closed location sells nothing more; what it owes to orders stays owed.",
        body=LocationChangeBody,
        body_example={**_EXAMPLE, "is_active": False, "version": 1},
        answer=LocationShape,
        errors=(Unauthenticated, LocationNotFound, LocationChanged, LocationCodeTaken),
        permission=Permission.INVENTORY_WRITE,
        security=(STAFF,),
    ),
)
async def change_location(
    request: ApiRequest, parts: NamedDependency[Parts], location_id: FromPath[str]
) -> ApiResponse:
    """The whole location as it should be."""
    body, _ = await read_json(request, _CHANGE)
    found = parse_id(location_id)
    if found is None:
        raise LocationNotFound("There is no location with this id.")
    changed = await commands.change_location(
        parts.db,
        location_id=LocationId(found),
        version=body.version,
        facts=_facts(body),
        actor=actor_of(request).name,
    )
    return answer(_shape(changed))


HANDLERS: Final = (list_locations, add_location, change_location)
