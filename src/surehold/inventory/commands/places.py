"""The places where stock is kept."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg
import msgspec

from surehold.db import Connection, Database, Transaction
from surehold.inventory.errors import LocationChanged, LocationCodeTaken, LocationNotFound
from surehold.inventory.model import Location
from surehold.inventory.sql import places
from surehold.kernel.ids import LocationId, new_id
from surehold.kernel.permissions import Permission, require


class LocationFacts(msgspec.Struct, frozen=True):
    """What staff say of a location. ``ships_to`` lists countries; ``None`` is everywhere."""

    code: str
    name: str
    country: str
    priority: int = 0
    region: str | None = None
    postal_code: str | None = None
    ships_to: list[str] | None = None
    is_active: bool = True


async def open_location(
    tx: Transaction, *, code: str, name: str, country: str, priority: int
) -> LocationId:
    """Add a place where stock is kept; lower priorities are emptied first."""
    return await _insert(tx, LocationFacts(code, name, country, priority), actor="system")


async def add_location(db: Database, *, facts: LocationFacts, actor: str) -> Location:
    """Add a place where stock is kept.

    Raises:
        LocationCodeTaken: Another one has this code.
    """
    require(Permission.INVENTORY_WRITE)
    try:
        async with db.transaction() as tx:
            location_id = await _insert(tx, facts, actor=actor)
            return await tx.one(places.FIND_LOCATION, location_id)
    except asyncpg.UniqueViolationError:
        raise _taken(facts.code) from None


async def change_location(
    db: Database, *, location_id: LocationId, version: int, facts: LocationFacts, actor: str
) -> Location:
    """Change a place, if it is as the caller has seen it. The database keeps what it was.

    A closed location sells nothing more; what it owes to orders stays owed.

    Raises:
        LocationNotFound: There is none with this id.
        LocationChanged: It has another version by now.
        LocationCodeTaken: Another one has this code.
    """
    require(Permission.INVENTORY_WRITE)
    try:
        async with db.transaction() as tx:
            count = await tx.run(
                places.CHANGE_LOCATION,
                location_id,
                version,
                *msgspec.structs.astuple(facts),
                actor,
            )
            found = await tx.find(places.FIND_LOCATION, location_id)
    except asyncpg.UniqueViolationError:
        raise _taken(facts.code) from None
    if found is None:
        raise LocationNotFound("There is no location with this id.")
    if not count:
        raise LocationChanged(
            "Read the location again and repeat the change.", version=found.version
        )
    return found


async def find_codes(connection: Connection, *, codes: Iterable[str]) -> dict[str, LocationId]:
    """The locations of these codes.

    Raises:
        LocationNotFound: One of them is nobody's; the fact ``code`` names it.
    """
    wanted = sorted(set(codes))
    found = {row.code: row.id for row in await connection.all(places.FIND_CODES, wanted)}
    for code in wanted:
        if code not in found:
            raise LocationNotFound("No location has this code.", location=code)
    return found


async def _insert(tx: Transaction, facts: LocationFacts, *, actor: str) -> LocationId:
    location_id = LocationId(new_id())
    await tx.run(places.INSERT_LOCATION, location_id, *msgspec.structs.astuple(facts), actor)
    return location_id


def _taken(code: str) -> LocationCodeTaken:
    return LocationCodeTaken("Another location has this code.", location=code)
