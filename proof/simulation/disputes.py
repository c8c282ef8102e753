"""What buyers' banks ask back, what staff say to it, and what people decide about payments."""

from __future__ import annotations

import random
from typing import Any, Final

import httpx2

from proof.commands import exercises
from proof.simulation.process import Process
from proof.simulation.world import World
from surehold.checkout import commands
from surehold.checkout.model import Actor
from surehold.kernel.ids import DisputeId, PaymentId, merchant_reference
from surehold.kernel.money import Money
from surehold.payments.disputes import queries
from surehold.payments.model import ReviewDecision
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState

STAFF: Final = Actor("staff:simulation")
_LATEST: Final = 12
#: Payments that a person is to look at.
_HELD: Final = """
    /* proof.list_held */
    SELECT id FROM payments WHERE review_reason IS NOT NULL ORDER BY id DESC LIMIT 5
"""


async def ask_money_back(world: World, _: Process, dice: random.Random) -> None:
    """A buyer tells the bank that nothing came. Most payments cannot be disputed yet."""
    purchase = world.a_purchase(dice)
    if purchase is None:
        return
    remote = [one for one, provider in purchase.payments if provider == "sandbox"]
    if remote and dice.random() < 0.4:
        await world.provider.step("dispute", merchant_reference(dice.choice(remote)))


async def decide_at_the_bank(world: World, process: Process, dice: random.Random) -> None:
    """A bank decides about a dispute, or thinks again."""
    found = await _latest(process)
    if not found:
        return
    dispute = dice.choice(found)
    verb, body = dice.choices(
        (
            ("close", {"outcome": "won"}),
            ("close", {"outcome": "lost"}),
            ("reopen", {}),
        ),
        weights=(4, 4, 1),
    )[0]
    try:
        await world.provider.control(f"disputes/{dispute.provider_dispute_id}/{verb}", body)
    except httpx2.HTTPStatusError:
        world.counts["dispute: the bank would not"] += 1


@exercises(commands.answer_dispute)
async def say_something(world: World, process: Process, dice: random.Random) -> None:
    """Staff answer a dispute, or give in; twice, and too late, too."""
    found = await _latest(process)
    if not found:
        return
    evidence = dice.choice((None, "winning_evidence", "losing_evidence", "Signed for"))
    outcome = await commands.answer_dispute(
        process.checkout,
        dispute_id=DisputeId(dice.choice(found).id),
        evidence=evidence,
        actor=STAFF,
    )
    world.counts[f"dispute: {outcome.effect}"] += 1


@exercises(commands.record_dispute)
async def write_down(world: World, process: Process, dice: random.Random) -> None:
    """A bank writes a letter about a transfer; later another, about the same."""
    purchase = world.a_purchase(dice)
    local = [
        one
        for one, provider in (purchase.payments if purchase else ())
        if provider == "bank_transfer"
    ]
    if purchase is None or not local:
        return
    outcome = await commands.record_dispute(
        process.checkout,
        payment_id=dice.choice(local),
        told=DisputeSnapshot(
            "letter",
            Money(dice.choice((100, purchase.total_minor)), purchase.currency),
            dice.choice((DisputeStage.CHARGEBACK, DisputeStage.INQUIRY)),
            dice.choice(list(DisputeState)),
            "recalled",
            fee_minor=dice.choice((0, 15)),
        ),
        actor=STAFF,
    )
    world.counts[f"letter: {outcome.effect}"] += 1


@exercises(commands.review_payment, commands.preview_review)
async def look_into(world: World, process: Process, dice: random.Random) -> None:
    """Staff decide about a payment that is held, if anything can be decided."""
    async with process.db.connection() as connection:
        rows: list[Any] = await connection.raw.fetch(_HELD)
    if not rows:
        return
    payment_id = PaymentId(dice.choice(rows)["id"])
    asked = await commands.preview_review(process.checkout, payment_id=payment_id)
    decision = dice.choice(asked.allowed or (ReviewDecision.ACCEPT,))
    outcome = await commands.review_payment(
        process.checkout, payment_id=payment_id, decision=decision, note="simulated", actor=STAFF
    )
    world.counts[f"review: {outcome.effect}"] += 1


async def _latest(process: Process) -> list[Any]:
    async with process.db.connection() as connection:
        page = await queries.list_disputes(connection, limit=_LATEST)
    return [row for row in page.items if row.provider == "sandbox"]
