"""Bringing a store to rest: the provider is honest, clients ask once more, time does the rest."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Final

import msgspec

from proof.commands import exercises
from proof.simulation import back_office, buyers
from proof.simulation.clock import Clock
from proof.simulation.judge import Wrong
from proof.simulation.process import Process
from proof.simulation.world import Told, Violated, World
from surehold.checkout import commands
from surehold.kernel.errors import DomainError

ROUNDS_MAX: Final = 60
#: So long a round takes on the store's clock: longer than most leases.
ROUND: Final = timedelta(hours=3)
#: Before so many rounds have gone by, something may still come due.
ROUNDS_MIN: Final = 10
_AT_ONCE: Final = 32
_RESTLESS: Final = """
    /* proof.list_restless */
    SELECT payments.id, payments.order_id, payments.state, provider_payment_id, check_count,
           next_check_at, orders.status, payments.review_reason
      FROM payments
      JOIN orders ON orders.id = payments.order_id
     WHERE next_check_at IS NOT NULL
     LIMIT 20
"""


@exercises(commands.sweep)
async def come_to_rest(world: World, clock: Clock, counts: Counter[str]) -> list[Wrong]:
    """Let everything end that can; what would not, or answered otherwise than before."""
    await world.provider.behave()
    wrong = await _ask_all_again(world, counts)
    for number in range(ROUNDS_MAX):
        await clock.advance(ROUND)
        process = world.processes[number % len(world.processes)]
        await _deliver_half(world, process)
        swept = await process.begin(commands.sweep(process.checkout))
        published = await process.begin(back_office.run_job(process, "publish_outbox"))
        told = await process.begin(back_office.run_job(process, "tell_backorders"))
        left = sum(msgspec.structs.astuple(swept)) + published + told
        if number >= ROUNDS_MIN and not left:
            counts["rounds to rest"] += number
            return wrong
    restless = Wrong(f"not at rest after {ROUNDS_MAX} rounds: {swept}, {published}")
    return [*wrong, restless, *await _ask_the_restless(world)]


async def _ask_the_restless(world: World) -> list[Wrong]:
    """Each payment that is still to be checked, with what a check of it comes to."""
    process = world.processes[0]
    async with process.checkout.db.connection() as connection:
        left = await connection.raw.fetch(_RESTLESS)
    found = []
    for row in left:
        try:
            came = repr(await process.begin(commands.check_payment(process.checkout, row["id"])))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we want to know
            came = repr(error)
        found.append(Wrong(f"checked for ever: {dict(row)}: {came}", (row["id"],)))
    return found


async def _deliver_half(world: World, process: Process) -> None:
    """Some of the webhooks that are left arrive now; the others never will."""
    world.collect_webhooks()
    while world.webhooks:
        delivery = world.webhooks.pop()
        if delivery.is_lasting or world.dice.random() < 0.5:
            await process.begin(
                process.inbox.receive(
                    provider_name="sandbox", raw_body=delivery.body, headers=delivery.headers
                )
            )


async def _ask_all_again(world: World, counts: Counter[str]) -> list[Wrong]:
    """Every accepted key is answered as before; half of the unknown ones are asked again, too."""
    asked = [
        purchase
        for purchase in world.purchases
        if purchase.told is Told.ACCEPTED
        or (purchase.told is Told.UNKNOWN and world.dice.random() < 0.5)
    ]
    wrong: list[Wrong] = []
    gate = asyncio.Semaphore(_AT_ONCE)

    async def again(index: int) -> None:
        process = world.processes[index % len(world.processes)]
        async with gate:
            counts["asked again at the end"] += 1
            world.did()
            try:
                await process.begin(buyers.send(process, asked[index]))
            except Violated as violated:
                wrong.append(Wrong(str(violated), violated.ids))
            except DomainError:
                counts["refused at the end"] += 1

    await asyncio.gather(*(again(index) for index in range(len(asked))))
    return wrong
