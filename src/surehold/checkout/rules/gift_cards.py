"""The parts of an order that gift cards pay: taken back, taken again, captured, given back.

A part is a payment of its own, authorized from the moment at which it was taken off its card. It
waits for the money that pays the rest: both are captured together, or the part goes back.
"""

from __future__ import annotations

import msgspec

from surehold.checkout.cards import begin_card_payment
from surehold.checkout.case import Case
from surehold.checkout.model import SYSTEM, Actor
from surehold.kernel.ids import GiftCardId
from surehold.payments import ledger
from surehold.payments.model import Payment, PaymentState


def rest_minor(case: Case) -> int:
    """What of the order is left to pay with money."""
    return case.order.due_minor - sum(row.authorized_minor for row in case.card_parts)


def give_part_back(case: Case, payment: Payment, *, actor: Actor = SYSTEM) -> None:
    """Put a part on its card again. The payment is over, so it is put back once."""
    case.put_payment(
        msgspec.structs.replace(
            payment, state=PaymentState.VOIDED, authorized_minor=0, next_check_at=None
        )
    )
    case.cards.release(payment, actor=actor.name)


def give_parts_back(case: Case, *, actor: Actor = SYSTEM) -> int:
    """Put on their cards again whatever they were to pay; returns how many parts."""
    parts = case.card_parts
    for payment in parts:
        give_part_back(case, payment, actor=actor)
    return len(parts)


def take_parts_again(case: Case, wanted_minor: int, *, actor: Actor) -> None:
    """Let cards that gave up on the order pay for it again: their parts, or what they have."""
    _begin(case, _list_left(case, wanted_minor, is_whole=False), actor=actor)


def cover_again(case: Case, wanted_minor: int, *, actor: Actor) -> bool:
    """Whether the cards pay so much again, each the part that it had; else they pay nothing."""
    if wanted_minor <= 0:
        return True
    parts = _list_left(case, wanted_minor, is_whole=True)
    if sum(amount for _, amount in parts) < wanted_minor:
        return False
    _begin(case, parts, actor=actor)
    return True


def pay_by_credit(case: Case, parts: list[tuple[GiftCardId, int]], *, actor: Actor) -> None:
    """Let cards pay at once what was put on them a moment before."""
    _begin(case, parts, actor=actor)
    capture_parts(case)


def trim_parts(case: Case, *, actor: Actor) -> None:
    """Let cards pay no more than is due, after a part of the order was given up."""
    if rest_minor(case) < 0:
        give_parts_back(case, actor=actor)
        take_parts_again(case, case.order.due_minor, actor=actor)


def capture_parts(case: Case) -> int:
    """Keep what the cards were to pay; returns how much it comes to."""
    parts = case.card_parts
    for payment in parts:
        amount = payment.authorized_minor
        case.put_payment(
            msgspec.structs.replace(
                payment,
                state=PaymentState.CAPTURED,
                authorized_minor=0,
                captured_minor=amount,
                next_check_at=None,
            )
        )
        case.writes.journals.append(
            ledger.capture(
                payment_id=payment.id,
                order_id=payment.order_id,
                provider=payment.provider,
                currency=payment.currency,
                amount_minor=amount,
            )
        )
    return sum(row.authorized_minor for row in parts)


def _list_left(case: Case, wanted_minor: int, *, is_whole: bool) -> list[tuple[GiftCardId, int]]:
    """What the cards that paid nothing any more could pay again, in the order of their parts."""
    latest = {row.gift_card_id: row for row in case.payments.values() if row.gift_card_id}
    parts: list[tuple[GiftCardId, int]] = []
    for card_id, row in latest.items():
        amount = min(row.requested_minor, wanted_minor)
        has = case.cards.available_minor(card_id, case.order)
        if row.state is not PaymentState.VOIDED or (is_whole and has < amount):
            continue
        amount = min(amount, has)
        if amount:
            parts.append((card_id, amount))
            wanted_minor -= amount
    return parts


def _begin(case: Case, parts: list[tuple[GiftCardId, int]], *, actor: Actor) -> None:
    for card_id, amount in parts:
        payment = begin_card_payment(case.order, card_id, amount, now=case.now)
        case.add_payment(payment)
        case.cards.redeem(payment, actor=actor.name)
