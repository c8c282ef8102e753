"""What comes due by itself in this room. Each body calls one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from surehold.db import Database
from surehold.jobs.worker import Schedule
from surehold.privacy import commands

#: What found something to do is asked again at once, this often at most.
ROUNDS: Final = 500
EVERY_5_SECONDS: Final = "* * * * * */5"
HOURLY: Final = "41 * * * *"


def list_schedules(db: Database) -> tuple[Schedule, ...]:
    """Every schedule of this room."""

    def until_idle(command: Callable[[Database], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
        return lambda: _until_idle(lambda: command(db))

    return (
        Schedule("make_exports", EVERY_5_SECONDS, until_idle(commands.make_export)),
        Schedule("erase_people", EVERY_5_SECONDS, until_idle(commands.carry_on_erasing)),
        Schedule("prune_exports", HOURLY, until_idle(commands.prune_exports)),
    )


async def _until_idle(command: Callable[[], Awaitable[int]]) -> int:
    """Ask again while there is anything to do; returns how much was done."""
    total = 0
    for _ in range(ROUNDS):
        count = await command()
        total += count
        if not count:
            break
    return total
