"""Selling what is not there yet, as actors: the terms, and the telling of who waited."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from proof.commands import exercises
from proof.explorer.actors import Place, S, part
from proof.explorer.scene import STAFF
from surehold.inventory import commands as inventory
from surehold.inventory.errors import BackordersOwed
from surehold.inventory.model import BackorderKind

_DAY: Final = date(2100, 1, 1)


@part(S.EMPTY, S.TRANSFER, S.WAITING, refusals=(BackordersOwed,))
@exercises(inventory.set_backorders)
async def sell_ahead(at: Place) -> int:
    """More may be owed or less, until another day; never less than is owed."""
    chance = at.seat.chance
    kind = chance.choice((*BackorderKind, None))
    wish = inventory.BackorderWish(kind)
    if kind is not None:
        day = _DAY + timedelta(days=chance.randint(0, 2))
        wish = inventory.BackorderWish(kind, chance.randint(1, 3), promised_on=day)
    view = await inventory.set_backorders(
        at.seat.db, variant_id=at.scene.variants[0], wish=wish, actor=STAFF.name
    )
    return sum(row.backorder_limit for row in view.levels)


@part(S.TRANSFER, S.WAITING)
@exercises(inventory.tell_backorders)
async def tell_who_waited(at: Place) -> int:
    """Whoever waited is told, once, when all is there."""
    return await inventory.tell_backorders(at.seat.db)
