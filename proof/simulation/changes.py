"""Placed orders that staff change: less, more, another thing, and taken back again."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import uuid4

from proof.commands import exercises
from proof.simulation.back_office import STAFF, a_paid_one, keep_of
from proof.simulation.process import Process
from proof.simulation.world import Amendment, Purchase, Told, Violated, World, note_order
from surehold.checkout import commands
from surehold.checkout.rules import ChangeWish
from surehold.kernel.errors import Busy, DomainError
from surehold.kernel.ids import OrderChangeId
from surehold.orders import queries as orders
from surehold.orders.changes.model import ChangeState, OrderChange

_OVER: Final = (ChangeState.APPLIED, ChangeState.CANCELED)
_PROVIDERS: Final = ("sandbox", "sandbox", "bank_transfer")


@exercises(commands.change_order, commands.preview_change)
async def change_an_order(world: World, process: Process, dice: random.Random) -> None:
    """Change an order, paid or not; again under its key when nobody answered."""
    purchase = a_paid_one(world, dice)
    if purchase is None:
        return
    if not purchase.line_ids:
        async with process.db.connection() as connection:
            rows = await orders.list_lines(connection, order_ids=[purchase.known_id])
        purchase.line_ids = tuple(line.id for line in rows[purchase.known_id])
    unknown = [
        row
        for row in purchase.amendments
        if row.told is Told.UNKNOWN and (row.wish.give_up or row.wish.add)
    ]
    if unknown and dice.random() < 0.7:
        made = dice.choice(unknown)
    else:
        made = Amendment(OrderChangeId(uuid4()), _a_wish(world, purchase, dice))
        purchase.amendments.append(made)
    expected = None
    if dice.random() < 0.2:
        world.did()
        seen = await commands.preview_change(
            process.checkout, order_id=purchase.known_id, wish=made.wish
        )
        expected = seen.difference_minor
    before, made.told = made.told, Told.UNKNOWN
    was_canceled = purchase.is_told_canceled
    over = {row.id: row.state for row in purchase.amendments if row.state in _OVER}
    try:
        placed = await commands.change_order(
            process.checkout,
            order_id=purchase.known_id,
            change_id=made.id,
            wish=made.wish,
            reason="simulated",
            actor=STAFF,
            keep=keep_of(commands.CHANGES, str(made.id)),
        )
    except Busy:
        raise
    except DomainError:
        # Without an answer to an earlier asking, it is refused because that one was not made.
        made.told = Told.REFUSED if before is not Told.ACCEPTED else Told.ACCEPTED
        raise
    made.told = Told.ACCEPTED
    note_order(purchase, placed, was_canceled=was_canceled)
    _note_changes(purchase, placed.changes, over)
    if not any(row.id == made.id for row in placed.changes):
        raise Violated("a change was acknowledged and is not there", *purchase.ids)
    # It may have been made before, at other prices, by an attempt that nobody answered.
    if expected is not None and before is Told.NOTHING:
        world.counts["changes as they were shown"] += made.difference_minor == expected
    world.counts["orders changed"] += 1


@exercises(commands.cancel_change)
async def take_a_change_back(world: World, process: Process, dice: random.Random) -> None:
    """Take a change back, which mostly does not wait to be paid."""
    purchase = a_paid_one(world, dice)
    made = [] if purchase is None else [r for r in purchase.amendments if r.told is Told.ACCEPTED]
    if purchase is None or not made:
        return
    chosen = dice.choice(made)
    was_made = chosen.state is ChangeState.APPLIED
    await commands.cancel_change(
        process.checkout, order_id=purchase.known_id, change_id=chosen.id, actor=STAFF
    )
    if was_made:
        raise Violated("a change was made, and taken back", *purchase.ids)
    chosen.state = ChangeState.CANCELED
    world.counts["changes taken back"] += 1


def _a_wish(world: World, purchase: Purchase, dice: random.Random) -> ChangeWish:
    """One unit given up, or one or two of anything added, or both."""
    what = dice.choice(("less", "more", "swap", "swap"))
    return ChangeWish(
        give_up=() if what == "more" else ((dice.choice(purchase.line_ids), 1),),
        add=() if what == "less" else ((dice.choice(world.variant_ids), dice.choice((1, 1, 2))),),
        provider=dice.choice(_PROVIDERS),
    )


def _note_changes(
    purchase: Purchase,
    changes: Iterable[OrderChange],
    over: Mapping[OrderChangeId, ChangeState | None],
) -> None:
    """Remember what became of changes: one that was made or taken back stays so.

    ``over``: what was known to be over when they were asked for. What is told meanwhile may be
    newer than what was read for this answer.

    Raises:
        Violated: It did not.
    """
    known = {row.id: row for row in purchase.amendments}
    for change in changes:
        made = known.get(change.id)
        if made is None:
            raise Violated(f"nobody asked for change {change.id}", *purchase.ids)
        before = over.get(change.id)
        if before is not None and change.state is not before:
            raise Violated(f"change {change.id} was {before}, is {change.state}", change.id)
        made.difference_minor = change.difference_minor
        if made.state not in _OVER:
            made.state = change.state
