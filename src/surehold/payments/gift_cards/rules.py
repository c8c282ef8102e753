"""What each card pays of an order: decided in memory, in arrival order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from surehold.kernel.errors import DomainError
from surehold.kernel.ids import GiftCardId
from surehold.payments.gift_cards.errors import (
    GiftCardBalanceTooLow,
    GiftCardNotUsable,
    GiftCardPaysTooMuch,
)
from surehold.payments.gift_cards.model import CardPart, CardWish, Purse


class CardRefused(msgspec.Struct, frozen=True):
    """A card cannot pay what it is to pay, so nothing was taken of anything."""

    kind: type[DomainError]
    facts: dict[str, Any]

    def refusal(self) -> DomainError:
        """As the buyer is told."""
        return self.kind(f"{self.kind.title}.", **self.facts)


class Purses:
    """The balances of some cards, changed in memory while a batch is decided."""

    def __init__(self, cards: Iterable[Purse] = ()) -> None:
        self._by_id = {card.id: card for card in cards}
        self._by_hash = {card.code_hash: card.id for card in self._by_id.values()}

    def find(self, card_id: GiftCardId) -> Purse | None:
        """One card as it stands now."""
        return self._by_id.get(card_id)

    def add(self, card: Purse) -> None:
        """Know another card."""
        self._by_id[card.id] = card
        self._by_hash[card.code_hash] = card.id

    def change(self, card_id: GiftCardId, amount_minor: int) -> None:
        """Put something on a card, or take it off."""
        card = self._by_id[card_id]
        left = card.balance_minor + amount_minor
        assert left >= 0, "a gift card pays more than it has"
        self._by_id[card_id] = msgspec.structs.replace(card, balance_minor=left)

    def plan(
        self, wishes: Sequence[CardWish], *, due_minor: int, currency: str, email: str | None
    ) -> tuple[CardPart, ...] | CardRefused:
        """What each card pays, in the order in which they were named; takes nothing yet.

        A card that comes when nothing is left to pay pays nothing.
        """
        found = [self._find_usable(wish, currency, email) for wish in wishes]
        # One card named twice would be counted once.
        found = [None if card in found[:index] else card for index, card in enumerate(found)]
        strange = [f"/gift_cards/{index}" for index, card in enumerate(found) if card is None]
        if strange:
            return CardRefused(GiftCardNotUsable, {"pointers": strange})
        parts: list[CardPart] = []
        left = due_minor
        for index, (wish, card) in enumerate(zip(wishes, found, strict=True)):
            assert card is not None
            wanted = min(card.balance_minor, left) if wish.amount_minor is None else None
            amount = wish.amount_minor if wanted is None else wanted
            assert amount is not None
            pointer = f"/gift_cards/{index}"
            if card.balance_minor < max(amount, 1):
                available = {"amount": card.balance_minor, "currency": currency}
                facts = {"pointer": pointer, "available": available}
                return CardRefused(GiftCardBalanceTooLow, facts)
            if amount > left:
                facts = {"pointer": pointer, "left": {"amount": left, "currency": currency}}
                return CardRefused(GiftCardPaysTooMuch, facts)
            left -= amount
            if amount:
                parts.append(CardPart(card, amount))
        return tuple(parts)

    def _find_usable(self, wish: CardWish, currency: str, email: str | None) -> Purse | None:
        card_id = self._by_hash.get(wish.code_hash)
        card = None if card_id is None else self._by_id[card_id]
        return card if card and card.is_usable(currency=currency, email=email) else None
