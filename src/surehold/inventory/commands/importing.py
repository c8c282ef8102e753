"""The stock file: what it would do, and doing it, all of it or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from surehold.db import Connection, Database, Transaction
from surehold.inventory.commands.moving import change_thresholds, lock_shelves, move
from surehold.inventory.model import Move
from surehold.inventory.rules.importing import FileRow, Plan, plan, read_file
from surehold.inventory.sql import importing
from surehold.inventory.sql.importing import KnownRow
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.permissions import Permission, require

#: Writes down, in the transaction that imports, what came of it.
KeepImport = Callable[[Transaction, Plan], Awaitable[None]]


async def preview_import(connection: Connection, *, raw: bytes) -> Plan:
    """What a file would change, and every problem of it by row and column; changes nothing."""
    require(Permission.INVENTORY_WRITE)
    rows, problems = read_file(raw)
    return plan(rows, await _resolve(connection, rows), problems)


async def import_stock(
    db: Database, *, raw: bytes, reference: str, actor: str, keep: KeepImport | None = None
) -> Plan:
    """Bring what is on hand to what a file says: all lines of it, or nothing.

    A file twice changes nothing the second time; ``keep`` comes before the commit.

    Raises:
        InvalidInput: Lists every problem, as ``/rows/{row}/{column}``; nothing was changed.
    """
    require(Permission.INVENTORY_WRITE)
    rows, problems = read_file(raw)

    async def work(tx: Transaction) -> Plan:
        known = await _resolve(tx, rows)
        keys = [
            (row.variant_id, row.location_id)
            for row in known
            if row.variant_id is not None and row.location_id is not None
        ]
        locked = await lock_shelves(tx, keys=keys)
        levels = {
            (level.variant_id, level.location_id): level
            for row in locked.values()
            for level in row
        }
        found = plan(rows, known, problems, levels)
        if found.problems:
            raise InvalidInput(
                tuple(
                    Fault(f"/rows/{one.row}/{one.column}", one.code, one.detail)
                    for one in found.problems
                )
            )
        places = {
            row.row: (fact.variant_id, fact.location_id)
            for row, fact in zip(rows, known, strict=True)
            if fact.variant_id is not None and fact.location_id is not None
        }
        moves = [Move(*places[one.row], one.on_hand - one.on_hand_before) for one in found.changes]
        await move(tx, moves=moves, reason="correction", reference=reference, actor=actor)
        await change_thresholds(
            tx,
            thresholds={places[one.row]: one.low_stock_threshold for one in found.changes},
        )
        if keep is not None:
            await keep(tx, found)
        return found

    return await db.retrying(work)


async def _resolve(connection: Connection, rows: Sequence[FileRow]) -> list[KnownRow]:
    if not rows:
        return []
    return await connection.all(
        importing.RESOLVE_ROWS,
        [row.row for row in rows],
        [row.sku for row in rows],
        [row.location for row in rows],
    )
