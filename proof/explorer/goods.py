"""What staff do with the goods of paid orders, as actors: parcels, statuses, notes, archiving."""

from __future__ import annotations

from typing import Final

from proof.commands import exercises
from proof.explorer.actors import GOODS, Place, S, part
from proof.explorer.scene import PARCEL, STAFF
from surehold.checkout import commands
from surehold.checkout.rules.fulfilling import Parcel, Pick
from surehold.orders import commands as order_commands
from surehold.orders import queries as orders
from surehold.orders.errors import (
    FulfillmentNotMovable,
    OrderDisputed,
    OrderNotFulfillable,
    StatusOutOfReach,
    UnitsNotOnHand,
    UnitsNotOpen,
)
from surehold.orders.model import OrderStatus
from surehold.orders.states import FulfillmentEvent

_PLANNING: Final = (OrderDisputed, OrderNotFulfillable, UnitsNotOnHand, UnitsNotOpen)


@part(*GOODS, refusals=_PLANNING)
@exercises(commands.open_fulfillments)
async def plan_parcel(at: Place) -> str:
    """Everything that is left is to be sent; somebody else plans the same units."""
    await commands.open_fulfillments(
        at.seat.checkout, order_id=at.subject.order_id, pick=Pick(), actor=STAFF
    )
    return "planned"


async def _move(at: Place, event: FulfillmentEvent) -> str:
    async with at.seat.db.connection() as connection:
        parcels = await orders.list_fulfillments(connection, order_id=at.subject.order_id)
    if not parcels:
        return "nothing to move"
    _, effect = await commands.move_fulfillment(
        at.seat.checkout,
        fulfillment_id=parcels[0].id,
        event=event,
        actor=STAFF,
        parcel=PARCEL if event is FulfillmentEvent.SHIP else None,
    )
    return effect


_MOVING: Final = (FulfillmentNotMovable, OrderDisputed, OrderNotFulfillable)


@part(S.PLANNED, S.PACKED, S.SENT, refusals=_MOVING)
@exercises(commands.move_fulfillment)
async def ship_parcel(at: Place) -> str:
    """A parcel is handed over; whoever hands over the same one sends nothing more."""
    return await _move(at, FulfillmentEvent.SHIP)


@part(S.PLANNED, S.PACKED, S.SENT, refusals=_MOVING)
@exercises(commands.move_fulfillment)
async def cancel_parcel(at: Place) -> str:
    """A parcel is not sent after all."""
    return await _move(at, FulfillmentEvent.CANCEL)


@part(S.PLANNED, S.PACKED, S.SENT, refusals=_MOVING)
@exercises(commands.move_fulfillment)
async def follow_parcel(at: Place) -> str:
    """The carrier tells of a parcel, or it is packed again."""
    return await _move(
        at,
        at.seat.chance.choice(
            (FulfillmentEvent.PACK, FulfillmentEvent.DELIVER, FulfillmentEvent.LOSE)
        ),
    )


@part(S.SENT, refusals=(FulfillmentNotMovable,))
@exercises(commands.correct_parcel)
async def correct_parcel(at: Place) -> str:
    """The number of a parcel was written down wrongly."""
    async with at.seat.db.connection() as connection:
        parcels = await orders.list_fulfillments(connection, order_id=at.subject.order_id)
    await commands.correct_parcel(
        at.seat.checkout,
        fulfillment_id=parcels[0].id,
        parcel=Parcel("gls", at.seat.name),
        actor=STAFF,
    )
    return "corrected"


_ASKED: Final = (
    OrderStatus.CONFIRMED,
    OrderStatus.READY_FOR_SHIPMENT,
    OrderStatus.SHIPPED,
    OrderStatus.DELIVERED,
    OrderStatus.ARCHIVED,
)


@part(*GOODS, S.TRANSFER, refusals=(StatusOutOfReach,))
@exercises(commands.reach_status)
async def ask_for_status(at: Place) -> str:
    """Whatever brings a status about is done."""
    return await commands.reach_status(
        at.seat.checkout,
        order_id=at.subject.order_id,
        status=at.seat.chance.choice(_ASKED),
        actor=STAFF,
        parcel=PARCEL,
    )


@part(*GOODS)
@exercises(commands.change_many)
async def ask_for_many(at: Place) -> int:
    """The same for a list of one: a refusal is an outcome."""
    outcomes = await commands.change_many(
        at.seat.checkout,
        order_ids=[at.subject.order_id],
        status=OrderStatus.SHIPPED,
        actor=STAFF,
        parcel=PARCEL,
    )
    return sum(one.is_done for one in outcomes)


@part(*GOODS, S.TRANSFER)
@exercises(commands.write_note, commands.note_many, order_commands.add_note)
async def write_notes(at: Place) -> bool:
    """A note under the subject's key, which others use as well: one of them is written."""
    await commands.note_many(
        at.seat.checkout,
        order_ids=[at.subject.order_id],
        text="to many",
        is_visible=False,
        actor=STAFF,
        key=at.seat.name,
    )
    return await commands.write_note(
        at.seat.checkout,
        order_id=at.subject.order_id,
        text="once",
        is_visible=True,
        actor=STAFF,
        key=at.subject.key,
    )


@part(S.SENT, S.TRANSFER_SOLD)
@exercises(commands.archive_old_orders)
async def archive_old(at: Place) -> int:
    """Whatever has been over for long is put away."""
    return await commands.archive_old_orders(at.seat.checkout)
