"""What is known of vendors' accounts. Amounts are minor units of the currency."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import msgspec

from surehold.kernel.ids import CategoryId, OrderLineId, VendorId


class CommissionRule(msgspec.Struct, frozen=True):
    """What the store keeps of what it fits: a fraction of net, and so much for each unit.

    ``None`` fits every vendor, every category, every currency.
    """

    id: UUID
    vendor_id: VendorId | None
    vendor: str | None
    category_id: CategoryId | None
    category: str | None
    #: A decimal fraction, written out.
    rate: str
    fixed_minor: int
    currency: str | None
    starts_at: datetime
    ends_at: datetime | None
    created_by: str
    created_at: datetime
    ended_by: str | None


class NewRule(msgspec.Struct, frozen=True):
    """A rule to be; vendor and category by the names that people type."""

    rate: str
    vendor: str | None = None
    category: str | None = None
    fixed_minor: int = 0
    currency: str | None = None
    #: None: from now.
    starts_at: datetime | None = None


class SoldLine(msgspec.Struct, frozen=True):
    """An order line, and what of it was commissioned so far."""

    id: OrderLineId
    vendor_id: VendorId
    category_ids: tuple[CategoryId, ...]
    #: What of it was, or is, sold at first: all but what was canceled before.
    quantity: int
    net_minor: int
    change_id: UUID | None
    #: Whether a change added it to an order that was a sale already.
    is_later: bool
    rule_id: UUID | None
    sold_net_minor: int
    sold_commission_minor: int
    #: Positive.
    back_net_minor: int
    back_commission_minor: int


class Commissioned(msgspec.Struct, frozen=True):
    """What of one line a journal sold or took back (negative), and the commission of it."""

    line_id: OrderLineId
    vendor_id: VendorId
    rule_id: UUID
    net_minor: int
    commission_minor: int


class Statement(msgspec.Struct, frozen=True):
    """A vendor's account in one currency over a period; opening and the rest come to closing.

    ``commission_minor``, ``refunds_minor`` and ``payouts_minor`` are what they take off.
    """

    currency: str
    opening_minor: int
    sales_minor: int
    commission_minor: int
    refunds_minor: int
    commission_refunded_minor: int
    payouts_minor: int
    closing_minor: int


class BatchState(enum.Enum):
    """Where a batch of payouts stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    PAID = "paid"
    CANCELED = "canceled"


class Batch(msgspec.Struct, frozen=True):
    """Vendors who are paid together."""

    id: UUID
    currency: str
    state: BatchState
    hold_days: int
    minimum_minor: int
    bank_reference: str | None
    created_at: datetime


class Payout(msgspec.Struct, frozen=True):
    """What one vendor gets of a batch."""

    vendor_id: VendorId
    vendor: str
    name: str
    amount_minor: int


class BatchEvent(msgspec.Struct, frozen=True):
    """One line of a batch's history."""

    from_state: BatchState | None
    to_state: BatchState
    actor: str
    at: datetime


class WholeBatch(msgspec.Struct, frozen=True):
    """A batch with its payouts and its history."""

    batch: Batch
    payouts: tuple[Payout, ...]
    events: tuple[BatchEvent, ...]

    @property
    def total_minor(self) -> int:
        """What leaves the bank."""
        return sum(row.amount_minor for row in self.payouts)
