"""Who gets what is left: a batch decides exactly as one request after the other would."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from surehold.inventory.model import Shortage, StockLevel
from surehold.inventory.rules import Admitted, Refused, Take, admit
from surehold.kernel.ids import LocationId, VariantId

VARIANTS = [VariantId(UUID(int=number)) for number in range(1, 4)]
LOCATIONS = [LocationId(UUID(int=number)) for number in range(101, 104)]
UNKNOWN = VariantId(UUID(int=99))

Place = tuple[VariantId, LocationId]


class Destination(msgspec.Struct, frozen=True):
    """Where a request goes."""

    country: str
    region: str | None = None


def level(
    variant_id: VariantId,
    location_id: LocationId,
    on_hand: int,
    *,
    reserved: int = 0,
    allocated: int = 0,
    backorder_limit: int = 0,
    **where: Any,
) -> StockLevel:
    return StockLevel(
        variant_id, location_id, on_hand, allocated, reserved, backorder_limit, **where
    )


countries = st.sampled_from(["DE", "IE"])
regions = st.sampled_from([None, "Galway", "galway ", "Bayern"])


@st.composite
def stocks(draw: st.DrawFn) -> dict[VariantId, list[StockLevel]]:
    """Some levels of some variants; what is left of each is few, nothing or less."""
    counts = st.integers(0, 6)
    stock = {}
    for variant_id in draw(st.lists(st.sampled_from(VARIANTS), unique=True)):
        places = draw(st.lists(st.sampled_from(LOCATIONS), unique=True))
        stock[variant_id] = [
            level(
                variant_id,
                place,
                draw(counts),
                reserved=draw(counts),
                allocated=draw(counts),
                backorder_limit=draw(counts),
                country=draw(countries),
                region=draw(regions),
                ships_to=draw(st.sampled_from([None, None, ["DE"], ["DE", "IE"]])),
                is_active=draw(st.sampled_from([True, True, True, False])),
            )
            for place in places
        ]
    return stock


Request = tuple[list[tuple[VariantId, int]], Destination | None]
requests = st.tuples(
    st.lists(
        st.tuples(st.sampled_from([*VARIANTS, UNKNOWN]), st.integers(1, 6)), min_size=1, max_size=4
    ),
    st.none() | st.builds(Destination, countries, regions),
)
batches = st.lists(requests, max_size=12)


def near(levels: list[StockLevel], to: Destination | None) -> list[StockLevel]:
    """The open locations that send there: its region, its country, the others."""
    serving = [
        one
        for one in levels
        if one.is_active and (to is None or one.ships_to is None or to.country in one.ships_to)
    ]
    if to is None:
        return serving
    home = [one for one in serving if one.country == to.country]
    door = [
        one
        for one in home
        if one.region and to.region and one.region.strip().lower() == to.region.strip().lower()
    ]
    return (
        door
        + [one for one in home if one not in door]
        + [one for one in serving if one not in home]
    )


def serve_one(
    stock: dict[VariantId, list[StockLevel]], request: Request, *, is_split_allowed: bool
) -> tuple[Any, dict[VariantId, list[StockLevel]]]:
    """One request against fresh counters, as slowly and plainly as the rule is written.

    Returns the decision, in the form of ``summary``, and the counters after it.
    """
    lines, to = request
    short: dict[VariantId, tuple[int, int]] = {}
    if is_split_allowed:
        for variant_id in dict(lines):
            wanted = sum(quantity for wanted_id, quantity in lines if wanted_id == variant_id)
            there = sum(max(one.room, 0) for one in near(stock.get(variant_id, []), to))
            if wanted > there:
                short[variant_id] = (wanted, there)
        if short:
            return short, stock
    after = dict(stock)
    taken: Counter[tuple[int, Place]] = Counter()
    waiting: Counter[tuple[int, Place]] = Counter()
    for number, (variant_id, quantity) in enumerate(lines):
        places = near(after.get(variant_id, []), to)
        chosen = choose(places, quantity, is_split_allowed=is_split_allowed)
        if not chosen:
            most = max((max(one.room, 0) for one in places), default=0)
            short.setdefault(variant_id, (quantity, most))
        for one, units in chosen:
            place = (variant_id, one.location_id)
            taken[number, place] += units
            waiting[number, place] += units - min(units, max(one.available, 0))
            grown = msgspec.structs.replace(one, reserved=one.reserved + units)
            after[variant_id] = [grown if row is one else row for row in after[variant_id]]
    if short:
        return short, stock
    return (taken, +waiting), after


def choose(
    places: list[StockLevel], quantity: int, *, is_split_allowed: bool
) -> list[tuple[StockLevel, int]]:
    """Which locations one line comes from, unit by unit."""
    whole_there = [one for one in places if one.available >= quantity]
    whole = [one for one in places if one.room >= quantity]
    there = [one for one in places for _ in range(one.available)]
    room = [one for one in places for _ in range(one.room)]
    if whole_there:
        units = whole_there[:1] * quantity
    elif is_split_allowed and len(there) >= quantity:
        units = there[:quantity]
    elif whole:
        units = whole[:1] * quantity
    else:
        units = room[:quantity] if is_split_allowed else []
    return [(one, count) for one in places if (count := sum(one is unit for unit in units))]


def summary(decision: Admitted | Refused) -> Any:
    """A decision without the order in which its parts were written down."""
    if isinstance(decision, Refused):
        return {s.variant_id: (s.requested, s.available) for s in decision.shortages}
    units: Counter[tuple[int, Place]] = Counter()
    waiting: Counter[tuple[int, Place]] = Counter()
    for take in decision.takes:
        units[take.line, (take.variant_id, take.location_id)] += take.quantity
        waiting[take.line, (take.variant_id, take.location_id)] += take.waiting
    return units, +waiting


def decide(
    stock: dict[VariantId, list[StockLevel]],
    batch: list[Request],
    *,
    is_split_allowed: bool = True,
) -> list[Admitted | Refused]:
    return admit(
        stock,
        [lines for lines, _ in batch],
        destinations=[to for _, to in batch],
        is_split_allowed=is_split_allowed,
    )


@given(stock=stocks(), batch=batches, is_split_allowed=st.booleans())
def test_a_batch_decides_as_one_request_after_the_other(
    *, stock: dict[VariantId, list[StockLevel]], batch: list[Request], is_split_allowed: bool
) -> None:
    expected, left = [], stock
    for request in batch:
        outcome, left = serve_one(left, request, is_split_allowed=is_split_allowed)
        expected.append(outcome)

    decisions = decide(stock, batch, is_split_allowed=is_split_allowed)

    assert [summary(decision) for decision in decisions] == expected


@given(stock=stocks(), batch=batches, is_split_allowed=st.booleans())
def test_never_more_is_taken_than_there_is(
    *, stock: dict[VariantId, list[StockLevel]], batch: list[Request], is_split_allowed: bool
) -> None:
    room = {
        (variant_id, one.location_id): max(one.room, 0)
        for variant_id, levels in stock.items()
        for one in levels
    }
    there = {
        (variant_id, one.location_id): max(one.available, 0)
        for variant_id, levels in stock.items()
        for one in levels
    }
    taken: Counter[Place] = Counter()
    waiting: Counter[Place] = Counter()
    for decision in decide(stock, batch, is_split_allowed=is_split_allowed):
        if isinstance(decision, Admitted):
            for take in decision.takes:
                taken[take.variant_id, take.location_id] += take.quantity
                waiting[take.variant_id, take.location_id] += take.waiting

    assert all(units <= room[place] for place, units in taken.items())
    assert all(units - waiting[place] <= there[place] for place, units in taken.items())


@given(stock=stocks(), batch=batches, is_split_allowed=st.booleans())
def test_all_lines_or_none(
    *, stock: dict[VariantId, list[StockLevel]], batch: list[Request], is_split_allowed: bool
) -> None:
    decisions = decide(stock, batch, is_split_allowed=is_split_allowed)
    for (lines, _), decision in zip(batch, decisions, strict=True):
        if isinstance(decision, Admitted):
            got: Counter[int] = Counter()
            for take in decision.takes:
                assert take.quantity > 0
                assert take.variant_id == lines[take.line][0]
                got[take.line] += take.quantity
            assert got == {number: quantity for number, (_, quantity) in enumerate(lines)}
            assert is_split_allowed or len(decision.takes) == len(lines)
        else:
            assert decision.shortages
            assert all(short.available < short.requested for short in decision.shortages)


A, B = VARIANTS[:2]
HERE, THERE = LOCATIONS[:2]


def test_a_request_refused_for_one_variant_takes_nothing_of_another() -> None:
    stock = {A: [level(A, HERE, 1)], B: []}

    decisions = admit(stock, [[(A, 1), (B, 1)], [(A, 1)]])

    assert decisions == [Refused((Shortage(B, 1, 0),)), Admitted((Take(0, A, HERE, 1),))]


def test_lines_of_the_same_variant_are_one_demand() -> None:
    assert admit({A: [level(A, HERE, 3)]}, [[(A, 2), (A, 2)]]) == [Refused((Shortage(A, 4, 3),))]


def test_a_line_comes_whole_from_the_first_location_that_has_it_all() -> None:
    stock = {A: [level(A, HERE, 1), level(A, THERE, 2)]}

    assert admit(stock, [[(A, 2)]]) == [Admitted((Take(0, A, THERE, 2),))]


def test_a_line_that_fits_nowhere_is_split_in_the_order_of_the_locations() -> None:
    stock = {A: [level(A, HERE, 1), level(A, THERE, 2)]}

    assert admit(stock, [[(A, 3)]]) == [Admitted((Take(0, A, HERE, 1), Take(0, A, THERE, 2)))]


def test_what_others_hold_or_own_is_not_there() -> None:
    stock = {A: [level(A, HERE, 5, reserved=2, allocated=3)]}

    assert admit(stock, [[(A, 1)]]) == [Refused((Shortage(A, 1, 0),))]


def test_back_orders_may_be_promised() -> None:
    stock = {A: [level(A, HERE, 0, backorder_limit=2)]}

    assert admit(stock, [[(A, 2)], [(A, 1)]]) == [
        Admitted((Take(0, A, HERE, 2, waiting=2),)),
        Refused((Shortage(A, 1, 0),)),
    ]


GALWAY = Destination("IE", "Galway")


def one_take(stock: dict[VariantId, list[StockLevel]], quantity: int = 1) -> list[LocationId]:
    """Where a line to Galway comes from."""
    (decision,) = admit(stock, [[(A, quantity)]], destinations=[GALWAY])
    assert isinstance(decision, Admitted)
    return [take.location_id for take in decision.takes]


def test_the_nearest_location_is_emptied_first() -> None:
    berlin = level(A, LOCATIONS[0], 1, country="DE")
    dublin = level(A, LOCATIONS[1], 1, country="IE", region="Dublin")
    galway = level(A, LOCATIONS[2], 1, country="IE", region=" galway")

    assert one_take({A: [berlin, dublin, galway]}) == [galway.location_id]
    assert one_take({A: [berlin, dublin]}) == [dublin.location_id]
    assert one_take({A: [berlin, dublin, galway]}, 3) == [
        galway.location_id,
        dublin.location_id,
        berlin.location_id,
    ]


def test_where_nothing_is_near_the_order_of_the_locations_stands() -> None:
    first = level(A, HERE, 1, country="DE")
    second = level(A, THERE, 1, country="FR")

    assert one_take({A: [first, second]}) == [HERE]
    assert one_take({A: [second, first]}) == [THERE]


def test_a_closed_location_and_one_that_does_not_send_there_have_nothing() -> None:
    closed = level(A, HERE, 5, country="IE", is_active=False)
    german = level(A, THERE, 5, country="DE", ships_to=["DE", "AT"])

    decisions = admit({A: [closed, german]}, [[(A, 1)]], destinations=[GALWAY])

    assert decisions == [Refused((Shortage(A, 1, 0),))]


def test_what_is_on_hand_elsewhere_comes_before_what_must_be_waited_for() -> None:
    waiting = level(A, HERE, 0, backorder_limit=9, country="IE")
    there = level(A, THERE, 2, country="DE")

    assert one_take({A: [waiting, there]}, 2) == [THERE]


def test_a_line_that_may_not_be_split_is_refused_with_what_the_best_location_has() -> None:
    stock = {A: [level(A, HERE, 1), level(A, THERE, 2)], B: [level(B, HERE, 1)]}

    decisions = admit(stock, [[(B, 1), (A, 3)], [(B, 1), (A, 2)]], is_split_allowed=False)

    assert decisions == [
        Refused((Shortage(A, 3, 2),)),
        Admitted((Take(0, B, HERE, 1), Take(1, A, THERE, 2))),
    ]


def test_an_unknown_variant_has_nothing_left() -> None:
    assert admit({}, [[(UNKNOWN, 1)]]) == [Refused((Shortage(UNKNOWN, 1, 0),))]


def test_a_unit_that_is_there_is_there_for_one_and_the_next_one_waits() -> None:
    stock = {A: [level(A, HERE, 1, backorder_limit=2)]}

    assert admit(stock, [[(A, 1)], [(A, 1)]]) == [
        Admitted((Take(0, A, HERE, 1),)),
        Admitted((Take(0, A, HERE, 1, waiting=1),)),
    ]


def test_what_is_there_in_all_comes_before_what_one_location_may_promise() -> None:
    empty = level(A, LOCATIONS[2], 0)
    stock = {A: [level(A, HERE, 1, backorder_limit=9), empty, level(A, THERE, 1)]}

    assert admit(stock, [[(A, 2)]]) == [Admitted((Take(0, A, HERE, 1), Take(0, A, THERE, 1)))]


def test_back_orders_come_whole_from_one_location_or_from_all_that_may() -> None:
    first, second = level(A, HERE, 0, backorder_limit=1), level(A, THERE, 0, backorder_limit=2)

    assert admit({A: [first, second]}, [[(A, 2)]]) == [
        Admitted((Take(0, A, THERE, 2, waiting=2),))
    ]
    assert admit({A: [first, second]}, [[(A, 3)]]) == [
        Admitted((Take(0, A, HERE, 1, waiting=1), Take(0, A, THERE, 2, waiting=2)))
    ]


def test_who_names_no_region_is_near_to_none() -> None:
    dublin = level(A, HERE, 1, country="IE", region="Dublin")
    nowhere, blank = (level(A, THERE, 1, country="IE", region=region) for region in (None, " "))

    for shelves, to in (
        ([dublin, nowhere], Destination("IE")),
        ([dublin, blank], Destination("IE", " ")),
    ):
        (decision,) = admit({A: shelves}, [[(A, 1)]], destinations=[to])
        assert decision == Admitted((Take(0, A, HERE, 1),))
