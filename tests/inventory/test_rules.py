"""Who gets what is left: a batch decides exactly as one request after the other would."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from surehold.inventory.model import Shortage, StockLevel
from surehold.inventory.rules import Admitted, Refused, Take, admit
from surehold.kernel.ids import LocationId, VariantId

VARIANTS = [VariantId(UUID(int=number)) for number in range(1, 4)]
LOCATIONS = [LocationId(UUID(int=number)) for number in range(101, 104)]
UNKNOWN = VariantId(UUID(int=99))

Place = tuple[VariantId, LocationId]


def level(
    variant_id: VariantId,
    location_id: LocationId,
    on_hand: int,
    *,
    reserved: int = 0,
    allocated: int = 0,
    backorder_limit: int = 0,
) -> StockLevel:
    return StockLevel(variant_id, location_id, on_hand, allocated, reserved, backorder_limit)


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
            )
            for place in places
        ]
    return stock


batches = st.lists(
    st.lists(
        st.tuples(st.sampled_from([*VARIANTS, UNKNOWN]), st.integers(1, 6)), min_size=1, max_size=4
    ),
    max_size=12,
)


def serve_one(
    left: dict[Place, int], lines: list[tuple[VariantId, int]]
) -> tuple[str, dict[VariantId, tuple[int, int]] | list[tuple[int, Place, int]], dict[Place, int]]:
    """One request against fresh counters, as slowly and plainly as the rule is written."""
    short = {}
    for variant_id in dict(lines):
        wanted = sum(quantity for wanted_id, quantity in lines if wanted_id == variant_id)
        there = sum(units for (stored_id, _), units in left.items() if stored_id == variant_id)
        if wanted > there:
            short[variant_id] = (wanted, there)
    if short:
        return "refused", short, left
    after = dict(left)
    taken = []
    for number, (variant_id, quantity) in enumerate(lines):
        places = [place for place in after if place[0] == variant_id]
        whole = [place for place in places if after[place] >= quantity]
        for place in whole[:1] or places:
            for _ in range(quantity):  # Unit by unit.
                so_far = sum(units for index, _, units in taken if index == number)
                if so_far < quantity and after[place] > 0:
                    after[place] -= 1
                    taken.append((number, place, 1))
    return "admitted", taken, after


def summary(decision: Admitted | Refused) -> Any:
    """A decision without the order in which its parts were written down."""
    if isinstance(decision, Refused):
        return {s.variant_id: (s.requested, s.available) for s in decision.shortages}
    units: Counter[tuple[int, Place]] = Counter()
    for take in decision.takes:
        units[take.line, (take.variant_id, take.location_id)] += take.quantity
    return units


@given(stock=stocks(), requests=batches)
def test_a_batch_decides_as_one_request_after_the_other(
    stock: dict[VariantId, list[StockLevel]], requests: list[list[tuple[VariantId, int]]]
) -> None:
    left = {
        (variant_id, one.location_id): max(
            0, one.on_hand - one.allocated - one.reserved + one.backorder_limit
        )
        for variant_id, levels in stock.items()
        for one in levels
    }
    expected = []
    for lines in requests:
        outcome, detail, left = serve_one(left, lines)
        if outcome == "admitted":
            units: Counter[tuple[int, Place]] = Counter()
            for number, place, count in detail:
                units[number, place] += count
            expected.append(units)
        else:
            expected.append(detail)

    assert [summary(decision) for decision in admit(stock, requests)] == expected


@given(stock=stocks(), requests=batches)
def test_never_more_is_taken_than_there_is(
    stock: dict[VariantId, list[StockLevel]], requests: list[list[tuple[VariantId, int]]]
) -> None:
    room = {
        (variant_id, one.location_id): max(one.room, 0)
        for variant_id, levels in stock.items()
        for one in levels
    }
    taken: Counter[Place] = Counter()
    for decision in admit(stock, requests):
        if isinstance(decision, Admitted):
            for take in decision.takes:
                taken[take.variant_id, take.location_id] += take.quantity

    assert all(units <= room[place] for place, units in taken.items())


@given(stock=stocks(), requests=batches)
def test_all_lines_or_none(
    stock: dict[VariantId, list[StockLevel]], requests: list[list[tuple[VariantId, int]]]
) -> None:
    for lines, decision in zip(requests, admit(stock, requests), strict=True):
        if isinstance(decision, Admitted):
            got: Counter[int] = Counter()
            for take in decision.takes:
                assert take.quantity > 0
                assert take.variant_id == lines[take.line][0]
                got[take.line] += take.quantity
            assert got == {number: quantity for number, (_, quantity) in enumerate(lines)}
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
        Admitted((Take(0, A, HERE, 2),)),
        Refused((Shortage(A, 1, 0),)),
    ]


def test_an_unknown_variant_has_nothing_left() -> None:
    assert admit({}, [[(UNKNOWN, 1)]]) == [Refused((Shortage(UNKNOWN, 1, 0),))]
