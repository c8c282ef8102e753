"""What others may read of transfers and counts, and the stock file as it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, TypeAlias
from uuid import UUID

from surehold.db import Connection, Database
from surehold.inventory.commands.counting import read_count
from surehold.inventory.commands.importing import preview_import
from surehold.inventory.commands.transferring import read_transfer
from surehold.inventory.model import StockCount, Transfer, TransferState
from surehold.inventory.queries.paging import check_limit, decode, page_of
from surehold.inventory.rules.importing import COLUMNS
from surehold.inventory.sql import counting, importing, transferring
from surehold.kernel.csv_table import write_rows
from surehold.kernel.ids import VariantId
from surehold.kernel.page import DEFAULT_LIMIT, Page

__all__ = [
    "InTransit",
    "list_counts",
    "list_in_transit",
    "list_transfers",
    "preview_import",
    "read_count",
    "read_transfer",
    "write_file",
]

InTransit: TypeAlias = transferring.InTransitRow

#: So many lines of the file are read and sent at a time.
FILE_PAGE: Final = 1_000


async def list_transfers(
    connection: Connection,
    *,
    state: TransferState | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Transfer]:
    """Transfers, newest first; in one state or in any.

    Raises:
        InvalidInput: The cursor or the limit is not one.
    """
    check_limit(limit)
    (before,) = decode(cursor, (UUID,))
    if state is None:
        rows = await connection.all(transferring.LIST_TRANSFERS, before, limit + 1)
    else:
        rows = await connection.all(transferring.LIST_TRANSFERS_IN, before, limit + 1, state.value)
    return page_of(rows, limit, lambda row: (str(row.id),))


async def list_in_transit(
    connection: Connection, *, variant_id: VariantId
) -> tuple[InTransit, ...]:
    """Units of a variant that have left one location and not reached the other."""
    return tuple(await connection.all(transferring.LIST_IN_TRANSIT, variant_id))


async def list_counts(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[StockCount]:
    """Stock counts, newest first.

    Raises:
        InvalidInput: The cursor or the limit is not one.
    """
    check_limit(limit)
    (before,) = decode(cursor, (UUID,))
    rows = await connection.all(counting.LIST_COUNTS, before, limit + 1)
    return page_of(rows, limit, lambda row: (str(row.id),))


async def write_file(db: Database) -> AsyncIterator[str]:
    """The stock file, a piece at a time: however much stock there is, a page of it is in memory.

    No connection is kept between two pieces, so a slow reader holds nobody up. Each line is true
    at the moment at which its piece was read.
    """
    yield write_rows([COLUMNS])
    after: tuple[str | None, str | None] = (None, None)
    while True:
        async with db.connection() as connection:
            rows = await connection.all(importing.LIST_FILE, *after, FILE_PAGE)
        if not rows:
            return
        yield write_rows(
            (
                row.sku,
                row.location,
                row.on_hand,
                row.on_hand,
                row.low_stock_threshold,
                row.name,
                row.allocated,
                row.reserved,
                row.available,
            )
            for row in rows
        )
        after = (rows[-1].sku, rows[-1].location)
