"""The inventory room's failures.

DomainError
├── InsufficientStock        409
├── UnitsPromised            409
├── BackordersOwed           409
├── LocationCodeTaken        409
├── LocationChanged          409
├── TransferNotPossible      409
├── CountEnded               409
├── VariantNotStocked        404
├── LocationNotFound         404
├── TransferNotFound         404
├── CountNotFound            404
└── ReservationNotFound      404
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from surehold.inventory.model import Owed, Promised, Shortage
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


class UnitsPromised(DomainError):
    """More units would leave the shelf than are there and not promised. Nothing was changed.

    Facts: ``promised``, one entry per variant with what is on hand, how many of these are promised
    and the change that was asked for.
    """

    kind = Kind.CONFLICT
    code = "units_promised"
    title = "Not that many units are free to leave"

    def __init__(self, promised: Sequence[Promised]) -> None:
        listed = [
            {
                "variant_id": str(row.variant_id),
                "on_hand": row.on_hand,
                "promised": row.promised,
                "delta": row.delta,
            }
            for row in promised
        ]
        super().__init__(
            "Units that buyers hold or own cannot leave; nothing was changed.",
            promised=listed,
        )


class BackordersOwed(DomainError):
    """More units are owed to buyers than the limit would allow. Nothing was changed.

    Facts: ``levels``, one entry per location with the limit that was asked for and how many units
    buyers wait for there.
    """

    kind = Kind.CONFLICT
    code = "backorders_owed"
    title = "More units are owed than that"

    def __init__(self, owed: Sequence[Owed]) -> None:
        super().__init__(
            "Buyers wait for more units than the limit would allow; nothing was changed.",
            levels=[msgspec.structs.asdict(row) for row in owed],
        )


class LocationNotFound(DomainError):
    """There is no location with this id or code."""

    kind = Kind.NOT_FOUND
    code = "location_not_found"
    title = "No such location"


class LocationCodeTaken(DomainError):
    """Another location has this code."""

    kind = Kind.CONFLICT
    code = "location_code_taken"
    title = "This code is taken"


class LocationChanged(DomainError):
    """Somebody changed the location since it was read. Facts: ``version``, the current one."""

    kind = Kind.CONFLICT
    code = "location_changed"
    title = "The location was changed meanwhile"


class TransferNotFound(DomainError):
    """There is no transfer with this id."""

    kind = Kind.NOT_FOUND
    code = "transfer_not_found"
    title = "No such transfer"


class TransferNotPossible(DomainError):
    """The transfer is not in a state that allows this. Facts: ``state``."""

    kind = Kind.CONFLICT
    code = "transfer_not_possible"
    title = "The transfer does not allow this"


class CountNotFound(DomainError):
    """There is no stock count with this id."""

    kind = Kind.NOT_FOUND
    code = "count_not_found"
    title = "No such stock count"


class CountEnded(DomainError):
    """The stock count was applied or canceled. Facts: ``state``."""

    kind = Kind.CONFLICT
    code = "count_ended"
    title = "The stock count has ended"
