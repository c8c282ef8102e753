"""What the inventory room knows."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import msgspec

from surehold.kernel.ids import LocationId, OrderId, OrderLineId, ReservationId, VariantId


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


class Shortage(msgspec.Struct, frozen=True):
    """One variant that was asked for beyond what is left."""

    variant_id: VariantId
    requested: int
    available: int
