"""Parcels for tests, made by the commands that the store uses itself."""

from __future__ import annotations

from typing import Final

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.model import PlacedOrder
from surehold.checkout.rules.fulfilling import Parcel, Pick, WantedUnits
from surehold.kernel.ids import LocationId, OrderId, VendorId
from surehold.orders.model import Fulfillment, OrderStatus
from surehold.orders.states import FulfillmentEvent
from tests.builders.orders import STAFF

DHL: Final = Parcel("dhl", "JD0146")


async def open_parcels(
    checkout: Checkout,
    placed: PlacedOrder,
    *units: int,
    location_id: LocationId | None = None,
    vendor_id: VendorId | None = None,
) -> tuple[Fulfillment, ...]:
    """Plan so many units of each line (all that are left when none are named); every parcel."""
    lines = tuple(
        WantedUnits(line.id, quantity)
        for line, quantity in zip(placed.lines, units, strict=False)
        if quantity
    )
    after = await commands.open_fulfillments(
        checkout,
        order_id=placed.order.id,
        pick=Pick(lines, location_id, vendor_id),
        actor=STAFF,
    )
    return after.fulfillments


async def a_parcel(checkout: Checkout, placed: PlacedOrder, *units: int) -> Fulfillment:
    """The one new parcel of some units."""
    return (await open_parcels(checkout, placed, *units))[-1]


async def move(
    checkout: Checkout, fulfillment: Fulfillment, *events: FulfillmentEvent
) -> Fulfillment:
    """Let these things happen to a parcel, one after the other."""
    after = fulfillment
    for event in events:
        after, _ = await commands.move_fulfillment(
            checkout,
            fulfillment_id=fulfillment.id,
            event=event,
            actor=STAFF,
            parcel=DHL if event is FulfillmentEvent.SHIP else None,
        )
    return after


async def reach(checkout: Checkout, order_id: OrderId, *statuses: OrderStatus) -> str:
    """Bring an order to these statuses, one after the other; the last effect."""
    effect = ""
    for status in statuses:
        effect = await commands.reach_status(
            checkout, order_id=order_id, status=status, actor=STAFF, parcel=DHL
        )
    return effect


async def a_shipped_order(checkout: Checkout, placed: PlacedOrder) -> None:
    """Send everything of a paid order."""
    await reach(checkout, placed.order.id, OrderStatus.SHIPPED)
