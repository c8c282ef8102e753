"""What the inventory room knows."""

from __future__ import annotations

import enum
from datetime import date, datetime
from uuid import UUID

import msgspec

from surehold.kernel.ids import (
    CountId,
    LocationId,
    OrderId,
    OrderLineId,
    ReservationId,
    TransferId,
    VariantId,
)


class ReservationState(enum.Enum):
    """``active`` holds stock; the other three are final."""

    ACTIVE = "active"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"


class StockLevel(msgspec.Struct, frozen=True):
    """One variant at one place, in units."""

    variant_id: VariantId
    location_id: LocationId
    on_hand: int
    allocated: int
    reserved: int
    backorder_limit: int
    country: str | None = None
    region: str | None = None
    #: Countries that its location sends to; ``None`` is everywhere.
    ships_to: list[str] | None = None
    is_active: bool = True

    @property
    def available(self) -> int:
        """What could be sold now. Negative while back-orders wait."""
        return self.on_hand - self.allocated - self.reserved

    @property
    def room(self) -> int:
        """What could still be promised, back-orders included."""
        return self.available + self.backorder_limit


class StockChange(msgspec.Struct, frozen=True):
    """What to add to one stock level's counters."""

    variant_id: VariantId
    location_id: LocationId
    reserved: int = 0
    allocated: int = 0
    on_hand: int = 0


class Reservation(msgspec.Struct, frozen=True):
    """Units held for one holder (an order, or a caller of the API) until an instant."""

    id: ReservationId
    holder_id: UUID
    order_line_id: OrderLineId | None
    variant_id: VariantId
    location_id: LocationId
    quantity: int
    state: ReservationState
    expires_at: datetime
    is_grace_used: bool
    created_at: datetime
    ended_at: datetime | None
    end_reason: str | None


class Allocation(msgspec.Struct, frozen=True):
    """Units owned by a paid order. Open: ``quantity - released_quantity - shipped_quantity``."""

    id: UUID
    reservation_id: ReservationId
    order_id: OrderId
    order_line_id: OrderLineId
    variant_id: VariantId
    location_id: LocationId
    quantity: int
    released_quantity: int
    shipped_quantity: int
    created_at: datetime

    @property
    def open_quantity(self) -> int:
        return self.quantity - self.released_quantity - self.shipped_quantity


class Departure(msgspec.Struct, frozen=True):
    """Units of one allocation that leave the shelf in a parcel, named by ``reference``."""

    allocation_id: UUID
    variant_id: VariantId
    location_id: LocationId
    quantity: int
    reference: str
    actor: str


class Shortage(msgspec.Struct, frozen=True):
    """One variant that was asked for beyond what is left."""

    variant_id: VariantId
    requested: int
    available: int


class Promised(msgspec.Struct, frozen=True):
    """Units on hand that cannot leave their shelf: buyers hold or own ``promised`` of them."""

    variant_id: VariantId
    on_hand: int
    promised: int
    delta: int


class Location(msgspec.Struct, frozen=True):
    """A place where stock is kept; lower priorities are emptied first.

    ``ships_to`` lists the countries that it sends to; ``None`` is everywhere.
    """

    id: LocationId
    code: str
    name: str
    country: str
    priority: int
    region: str | None
    postal_code: str | None
    ships_to: list[str] | None
    is_active: bool
    version: int


class Move(msgspec.Struct, frozen=True):
    """Units that enter (or, negative, leave) one shelf."""

    variant_id: VariantId
    location_id: LocationId
    delta: int


class TransferState(enum.Enum):
    """Units leave on dispatch and arrive on receipt; the last two are final."""

    DRAFT = "draft"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    CANCELED = "canceled"


class TransferLine(msgspec.Struct, frozen=True):
    """Units of one variant on their way. What came back went to where it came from."""

    transfer_id: TransferId
    variant_id: VariantId
    sku: str
    quantity: int
    received_quantity: int
    returned_quantity: int

    @property
    def open_quantity(self) -> int:
        """What has neither been received nor come back."""
        return self.quantity - self.received_quantity - self.returned_quantity


class Transfer(msgspec.Struct, frozen=True):
    """A document about units that move from one location to another."""

    id: TransferId
    from_location_id: LocationId
    from_location: str
    to_location_id: LocationId
    to_location: str
    state: TransferState
    note: str
    created_by: str
    created_at: datetime
    dispatched_at: datetime | None
    ended_at: datetime | None


class CountState(enum.Enum):
    """A stock count is open until it is applied or canceled, once."""

    OPEN = "open"
    APPLIED = "applied"
    CANCELED = "canceled"


class StockCount(msgspec.Struct, frozen=True):
    """A session of counting at one location."""

    id: CountId
    location_id: LocationId
    location: str
    state: CountState
    note: str
    created_by: str
    created_at: datetime
    ended_at: datetime | None


class CountLine(msgspec.Struct, frozen=True):
    """One variant of a count: what was on hand when it was counted, and what is now."""

    count_id: CountId
    variant_id: VariantId
    sku: str
    expected: int | None
    counted: int | None
    on_hand: int

    @property
    def difference(self) -> int | None:
        """What applying the count adds; ``None`` while nobody has counted."""
        if self.counted is None or self.expected is None:
            return None
        return self.counted - self.expected


class AdjustmentReason(enum.Enum):
    """Why staff change what is on hand."""

    RECEIVED = "received"
    DAMAGED = "damaged"
    LOST = "lost"
    RETURNED = "returned"
    PROMOTION = "promotion"
    CORRECTION = "correction"


class BackorderKind(enum.Enum):
    """What selling a variant before it is there is called: more are coming, or it is not out."""

    BACKORDER = "backorder"
    PREORDER = "preorder"


class BackorderTerms(msgspec.Struct, frozen=True):
    """On which terms a variant is sold before it is there; ``promised_on`` is a day in UTC."""

    variant_id: VariantId
    kind: BackorderKind
    promised_on: date | None
    note: str
    updated_by: str
    updated_at: datetime


class Backorder(msgspec.Struct, frozen=True):
    """Units of one line that are not there now, and the day that its buyer was told."""

    waiting_quantity: int
    kind: BackorderKind
    promised_on: date | None


class BackorderPromise(msgspec.Struct, frozen=True):
    """Units of an order line that were not there when they were taken."""

    order_line_id: OrderLineId
    order_id: OrderId
    variant_id: VariantId
    quantity: int


class WaitingUnits(msgspec.Struct, frozen=True):
    """Units of an order line that are not there now, at one location."""

    order_id: OrderId
    order_line_id: OrderLineId
    location_id: LocationId
    waiting: int
    kind: BackorderKind
    promised_on: date | None


class Owed(msgspec.Struct, frozen=True):
    """A location that owes more units than the limit that was asked for."""

    location: str
    limit: int
    waiting: int


class Outlook(msgspec.Struct, frozen=True):
    """A variant that may be sold before it is there: units that are there, and the terms."""

    variant_id: VariantId
    there: int
    kind: BackorderKind
    promised_on: date | None

    def of(self, quantity: int) -> Backorder | None:
        """What somebody who took so many now would wait for; ``None`` when all are there."""
        waiting = quantity - self.there
        return Backorder(waiting, self.kind, self.promised_on) if waiting > 0 else None
