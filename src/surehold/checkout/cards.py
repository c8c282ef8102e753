"""The gift cards that pay for the orders of one batch, and what is to be written of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from surehold.identity.tokens import Seals
from surehold.jobs.outbox import Event
from surehold.kernel.ids import GiftCardId, PaymentId, new_id
from surehold.orders.model import Order
from surehold.payments.commands import LEASE
from surehold.payments.gift_cards import codes
from surehold.payments.gift_cards.events import gift_card_issued, store_credit_added
from surehold.payments.gift_cards.model import (
    CardPart,
    EntryKind,
    GiftCardKind,
    NewEntry,
    NewGiftCard,
    Purse,
)
from surehold.payments.gift_cards.rules import Purses
from surehold.payments.model import GIFT_CARD, NoAction, Payment, PaymentState, Refund

#: What the codes of cards are sealed for.
SEALED_FOR: Final = "gift-card"


def begin_card_payment(
    order: Order,
    card_id: GiftCardId,
    amount_minor: int,
    *,
    now: datetime,
    next_check_at: datetime | None = None,
) -> Payment:
    """A part of an order that a card pays: authorized, for it was taken off the card."""
    return Payment(
        id=PaymentId(new_id()),
        order_id=order.id,
        provider=GIFT_CARD,
        account="main",
        provider_payment_id=None,
        state=PaymentState.AUTHORIZED,
        currency=order.currency,
        requested_minor=amount_minor,
        authorized_minor=amount_minor,
        captured_minor=0,
        refunded_minor=0,
        disputed_minor=0,
        next_action=NoAction(),
        failure_code=None,
        failure_message=None,
        review_reason=None,
        check_count=0,
        next_check_at=next_check_at,
        created_at=now,
        updated_at=now,
        gift_card_id=card_id,
    )


def pay_by_card(order: Order, parts: Sequence[CardPart]) -> list[Payment]:
    """The parts that cards pay of an order. One that they pay in full is swept up if we die."""
    is_all = sum(part.amount_minor for part in parts) == order.due_minor
    check_at = order.placed_at + LEASE if is_all else None
    return [
        begin_card_payment(
            order,
            part.purse.id,
            part.amount_minor,
            now=order.placed_at,
            next_check_at=check_at if part is parts[-1] else None,
        )
        for part in parts
    ]


def redemption(payment: Payment, *, actor: str) -> NewEntry:
    """What a part that a card pays takes off it."""
    return _of_payment(payment, EntryKind.REDEEM, -payment.requested_minor, actor)


def _of_payment(payment: Payment, kind: EntryKind, amount_minor: int, actor: str) -> NewEntry:
    assert payment.gift_card_id is not None
    return NewEntry(
        payment.gift_card_id,
        kind,
        amount_minor,
        payment.id,
        actor,
        order_id=payment.order_id,
        payment_id=payment.id,
    )


class CardBook:
    """The locked cards of one batch of cases, changed in memory as they pay and are paid back."""

    def __init__(self, cards: Iterable[Purse] = (), *, seals: Seals | None = None) -> None:
        rows = tuple(cards)
        self._purses = Purses(rows)
        self._seals = seals
        self._credit = {
            (row.owner_email, row.currency): row.id
            for row in rows
            if row.kind is GiftCardKind.STORE_CREDIT and row.is_lasting
        }
        self.issued: list[NewGiftCard] = []
        self.entries: list[NewEntry] = []
        self.events: list[Event] = []

    def find(self, card_id: GiftCardId) -> Purse | None:
        """One card as it stands now."""
        return self._purses.find(card_id)

    def available_minor(self, card_id: GiftCardId, order: Order) -> int:
        """What a card could pay of an order now."""
        card = self._purses.find(card_id)
        if card is None or not card.is_usable(currency=order.currency, email=order.email):
            return 0
        return card.balance_minor

    def redeem(self, payment: Payment, *, actor: str) -> None:
        """Take off the card what it pays."""
        self._enter(redemption(payment, actor=actor))

    def release(self, payment: Payment, *, actor: str) -> None:
        """Put on the card again what it was to pay."""
        amount = payment.requested_minor
        self._enter(_of_payment(payment, EntryKind.RELEASE, amount, actor))

    def refund(self, refund: Refund, card_id: GiftCardId, *, actor: str) -> None:
        """Put on a card what goes back."""
        self._enter(
            NewEntry(
                card_id,
                EntryKind.REFUND,
                refund.amount_minor,
                refund.id,
                actor,
                order_id=refund.order_id,
                refund_id=refund.id,
            )
        )

    def credit_of(self, order: Order, amount_minor: int, *, actor: str) -> GiftCardId:
        """The store credit of an order's buyer, to put so much on; made for them if need be.

        The code of new credit leaves sealed, with the event that their letter is written of.
        """
        email, currency = order.email.lower(), order.currency
        known = self._credit.get((email, currency))
        if known is not None:
            self.events.append(
                store_credit_added(known, email=email, amount=amount_minor, currency=currency)
            )
            return known
        assert self._seals is not None
        code = codes.new_code()
        made = NewGiftCard(
            id=GiftCardId(new_id()),
            kind=GiftCardKind.STORE_CREDIT,
            code_hash=codes.hash_code(code),
            last_four=code[-codes.LAST :],
            currency=currency,
            initial_minor=amount_minor,
            owner_email=email,
            expires_at=None,
            reason=f"refund of order {order.number}",
            actor=actor,
        )
        self.issued.append(made)
        sealed = self._seals.seal(SEALED_FOR, made.id, codes.show(code))
        self.events.append(gift_card_issued(made, sealed_code=sealed))
        self._credit[email, currency] = made.id
        self._purses.add(
            Purse(
                made.id,
                made.kind,
                made.code_hash,
                made.last_four,
                currency,
                0,
                email,
                is_open=True,
                is_lasting=True,
            )
        )
        return made.id

    def _enter(self, entry: NewEntry) -> None:
        self._purses.change(entry.gift_card_id, entry.amount_minor)
        self.entries.append(entry)
