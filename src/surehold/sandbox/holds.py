"""Money that the imaginary bank holds: for a time, of which it is sure to give it for a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surehold.sandbox.model import EventType, Payment, Refusal, conflict

if TYPE_CHECKING:
    from surehold.sandbox.bank import Bank


def begin(bank: Bank, payment: Payment) -> None:
    """Write down until when it is held, and sure."""
    now = bank.now()
    bank.book.insert_hold(
        payment.id,
        begun_at=now,
        ends_at=now + bank.settings.hold_seconds,
        sure_until=now + bank.settings.honored_seconds,
    )


def renew(bank: Bank, payment: Payment, number: int) -> Payment:
    """Hold on to what is held, so that it is sure for some more time; each number is one renewal.

    It is let go at the same instant as before.

    Raises:
        Refusal: 409 when nothing is held or it is sure still, 402 when the bank will not.
    """
    held = bank.book.find_hold(payment.id)
    if held is None:
        raise conflict("not_authorized", f"The payment is {payment.state}.")
    if number <= held.number:
        return payment
    now = bank.now()
    if now < held.honored_until:
        raise conflict("renewal_too_soon", "What is held is sure still.")
    stand_by(bank, payment)
    bank.book.renew_hold(payment.id, number=number, sure_until=now + bank.settings.honored_seconds)
    bank.announce(EventType.AUTHORIZED, payment.id)
    return bank.get_payment(payment.id)


def stand_by(bank: Bank, payment: Payment) -> None:
    """Be ready to give what is held.

    Raises:
        Refusal: 402 when the present conduct says so; what is held stays held.
    """
    if bank.misbehavior.refuses_held():
        card = payment.card_brand or "The card"
        raise Refusal(402, "expired_card", f"{card} has expired.")
