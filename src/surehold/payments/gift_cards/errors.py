"""The failures of gift cards.

DomainError
├── GiftCardNotFound         404
├── GiftCardNotUsable        409
├── GiftCardBalanceTooLow    409
├── GiftCardPaysTooMuch      409
└── StoreCreditExists        409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class GiftCardNotFound(DomainError):
    """No card that could pay now has this code, or this id."""

    kind = Kind.NOT_FOUND
    code = "gift_card_not_found"
    title = "No such gift card"


class GiftCardNotUsable(DomainError):
    """A card cannot pay this order, and we do not say why.

    Unknown, disabled, expired, of another currency, or credit of somebody else. Facts:
    ``pointers``, one to each such card.
    """

    kind = Kind.CONFLICT
    code = "gift_card_not_usable"
    title = "This gift card cannot be used here"


class GiftCardBalanceTooLow(DomainError):
    """A card has less than it is to pay, or nothing. Facts: ``pointer``, ``available``."""

    kind = Kind.CONFLICT
    code = "gift_card_balance_too_low"
    title = "There is not so much on the gift card"


class GiftCardPaysTooMuch(DomainError):
    """A card is to pay more than is left to pay. Facts: ``pointer``, ``left``."""

    kind = Kind.CONFLICT
    code = "gift_card_pays_too_much"
    title = "The gift card would pay more than is due"


class StoreCreditExists(DomainError):
    """This buyer has store credit in this currency already; adjust it. Facts: ``gift_card_id``."""

    kind = Kind.CONFLICT
    code = "store_credit_exists"
    title = "This buyer has store credit already"
