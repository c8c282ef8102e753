"""What staff may take from a shelf, what may arrive on it, and what becomes of a hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from surehold.inventory.model import (
    Move,
    Promised,
    Reservation,
    ReservationState,
    StockLevel,
    TransferLine,
)
from surehold.inventory.rules.changing import check_arriving, find_promised, receive_lines
from surehold.inventory.rules.ending import ended, prolonged
from surehold.inventory.states import ReservationEvent
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import LocationId, ReservationId, TransferId, VariantId
from surehold.kernel.states import ForbiddenTransition

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HERE = LocationId(UUID(int=101))
LAMP, DESK, SHELF = (VariantId(UUID(int=number)) for number in (1, 2, 3))
HOLD = Reservation(
    id=ReservationId(UUID(int=7)),
    holder_id=UUID(int=8),
    order_line_id=None,
    variant_id=LAMP,
    location_id=HERE,
    quantity=2,
    state=ReservationState.ACTIVE,
    expires_at=NOW,
    is_grace_used=False,
    created_at=NOW,
    ended_at=None,
    end_reason=None,
)


def test_from_one_to_a_million_units_arrive_at_once() -> None:
    check_arriving([1, 1_000_000])

    with pytest.raises(InvalidInput) as refused:
        check_arriving([1, 0, 1_000_001, -1])
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        (f"/arrivals/{index}/quantity", "quantity_out_of_range") for index in (1, 2, 3)
    ]


def test_units_that_buyers_hold_or_own_do_not_leave() -> None:
    some_left = StockLevel(LAMP, HERE, on_hand=9, allocated=3, reserved=2, backorder_limit=5)
    oversold = StockLevel(DESK, HERE, on_hand=2, allocated=4, reserved=0, backorder_limit=5)
    stock = {LAMP: [some_left], DESK: [oversold]}

    assert find_promised(stock, [Move(LAMP, HERE, -4), Move(DESK, HERE, 1)]) == ()
    assert find_promised(stock, [Move(LAMP, HERE, -5), Move(DESK, HERE, -1)]) == (
        Promised(LAMP, on_hand=9, promised=5, delta=-5),
        Promised(DESK, on_hand=2, promised=2, delta=-1),
    )


def test_of_a_transfer_all_that_is_in_transit_arrives_or_what_is_named() -> None:
    lines = [
        TransferLine(TransferId(UUID(int=9)), variant, "A", 5, received, 1)
        for variant, received in ((LAMP, 1), (DESK, 4))
    ]

    assert receive_lines(lines, []) == {LAMP: 3}
    assert receive_lines(lines, [(LAMP, 3)]) == {LAMP: 3}
    with pytest.raises(InvalidInput) as refused:
        receive_lines(lines, [(LAMP, 2), (LAMP, 1), (DESK, 1), (SHELF, 1)])
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/lines/1/variant_id", "repeated"),
        ("/lines/2/quantity", "more_than_in_transit"),
        ("/lines/3/variant_id", "not_in_transfer"),
    ]


def test_a_hold_ends_once_and_says_when_and_why() -> None:
    over = ended(HOLD, ReservationEvent.EXPIRE, reason="time is over", now=NOW)

    assert (over.state, over.ended_at, over.end_reason) == (
        ReservationState.EXPIRED,
        NOW,
        "time is over",
    )
    with pytest.raises(ForbiddenTransition):
        ended(over, ReservationEvent.RELEASE, reason="again", now=NOW)


def test_a_hold_is_never_shortened_and_its_grace_is_not_forgotten() -> None:
    later, earlier = NOW + timedelta(minutes=5), NOW - timedelta(minutes=5)

    graced = prolonged(HOLD, until=later, is_grace_used=True)

    assert graced == msgspec.structs.replace(HOLD, expires_at=later, is_grace_used=True)
    assert prolonged(graced, until=earlier) == graced
    assert prolonged(HOLD, until=later).is_grace_used is False
