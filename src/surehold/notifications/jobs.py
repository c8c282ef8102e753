"""What this room listens to, and what comes due by itself. Each body calls one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from surehold.cart import commands as carts
from surehold.identity import commands as identities
from surehold.jobs.outbox import Event, Subscriber
from surehold.jobs.worker import Schedule
from surehold.notifications import commands
from surehold.notifications.engine import Notifications

#: What found something to do is asked again at once, this often at most.
ROUNDS: Final = 50
EVERY_5_SECONDS: Final = "* * * * * */5"
HOURLY: Final = "23 * * * *"
EVERY_MINUTE: Final = "* * * * *"


def listen(notifications: Notifications) -> Subscriber:
    """What is told of every fact."""

    async def hear(event: Event) -> None:
        await commands.take_fact(notifications, event)

    return hear


def list_schedules(notifications: Notifications) -> tuple[Schedule, ...]:
    """Every schedule of this room, and of the identity room, whose letters it sends."""

    def deliver() -> Awaitable[int]:
        return _until_idle(lambda: commands.deliver(notifications))

    async def prune() -> int:
        db = notifications.db
        return (
            await _until_idle(lambda: commands.prune_mails(notifications))
            + await _until_idle(lambda: identities.prune_letters(db))
            + await _until_idle(lambda: identities.prune_sessions(db))
            + await _until_idle(lambda: identities.prune_attempts(db))
        )

    def tell() -> Awaitable[int]:
        return _until_idle(lambda: identities.tell_failures(notifications.db))

    def tell_back() -> Awaitable[int]:
        return _until_idle(lambda: carts.tell_back_in_stock(notifications.db))

    # A batch of five, of 20 seconds each at most, is done before it is anybody else's turn.
    return (
        Schedule("send_mails", EVERY_5_SECONDS, deliver, limit_seconds=600),
        Schedule("tell_failed_sign_ins", EVERY_MINUTE, tell),
        Schedule("tell_back_in_stock", EVERY_MINUTE, tell_back),
        Schedule("prune_identity", HOURLY, prune),
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
