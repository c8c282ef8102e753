"""Transfers: units leave one location on dispatch and enter another as they are received."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from surehold.db import Connection, Database, Transaction
from surehold.inventory import rules
from surehold.inventory.commands.moving import lock_shelves, move
from surehold.inventory.commands.places import find_codes
from surehold.inventory.errors import (
    InsufficientStock,
    TransferNotFound,
    TransferNotPossible,
    VariantNotStocked,
)
from surehold.inventory.model import (
    Move,
    Shortage,
    Transfer,
    TransferLine,
    TransferState,
)
from surehold.inventory.sql import LIST_LEVELS_OF, transferring
from surehold.inventory.states import TRANSFER, TransferEvent
from surehold.kernel.ids import TransferId, VariantId, new_id
from surehold.kernel.permissions import Permission, require

_REASON = "transfer"


class NewTransfer(msgspec.Struct, frozen=True):
    """Units of some variants to bring from one location to another, by their codes."""

    from_location: str
    to_location: str
    lines: tuple[tuple[VariantId, int], ...]
    note: str = ""


class TransferView(msgspec.Struct, frozen=True):
    """A transfer with its lines."""

    transfer: Transfer
    lines: tuple[TransferLine, ...]


#: Writes down, in the transaction that changes it, what a transfer has become.
KeepTransfer = Callable[[Transaction, TransferView], Awaitable[None]]


async def create_transfer(
    db: Database, *, new: NewTransfer, actor: str, keep: KeepTransfer | None = None
) -> TransferView:
    """Draft a transfer. No unit moves, and none is held for it.

    Raises:
        LocationNotFound: One of the codes is nobody's.
        VariantNotStocked: No stock is kept of one of the variants.
    """
    require(Permission.INVENTORY_WRITE)
    async with db.transaction() as tx:
        places = await find_codes(tx, codes=[new.from_location, new.to_location])
        variant_ids = [variant_id for variant_id, _ in new.lines]
        kept = {row.variant_id for row in await tx.all(LIST_LEVELS_OF, variant_ids)}
        missing = sorted(str(one) for one in set(variant_ids) - kept)
        if missing:
            raise VariantNotStocked("No stock is kept of this variant.", variant_ids=missing)
        transfer_id = TransferId(new_id())
        await tx.run(
            transferring.INSERT_TRANSFER,
            transfer_id,
            places[new.from_location],
            places[new.to_location],
            new.note,
            actor,
        )
        await tx.run(
            transferring.INSERT_TRANSFER_LINES,
            transfer_id,
            variant_ids,
            [quantity for _, quantity in new.lines],
        )
        return await _kept(tx, transfer_id, keep)


async def dispatch_transfer(db: Database, *, transfer_id: TransferId, actor: str) -> TransferView:
    """Take the units off their shelf: they are in transit now. The second time changes nothing.

    Raises:
        TransferNotFound: There is none with this id.
        TransferNotPossible: It was received or canceled.
        InsufficientStock: Lists every variant of which too few are free; nothing has left.
    """
    require(Permission.INVENTORY_WRITE)

    async def work(tx: Transaction) -> TransferView:
        before = await _lock(tx, transfer_id)
        if before.transfer.state is TransferState.IN_TRANSIT:
            return before
        _check(before.transfer, TransferEvent.DISPATCH)
        place = before.transfer.from_location_id
        moves = [Move(line.variant_id, place, -line.quantity) for line in before.lines]
        levels = await lock_shelves(tx, keys=[(row.variant_id, place) for row in moves])
        short = tuple(
            Shortage(row.variant_id, -row.delta, row.on_hand - row.promised)
            for row in rules.find_promised(levels, moves)
        )
        if short:
            raise InsufficientStock(short)
        await tx.run(transferring.DISPATCH_TRANSFER, transfer_id, actor)
        await move(tx, moves=moves, reason=_REASON, reference=str(transfer_id), actor=actor)
        return await read_transfer(tx, transfer_id=transfer_id)

    return await db.retrying(work)


async def receive_transfer(
    db: Database,
    *,
    transfer_id: TransferId,
    arrived: Sequence[tuple[VariantId, int]],
    actor: str,
    keep: KeepTransfer | None = None,
) -> TransferView:
    """Put units that have arrived on their new shelf; nothing named means all of them.

    Each call counts, so ``keep`` writes its key. With the last unit the transfer is received.

    Raises:
        TransferNotFound: There is none with this id.
        TransferNotPossible: It is not in transit.
        InvalidInput: A variant is not on it, comes twice, or more arrive than are in transit.
    """
    require(Permission.INVENTORY_WRITE)

    async def work(tx: Transaction) -> TransferView:
        before = await _lock(tx, transfer_id)
        _check(before.transfer, TransferEvent.FINISH)
        found = rules.receive_lines(before.lines, arrived)
        place = before.transfer.to_location_id
        moves = [Move(variant_id, place, units) for variant_id, units in found.items()]
        await lock_shelves(tx, keys=[(row.variant_id, place) for row in moves])
        await tx.run(
            transferring.RECEIVE_TRANSFER_LINES, transfer_id, list(found), list(found.values())
        )
        left = sum(line.open_quantity for line in before.lines) - sum(found.values())
        if not left:
            state = TransferState.RECEIVED.value
            await tx.run(transferring.END_TRANSFER, transfer_id, state, actor)
        await move(tx, moves=moves, reason=_REASON, reference=str(transfer_id), actor=actor)
        return await _kept(tx, transfer_id, keep)

    return await db.retrying(work)


async def cancel_transfer(db: Database, *, transfer_id: TransferId, actor: str) -> TransferView:
    """Give a transfer up: what is in transit goes back to where it came from, once.

    Canceling twice changes nothing. What was received stays where it is.

    Raises:
        TransferNotFound: There is none with this id.
        TransferNotPossible: All of it was received.
    """
    require(Permission.INVENTORY_WRITE)

    async def work(tx: Transaction) -> TransferView:
        before = await _lock(tx, transfer_id)
        if before.transfer.state is TransferState.CANCELED:
            return before
        _check(before.transfer, TransferEvent.CANCEL)
        if before.transfer.state is TransferState.IN_TRANSIT:
            place = before.transfer.from_location_id
            moves = [Move(line.variant_id, place, line.open_quantity) for line in before.lines]
            await lock_shelves(tx, keys=[(row.variant_id, place) for row in moves])
            await tx.run(transferring.RETURN_TRANSFER_LINES, transfer_id)
            await move(tx, moves=moves, reason=_REASON, reference=str(transfer_id), actor=actor)
        await tx.run(transferring.END_TRANSFER, transfer_id, TransferState.CANCELED.value, actor)
        return await read_transfer(tx, transfer_id=transfer_id)

    return await db.retrying(work)


async def read_transfer(connection: Connection, *, transfer_id: TransferId) -> TransferView:
    """One transfer with its lines.

    Raises:
        TransferNotFound: There is none with this id.
    """
    found = await connection.find(transferring.FIND_TRANSFER, transfer_id)
    if found is None:
        raise TransferNotFound("There is no transfer with this id.")
    lines = await connection.all(transferring.LIST_TRANSFER_LINES, [transfer_id])
    return TransferView(found, tuple(lines))


async def _lock(tx: Transaction, transfer_id: TransferId) -> TransferView:
    found = await tx.find(transferring.LOCK_TRANSFER, transfer_id)
    if found is None:
        raise TransferNotFound("There is no transfer with this id.")
    lines = await tx.all(transferring.LIST_TRANSFER_LINES, [transfer_id])
    return TransferView(found, tuple(lines))


def _check(transfer: Transfer, event: TransferEvent) -> None:
    if TRANSFER.find_next(transfer.state, event) is None:
        state = transfer.state.value
        raise TransferNotPossible(f"The transfer is {state}.", state=state)


async def _kept(
    tx: Transaction, transfer_id: TransferId, keep: KeepTransfer | None
) -> TransferView:
    view = await read_transfer(tx, transfer_id=transfer_id)
    if keep is not None:
        await keep(tx, view)
    return view
