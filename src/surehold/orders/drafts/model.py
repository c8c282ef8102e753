"""What is known of a draft. Amounts are minor units of its currency."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from surehold.kernel.ids import DraftOrderId, OrderId, VariantId
from surehold.orders.model import Address
from surehold.pricing.model import OwnPrice, OwnTerms


class DraftState(enum.Enum):
    """How far a draft has come. Expired is a sent one whose link is over."""

    OPEN = "open"
    SENT = "sent"
    PLACED = "placed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class DraftLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """Units of one variant; with a price of its own, and why, where staff set one."""

    variant_id: VariantId
    quantity: int
    unit_price_minor: int | None = None
    reason: str | None = None


class DraftContent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What staff wrote. Whatever is unset is the buyer's to say, or the store's terms.

    Each variant stands in one line. ``note`` is for staff; the buyer reads ``discount_reason``.
    """

    currency: str
    lines: tuple[DraftLine, ...]
    email: str | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    shipping_method: str | None = None
    #: What sending costs as it was agreed, whatever the method; 0 is free.
    shipping_minor: int | None = None
    coupon: str | None = None
    vat_id: str | None = None
    discount_minor: int | None = None
    discount_reason: str | None = None
    note: str | None = None

    @property
    def demand(self) -> tuple[tuple[VariantId, int], ...]:
        """Units by variant."""
        return tuple((line.variant_id, line.quantity) for line in self.lines)

    @property
    def own_terms(self) -> OwnTerms | None:
        """What of the price staff set; ``None`` when the store's terms hold for all of it."""
        prices = tuple(
            OwnPrice(line.variant_id, line.unit_price_minor, line.reason or "")
            for line in self.lines
            if line.unit_price_minor is not None
        )
        if not prices and self.discount_minor is None and self.shipping_minor is None:
            return None
        return OwnTerms(
            prices, self.discount_minor or 0, self.discount_reason or "", self.shipping_minor
        )


class Draft(msgspec.Struct, frozen=True):
    """One draft as it is stored, ``state`` as it is now."""

    id: DraftOrderId
    state: DraftState
    version: int
    content: DraftContent
    link_expires_at: datetime | None
    order_id: OrderId | None
    #: Of its order, once there is one.
    order_number: str | None
    changed_by: str
    created_at: datetime
    updated_at: datetime


class DraftEvent(msgspec.Struct, frozen=True):
    """One version of a draft: who wrote it, why, and all that it said."""

    seq: int
    from_state: DraftState | None
    to_state: DraftState
    content: DraftContent
    actor: str
    reason: str
    happened_at: datetime


class DraftRef(msgspec.Struct, frozen=True):
    """The version of a draft that somebody places, and by what right.

    ``token_hash``: of the payment link; ``None`` for staff, who need none.
    """

    id: DraftOrderId
    version: int
    actor: str
    token_hash: bytes | None
    own_terms: OwnTerms | None
    #: What staff read of it in the order's timeline, and who wrote it.
    note: str
    written_by: str


class DraftPlaced(msgspec.Struct, frozen=True):
    """A draft, and the order that it is to become."""

    draft: DraftRef
    order_id: OrderId
