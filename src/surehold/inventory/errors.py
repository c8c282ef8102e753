"""The inventory room's failures.

DomainError
├── InsufficientStock        409
├── VariantNotStocked        404
└── ReservationNotFound      404
"""

from __future__ import annotations

from collections.abc import Sequence

from surehold.inventory.model import Shortage
from surehold.kernel.errors import DomainError, Kind


class InsufficientStock(DomainError):
    """Fewer units are available than were asked for. Nothing was taken of any line.

    Facts: ``shortages``, one entry per variant with what was requested and what is available.
    """

    kind = Kind.CONFLICT
    code = "insufficient_stock"
    title = "Not enough stock"

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        listed = [
            {
                "variant_id": str(shortage.variant_id),
                "requested": shortage.requested,
                "available": shortage.available,
            }
            for shortage in shortages
        ]
        one = len(listed) == 1
        super().__init__(
            f"{len(listed)} item{' is' if one else 's are'} short of stock; nothing was reserved.",
            shortages=listed,
        )
        self.shortages = tuple(shortages)


class VariantNotStocked(DomainError):
    """No stock is kept of this variant: it does not exist, or no location has it."""

    kind = Kind.NOT_FOUND
    code = "variant_not_stocked"
    title = "No stock is kept of this variant"


class ReservationNotFound(DomainError):
    """No such reservation was made over the API."""

    kind = Kind.NOT_FOUND
    code = "reservation_not_found"
    title = "No such reservation"
