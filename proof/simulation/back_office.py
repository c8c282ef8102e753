"""What happens behind the counter: the worker, webhooks, staff, the warehouse, other programs."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Final
from uuid import uuid4

from proof.commands import exercises
from proof.simulation.buyers import note_canceled
from proof.simulation.process import Process
from proof.simulation.provider import Delivery
from proof.simulation.world import Hold, Receipt, Told, Violated, World
from surehold.cart import commands as carts
from surehold.checkout import commands
from surehold.checkout.jobs import list_schedules
from surehold.checkout.model import PAID, Actor
from surehold.db import idempotency, shop
from surehold.db.invariants import Watch
from surehold.inventory import commands as inventory
from surehold.inventory.model import ReservationState
from surehold.jobs import outbox
from surehold.kernel.errors import Busy, DomainError
from surehold.kernel.money import Money
from surehold.orders.documents import commands as documents
from surehold.orders.documents.model import DocumentKind
from surehold.orders.model import CancelReason
from surehold.payments import commands as payments
from surehold.pricing import commands as pricing

STAFF: Final = Actor("staff:simulation")

#: How often each job of the worker is drawn.
_JOBS: Final = {
    "expire_reservations": 24,
    "ask_due_operations": 18,
    "check_due_payments": 8,
    "process_due_webhooks": 14,
    "cancel_unpaid_orders": 12,
    "issue_documents": 6,
    "publish_outbox": 12,
    "raise_low_stock_alerts": 6,
    "prune": 3,
}

#: Jobs that carry out a command for each thing that they find.
_ONE_BY_ONE: Final = frozenset(_JOBS) - {*("publish_outbox", "prune", "raise_low_stock_alerts")}

#: Settings that staff turn, and to what. All short: a hold has to end within the run.
_SETTINGS: Final = {
    "hold_redirect_minutes": (10, 20, 30),
    "hold_transfer_minutes": (20, 60, 180),
    "grace_minutes": (1, 5, 10),
    "extensions_max": (0, 1, 3),
    "unpaid_cancel_hours": (1, 2, 4),
}


# --- the worker ----------------------------------------------------------------------------------


@exercises(
    commands.expire_reservations,
    commands.ask_due_operations,
    commands.check_due_payments,
    commands.process_due_webhooks,
    commands.cancel_unpaid_orders,
    commands.issue_documents,
    documents.issue_due,
    commands.prune,
    commands.ask,
    commands.check_payment,
    commands.process_webhook,
    carts.prune_carts,
    idempotency.prune,
    inventory.expire,
    inventory.raise_low_stock_alerts,
    outbox.publish,
    outbox.prune,
    payments.claim_checks,
    payments.claim_operations,
    payments.claim_webhooks,
    payments.end_webhook,
    pricing.prune_quotes,
)
async def work(world: World, process: Process, dice: random.Random) -> None:
    """Run one of the worker's schedules once, as it is."""
    name = dice.choices(list(_JOBS), weights=list(_JOBS.values()))[0]
    count = await run_job(process, name)
    world.counts[f"job: {name}"] += 1
    if name in _ONE_BY_ONE:
        world.did(max(count - 1, 0))


async def run_job(process: Process, name: str) -> int:
    """Run one schedule; returns how much it did."""
    schedules = list_schedules(process.checkout, watch=Watch(process.db))
    [schedule] = [schedule for schedule in schedules if schedule.name == name]
    return await schedule.run()


# --- webhooks ------------------------------------------------------------------------------------


@exercises(commands.Inbox, commands.process_webhook, payments.store_webhook)
async def deliver_a_webhook(world: World, process: Process, dice: random.Random) -> None:
    """Carry a webhook to the shop: in any order, late, twice, to two processes at once, never."""
    world.collect_webhooks()
    if not world.webhooks:
        return
    index = dice.randrange(len(world.webhooks))
    delivery = world.webhooks.pop(index)
    if dice.random() < 0.08 and not delivery.is_lasting:
        world.counts["webhooks lost"] += 1
        return
    targets = [process]
    if dice.random() < 0.2:
        targets += [world.a_process(dice) for _ in range(dice.randint(1, 3))]
        world.counts["webhooks duplicated"] += len(targets) - 1
    if dice.random() < 0.1:
        world.webhooks.append(delivery)  # Comes once more, some time later.
        world.counts["webhooks duplicated"] += 1
    if index:
        world.counts["webhooks out of order"] += 1
    is_heard = False
    try:
        new = await asyncio.gather(
            *(target.begin(_hand_over(target, delivery)) for target in targets)
        )
        is_heard = True
        # A delivery for each, and what the inbox begins to do about a new event.
        world.did(len(targets) - 1 + sum(new))
    finally:
        if not is_heard:
            world.webhooks.append(delivery)  # Not answered with success: sent again.


async def _hand_over(process: Process, delivery: Delivery) -> int:
    return await process.inbox.receive(
        provider_name="sandbox", raw_body=delivery.body, headers=delivery.headers
    )


# --- staff ---------------------------------------------------------------------------------------


@exercises(commands.confirm_payment)
async def confirm_a_transfer(world: World, process: Process, dice: random.Random) -> None:
    """See money arrive at the bank: the right sum, mostly; to old payments, too."""
    purchase = world.a_purchase(dice)
    if purchase is None:
        return
    local = [one for one, provider in purchase.payments if provider == "bank_transfer"]
    if not local:
        return
    off = dice.choices((0, -1, 1), weights=(84, 8, 8))[0]
    outcome = await commands.confirm_payment(
        process.checkout,
        payment_id=dice.choice(local),
        received=Money(purchase.total_minor + off, purchase.currency),
        actor=STAFF,
    )
    world.counts[f"transfer: {outcome.effect}"] += 1
    if outcome.effect == PAID:
        if off:
            raise Violated("a wrong sum has paid an order", purchase.order_id)
        if purchase.is_told_canceled:
            raise Violated("a canceled order was paid and kept", purchase.order_id)
        purchase.is_told_paid = True


@exercises(commands.cancel_order)
async def cancel_for_a_buyer(world: World, process: Process, dice: random.Random) -> None:
    """Cancel an order in the back office, paid or not."""
    purchase = world.a_purchase(dice)
    if purchase is not None:
        placed = await commands.cancel_order(
            process.checkout,
            order_id=purchase.known_id,
            reason=CancelReason.STAFF,
            actor=STAFF,
        )
        note_canceled(purchase, placed)


@exercises(documents.issue)
async def print_a_document(world: World, process: Process, dice: random.Random) -> None:
    """Print an order's invoice or packing slip; twice at once, sometimes, and it is one."""
    purchase = world.a_purchase(dice)
    if purchase is None:
        return
    kind = dice.choice((DocumentKind.INVOICE, DocumentKind.PACKING_SLIP))
    processes = [process] + [world.a_process(dice)] * (dice.random() < 0.3)
    issued = await asyncio.gather(
        *(
            one.begin(
                documents.issue(one.db, order_id=purchase.known_id, kind=kind, actor=STAFF.name)
            )
            for one in processes
        )
    )
    world.did(len(processes) - 1)
    if len({row.document.number for row in issued}) != 1:
        raise Violated("one order has two documents of a kind", purchase.order_id)
    if issued[0].document.total_minor != purchase.total_minor:
        raise Violated("a document is for another amount than was told", purchase.order_id)


@exercises(shop.change)
async def change_a_setting(world: World, process: Process, dice: random.Random) -> None:
    """Turn one of the store's settings while it is selling."""
    key = dice.choice(list(_SETTINGS))
    async with process.db.transaction() as tx:
        await shop.change(tx, key=key, value=dice.choice(_SETTINGS[key]), actor=STAFF.name)
    world.counts["settings changed"] += 1


# --- the warehouse and other programs ------------------------------------------------------------


@exercises(inventory.receive_stock)
async def receive_stock(world: World, process: Process, dice: random.Random) -> None:
    """Report units that arrived; again under the same reference when nobody answered."""
    unknown = [receipt for receipt in world.receipts if receipt.told is Told.UNKNOWN]
    if unknown and dice.random() < 0.5:
        receipt = dice.choice(unknown)
    else:
        receipt = Receipt(uuid4().hex, dice.choice(world.variant_ids), dice.randint(1, 8))
        world.receipts.append(receipt)
    receipt.told = Told.UNKNOWN
    await inventory.receive_stock(
        process.db,
        arrivals=[
            inventory.Arrival(receipt.variant_id, world.location_id, receipt.quantity),
        ],
        reference=receipt.reference,
        actor=STAFF.name,
    )
    receipt.told = Told.ACCEPTED


@exercises(inventory.reserve)
async def hold_units(world: World, process: Process, dice: random.Random) -> None:
    """Hold units over the API, outside any order."""
    variant_ids = dice.sample(world.variant_ids, k=dice.randint(1, 2))
    lines = tuple((variant_id, dice.randint(1, 2)) for variant_id in variant_ids)
    hold = Hold(uuid4(), lines, Told.UNKNOWN)
    world.holds.append(hold)
    try:
        rows = await inventory.reserve(
            process.db,
            demands=[inventory.Demand(*line) for line in lines],
            ttl=timedelta(minutes=dice.choice((5, 15, 30))),
            holder_id=hold.holder_id,
        )
    except Busy:
        raise
    except DomainError:
        hold.told = Told.REFUSED
        raise
    hold.told = Told.ACCEPTED
    held = {variant_id: 0 for variant_id, _ in lines}
    for row in rows:
        held[row.variant_id] += row.quantity
    if held != dict(lines):
        raise Violated("other units are held than were asked for", hold.holder_id)


@exercises(inventory.release, inventory.expire)
async def let_go(world: World, process: Process, dice: random.Random) -> None:
    """Release what was held over the API, or have its end looked at; twice, sometimes."""
    held = [hold for hold in world.holds[-40:] if hold.told is not Told.REFUSED]
    if not held:
        return
    hold = dice.choice(held)
    if dice.random() < 0.3:
        await inventory.expire(process.db, holder_id=hold.holder_id)
        return
    rows = await inventory.release(process.db, holder_id=hold.holder_id, reason="not needed")
    if any(row.state is ReservationState.ACTIVE for row in rows):
        raise Violated("what was released is held", hold.holder_id)
    hold.is_told_released = True
