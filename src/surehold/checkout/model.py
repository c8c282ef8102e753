"""What a checkout is asked and what it answers."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from surehold.inventory.model import Backorder, Reservation, ReservationState
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import CartId, OrderId, OrderLineId, QuoteId, VariantId
from surehold.orders.changes.model import OrderChange
from surehold.orders.drafts.model import DraftRef
from surehold.orders.model import (
    Address,
    Fulfillment,
    Order,
    OrderLine,
    Return,
    ReturnLine,
)
from surehold.payments.gift_cards.model import CardWish, Purse
from surehold.payments.model import Payment, Refund, RefundLine


class Placement(msgspec.Struct, frozen=True):
    """One checkout, already validated in form. Either a cart or lines.

    ``expected_total_minor`` is what the buyer was shown; ``None`` asks for no comparison. Without
    a shipping method it is sent by the first on offer.
    """

    key: str
    request_hash: bytes
    email: str
    shipping_address: Address
    billing_address: Address | None
    shipping_method: str | None
    provider: str
    cart_id: CartId | None = None
    cart_token_hash: bytes | None = None
    lines: tuple[tuple[VariantId, int], ...] = ()
    currency: str | None = None
    expected_total_minor: int | None = None
    expected_currency: str | None = None
    quote_id: QuoteId | None = None
    #: A code as it is kept; a cart's own counts where none is named.
    coupon: str | None = None
    vat_id: str | None = None
    #: The draft that it carries out; then the lines and the terms are the draft's.
    draft: DraftRef | None = None
    #: Cards that pay what they can, in this order.
    gift_cards: tuple[CardWish, ...] = ()
    #: What the buyer was told that is left to pay; ``None`` asks for no comparison.
    expected_to_pay_minor: int | None = None
    expected_to_pay_currency: str | None = None
    #: The machine that asks. Only a keyed hash of its network is kept, if anything is.
    client_address: str | None = None


class PlacedOrder(msgspec.Struct, frozen=True):
    """An order with all that its buyer may see of it."""

    order: Order
    lines: tuple[OrderLine, ...]
    payment: Payment | None
    reserved_until: datetime | None
    #: Every payment, refund and parcel, oldest first.
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    fulfillments: tuple[Fulfillment, ...] = ()
    refund_lines: tuple[RefundLine, ...] = ()
    returns: tuple[Return, ...] = ()
    return_lines: tuple[ReturnLine, ...] = ()
    #: What lines wait for, since it was sold before it was there.
    backorders: dict[OrderLineId, Backorder] = {}
    #: The cards that pay parts of it, and the credit that refunds became.
    cards: tuple[Purse, ...] = ()
    #: What staff changed of it, oldest first.
    changes: tuple[OrderChange, ...] = ()

    @property
    def to_pay_minor(self) -> int:
        """What is left to pay with money."""
        order = self.order
        if order.canceled_at is not None or order.paid_minor:
            return 0
        by_card = sum(row.authorized_minor for row in self.payments if row.gift_card_id)
        return order.due_minor - by_card


class Placed(msgspec.Struct, frozen=True):
    """What the lane answers: the stored answer, or a provider that is still to be asked."""

    order_id: OrderId
    status: int | None = None
    response: bytes | None = None


class Answer(msgspec.Struct, frozen=True):
    """A finished checkout: status and body as they were stored, byte for byte."""

    status: int
    body: bytes


def reserved_until(reservations: tuple[Reservation, ...]) -> datetime | None:
    """Until when everything of an order is held: the earliest end of its active holds."""
    return min(
        (row.expires_at for row in reservations if row.state is ReservationState.ACTIVE),
        default=None,
    )


class Actor(msgspec.Struct, frozen=True):
    """Who asks for a change, as it is written into histories."""

    name: str

    @property
    def is_buyer(self) -> bool:
        """Whether the buyer asks."""
        return self.name == "buyer"


BUYER = Actor("buyer")
SYSTEM = Actor("system")


def provider_actor(provider: str) -> Actor:
    """A provider whose word changed something."""
    return Actor(f"provider:{provider}")


class BulkOutcome(msgspec.Struct, frozen=True):
    """What became of one order of many: done, unchanged, or refused for a reason."""

    order_id: OrderId
    is_done: bool
    refusal: DomainError | None = None


class Swept(msgspec.Struct, frozen=True):
    """What one sweep did."""

    holds_expired: int = 0
    orders_canceled: int = 0
    orders_archived: int = 0
    gift_cards_expired: int = 0
    operations_asked: int = 0
    payments_checked: int = 0
    webhooks_processed: int = 0
    documents_issued: int = 0
    pruned: int = 0


#: What a settlement can come to; the inbox and the logs keep these words.
PAID: Final = "paid"
UNCHANGED: Final = "unchanged"
REFUND_REQUESTED: Final = "refund_requested"
HELD_FOR_REVIEW: Final = "held_for_review"
