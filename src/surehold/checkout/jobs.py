"""What comes due by itself in a store, and when. Each body calls one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from surehold.checkout import commands
from surehold.checkout.commands.sweep import BATCH
from surehold.checkout.engine import Checkout
from surehold.db.invariants import Watch
from surehold.inventory import commands as inventory
from surehold.jobs import outbox
from surehold.jobs.outbox import Event, Subscriber
from surehold.jobs.worker import Schedule
from surehold.orders.vendor_accounts import commands as vendor_accounts
from surehold.payments.reconciliation import commands as reconciliation

log = structlog.get_logger(__name__)

#: A command that took a whole batch is asked again at once, this often at most.
ROUNDS: Final = 50

EVERY_5_SECONDS: Final = "* * * * * */5"
EVERY_10_SECONDS: Final = "* * * * * */10"
EVERY_MINUTE: Final = "* * * * *"
EVERY_10_MINUTES: Final = "*/10 * * * *"
#: Not on the hour, when everybody else's programs wake.
HOURLY: Final = "17 * * * *"


def list_schedules(
    checkout: Checkout, *, watch: Watch, subscribers: Sequence[Subscriber] = ()
) -> tuple[Schedule, ...]:
    """Every schedule of a store's orders. ``watch`` keeps the last report of the invariants.

    ``subscribers`` are told of every fact, beside the log.
    """

    def swept(sweep: Callable[[Checkout], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
        return lambda: _until_idle(lambda: sweep(checkout))

    def publish() -> Awaitable[int]:
        return _until_idle(
            lambda: outbox.publish(checkout.db, subscribers=(announce, *subscribers), limit=BATCH)
        )

    return (
        Schedule("expire_reservations", EVERY_10_SECONDS, swept(commands.expire_reservations)),
        Schedule("ask_due_operations", EVERY_10_SECONDS, swept(commands.ask_due_operations)),
        Schedule("check_due_payments", EVERY_10_SECONDS, swept(commands.check_due_payments)),
        Schedule("process_due_webhooks", EVERY_10_SECONDS, swept(commands.process_due_webhooks)),
        Schedule("cancel_unpaid_orders", EVERY_MINUTE, swept(commands.cancel_unpaid_orders)),
        Schedule(
            "report_abandoned_carts", EVERY_10_MINUTES, swept(commands.report_abandoned_carts)
        ),
        Schedule("issue_documents", EVERY_10_SECONDS, swept(commands.issue_documents)),
        Schedule(
            "post_commissions",
            EVERY_MINUTE,
            lambda: _until_idle(
                lambda: vendor_accounts.post_due_commissions(checkout.db, limit=BATCH)
            ),
        ),
        Schedule(
            "raise_low_stock_alerts",
            EVERY_MINUTE,
            lambda: _until_idle(
                lambda: inventory.raise_low_stock_alerts(checkout.db, limit=BATCH)
            ),
        ),
        Schedule(
            "tell_backorders",
            EVERY_MINUTE,
            lambda: _until_idle(lambda: inventory.tell_backorders(checkout.db, limit=BATCH)),
        ),
        Schedule("look_into_differences", HOURLY, swept(commands.look_into_differences)),
        Schedule(
            "explain_differences",
            EVERY_10_MINUTES,
            lambda: reconciliation.explain_differences(checkout.db),
        ),
        Schedule("expire_gift_cards", HOURLY, swept(commands.expire_gift_cards)),
        Schedule("archive_old_orders", HOURLY, swept(commands.archive_old_orders)),
        Schedule("publish_outbox", EVERY_5_SECONDS, publish),
        Schedule("prune", HOURLY, lambda: commands.prune(checkout)),
        Schedule("check_invariants", EVERY_10_MINUTES, watch.check, limit_seconds=3_600),
    )


async def announce(event: Event) -> None:
    """Say a fact in the log. Buyers and other programs are told by ``notifications``."""
    log.info("fact", topic=event.topic, subject=str(event.subject_id))


async def _until_idle(command: Callable[[], Awaitable[int]]) -> int:
    """Ask again while there is a batch's worth of work; returns how much was done."""
    total = 0
    for _ in range(ROUNDS):
        count = await command()
        total += count
        if count < BATCH:
            break
    return total
