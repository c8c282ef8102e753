"""What staff do to the shelves: adjust, count, take in a file, move units to another location."""

from __future__ import annotations

import random
from collections.abc import Awaitable
from typing import Any, Final
from uuid import uuid4

from proof.commands import exercises
from proof.simulation.process import Process
from proof.simulation.world import Receipt, Told, World
from surehold.inventory import commands as inventory
from surehold.inventory import queries
from surehold.inventory.model import TransferState
from surehold.kernel.errors import Busy, DomainError

STAFF: Final = "staff:simulation"
PLACES: Final = ("main", "annex")
_TRANSFERS_KEPT: Final = 30


async def _correct(world: World, receipt: Receipt, work: Awaitable[Any]) -> None:
    """Write down what was told of a difference that staff make."""
    receipt.told = Told.UNKNOWN
    world.corrections.append(receipt)
    try:
        await work
    except Busy:
        raise
    except DomainError:
        receipt.told = Told.REFUSED
        raise
    receipt.told = Told.ACCEPTED


@exercises(inventory.adjust_stock)
async def adjust(world: World, process: Process, dice: random.Random) -> None:
    """Find a unit behind the shelf, or break one."""
    receipt = Receipt(uuid4().hex, dice.choice(world.variant_ids), dice.choice((-2, -1, 1, 2)))
    adjustment = inventory.Adjustment(receipt.variant_id, "main", receipt.quantity)
    await _correct(
        world,
        receipt,
        inventory.adjust_stock(
            process.db, adjustment=adjustment, reference=receipt.reference, actor=STAFF
        ),
    )


@exercises(
    inventory.start_count, inventory.record_counted, inventory.apply_count, inventory.cancel_count
)
async def count(world: World, process: Process, dice: random.Random) -> None:
    """Count a shelf, miscount now and then, and believe it mostly; buyers go on meanwhile."""
    variant_id = dice.choice(world.variant_ids)
    begun = await inventory.start_count(
        process.db, location="main", variant_ids=[variant_id], note="", actor=STAFF
    )
    count_id = begun.count.id
    found = max(begun.lines[0].on_hand + dice.choice((-1, 0, 1)), 0)
    counted = await inventory.record_counted(
        process.db, count_id=count_id, counted=[(variant_id, found)], actor=STAFF
    )
    world.did(2)
    if dice.random() < 0.2:
        await inventory.cancel_count(process.db, count_id=count_id, actor=STAFF)
        return
    receipt = Receipt(str(count_id), variant_id, counted.lines[0].difference or 0)
    await _correct(
        world, receipt, inventory.apply_count(process.db, count_id=count_id, actor=STAFF)
    )


@exercises(inventory.import_stock)
async def take_in_a_file(world: World, process: Process, dice: random.Random) -> None:
    """Bring a level to what a file says, if it is what the file expects."""
    variant_id = dice.choice(world.variant_ids)
    async with process.db.connection() as connection:
        level = (await queries.list_levels_of(connection, variant_ids=[variant_id]))[variant_id][0]
    wanted = max(level.on_hand + dice.choice((-1, 1)), 0)
    receipt = Receipt(uuid4().hex, variant_id, wanted - level.on_hand)
    text = (
        "sku,location,on_hand,expected_on_hand\n"
        f"{level.sku},{level.location},{wanted},{level.on_hand}\n"
    )
    await _correct(
        world,
        receipt,
        inventory.import_stock(
            process.db, raw=text.encode(), reference=receipt.reference, actor=STAFF
        ),
    )


@exercises(inventory.create_transfer, inventory.dispatch_transfer)
async def send(world: World, process: Process, dice: random.Random) -> None:
    """Send units of some variants from one location to the other."""
    here, there = dice.sample(PLACES, k=2)
    variant_ids = dice.sample(world.variant_ids, k=dice.randint(1, 2))
    new = inventory.NewTransfer(
        here, there, tuple((variant_id, dice.randint(1, 3)) for variant_id in variant_ids)
    )
    drafted = await inventory.create_transfer(process.db, new=new, actor=STAFF)
    world.transfers.append(drafted.transfer.id)
    del world.transfers[:-_TRANSFERS_KEPT]
    world.did()
    await inventory.dispatch_transfer(process.db, transfer_id=drafted.transfer.id, actor=STAFF)


@exercises(inventory.receive_transfer, inventory.cancel_transfer)
async def arrive(world: World, process: Process, dice: random.Random) -> None:
    """Receive units of a transfer, some or all, or call it back."""
    if not world.transfers:
        return
    transfer_id = dice.choice(world.transfers)
    if dice.random() < 0.25:
        await inventory.cancel_transfer(process.db, transfer_id=transfer_id, actor=STAFF)
        return
    async with process.db.connection() as connection:
        view = await queries.read_transfer(connection, transfer_id=transfer_id)
    is_sent = view.transfer.state is TransferState.IN_TRANSIT
    some = [(line.variant_id, 1) for line in view.lines if line.open_quantity]
    await inventory.receive_transfer(
        process.db,
        transfer_id=transfer_id,
        arrived=some if is_sent and dice.random() < 0.5 else (),
        actor=STAFF,
    )
