"""What is known of collected cash. Amounts are minor units of the currency."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from surehold.kernel.ids import OrderId, PaymentId

#: So many collections go to the bank together.
DEPOSIT_MAX = 500


class Collection(msgspec.Struct, frozen=True):
    """Cash of one payment, as whoever brought the order reported it."""

    payment_id: PaymentId
    order_id: OrderId
    currency: str
    amount_minor: int
    #: Who has it until it is deposited.
    collected_by: str
    #: Who reported it.
    actor: str
    collected_at: datetime
    deposit_id: UUID | None = None


class Deposit(msgspec.Struct, frozen=True):
    """Cash that was paid in at the bank at once."""

    id: UUID
    currency: str
    #: What the collections in it come to, and what the bank counted.
    collected_minor: int
    counted_minor: int
    #: The bank's receipt.
    reference: str
    actor: str
    deposited_at: datetime
