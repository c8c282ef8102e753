"""What is known of gift cards, and the entries that change their balances."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import msgspec

from surehold.kernel.ids import GiftCardId, OrderId, PaymentId, RefundId


class GiftCardKind(enum.Enum):
    """``gift_card``: pays for whoever has the code; ``store_credit``: for its owner alone."""

    GIFT_CARD = "gift_card"
    STORE_CREDIT = "store_credit"


class GiftCardState(enum.Enum):
    """What a card is good for, worked out from its facts."""

    ACTIVE = "active"
    SPENT = "spent"
    EXPIRED = "expired"
    DISABLED = "disabled"


class EntryKind(enum.Enum):
    """Why a balance changed."""

    ISSUE = "issue"
    REDEEM = "redeem"
    RELEASE = "release"
    REFUND = "refund"
    ADJUST = "adjust"
    EXPIRE = "expire"


class CardWish(msgspec.Struct, frozen=True):
    """A card that is to pay a part of an order: so much, or as much as it has."""

    code_hash: bytes
    amount_minor: int | None = None


class Purse(msgspec.Struct, frozen=True):
    """As much of a card as paying needs.

    ``is_open``: neither disabled nor expired; ``is_lasting``: nor will it ever expire.
    """

    id: GiftCardId
    kind: GiftCardKind
    code_hash: bytes
    last_four: str
    currency: str
    balance_minor: int
    owner_email: str | None
    is_open: bool
    is_lasting: bool

    def is_usable(self, *, currency: str, email: str | None) -> bool:
        """Whether it pays in this currency for this buyer; without an address, for anybody."""
        is_theirs = (
            self.kind is GiftCardKind.GIFT_CARD
            or email is None
            or self.owner_email == email.lower()
        )
        return self.is_open and is_theirs and self.currency == currency


class CardPart(msgspec.Struct, frozen=True):
    """What one card pays of an order."""

    purse: Purse
    amount_minor: int

    @property
    def left(self) -> Purse:
        """The card once it has paid."""
        left = self.purse.balance_minor - self.amount_minor
        return msgspec.structs.replace(self.purse, balance_minor=left)


class NewGiftCard(msgspec.Struct, frozen=True):
    """A card that is about to be issued."""

    id: GiftCardId
    kind: GiftCardKind
    code_hash: bytes
    last_four: str
    currency: str
    initial_minor: int
    owner_email: str | None
    expires_at: datetime | None
    reason: str
    actor: str


class GiftCard(msgspec.Struct, frozen=True):
    """One card as staff see it."""

    id: GiftCardId
    kind: GiftCardKind
    last_four: str
    currency: str
    initial_minor: int
    balance_minor: int
    owner_email: str | None
    expires_at: datetime | None
    disabled_at: datetime | None
    disabled_by: str | None
    reason: str
    actor: str
    created_at: datetime
    state: GiftCardState


class NewEntry(msgspec.Struct, frozen=True):
    """A change of a balance that is to be written. ``reference`` is what it is of."""

    gift_card_id: GiftCardId
    kind: EntryKind
    amount_minor: int
    reference: UUID
    actor: str
    order_id: OrderId | None = None
    payment_id: PaymentId | None = None
    refund_id: RefundId | None = None
    reason: str | None = None
    #: Its own id, where it is of nothing else.
    id: UUID | None = None


class Entry(msgspec.Struct, frozen=True):
    """One change of a balance, and what was there afterwards."""

    id: UUID
    kind: EntryKind
    amount_minor: int
    balance_minor: int
    order_id: OrderId | None
    payment_id: PaymentId | None
    refund_id: RefundId | None
    reason: str | None
    actor: str
    created_at: datetime


class GiftCardFilter(msgspec.Struct, frozen=True):
    """Which cards; everything that is set must hold."""

    email: str | None = None
    last_four: str | None = None
    state: GiftCardState | None = None
