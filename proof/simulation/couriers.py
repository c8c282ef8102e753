"""What couriers report, and where cash goes; transfers and holds that come to nothing."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from proof.commands import exercises
from proof.simulation.process import Process
from proof.simulation.world import Purchase, Violated, World
from surehold.checkout import commands
from surehold.checkout.model import PAID, Actor
from surehold.kernel.ids import PaymentId, merchant_reference
from surehold.kernel.money import Money
from surehold.payments.authorizations import queries as authorizations
from surehold.payments.cash import commands as cash
from surehold.payments.cash import queries
from surehold.payments.errors import PaymentNotCapturable
from surehold.payments.model import CASH_ON_DELIVERY

STAFF: Final = Actor("staff:simulation")
COURIERS: Final = ("abebe", "mara")
_DEPOSITED: Final = 5
#: Later than any hold lapses.
_FAR: Final = datetime(2100, 1, 1, tzinfo=UTC)


@exercises(commands.collect_cash)
async def collect_at_the_door(world: World, process: Process, dice: random.Random) -> None:
    """Take cash at a door: the right sum, mostly; for old payments, and twice, too."""
    purchase, payment_id = _a_door(world, dice)
    if purchase is None or payment_id is None:
        return
    off = dice.choices((0, -1, 1), weights=(92, 4, 4))[0]
    asked = purchase.asked.get(payment_id, purchase.total_minor)
    outcome = await commands.collect_cash(
        process.checkout,
        payment_id=payment_id,
        received=Money(asked + off, purchase.currency),
        collected_by=dice.choice(COURIERS),
        actor=STAFF,
    )
    world.counts[f"at the door: {outcome.effect}"] += 1
    if outcome.effect == PAID:
        if off:
            raise Violated("a wrong sum has paid an order", purchase.order_id)
        if purchase.is_told_canceled:
            raise Violated("a canceled order was paid and kept", purchase.order_id)
        purchase.is_told_paid = True


@exercises(commands.refuse_delivery)
async def refuse_at_the_door(world: World, process: Process, dice: random.Random) -> None:
    """Do not take what was ordered; most do."""
    purchase, payment_id = _a_door(world, dice)
    if purchase is None or payment_id is None or dice.random() < 0.6:
        return
    outcome = await commands.refuse_delivery(
        process.checkout, payment_id=payment_id, reason="not at home", actor=STAFF
    )
    world.counts[f"refused: {outcome.effect}"] += 1
    purchase.is_told_canceled = True


@exercises(cash.deposit_cash)
async def deposit(world: World, process: Process, dice: random.Random) -> None:
    """Take what couriers have to the bank, which counts it otherwise now and then."""
    async with process.db.connection() as connection:
        held = (await queries.list_held(connection)).items
    if not held:
        return
    currency = dice.choice(held).currency
    chosen = [row for row in held if row.currency == currency][:_DEPOSITED]
    amount = sum(row.amount_minor for row in chosen)
    made = await cash.deposit_cash(
        process.db,
        payment_ids=[row.payment_id for row in chosen],
        counted=Money(max(amount - dice.choice((0, 0, 0, 5)), 0), currency),
        reference=uuid4().hex,
        actor=STAFF.name,
    )
    if made.collected_minor != amount:
        raise Violated("a deposit is not what was collected", made.id)
    world.counts["cash deposited minor"] += amount


@exercises(commands.reject_transfer)
async def reject_a_transfer(world: World, process: Process, dice: random.Random) -> None:
    """Say that the money of a transfer will not come; it may come all the same."""
    purchase = world.a_purchase(dice)
    if purchase is None:
        return
    local = [one for one, provider in purchase.payments if provider != "sandbox"]
    if local and dice.random() < 0.5:
        outcome = await commands.reject_transfer(
            process.checkout, payment_id=dice.choice(local), reason="not ours", actor=STAFF
        )
        world.counts[f"transfer: {outcome.effect}"] += 1


async def lapse(world: World, _: Process, dice: random.Random) -> None:
    """A session ends at the provider, or a bank lets go of what it holds. Nobody is told."""
    purchase = world.a_purchase(dice)
    if purchase is None:
        return
    remote = [one for one, provider in purchase.payments if provider == "sandbox"]
    if remote and dice.random() < 0.3:
        await world.provider.step("expire", merchant_reference(dice.choice(remote)))


@exercises(commands.capture_payment)
async def capture_now(world: World, process: Process, dice: random.Random) -> None:
    """Take what is held before it is sent, or again what was refused; or find it gone."""
    async with process.db.connection() as connection:
        held = (await authorizations.list_lapsing(connection, before=_FAR)).items
    if not held:
        return
    try:
        outcome = await commands.capture_payment(
            process.checkout, payment_id=dice.choice(held).payment_id, actor=STAFF
        )
    except PaymentNotCapturable:
        world.counts["capture: nothing is held"] += 1
        return
    world.counts[f"capture: {outcome.effect}"] += 1


def _a_door(world: World, dice: random.Random) -> tuple[Purchase | None, PaymentId | None]:
    found = [
        (purchase, payment_id)
        for purchase in world.purchases[-90:]
        for payment_id, provider in purchase.payments
        if provider == CASH_ON_DELIVERY
    ]
    return dice.choice(found) if found else (None, None)
