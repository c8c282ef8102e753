"""Who gets what is left, and from where: the decision at the heart of the lane. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import msgspec

from surehold.inventory.model import Shortage, StockLevel
from surehold.kernel.ids import LocationId, VariantId

Lines = Sequence[tuple[VariantId, int]]


class Destination(Protocol):
    """Where units go. ``country`` is ISO 3166-1 alpha-2; ``region`` as the buyer writes it."""

    @property
    def country(self) -> str: ...

    @property
    def region(self) -> str | None: ...


class Take(msgspec.Struct, frozen=True):
    """Units of one request line from one location. ``waiting`` of them are not there yet."""

    line: int
    variant_id: VariantId
    location_id: LocationId
    quantity: int
    waiting: int = 0


class Admitted(msgspec.Struct, frozen=True):
    """Every line has its units; a line may be split over locations."""

    takes: tuple[Take, ...]


class Refused(msgspec.Struct, frozen=True):
    """Something is short, so nothing was taken of any line."""

    shortages: tuple[Shortage, ...]


def admit(
    stock: Mapping[VariantId, Sequence[StockLevel]],
    requests: Sequence[Lines],
    *,
    destinations: Sequence[Destination | None] = (),
    is_split_allowed: bool = True,
) -> list[Admitted | Refused]:
    """Decide, in order, which requests get their units.

    All lines of a request or none: a request refused for one variant takes nothing of another.
    Lines of the same variant are one demand. Locations that are closed, or do not send to the
    request's destination, have nothing for it; the others are asked by nearness (its region, its
    country, elsewhere) and then in their own order. Without destinations their order is all.

    A line comes whole from the first location that has it all on hand, else from several that have
    it on hand, else from the first that may promise all of it, else from all that may. Where lines
    may not be split, the second and the last are left out, and a line that no location has whole
    is refused with the most that one has.

    The decisions equal those of serving the requests one at a time, each against fresh counters.
    """
    admit_next = begin_admission(stock, is_split_allowed=is_split_allowed)
    if not destinations:
        destinations = (None,) * len(requests)
    return [
        admit_next(lines, destination)
        for lines, destination in zip(requests, destinations, strict=True)
    ]


def begin_admission(
    stock: Mapping[VariantId, Sequence[StockLevel]], *, is_split_allowed: bool = True
) -> Callable[[Lines, Destination | None], Admitted | Refused]:
    """Decides one request after the other, each against what those before it have left."""
    shelves = {
        variant_id: [
            _Shelf(level, max(level.room, 0), level.available)
            for level in levels
            if level.is_active
        ]
        for variant_id, levels in stock.items()
    }
    return partial(_admit_one, shelves, is_split_allowed=is_split_allowed)


class _Shelf(msgspec.Struct):
    """What is left at one location while a batch is being decided."""

    level: StockLevel
    #: What may still be promised, back-orders included.
    left: int
    #: How many of these are on hand. Negative while back-orders wait.
    there: int


def _admit_one(
    stock: Mapping[VariantId, list[_Shelf]],
    lines: Lines,
    destination: Destination | None,
    *,
    is_split_allowed: bool,
) -> Admitted | Refused:
    demand: dict[VariantId, int] = {}
    for variant_id, quantity in lines:
        demand[variant_id] = demand.get(variant_id, 0) + quantity
    near = {
        variant_id: _sort_by_nearness(stock.get(variant_id, []), destination)
        for variant_id in demand
    }
    shortages = _find_short(near, demand) if is_split_allowed else []
    if shortages:
        return Refused(tuple(shortages))
    takes: list[Take] = []
    taken: list[tuple[_Shelf, int]] = []
    short: dict[VariantId, Shortage] = {}
    for index, (variant_id, quantity) in enumerate(lines):
        parts = _choose(near[variant_id], quantity, is_split_allowed=is_split_allowed)
        if not parts:
            most = max((shelf.left for shelf in near[variant_id]), default=0)
            short.setdefault(variant_id, Shortage(variant_id, quantity, most))
        for shelf, units in parts:
            waiting = units - min(max(shelf.there, 0), units)
            shelf.left -= units
            shelf.there -= units
            taken.append((shelf, units))
            takes.append(Take(index, variant_id, shelf.level.location_id, units, waiting))
    if short:
        for shelf, units in taken:
            shelf.left += units
            shelf.there += units
        return Refused(tuple(short.values()))
    return Admitted(tuple(takes))


def _find_short(
    near: Mapping[VariantId, Sequence[_Shelf]], demand: Mapping[VariantId, int]
) -> list[Shortage]:
    shortages = []
    for variant_id, quantity in demand.items():
        left = sum(shelf.left for shelf in near[variant_id])
        if left < quantity:
            shortages.append(Shortage(variant_id, quantity, left))
    return shortages


def _sort_by_nearness(shelves: list[_Shelf], destination: Destination | None) -> list[_Shelf]:
    if destination is None or (len(shelves) == 1 and shelves[0].level.ships_to is None):
        return shelves
    country = destination.country
    serving = [
        shelf
        for shelf in shelves
        if shelf.level.ships_to is None or country in shelf.level.ships_to
    ]
    if len(serving) > 1:
        region = _plain(destination.region)
        serving.sort(key=lambda shelf: _distance(shelf.level, country, region))
    return serving


def _distance(level: StockLevel, country: str, region: str | None) -> int:
    """0 in the region, 1 in the country, 2 elsewhere."""
    if level.country != country:
        return 2
    return 0 if region is not None and _plain(level.region) == region else 1


def _plain(region: str | None) -> str | None:
    return region.strip().casefold() or None if region is not None else None


def _choose(
    shelves: Sequence[_Shelf], quantity: int, *, is_split_allowed: bool
) -> Sequence[tuple[_Shelf, int]]:
    """Which locations a line comes from, and how many from each; nothing when it cannot."""
    for shelf in shelves:
        if shelf.there >= quantity:
            return ((shelf, quantity),)
    if is_split_allowed and sum(max(shelf.there, 0) for shelf in shelves) >= quantity:
        return _spread([(shelf, shelf.there) for shelf in shelves], quantity)
    for shelf in shelves:
        if shelf.left >= quantity:
            return ((shelf, quantity),)
    if is_split_allowed:
        return _spread([(shelf, shelf.left) for shelf in shelves], quantity)
    return ()


def _spread(shelves: Sequence[tuple[_Shelf, int]], quantity: int) -> list[tuple[_Shelf, int]]:
    parts = []
    for shelf, most in shelves:
        units = min(most, quantity)
        if units > 0:
            parts.append((shelf, units))
            quantity -= units
    return parts
