"""Who gets what is left: the decision at the heart of the lane. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from surehold.inventory.model import Reservation, ReservationState, Shortage, StockLevel
from surehold.inventory.states import RESERVATION, ReservationEvent
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import LocationId, VariantId

#: More than this of one variant at once is a typing error.
ARRIVING_MAX: Final = 1_000_000

Lines = Sequence[tuple[VariantId, int]]


class Take(msgspec.Struct, frozen=True):
    """Units of one request line from one location."""

    line: int
    variant_id: VariantId
    location_id: LocationId
    quantity: int


class Admitted(msgspec.Struct, frozen=True):
    """Every line has its units; a line may be split over locations."""

    takes: tuple[Take, ...]


class Refused(msgspec.Struct, frozen=True):
    """Something is short, so nothing was taken of any line."""

    shortages: tuple[Shortage, ...]


def admit(
    stock: Mapping[VariantId, Sequence[StockLevel]], requests: Sequence[Lines]
) -> list[Admitted | Refused]:
    """Decide, in order, which requests get their units.

    All lines of a request or none: a request refused for one variant takes nothing of another.
    Lines of the same variant are one demand. A line comes whole from the first location that has
    it all, else it is split over locations in their order.

    The decisions equal those of serving the requests one at a time, each against fresh counters.
    """
    admit_next = begin_admission(stock)
    return [admit_next(lines) for lines in requests]


def begin_admission(
    stock: Mapping[VariantId, Sequence[StockLevel]],
) -> Callable[[Lines], Admitted | Refused]:
    """Decides one request after the other, each against what those before it have left."""
    shelves = {
        variant_id: [_Shelf(level.location_id, max(level.room, 0)) for level in levels]
        for variant_id, levels in stock.items()
    }
    return partial(_admit_one, shelves)


class _Shelf(msgspec.Struct):
    """What is left at one location while a batch is being decided."""

    location_id: LocationId
    left: int


def _admit_one(stock: Mapping[VariantId, list[_Shelf]], lines: Lines) -> Admitted | Refused:
    demand: dict[VariantId, int] = {}
    for variant_id, quantity in lines:
        demand[variant_id] = demand.get(variant_id, 0) + quantity
    shortages = []
    for variant_id, quantity in demand.items():
        left = sum(shelf.left for shelf in stock.get(variant_id, ()))
        if left < quantity:
            shortages.append(Shortage(variant_id, quantity, left))
    if shortages:
        return Refused(tuple(shortages))
    takes: list[Take] = []
    for index, (variant_id, quantity) in enumerate(lines):
        shelves, missing = stock[variant_id], quantity
        whole = next((shelf for shelf in shelves if shelf.left >= quantity), None)
        for shelf in shelves if whole is None else (whole,):
            units = min(shelf.left, missing)
            if units:
                shelf.left -= units
                missing -= units
                takes.append(Take(index, variant_id, shelf.location_id, units))
    return Admitted(tuple(takes))


def ended(
    reservation: Reservation, event: ReservationEvent, *, reason: str, now: datetime
) -> Reservation:
    """The reservation after its end.

    Raises:
        ForbiddenTransition: It had ended before.
    """
    return msgspec.structs.replace(
        reservation,
        state=RESERVATION.next(reservation.state, event),
        ended_at=now,
        end_reason=reason,
    )


def prolonged(
    reservation: Reservation, *, until: datetime, is_grace_used: bool | None = None
) -> Reservation:
    """The active reservation with a later end, never an earlier one."""
    assert reservation.state is ReservationState.ACTIVE
    grace = reservation.is_grace_used if is_grace_used is None else is_grace_used
    later = max(until, reservation.expires_at)
    return msgspec.structs.replace(reservation, expires_at=later, is_grace_used=grace)


def check_arriving(quantities: Iterable[int]) -> None:
    """Refuse a delivery with a quantity that cannot be meant.

    Raises:
        InvalidInput: One of them is not from 1 to 1,000,000.
    """
    faults = tuple(
        Fault(
            f"/arrivals/{index}/quantity",
            "quantity_out_of_range",
            f"From 1 to {ARRIVING_MAX:,} units can arrive at once.",
        )
        for index, quantity in enumerate(quantities)
        if not 1 <= quantity <= ARRIVING_MAX
    )
    if faults:
        raise InvalidInput(faults)
