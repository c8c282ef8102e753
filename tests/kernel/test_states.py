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
from surehold.orders.model import FulfillmentState
from surehold.orders.states import (
    FULFILLMENT,
    RETURN,
    SENT,
    WAITING,
    FulfillmentEvent,
    ReturnEvent,
)
from surehold.payments.model import PaymentState
from surehold.payments.states import (
    EVENT_FOR,
    IN_FLIGHT,
    OPEN,
    OPERATION,
    PAYMENT,
    REFUND,
    OperationEvent,
    PaymentEvent,
    RefundEvent,
)

MACHINES = {
    "count": (COUNT, CountEvent),
    "fulfillment": (FULFILLMENT, FulfillmentEvent),
    "operation": (OPERATION, OperationEvent),
    "payment": (PAYMENT, PaymentEvent),
    "refund": (REFUND, RefundEvent),
    "reservation": (RESERVATION, ReservationEvent),
    "return": (RETURN, ReturnEvent),
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


#: Written from what these lives are, not from the tables: of each state, what may happen then.
LIVES = {
    "count": {"open": "apply applied, cancel canceled"},
    "fulfillment": {
        "open": "pack packed, ship shipped, cancel canceled",
        "packed": "ship shipped, cancel canceled",
        "shipped": "move in_transit, deliver delivered, lose lost, return returned_to_sender",
        "in_transit": "deliver delivered, lose lost, return returned_to_sender",
        "lost": "deliver delivered, return returned_to_sender",
    },
    "operation": {
        "pending": "succeed succeeded, decline declined, lose unknown",
        "unknown": "succeed succeeded, decline declined",
    },
    "payment": {
        "pending": "ask_buyer requires_action, authorize authorized, capture captured,"
        " fail failed, void voided, lose unknown",
        "requires_action": "wait pending, authorize authorized, capture captured,"
        " fail failed, void voided",
        "unknown": "ask_buyer requires_action, wait pending, authorize authorized,"
        " capture captured, fail failed, void voided",
        "authorized": "capture captured, void voided",
        "failed": "authorize authorized, capture captured",
        "voided": "authorize authorized, capture captured",
    },
    "refund": {"requested": "succeed succeeded, fail failed"},
    "reservation": {"active": "commit committed, release released, expire expired"},
    "return": {
        "requested": "approve approved, reject rejected, cancel canceled",
        "approved": "send in_transit, receive received, cancel canceled",
        "in_transit": "receive received",
        "received": "inspect inspected",
        "inspected": "complete completed",
    },
    "transfer": {
        "draft": "dispatch in_transit, cancel canceled",
        "in_transit": "finish received, cancel canceled",
    },
}


@pytest.mark.parametrize("name", MACHINES)
def test_every_life_is_the_one_that_is_told(name: str) -> None:
    machine: Machine[Any, Any] = MACHINES[name][0]
    lived: dict[str, set[str]] = {}
    for (state, event), after in machine.table.items():
        lived.setdefault(state.value, set()).add(f"{event.value} {after.value}")

    assert lived == {state: set(moves.split(", ")) for state, moves in LIVES[name].items()}


def test_a_word_for_a_payment_leads_to_the_state_that_it_names() -> None:
    assert set(EVENT_FOR) == set(PaymentState)
    assert {(event, after) for (_, event), after in PAYMENT.table.items()} == {
        (event, state) for state, event in EVENT_FOR.items()
    }


def test_a_payment_is_open_until_it_is_money_or_cannot_be() -> None:
    over = {PaymentState.CAPTURED, PaymentState.FAILED, PaymentState.VOIDED}

    assert set(PaymentState) - over == OPEN
    assert OPEN - {PaymentState.REQUIRES_ACTION, PaymentState.AUTHORIZED} == IN_FLIGHT


def test_a_parcel_waits_is_sent_or_is_given_up() -> None:
    assert {
        state
        for state in FulfillmentState
        if FULFILLMENT.find_next(state, FulfillmentEvent.CANCEL)
    } == WAITING
    assert set(FulfillmentState) - WAITING - {FulfillmentState.CANCELED} == SENT
