"""What others may read of stock: levels, movements, places, reservations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from surehold.db import Connection
from surehold.inventory import sql
from surehold.inventory.model import Location, Reservation
from surehold.inventory.queries.paging import check_limit, decode, page_of, read_text
from surehold.inventory.sql import places
from surehold.kernel.ids import VariantId
from surehold.kernel.page import DEFAULT_LIMIT, Page

Level: TypeAlias = sql.LevelRow
Movement: TypeAlias = sql.MovementRow


async def available(
    connection: Connection, variant_ids: Iterable[VariantId]
) -> dict[VariantId, int]:
    """How many units of each variant could be promised now, back-orders included.

    Every variant that was asked for has an entry: 0 where no stock is kept.
    """
    wanted = list(variant_ids)
    found = dict.fromkeys(wanted, 0)
    for row in await connection.all(sql.AVAILABLE, wanted):
        found[row.variant_id] = row.available
    return found


async def list_levels(
    connection: Connection,
    *,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    is_low_only: bool = False,
) -> Page[Level]:
    """Stock levels by stock code and location.

    Raises:
        InvalidInput: The cursor or the limit is not one.
    """
    check_limit(limit)
    after = decode(cursor, (read_text, read_text))
    statement = sql.LIST_LOW_LEVELS if is_low_only else sql.LIST_LEVELS
    rows = await connection.all(statement, *after, limit + 1)
    return page_of(rows, limit, lambda row: (row.sku, row.location))


async def list_low(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Level]:
    """Stock levels at or under their threshold, by stock code and location.

    Raises:
        InvalidInput: The cursor or the limit is not one.
    """
    return await list_levels(connection, cursor=cursor, limit=limit, is_low_only=True)


async def list_levels_of(
    connection: Connection, *, variant_ids: Iterable[VariantId]
) -> dict[VariantId, tuple[Level, ...]]:
    """Every stock level of these variants, best location first; none where no stock is kept."""
    found: dict[VariantId, tuple[Level, ...]] = {}
    for row in await connection.all(sql.LIST_LEVELS_OF, list(variant_ids)):
        found[row.variant_id] = (*found.get(row.variant_id, ()), row)
    return found


async def list_movements(
    connection: Connection,
    *,
    variant_id: VariantId | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Movement]:
    """What changed on the shelves, newest first; of one variant or of all.

    Raises:
        InvalidInput: The cursor or the limit is not one.
    """
    check_limit(limit)
    (before,) = decode(cursor, (UUID,))
    if variant_id is None:
        rows = await connection.all(sql.LIST_MOVEMENTS, before, limit + 1)
    else:
        rows = await connection.all(sql.LIST_MOVEMENTS_OF, before, limit + 1, variant_id)
    return page_of(rows, limit, lambda row: (str(row.id),))


async def soonest_hold_end(connection: Connection, *, variant_id: VariantId) -> datetime | None:
    """When the next hold on a variant ends, so that units may come free; or ``None``."""
    return (await connection.one(sql.SOONEST_HOLD_END, variant_id)).ends_at


async def list_locations(connection: Connection) -> tuple[Location, ...]:
    """Where stock is kept, in the order in which it is taken."""
    return tuple(await connection.all(places.LIST_LOCATIONS))


async def list_reservations(
    connection: Connection, *, holder_ids: Sequence[UUID]
) -> tuple[Reservation, ...]:
    """Every reservation of these holders, whatever its state, oldest first."""
    return tuple(await connection.all(sql.LIST_RESERVATIONS, list(holder_ids)))


async def list_holders_due(connection: Connection, *, limit: int) -> tuple[UUID, ...]:
    """Who holds something whose time is over: orders, and callers of the API."""
    return tuple(row.holder_id for row in await connection.all(sql.LIST_HOLDERS_DUE, limit))
