"""What is announced of gift cards. A code leaves sealed, and only for the letter to its owner."""

from __future__ import annotations

from surehold.jobs.outbox import Event
from surehold.kernel.ids import GiftCardId
from surehold.payments.gift_cards.model import NewGiftCard


def gift_card_issued(card: NewGiftCard, *, sealed_code: str) -> Event:
    """A card, or credit, was made for somebody. ``Seals`` opens the code."""
    return Event(
        f"{card.kind.value}.issued",
        card.id,
        {
            "email": card.owner_email,
            "amount_minor": card.initial_minor,
            "currency": card.currency,
            "last_four": card.last_four,
            "sealed_code": sealed_code,
        },
    )


def store_credit_added(card_id: GiftCardId, *, email: str, amount: int, currency: str) -> Event:
    """More credit for somebody who has some, and its code."""
    return Event(
        "store_credit.added",
        card_id,
        {"email": email, "amount_minor": amount, "currency": currency},
    )
