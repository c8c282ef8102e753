"""Machines answer from their table, and the program's machines are sound."""

from __future__ import annotations

import enum
import itertools
from typing import Any

import pytest

from surehold.inventory.states import (
    COUNT,
    RESERVATION,
    TRANSFER,
    CountEvent,
    ReservationEvent,
    TransferEvent,
)
from surehold.kernel.states import ForbiddenTransition, Machine
from surehold.payments.states import (
    OPERATION,
    PAYMENT,
    REFUND,
    OperationEvent,
    PaymentEvent,
    RefundEvent,
)

MACHINES = {
    "count": (COUNT, CountEvent),
    "operation": (OPERATION, OperationEvent),
    "payment": (PAYMENT, PaymentEvent),
    "refund": (REFUND, RefundEvent),
    "reservation": (RESERVATION, ReservationEvent),
    "transfer": (TRANSFER, TransferEvent),
}


class Door(enum.Enum):
    OPEN = "open"
    SHUT = "shut"
    WALL = "wall"


class Push(enum.Enum):
    PUSH = "push"
    PULL = "pull"
    BRICK = "brick"


DOOR = Machine(
    initial=Door.OPEN,
    table={
        (Door.OPEN, Push.PUSH): Door.SHUT,
        (Door.SHUT, Push.PULL): Door.OPEN,
        (Door.SHUT, Push.BRICK): Door.WALL,
    },
)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(Door, Push)))
def test_every_pair_is_answered_from_the_table(state: Door, event: Push) -> None:
    after = DOOR.table.get((state, event))

    assert DOOR.find_next(state, event) is after
    if after is None:
        with pytest.raises(ForbiddenTransition) as raised:
            DOOR.next(state, event)
        assert (raised.value.state, raised.value.event) == (state, event)
    else:
        assert DOOR.next(state, event) is after


def test_a_state_that_no_event_leaves_is_final() -> None:
    assert [state for state in Door if DOOR.is_final(state)] == [Door.WALL]


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_can_be_reached(name: str) -> None:
    machine: Machine[Any, Any] = MACHINES[name][0]
    reached = {machine.initial}
    for _ in type(machine.initial):
        reached |= {after for (before, _), after in machine.table.items() if before in reached}

    assert reached == set(type(machine.initial))


@pytest.mark.parametrize("name", MACHINES)
def test_every_event_is_allowed_somewhere(name: str) -> None:
    machine, events = MACHINES[name]

    assert {event for _, event in machine.table} == set(events)


@pytest.mark.parametrize(
    ("name", "final"),
    [
        ("operation", {"succeeded", "declined"}),
        ("payment", {"captured"}),
        ("refund", {"succeeded", "failed"}),
        ("reservation", {"committed", "released", "expired"}),
    ],
)
def test_these_states_are_final_and_no_others(name: str, final: set[str]) -> None:
    machine: Machine[Any, Any] = MACHINES[name][0]

    assert {state.value for state in type(machine.initial) if machine.is_final(state)} == final
