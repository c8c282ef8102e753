"""What bookkeepers do: reports of the bank, what differs, commission, and payouts of vendors."""

from __future__ import annotations

import random
from typing import Final
from uuid import uuid4

from proof.commands import exercises
from proof.simulation.process import Process
from proof.simulation.world import Violated, World
from surehold.checkout import commands
from surehold.db import Database
from surehold.kernel.money import Money
from surehold.orders.vendor_accounts import commands as vendor_accounts
from surehold.orders.vendor_accounts import queries
from surehold.orders.vendor_accounts.errors import (
    NothingToPayOut,
    PayoutBatchNotMovable,
    PayoutNotCovered,
)
from surehold.orders.vendor_accounts.model import BatchState, NewRule
from surehold.payments.reconciliation import commands as reconciliation
from surehold.payments.reconciliation import queries as reports
from surehold.payments.reconciliation.commands import ReportFile
from surehold.payments.reconciliation.errors import DifferenceEnded

STAFF: Final = "staff:simulation"
_ACCOUNT: Final = "sandbox"


async def agree_on_commission(db: Database) -> None:
    """A rule for everybody, which no amount divides evenly."""
    new = NewRule("0.137", fixed_minor=7, currency="USD")
    await vendor_accounts.add_rule(db, new=new, actor=STAFF)


@exercises(reconciliation.import_report)
async def take_in_a_report(world: World, process: Process, dice: random.Random) -> None:
    """Fetch what the bank says that moved so far, half of it or all, and take it in, twice."""
    if dice.random() < 0.4:
        await world.provider.pay_out("USD")
    header, *rows = (await world.provider.settlement()).decode().splitlines()
    some = rows if dice.random() < 0.5 else [row for row in rows if dice.random() < 0.5]
    if not some:
        return
    file = ReportFile("sandbox", _ACCOUNT, "\n".join([header, *some]).encode())
    first = await reconciliation.import_report(process.db, file=file, actor=STAFF)
    world.counts["report rows booked"] += first.new_count
    world.counts["report differences"] += first.difference_count
    again = await reconciliation.import_report(process.db, file=file, actor=STAFF)
    if again.new_count or not again.is_known:
        raise Violated("a file that was here before did something", first.report)


@exercises(
    commands.look_into_differences,
    reconciliation.explain_differences,
    reconciliation.resolve_difference,
)
async def look_at_differences(world: World, process: Process, dice: random.Random) -> None:
    """Let the books explain what they can, and say of some of the others what became of them."""
    world.counts["differences looked into"] += await commands.look_into_differences(
        process.checkout
    )
    world.counts["differences explained"] += await reconciliation.explain_differences(process.db)
    async with process.db.connection() as connection:
        found = (await reports.list_differences(connection)).items
    if found and dice.random() < 0.3:
        try:
            await reconciliation.resolve_difference(
                process.db, difference_id=dice.choice(found).id, note="seen", actor=STAFF
            )
        except DifferenceEnded:
            world.counts["differences over meanwhile"] += 1
        else:
            world.counts["differences resolved"] += 1


@exercises(vendor_accounts.post_due_commissions, vendor_accounts.post_commissions)
async def commission(world: World, process: Process, _: random.Random) -> None:
    """Follow the ledger."""
    count = await vendor_accounts.post_due_commissions(process.db, limit=100)
    world.counts["journals commissioned"] += count


@exercises(
    vendor_accounts.propose_payouts,
    vendor_accounts.approve_payouts,
    vendor_accounts.pay_payouts,
    vendor_accounts.cancel_payouts,
)
async def pay_vendors(world: World, process: Process, dice: random.Random) -> None:
    """Propose, or move what somebody proposed on; a batch that was paid stays paid."""
    async with process.db.connection() as connection:
        batches = (await queries.list_batches(connection)).items
    open_ones = [row for row in batches if row.state in (BatchState.PROPOSED, BatchState.APPROVED)]
    if not open_ones or dice.random() < 0.2:
        try:
            await vendor_accounts.propose_payouts(
                process.db,
                minimum=Money(dice.choice((1, 50_000)), "USD"),
                hold_days=0,
                actor=STAFF,
            )
        except NothingToPayOut:
            world.counts["nobody to pay"] += 1
        return
    batch = dice.choice(open_ones)
    try:
        if dice.random() < 0.2:
            await vendor_accounts.cancel_payouts(process.db, batch_id=batch.id, actor=STAFF)
            return
        await vendor_accounts.approve_payouts(process.db, batch_id=batch.id, actor=STAFF)
        done = await vendor_accounts.pay_payouts(
            process.db, batch_id=batch.id, bank_reference=uuid4().hex, actor=STAFF
        )
    except (PayoutBatchNotMovable, PayoutNotCovered) as refusal:
        world.counts[f"payout: {refusal.code}"] += 1
        return
    world.counts["paid to vendors minor"] += done.total_minor
