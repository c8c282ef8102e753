"""Disputes, as actors: banks that ask money back and decide, letters, answers, and reviews."""

from __future__ import annotations

from typing import Final

from proof.commands import exercises
from proof.explorer.actors import Place, S, part
from proof.explorer.scene import CURRENCY, PARCEL, STAFF
from surehold.checkout import commands
from surehold.checkout.model import BUYER
from surehold.kernel.money import Money
from surehold.orders.errors import OrderHeld, OrderNotCancelable, StatusOutOfReach
from surehold.orders.model import CancelReason, OrderStatus
from surehold.payments.disputes import queries
from surehold.payments.disputes.errors import DisputeAnswered, DisputeNotRecordable, DisputeOver
from surehold.payments.errors import ReviewNotPossible
from surehold.payments.model import ReviewDecision
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState

#: Orders paid by card, in the middle of this and that.
_BY_CARD: Final = (S.SOLD, S.PART_ASKED, S.PART_FAILED, S.PLANNED, S.REFUND_ASKED)
_BY_TRANSFER: Final = (S.TRANSFER_SOLD, S.PACKED, S.SENT)


async def _hear(at: Place, *states: DisputeState) -> str:
    """The bank says something of a dispute, and then another thing; each is read by itself."""
    assert at.subject.payment is not None
    minor = at.seat.chance.choice((100, at.subject.payment.requested_minor))
    effect = ""
    for state in states:
        told = DisputeSnapshot(
            f"dp_{at.subject.payment_id}",
            Money(minor, CURRENCY),
            DisputeStage.CHARGEBACK,
            state,
            "fraudulent",
        )
        at.scene.book.dispute(at.subject.provider_id, told)
        outcome = await commands.check_payment(at.seat.checkout, at.subject.payment_id)
        effect = "" if outcome is None else outcome.effect
    return effect


@part(*_BY_CARD)
@exercises(commands.check_payment)
async def dispute_and_win(at: Place) -> str:
    """The buyer's bank holds the money back, and gives it back."""
    return await _hear(at, DisputeState.NEEDS_RESPONSE, DisputeState.WON)


@part(*_BY_CARD)
@exercises(commands.check_payment)
async def dispute_and_lose(at: Place) -> str:
    """The buyer's bank holds the money back, and keeps it."""
    return await _hear(at, DisputeState.NEEDS_RESPONSE, DisputeState.LOST)


@part(*_BY_CARD, refusals=(DisputeAnswered, DisputeOver))
@exercises(commands.answer_dispute)
async def answer_a_dispute(at: Place) -> str:
    """Staff answer what the bank asks."""
    await _hear(at, DisputeState.NEEDS_RESPONSE)
    async with at.seat.db.connection() as connection:
        found = await queries.list_of_payments(connection, payment_ids=[at.subject.payment_id])
    if not found:
        return "nothing to answer"
    outcome = await commands.answer_dispute(
        at.seat.checkout, dispute_id=found[0].id, evidence="Signed for", actor=STAFF
    )
    return outcome.effect


@part(*_BY_TRANSFER, refusals=(DisputeNotRecordable,))
@exercises(commands.record_dispute)
async def write_a_dispute_down(at: Place) -> str:
    """The bank writes a letter."""
    assert at.subject.payment is not None
    told = DisputeSnapshot(
        "letter",
        at.subject.payment.requested,
        DisputeStage.CHARGEBACK,
        at.seat.chance.choice(list(DisputeState)),
        "recalled",
    )
    outcome = await commands.record_dispute(
        at.seat.checkout, payment_id=at.subject.payment_id, told=told, actor=STAFF
    )
    return outcome.effect


@part(S.PART_FAILED, S.SHORT_THERE, refusals=(ReviewNotPossible,))
@exercises(commands.review_payment, commands.preview_review)
async def review_a_payment(at: Place) -> str:
    """Staff decide about a payment that may be held."""
    asked = await commands.preview_review(at.seat.checkout, payment_id=at.subject.payment_id)
    decision = next(iter(asked.allowed), ReviewDecision.ACCEPT)
    outcome = await commands.review_payment(
        at.seat.checkout,
        payment_id=at.subject.payment_id,
        decision=decision,
        note="proof",
        actor=STAFF,
    )
    return outcome.effect


_HELD: Final = (S.SUSPECTED, S.SUSPECTED_LATER)


@part(*_HELD, refusals=(ReviewNotPossible,))
@exercises(commands.review_payment)
async def decide_about_signals(at: Place) -> str:
    """Staff let an order go on, or give it up."""
    outcome = await commands.review_payment(
        at.seat.checkout,
        payment_id=at.subject.payment_id,
        decision=at.seat.chance.choice((ReviewDecision.ACCEPT, ReviewDecision.REJECT)),
        note="proof",
        actor=STAFF,
    )
    return outcome.effect


@part(*_HELD, refusals=(StatusOutOfReach,))
@exercises(commands.reach_status)
async def send_what_may_be_held(at: Place) -> str:
    """The warehouse sends it, unless somebody still looks into it."""
    return await commands.reach_status(
        at.seat.checkout,
        order_id=at.subject.order_id,
        status=OrderStatus.SHIPPED,
        actor=STAFF,
        parcel=PARCEL,
    )


@part(*_HELD, refusals=(OrderHeld, OrderNotCancelable))
@exercises(commands.cancel_order)
async def regret_what_may_be_held(at: Place) -> str:
    """The buyer gives it up, unless somebody still looks into it."""
    placed = await commands.cancel_order(
        at.seat.checkout, order_id=at.subject.order_id, reason=CancelReason.BUYER, actor=BUYER
    )
    return placed.order.status.value


@part(*_HELD)
@exercises(commands.check_payment)
async def hear_again(at: Place) -> str:
    """The provider says once more what it said."""
    outcome = await commands.check_payment(at.seat.checkout, at.subject.payment_id)
    return "" if outcome is None else outcome.effect
