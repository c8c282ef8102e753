"""What is known of a change. Amounts are minor units of the order's currency."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from surehold.kernel.ids import CancellationId, OrderChangeId, OrderId, PaymentId, ReturnId
from surehold.orders.model import OrderLine, Share


class ChangeState(enum.Enum):
    """How far a change has come. ``lapsed``: nobody paid in time, or it could not be any more."""

    AWAITING_PAYMENT = "awaiting_payment"
    APPLIED = "applied"
    LAPSED = "lapsed"
    CANCELED = "canceled"


class ChangeContent(msgspec.Struct, frozen=True):
    """What was agreed: lines as they become order lines, and shares of lines that are there.

    ``reason`` is why, as the buyer reads it.
    """

    lines: tuple[OrderLine, ...] = ()
    given_up: tuple[Share, ...] = ()
    reason: str = ""


class OrderChange(msgspec.Struct, frozen=True):
    """One change of one order.

    ``is_sold``: the order was a sale when it was made, so that money moves for it.
    """

    id: OrderChangeId
    order_id: OrderId
    state: ChangeState
    content: ChangeContent
    given_up_minor: int
    added_minor: int
    is_sold: bool
    payment_id: PaymentId | None
    cancellation_id: CancellationId | None
    changed_by: str
    change_reason: str
    created_at: datetime
    updated_at: datetime
    #: The return that it is an exchange for, and what was refunded for that and pays for it.
    return_id: ReturnId | None = None
    covered_minor: int = 0

    @property
    def difference_minor(self) -> int:
        """What the buyer owes more; negative where something goes back, or less is due."""
        return self.added_minor - self.given_up_minor - self.covered_minor

    @property
    def is_exchange_to_come(self) -> bool:
        """Whether it is an exchange that was not made, and could be once its payment comes."""
        is_unmade = self.state in (ChangeState.AWAITING_PAYMENT, ChangeState.LAPSED)
        return is_unmade and self.return_id is not None

    @property
    def is_swap(self) -> bool:
        """Whether something of a sale was given up and something added for it."""
        return self.is_sold and self.given_up_minor > 0 and self.added_minor > 0
