"""Goods that come back: who may send them, what was in the parcel, what of it is sold again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.rules.refunding import sum_units
from surehold.inventory.commands import TakenBack
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import LocationId, OrderLineId, ReturnId, ReturnLineId, new_id
from surehold.orders.errors import (
    ReturnNotFound,
    ReturnNotPossible,
    ReturnWindowOver,
    UnitsNotReceived,
    UnitsNotReturnable,
)
from surehold.orders.model import (
    OrderLine,
    Return,
    ReturnLine,
    ReturnReason,
    ReturnState,
)
from surehold.orders.states import RETURN, ReturnEvent

#: The states that each event leads to: what has happened already.
_AFTER: Final = {
    event: frozenset(target for (_, one), target in RETURN.table.items() if one is event)
    for event in ReturnEvent
}


class Wanted(msgspec.Struct, frozen=True):
    """Units of one line that their buyer wants to send back, and why."""

    line_id: OrderLineId
    quantity: int
    reason: ReturnReason
    note: str | None = None


class Judged(msgspec.Struct, frozen=True):
    """What became of the units of one line: as good as new, or not. ``location_id``: which shelf.

    Unless said, sellable units go back to where they came from.
    """

    line_id: OrderLineId
    sellable: int
    damaged: int
    location_id: LocationId | None = None


def request(
    case: Case, return_id: ReturnId, wanted: tuple[Wanted, ...], *, note: str | None, actor: Actor
) -> Return:
    """Ask to send units back. Buyers ask within the store's days after delivery, staff always.

    Raises:
        InvalidInput: Lists every line that the order does not have, or that is named twice.
        ReturnWindowOver: The buyer asks too late.
        UnitsNotReturnable: Lists every line of which fewer units were sent.
    """
    sum_units(case.lines, tuple((row.line_id, row.quantity) for row in wanted))
    _check_once(row.line_id for row in wanted)
    days = case.settings.return_days
    delivered_at = case.delivered_at
    if actor.is_buyer and delivered_at and case.now > delivered_at + timedelta(days=days):
        raise ReturnWindowOver(
            f"Goods are taken back within {days} days after delivery.", days=days
        )
    left = {line.id: _sent(case, line) - line.returned_quantity for line in case.lines}
    short = [
        _short(row.line_id, row.quantity, left[row.line_id])
        for row in wanted
        if row.quantity > left[row.line_id]
    ]
    if short:
        raise UnitsNotReturnable("Fewer units of these lines can come back.", lines=short)
    made = Return(
        id=return_id,
        order_id=case.order.id,
        state=RETURN.initial,
        note=note,
        answer=None,
        changed_by=actor.name,
        change_reason="requested",
        created_at=case.now,
        updated_at=case.now,
    )
    lines = tuple(
        ReturnLine(
            ReturnLineId(new_id()), return_id, row.line_id, row.quantity, row.reason, row.note
        )
        for row in wanted
    )
    case.add_return(made, lines)
    return made


def move(
    case: Case, return_id: ReturnId, event: ReturnEvent, *, actor: Actor, answer: str | None = None
) -> str:
    """Let something happen to a return. What has happened already changes nothing.

    Raises:
        ReturnNotFound: The order has no such return.
        ReturnNotPossible: It is not so far, or further.
    """
    after = find_next(case, return_id, event)
    if after is None:
        return UNCHANGED
    found = get(case, return_id)
    case.put_return(
        msgspec.structs.replace(
            found,
            state=after,
            answer=answer or found.answer,
            changed_by=actor.name,
            change_reason=event.value,
            updated_at=case.now,
        )
    )
    return after.value


def find_next(case: Case, return_id: ReturnId, event: ReturnEvent) -> ReturnState | None:
    """What a return would be after an event; ``None`` when that has happened already.

    Raises:
        ReturnNotFound, ReturnNotPossible: As named.
    """
    state = get(case, return_id).state
    after = RETURN.find_next(state, event)
    if after is None and state not in _AFTER[event]:
        raise ReturnNotPossible(f"The return is {state.value}.", return_state=state.value)
    return after


def receive(
    case: Case, return_id: ReturnId, units: Mapping[OrderLineId, int] | None, *, actor: Actor
) -> str:
    """Open the parcel. So many units of each line were in it; unless said, all asked for.

    Raises:
        ReturnNotFound, ReturnNotPossible: As named.
        UnitsNotReceived: Lists every line of which fewer units were asked for.
    """
    if find_next(case, return_id, ReturnEvent.RECEIVE) is None:
        return UNCHANGED
    lines = case.return_lines[return_id]
    asked = {line.order_line_id: line.quantity for line in lines}
    got = asked if units is None else units
    short = [
        _short(line_id, quantity, asked.get(line_id, 0))
        for line_id, quantity in got.items()
        if quantity > asked.get(line_id, 0)
    ]
    if short:
        raise UnitsNotReceived("Fewer units of these lines were asked for.", lines=short)
    case.put_return_lines(
        return_id,
        tuple(
            msgspec.structs.replace(line, received_quantity=got.get(line.order_line_id, 0))
            for line in lines
        ),
    )
    return move(case, return_id, ReturnEvent.RECEIVE, actor=actor)


def inspect(case: Case, return_id: ReturnId, judged: tuple[Judged, ...], *, actor: Actor) -> str:
    """Say what of the units is as good as new: they go on the shelf, once. The others do not.

    Raises:
        ReturnNotFound, ReturnNotPossible: As named.
        UnitsNotReceived: Lists every line judged otherwise than it was received.
        InvalidInput: A line is named twice, or no stock is kept of it at a place.
    """
    if find_next(case, return_id, ReturnEvent.INSPECT) is None:
        return UNCHANGED
    _check_once(row.line_id for row in judged)
    by_line = {row.line_id: row for row in judged}
    lines = case.return_lines[return_id]
    received = {line.order_line_id: line.received_quantity or 0 for line in lines}
    wrong = [
        _short(line_id, _judged(by_line.get(line_id)), received.get(line_id, 0))
        for line_id in received.keys() | by_line.keys()
        if _judged(by_line.get(line_id)) != received.get(line_id, 0)
    ]
    if wrong:
        raise UnitsNotReceived("Judge as many units as were received.", lines=wrong)
    shelves = _find_shelves(case, judged)
    after = tuple(_with_verdict(line, by_line.get(line.order_line_id), shelves) for line in lines)
    case.put_return_lines(return_id, after)
    variants = {line.id: line.variant_id for line in case.lines}
    case.writes.taken_back += [
        TakenBack(
            variants[line.order_line_id],
            line.location_id,
            line.sellable_quantity,
            f"return {line.id}",
            actor.name,
        )
        for line in after
        if line.location_id is not None
    ]
    return move(case, return_id, ReturnEvent.INSPECT, actor=actor)


def refundable_units(case: Case, return_id: ReturnId) -> tuple[tuple[OrderLineId, int], ...]:
    """Units that came back and whose money has not gone back already."""
    left = {line.id: line.left_quantity for line in case.lines}
    units = (
        (line.order_line_id, min(line.received_quantity or 0, left[line.order_line_id]))
        for line in case.return_lines[return_id]
    )
    return tuple((line_id, quantity) for line_id, quantity in units if quantity)


def get(case: Case, return_id: ReturnId) -> Return:
    """One of the order's returns.

    Raises:
        ReturnNotFound: It has none with this id.
    """
    found = case.returns.get(return_id)
    if found is None:
        raise ReturnNotFound("There is no return with this id.")
    return found


def _sent(case: Case, line: OrderLine) -> int:
    return sum(
        row.shipped_quantity for row in case.allocations.values() if row.order_line_id == line.id
    )


def _with_verdict(
    line: ReturnLine, row: Judged | None, shelves: Mapping[OrderLineId, LocationId]
) -> ReturnLine:
    if row is None:
        return line
    return msgspec.structs.replace(
        line,
        sellable_quantity=row.sellable,
        damaged_quantity=row.damaged,
        location_id=shelves.get(line.order_line_id),
    )


def _judged(row: Judged | None) -> int:
    return 0 if row is None else row.sellable + row.damaged


def _find_shelves(case: Case, judged: tuple[Judged, ...]) -> dict[OrderLineId, LocationId]:
    """Where the sellable units of each line go."""
    shelves: dict[OrderLineId, LocationId] = {}
    faults = []
    variants = {line.id: line.variant_id for line in case.lines}
    for index, row in enumerate(judged):
        if not row.sellable:
            continue
        came_from = next(
            one.location_id
            for one in case.allocations.values()
            if one.order_line_id == row.line_id
        )
        place = row.location_id or came_from
        levels = case.stock.levels.get(variants[row.line_id], ())
        if any(level.location_id == place for level in levels):
            shelves[row.line_id] = place
        else:
            detail = "No stock is kept of this variant at this place."
            faults.append(Fault(f"/lines/{index}/location_id", "not_stocked", detail))
    if faults:
        raise InvalidInput(tuple(faults))
    return shelves


def _check_once(line_ids: Iterable[OrderLineId]) -> None:
    seen: set[OrderLineId] = set()
    faults = []
    for index, line_id in enumerate(line_ids):
        if line_id in seen:
            detail = "Name each line once."
            faults.append(Fault(f"/lines/{index}/line_id", "named_twice", detail))
        seen.add(line_id)
    if faults:
        raise InvalidInput(tuple(faults))


def _short(line_id: OrderLineId, requested: int, available: int) -> dict[str, object]:
    return {"line_id": str(line_id), "requested": requested, "available": available}
