"""What staff do with placed orders: parcels, statuses, and many orders at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg

from surehold.checkout import queries
from surehold.checkout.engine import Checkout
from surehold.checkout.model import UNCHANGED, Actor, BulkOutcome, PlacedOrder
from surehold.checkout.rules.fulfilling import Parcel, Pick
from surehold.checkout.settlements import (
    CorrectParcel,
    Keep,
    MoveFulfillment,
    OpenFulfillments,
    ReachStatus,
)
from surehold.db import idempotency
from surehold.db.database import Transaction
from surehold.db.idempotency import NewKey
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import FulfillmentId, OrderId, new_id
from surehold.kernel.permissions import Permission, require
from surehold.orders import commands as orders
from surehold.orders import queries as order_queries
from surehold.orders.model import STAFF_SCOPE, Fulfillment, OrderNote, OrderStatus, Scope
from surehold.orders.states import FulfillmentEvent

#: Where the keys of new fulfillments, and of notes, are kept.
FULFILLMENTS: Final = "fulfillments"
NOTES: Final = "order-notes"
#: How many orders one bulk action takes, and how many of them at the same time.
BULK_MAX: Final = 200
_AT_ONCE: Final = 16
_NOTED: Final = 201
#: What work on parcels brings about.
_BY_PARCELS: Final = frozenset(
    {
        OrderStatus.PROCESSING,
        OrderStatus.READY_FOR_SHIPMENT,
        OrderStatus.SHIPPED,
        OrderStatus.IN_TRANSIT,
        OrderStatus.DELIVERED,
    }
)

Act = Callable[[OrderId], Awaitable[BulkOutcome]]


async def open_fulfillments(
    checkout: Checkout, *, order_id: OrderId, pick: Pick, actor: Actor, keep: Keep | None = None
) -> PlacedOrder:
    """Plan to send units of an order that are in no parcel yet: one fulfillment per location.

    Each call plans further units, but for one key only once; the key's answer is kept with it,
    under ``FULFILLMENTS``.

    Raises:
        OrderNotFound: No such order.
        OrderNotFulfillable: It is not paid, or its money is going back.
        InvalidInput: A line is not the order's, or comes twice.
        UnitsNotOpen: More is wanted of a line than is left, or nothing is left at all.
    """
    require(Permission.FULFILLMENTS_WRITE)
    if keep is None:
        # The lane runs again what it cannot tell the end of; by the key it knows its own work.
        keep = Keep(FULFILLMENTS, f"{order_id}:{new_id()}", b"", checkout.context.render)
    await checkout.settling.submit(OpenFulfillments(order_id, pick, actor, keep))
    async with checkout.db.connection() as connection:
        return await queries.get_placed_order(connection, order_id=order_id)


async def move_fulfillment(
    checkout: Checkout,
    *,
    fulfillment_id: FulfillmentId,
    event: FulfillmentEvent,
    actor: Actor,
    parcel: Parcel | None = None,
    reason: str | None = None,
    scope: Scope = STAFF_SCOPE,
) -> tuple[Fulfillment, str]:
    """Pack, ship, follow, deliver, give up or lose a parcel; returns it and what came of it.

    Shipping is the moment in which units leave the shelf. The second time changes nothing, and
    says so.

    Raises:
        FulfillmentNotFound: No such fulfillment within the scope.
        FulfillmentNotMovable: It has come too far for this, or not far enough.
        OrderNotFulfillable: The order does not own its goods any more.
        UnitsNotOnHand: What is to leave is not on the shelf.
    """
    require(Permission.FULFILLMENTS_WRITE)
    found = await _find(checkout, fulfillment_id, scope)
    outcome = await checkout.settling.submit(
        MoveFulfillment(found.order_id, found.id, event, actor, parcel, reason)
    )
    return await _find(checkout, fulfillment_id, scope), outcome.effect


async def correct_parcel(
    checkout: Checkout,
    *,
    fulfillment_id: FulfillmentId,
    parcel: Parcel,
    actor: Actor,
    scope: Scope = STAFF_SCOPE,
) -> Fulfillment:
    """Write down another carrier or number of a parcel that is on its way. Twice is once.

    Raises:
        FulfillmentNotFound: No such fulfillment within the scope.
        FulfillmentNotMovable: It was not sent yet, or is over.
    """
    require(Permission.FULFILLMENTS_WRITE)
    found = await _find(checkout, fulfillment_id, scope)
    await checkout.settling.submit(CorrectParcel(found.order_id, found.id, parcel, actor))
    return await _find(checkout, fulfillment_id, scope)


async def _find(checkout: Checkout, fulfillment_id: FulfillmentId, scope: Scope) -> Fulfillment:
    async with checkout.db.connection() as connection:
        return await order_queries.get_fulfillment(
            connection, fulfillment_id=fulfillment_id, scope=scope
        )


def _require_for(status: OrderStatus) -> None:
    """What parcels bring about needs the permission for parcels, too."""
    require(Permission.ORDERS_WRITE)
    if status in _BY_PARCELS:
        require(Permission.FULFILLMENTS_WRITE)


async def reach_status(
    checkout: Checkout,
    *,
    order_id: OrderId,
    status: OrderStatus,
    actor: Actor,
    reason: str | None = None,
    parcel: Parcel | None = None,
) -> str:
    """Do what brings an order to a status; returns the status, or that nothing changed.

    ``parcel`` says who carries it when it is to be shipped.

    Raises:
        OrderNotFound: No such order.
        StatusOutOfReach: Nothing that staff can do leads there now; says what does.
    """
    _require_for(status)
    outcome = await checkout.settling.submit(
        ReachStatus(order_id, status, actor, reason or f"{status.value} by staff", parcel)
    )
    return outcome.effect


async def write_note(
    checkout: Checkout,
    *,
    order_id: OrderId,
    text: str,
    is_visible: bool,
    actor: Actor,
    key: str,
    request_hash: bytes = b"",
    response: bytes = b"{}",
) -> bool:
    """Write a note under a key, once; returns whether it was written now.

    The key, with the order's id and a colon before it, is kept with ``response`` under ``NOTES``.

    Raises:
        OrderNotFound: No such order.
    """
    require(Permission.ORDERS_WRITE)
    place = f"{order_id}:{key}"

    async def keep(tx: Transaction, note: OrderNote) -> None:
        new = NewKey(place, request_hash, note.id, response)
        await idempotency.insert(tx, scope=NOTES, status=_NOTED, keys=[new], now=note.written_at)

    async with checkout.db.connection() as connection:
        if await idempotency.find(connection, scope=NOTES, keys=[place]):
            return False
    try:
        await orders.add_note(
            checkout.db,
            order_id=order_id,
            text=text,
            is_visible=is_visible,
            actor=actor.name,
            keep=keep,
        )
    except asyncpg.UniqueViolationError:
        return False  # somebody else was first with the same key
    return True


async def change_many(
    checkout: Checkout,
    *,
    order_ids: Sequence[OrderId],
    status: OrderStatus,
    actor: Actor,
    reason: str | None = None,
    parcel: Parcel | None = None,
) -> tuple[BulkOutcome, ...]:
    """Bring many orders to a status, each by itself, in the order in which they were named.

    One that is refused stops no other. Asking again changes only what was not changed.
    """
    _require_for(status)

    async def change(order_id: OrderId) -> BulkOutcome:
        effect = await reach_status(
            checkout,
            order_id=order_id,
            status=status,
            actor=actor,
            reason=reason,
            parcel=parcel,
        )
        return BulkOutcome(order_id, is_done=effect != UNCHANGED)

    return await _each(order_ids, change)


async def note_many(
    checkout: Checkout,
    *,
    order_ids: Sequence[OrderId],
    text: str,
    is_visible: bool,
    actor: Actor,
    key: str,
) -> tuple[BulkOutcome, ...]:
    """Write the same note about many orders, once each for one key."""
    require(Permission.ORDERS_WRITE)

    async def write(order_id: OrderId) -> BulkOutcome:
        is_done = await write_note(
            checkout,
            order_id=order_id,
            text=text,
            is_visible=is_visible,
            actor=actor,
            key=key,
        )
        return BulkOutcome(order_id, is_done=is_done)

    return await _each(order_ids, write)


async def _each(order_ids: Sequence[OrderId], act: Act) -> tuple[BulkOutcome, ...]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(order_id: OrderId) -> BulkOutcome:
        async with gate:
            try:
                return await act(order_id)
            except DomainError as refusal:
                return BulkOutcome(order_id, is_done=False, refusal=refusal)

    return tuple(await asyncio.gather(*(one(order_id) for order_id in order_ids)))
