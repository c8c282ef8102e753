"""What staff sell before it is there: more, fewer, another day, no longer."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Final

from proof.commands import exercises
from proof.simulation.process import Process
from proof.simulation.warehouse import STAFF
from proof.simulation.world import World
from surehold.db import Database
from surehold.inventory import commands as inventory
from surehold.inventory.model import BackorderKind
from surehold.kernel.ids import VariantId

#: Far beyond any day to which the clock of a seed is moved.
_FIRST_DAY: Final = date(2100, 1, 1)


@exercises(inventory.set_backorders)
async def sell_ahead(world: World, process: Process, dice: random.Random) -> None:
    """Say how many of a variant may be owed, and until when; less than is owed is refused."""
    kind = dice.choice((*BackorderKind, *BackorderKind, None))
    wish = inventory.BackorderWish(kind)
    if kind is not None:
        day = None if dice.random() < 0.2 else _FIRST_DAY + timedelta(days=dice.randint(0, 3))
        wish = inventory.BackorderWish(kind, dice.randint(1, 8), promised_on=day)
    await inventory.set_backorders(
        process.db, variant_id=dice.choice(world.variant_ids), wish=wish, actor=STAFF
    )


async def open_terms(db: Database, variant_id: VariantId) -> None:
    """Sell a variant before it is there, as the store does from its first day."""
    wish = inventory.BackorderWish(BackorderKind.PREORDER, 12, promised_on=_FIRST_DAY)
    await inventory.set_backorders(db, variant_id=variant_id, wish=wish, actor=STAFF)
