"""What staff do with the goods of an order: plan parcels, pack, send, follow and give up.

A parcel is a fulfillment: units of one order from one location. Its units leave the shelf when it
is shipped, and with nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.rules.suspecting import check_not_held
from surehold.inventory.model import Allocation
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import FulfillmentId, LocationId, OrderLineId, VariantId, VendorId, new_id
from surehold.orders.errors import (
    FulfillmentNotFound,
    FulfillmentNotMovable,
    OrderDisputed,
    OrderNotFulfillable,
    UnitsNotOnHand,
    UnitsNotOpen,
)
from surehold.orders.events import fulfillment_moved
from surehold.orders.model import Fulfillment, FulfillmentLine, FulfillmentState, OrderStatus
from surehold.orders.states import FULFILLMENT, FulfillmentEvent

#: Statuses in which goods may be planned, packed and sent.
FULFILLABLE: Final = frozenset(
    {
        OrderStatus.PAID,
        OrderStatus.CONFIRMED,
        OrderStatus.PROCESSING,
        OrderStatus.READY_FOR_SHIPMENT,
        OrderStatus.SHIPPED,  # some of it
        OrderStatus.PARTIALLY_REFUNDED,
    }
)

#: What the buyer and the timeline are told of each event.
REASONS: Final = {
    FulfillmentEvent.PACK: "packed",
    FulfillmentEvent.SHIP: "shipped",
    FulfillmentEvent.MOVE: "in transit",
    FulfillmentEvent.DELIVER: "delivered",
    FulfillmentEvent.CANCEL: "not sent",
    FulfillmentEvent.LOSE: "lost",
    FulfillmentEvent.RETURN: "returned to sender",
}


class Parcel(msgspec.Struct, frozen=True):
    """Who carries a parcel, and under which number. ``carrier`` is a code of our list."""

    carrier: str
    tracking_number: str | None = None


class WantedUnits(msgspec.Struct, frozen=True):
    """So many units of one order line."""

    line_id: OrderLineId
    quantity: int


class Pick(msgspec.Struct, frozen=True):
    """What a new fulfillment is to hold; whatever is unset does not narrow it.

    Without ``lines`` it is everything that is left.
    """

    lines: tuple[WantedUnits, ...] = ()
    location_id: LocationId | None = None
    vendor_id: VendorId | None = None


def check_fulfillable(case: Case) -> None:
    """Refuse to work on goods that nobody pays for, or whose money is going back.

    Raises:
        OrderHeld: A person looks into its payment first.
        OrderDisputed: Its money is held back until a dispute is decided.
        OrderNotFulfillable: The order does not own its goods for good.
    """
    check_not_held(case)
    order = case.order
    is_trusted = order.status in FULFILLABLE and case.security is not None
    if is_trusted and not case.is_paid_for:
        raise OrderNotFulfillable(
            f"The money of order {order.number} is not sure any more; capture it first.",
            order_status=order.status.value,
        )
    if order.status is OrderStatus.DISPUTED:
        raise OrderDisputed(f"Order {order.number} is disputed; nothing of it can be sent.")
    if order.status not in FULFILLABLE or not case.is_paid_for:
        raise OrderNotFulfillable(
            f"Order {order.number} is {order.status.value}; nothing of it can be sent.",
            order_status=order.status.value,
        )


def open_fulfillments(case: Case, pick: Pick, *, actor: Actor) -> tuple[Fulfillment, ...]:
    """Plan to send units that are in no parcel yet: one fulfillment per location.

    Raises:
        OrderNotFulfillable: The order does not own its goods.
        InvalidInput: A line is not the order's, or comes twice.
        UnitsNotOpen: More is wanted of a line than is left, or nothing is left at all.
        UnitsNotOnHand: More is wanted of a line than is there, or nothing that is left is.
    """
    check_fulfillable(case)
    made = _plan(case, pick, actor=actor)
    case.relabel()
    return made


def move_fulfillment(
    case: Case,
    fulfillment_id: FulfillmentId,
    event: FulfillmentEvent,
    *,
    actor: Actor,
    parcel: Parcel | None = None,
    reason: str | None = None,
) -> str:
    """Let something happen to a parcel. The second time changes nothing.

    Raises:
        FulfillmentNotFound: The order has no such fulfillment.
        FulfillmentNotMovable: It has come too far for this, or not far enough; or it was sent
            with another carrier or number.
        OrderNotFulfillable: The order does not own its goods any more.
        UnitsNotOnHand: What is to leave is not on the shelf.
    """
    found = _get(case, fulfillment_id)
    if _is_done(found, event, parcel):
        return UNCHANGED
    after = FULFILLMENT.find_next(found.state, event)
    if after is None:
        raise _not_movable(found, event)
    if event in (FulfillmentEvent.PACK, FulfillmentEvent.SHIP):
        check_fulfillable(case)
    if event is FulfillmentEvent.SHIP:
        _check_on_hand(case, [found])
    _move(case, found, event, actor=actor, parcel=parcel, reason=reason)
    case.change_order(actor=actor.name, reason=reason or REASONS[event])
    case.relabel()
    return after.value


def correct_parcel(
    case: Case, fulfillment_id: FulfillmentId, parcel: Parcel, *, actor: Actor
) -> str:
    """Correct who carries a parcel that is on its way, or its number.

    Raises:
        FulfillmentNotFound: The order has no such fulfillment.
        FulfillmentNotMovable: It has not been sent, or is over.
    """
    found = _get(case, fulfillment_id)
    if (found.carrier, found.tracking_number) == (parcel.carrier, parcel.tracking_number):
        return UNCHANGED
    if found.state not in (FulfillmentState.SHIPPED, FulfillmentState.IN_TRANSIT):
        raise FulfillmentNotMovable(
            f"The parcel is {found.state.value}; nothing of it can be corrected.",
            fulfillment_state=found.state.value,
        )
    after = msgspec.structs.replace(
        found,
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
        changed_by=actor.name,
        change_reason="tracking corrected",
    )
    case.put_fulfillment(after)
    case.writes.events.append(fulfillment_moved(case.order, after))
    return "corrected"


# --- the whole order at once ---------------------------------------------------------------------


def confirm(case: Case, *, actor: Actor, reason: str) -> None:
    """Say that somebody has looked at the order and takes it on."""
    case.change_order(actor=actor.name, reason=reason, confirmed_at=case.now)
    case.relabel()


def process(case: Case, *, actor: Actor, reason: str) -> None:
    """Say that somebody has begun to gather the goods."""
    _begin(case, actor=actor)
    case.change_order(actor=actor.name, reason=reason)
    case.relabel()


def pack_all(case: Case, *, actor: Actor, reason: str) -> None:
    """Pack whatever is left, in one parcel per location."""
    _plan_all(case, actor=actor)
    for found in case.waiting:
        if found.state is FulfillmentState.OPEN:
            _move(case, found, FulfillmentEvent.PACK, actor=actor)
    case.change_order(actor=actor.name, reason=reason)
    case.relabel()


def ship_all(case: Case, parcel: Parcel, *, actor: Actor, reason: str) -> None:
    """Send whatever is left with one carrier, in one parcel per location.

    Raises:
        UnitsNotOnHand: Something is not on the shelf; nothing was sent.
    """
    allocations = case.allocations.values()
    _check_units(case, ((row, row.open_quantity) for row in allocations if row.open_quantity))
    _plan_all(case, actor=actor)
    for found in case.waiting:
        _move(case, found, FulfillmentEvent.SHIP, actor=actor, parcel=parcel)
    case.change_order(actor=actor.name, reason=reason)
    case.relabel()


def move_all(case: Case, event: FulfillmentEvent, *, actor: Actor, reason: str) -> None:
    """Let the same happen to every parcel that it may happen to."""
    for found in tuple(case.fulfillments.values()):
        if FULFILLMENT.find_next(found.state, event) is not None:
            _move(case, found, event, actor=actor)
    case.change_order(actor=actor.name, reason=reason)
    case.relabel()


def bring_back(case: Case, *, actor: Actor, reason: str) -> None:
    """Let every parcel that is on its way go back to where it came from."""
    for found in tuple(case.fulfillments.values()):
        if FULFILLMENT.find_next(found.state, FulfillmentEvent.RETURN) is not None:
            _move(case, found, FulfillmentEvent.RETURN, actor=actor, reason=reason)


def is_all_there(case: Case) -> bool:
    """Whether nothing that the order owns waits to be delivered to the store."""
    return case.sendable == case.unplanned


def is_all_on_hand(case: Case) -> bool:
    """Whether everything that is left to send is on the shelf, and there for this order."""
    return is_all_there(case) and not _missing(
        case, ((row, row.open_quantity) for row in case.allocations.values())
    )


# --- parts ---------------------------------------------------------------------------------------


def _begin(case: Case, *, actor: Actor) -> None:
    """Note the first touch of staff: an order that is worked on was taken on."""
    order, now = case.order, case.now
    case.change_order(
        actor=actor.name,
        reason="fulfillment begun",
        confirmed_at=order.confirmed_at or now,
        processing_at=order.processing_at or now,
    )


def _plan(case: Case, pick: Pick, *, actor: Actor) -> tuple[Fulfillment, ...]:
    by_place: dict[LocationId, list[FulfillmentLine]] = {}
    for row, quantity in _take(case, pick):
        line = FulfillmentLine(row.id, row.order_line_id, quantity)
        by_place.setdefault(row.location_id, []).append(line)
    made = tuple(
        _opened(case, place, tuple(lines), actor=actor) for place, lines in by_place.items()
    )
    for fulfillment in made:
        case.add_fulfillment(fulfillment)
    _begin(case, actor=actor)
    return made


def _plan_all(case: Case, *, actor: Actor) -> None:
    if any(case.unplanned.values()):
        _plan(case, Pick(), actor=actor)


def _take(case: Case, pick: Pick) -> list[tuple[Allocation, int]]:
    """Units for a pick, from allocations in the order of their making.

    Without lines it is everything that is left and there.

    Raises:
        InvalidInput, UnitsNotOpen, UnitsNotOnHand: As named above.
    """
    left, there = case.unplanned, case.sendable
    vendor_of = {line.id: line.vendor_id for line in case.lines}
    rows = [
        row
        for row in case.allocations.values()
        if pick.location_id in (None, row.location_id)
        and pick.vendor_id in (None, vendor_of[row.order_line_id])
    ]
    if not pick.lines:
        owned = [row for row in rows if left[row.id]]
        if not owned:
            raise UnitsNotOpen("Nothing is left to send.", lines=[])
        whole = [(row, there[row.id]) for row in owned if there[row.id]]
        if not whole:
            raise _not_there((row.variant_id, left[row.id], 0) for row in owned)
        return whole
    _check_lines(pick.lines, vendor_of)
    return _take_lines(pick.lines, rows, left, there)


def _take_lines(
    lines: Sequence[WantedUnits],
    rows: Sequence[Allocation],
    left: Mapping[UUID, int],
    there: Mapping[UUID, int],
) -> list[tuple[Allocation, int]]:
    taken, short = [], []
    late: list[tuple[VariantId, int, int]] = []
    for wanted in lines:
        own = [row for row in rows if row.order_line_id == wanted.line_id]
        open_units = sum(left[row.id] for row in own)
        if open_units < wanted.quantity:
            short.append(
                {
                    "line_id": str(wanted.line_id),
                    "requested": wanted.quantity,
                    "open": open_units,
                }
            )
            continue
        missing = wanted.quantity
        for row in own:
            units = min(there[row.id], missing)
            if units:
                missing -= units
                taken.append((row, units))
        if missing:
            late.append((own[0].variant_id, wanted.quantity, wanted.quantity - missing))
    if short:
        raise UnitsNotOpen("Fewer units are left to send than were asked for.", lines=short)
    if late:
        raise _not_there(late)
    return taken


def _not_there(late: Iterable[tuple[VariantId, int, int]]) -> UnitsNotOnHand:
    """Units wait: variant, how many were asked for, how many of these may be sent now."""
    return UnitsNotOnHand(
        "Some of it has not arrived yet.",
        variants=[
            {"variant_id": str(variant_id), "requested": requested, "on_hand": there}
            for variant_id, requested, there in late
        ],
    )


def _check_lines(lines: Sequence[WantedUnits], known: dict[OrderLineId, VendorId]) -> None:
    faults = [
        Fault(f"/lines/{index}/line_id", "unknown_line", "The order has no such line.")
        for index, wanted in enumerate(lines)
        if wanted.line_id not in known
    ]
    ids = [wanted.line_id for wanted in lines]
    faults += [
        Fault(f"/lines/{index}/line_id", "repeated", "Name each line once.")
        for index, line_id in enumerate(ids)
        if line_id in ids[:index]
    ]
    if faults:
        raise InvalidInput(tuple(faults))


def _opened(
    case: Case, place: LocationId, lines: tuple[FulfillmentLine, ...], *, actor: Actor
) -> Fulfillment:
    vendor_of = {line.id: line.vendor_id for line in case.lines}
    vendors = {vendor_of[line.order_line_id] for line in lines}
    return Fulfillment(
        id=FulfillmentId(new_id()),
        order_id=case.order.id,
        location_id=place,
        vendor_id=vendors.pop() if len(vendors) == 1 else None,
        state=FULFILLMENT.initial,
        carrier=None,
        tracking_number=None,
        created_at=case.now,
        packed_at=None,
        shipped_at=None,
        delivered_at=None,
        version=1,
        changed_by=actor.name,
        change_reason="planned",
        updated_at=case.now,
        lines=lines,
    )


def _get(case: Case, fulfillment_id: FulfillmentId) -> Fulfillment:
    found = case.fulfillments.get(fulfillment_id)
    if found is None:
        raise FulfillmentNotFound("There is no fulfillment with this id.")
    return found


#: The state in which each event has been done before.
_AFTER: Final = {event: after for (_, event), after in FULFILLMENT.table.items()}


def _is_done(found: Fulfillment, event: FulfillmentEvent, parcel: Parcel | None) -> bool:
    if found.state is not _AFTER[event]:
        return False
    return parcel is None or (found.carrier, found.tracking_number) == (
        parcel.carrier,
        parcel.tracking_number,
    )


def _not_movable(found: Fulfillment, event: FulfillmentEvent) -> FulfillmentNotMovable:
    allowed = sorted(one.value for state, one in FULFILLMENT.table if state is found.state)
    return FulfillmentNotMovable(
        f"The parcel is {found.state.value}.",
        fulfillment_state=found.state.value,
        asked=event.value,
        allowed=allowed,
    )


def _move(
    case: Case,
    found: Fulfillment,
    event: FulfillmentEvent,
    *,
    actor: Actor,
    parcel: Parcel | None = None,
    reason: str | None = None,
) -> None:
    state = FULFILLMENT.next(found.state, event)
    facts: dict[str, Any] = {_INSTANTS[state]: case.now} if state in _INSTANTS else {}
    if parcel is not None:
        facts |= {"carrier": parcel.carrier, "tracking_number": parcel.tracking_number}
    after = msgspec.structs.replace(
        found,
        state=state,
        changed_by=actor.name,
        change_reason=reason or REASONS[event],
        **facts,
    )
    case.put_fulfillment(after)
    if event is FulfillmentEvent.SHIP:
        case.ship(after, actor=actor.name)
    case.writes.events.append(fulfillment_moved(case.order, after))


_INSTANTS: Final[dict[FulfillmentState, str]] = {
    FulfillmentState.PACKED: "packed_at",
    FulfillmentState.SHIPPED: "shipped_at",
    FulfillmentState.DELIVERED: "delivered_at",
}


def _check_on_hand(case: Case, parcels: Iterable[Fulfillment]) -> None:
    _check_units(
        case,
        (
            (case.allocations[line.allocation_id], line.quantity)
            for parcel in parcels
            for line in parcel.lines
        ),
    )


def _check_units(case: Case, units: Iterable[tuple[Allocation, int]]) -> None:
    missing = _missing(case, units)
    if missing:
        raise UnitsNotOnHand("Some of it has not arrived yet.", variants=missing)


def _missing(case: Case, units: Iterable[tuple[Allocation, int]]) -> list[dict[str, Any]]:
    """What cannot leave since it is not there: back-ordered units wait for a delivery."""
    wanted: dict[tuple[VariantId, LocationId], int] = {}
    for row, quantity in units:
        key = (row.variant_id, row.location_id)
        wanted[key] = wanted.get(key, 0) + quantity
    on_hand = {
        (level.variant_id, level.location_id): level.on_hand
        for levels in case.stock.levels.values()
        for level in levels
    }
    return [
        {"variant_id": str(key[0]), "requested": quantity, "on_hand": on_hand.get(key, 0)}
        for key, quantity in wanted.items()
        if on_hand.get(key, 0) < quantity
    ]
