"""Money that banks hold until goods are sent: held on to, captured, and let go without a word.

What is held here lives for hours, not for days: a client's key lives for a day, and a life of the
simulation is shorter than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx2

from proof.commands import exercises
from proof.simulation.back_office import LABEL, run_job
from proof.simulation.process import Process
from proof.simulation.provider import HeldMoney
from proof.simulation.stops import draw
from proof.simulation.world import Purchase, World
from surehold.checkout import commands
from surehold.checkout.model import Actor
from surehold.db import shop
from surehold.kernel.ids import parse_merchant_reference
from surehold.orders.model import OrderStatus

STAFF: Final = Actor("staff:simulation")
#: No jump is longer, so that all of them together stay below a day.
_JUMP_MAX: Final = timedelta(minutes=15)
_MOMENT: Final = timedelta(seconds=1)
_STOPPED_RATE: Final = 0.4
#: Shares of the two ways in which a bank lets go, and of those of which it never tells.
_LET_GO: Final = {"expire": 60, "void": 40}
_UNTOLD_RATE: Final = 0.5
#: What is heard of a provider that is being killed.
_AWAY: Final = (httpx2.HTTPError, RuntimeError)


@exercises(shop.change)
async def change_when_money_is_taken(_: World, process: Process, dice: random.Random) -> None:
    """Let cards be charged at once, or when something is sent: for the orders to come."""
    value = dice.choices(({}, {"sandbox": "on_shipment"}), weights=(35, 65))[0]
    async with process.db.transaction() as tx:
        await shop.change(tx, key="capture", value=value, actor=STAFF.name)


async def let_go(world: World, _: Process, dice: random.Random) -> None:
    """A bank, or a person at its desk, lets go of what it holds: half of it without a word."""
    held = await _list_held(world)
    if not held:
        return
    one = dice.choice(held)
    if dice.random() < _UNTOLD_RATE:
        world.untold.add(one.payment)
    do = dice.choices(list(_LET_GO), weights=list(_LET_GO.values()))[0]
    if await world.provider.step(do, one.merchant_reference) is None:
        world.counts[f"provider: {do} of what was held"] += 1


@exercises(
    commands.check_due_payments, commands.ask_due_operations, commands.check_payment, commands.ask
)
async def look_at_what_is_due(world: World, process: Process, dice: random.Random) -> None:
    """Let the time come at which something is to be done about a hold, and the worker do it.

    It is stopped more often than others are, before and after what it commits.
    """
    held = await _list_held(world)
    await _jump(world, _next_instant(world, held))
    for name in ("check_due_payments", "ask_due_operations"):
        if dice.random() < _STOPPED_RATE:
            stop = draw(dice)
            stop.task = asyncio.current_task()
            process.plan(stop)
        count = await run_job(process, name)
        world.did(count)


@exercises(commands.reach_status, commands.verify_payment)
async def send_at_the_end(world: World, process: Process, dice: random.Random) -> None:
    """Send an order at the moment at which its money lapses: the bank, the clock, or both."""
    found = _find_held(world, await _list_held(world), dice)
    if found is None:
        return
    purchase, one = found
    if dice.random() < 0.7:
        await _jump(world, one.ends_at - 2 * _MOMENT)
    effect, _ = await asyncio.gather(
        _send(process, purchase), _let_it_end(world, one, dice), return_exceptions=True
    )
    if isinstance(effect, BaseException):
        raise effect
    world.counts[f"sent at the end: {effect}"] += 1


async def _let_it_end(world: World, one: HeldMoney, dice: random.Random) -> None:
    """The bank lets go, its time comes, or somebody reads how it stands."""
    match dice.randrange(3):
        case 0:
            await world.provider.step("expire", one.merchant_reference)
        case 1:
            await _jump(world, one.ends_at)
        case 2:
            other = world.a_process(dice)
            await other.begin(_look(other, one))


async def _send(process: Process, purchase: Purchase) -> str:
    return await commands.reach_status(
        process.checkout,
        order_id=purchase.known_id,
        status=OrderStatus.SHIPPED,
        actor=STAFF,
        parcel=LABEL,
    )


async def _look(process: Process, one: HeldMoney) -> None:
    payment_id = parse_merchant_reference(one.merchant_reference)
    assert payment_id is not None
    await commands.verify_payment(process.checkout, payment_id=payment_id)


def _next_instant(world: World, held: list[HeldMoney]) -> datetime | None:
    """When something is to be done next about any of it."""
    now = datetime.now(UTC) + world.clock.shift
    instants = (at for one in held for at in (one.sure_until, one.to_decide_at, one.ends_at))
    return min((at for at in instants if at > now), default=None)


async def _jump(world: World, to: datetime | None) -> None:
    """Let it be so late, unless that is too far away or over."""
    if to is None:
        return
    now = datetime.now(UTC) + world.clock.shift
    ahead = to + _MOMENT - now
    if timedelta() < ahead <= _JUMP_MAX:
        # Time goes on, whatever becomes of whoever asked for it.
        passing = asyncio.create_task(world.clock.advance(ahead), context=Context())
        with contextlib.suppress(*_AWAY):
            await asyncio.shield(passing)
        world.counts["jumps to the end of a hold"] += 1


async def _list_held(world: World) -> list[HeldMoney]:
    with contextlib.suppress(*_AWAY):
        return await world.provider.list_held()
    return []


def _find_held(
    world: World, held: list[HeldMoney], dice: random.Random
) -> tuple[Purchase, HeldMoney] | None:
    """An order whose money is held, and what is known of that."""
    by_payment = {parse_merchant_reference(one.merchant_reference): one for one in held}
    found = [
        (purchase, by_payment[payment_id])
        for purchase in world.purchases
        for payment_id, _ in purchase.payments
        if payment_id in by_payment
    ]
    return dice.choice(found) if found else None
