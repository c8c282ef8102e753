"""Goods that come back: within what was sent, on the shelf once, paid back once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.model import BUYER, PlacedOrder
from surehold.checkout.rules import Wish
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.db import Database, shop
from surehold.db.invariants import check_invariants
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import LocationId, ReturnId, new_id
from surehold.orders import queries as orders
from surehold.orders.errors import (
    OrderNotCancelable,
    ReturnNotFound,
    ReturnNotPossible,
    ReturnWindowOver,
    UnitsNotReceived,
    UnitsNotReturnable,
)
from surehold.orders.model import (
    CancelReason,
    OrderStatus,
    Return,
    ReturnLine,
    ReturnReason,
    ReturnState,
)
from surehold.orders.states import RETURN, ReturnEvent
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF, a_checkout, a_paid_order, look_at, ship
from tests.support.placing import count_rows, counters


class Shop:
    """A checkout, and what buyers and staff do about goods that come back."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self.db = checkout.db

    async def sent(self, *lines: tuple[Any, int]) -> PlacedOrder:
        """An order that was paid and has left the building."""
        order = await a_paid_order(self.checkout, lines)
        await ship(self.checkout, order.order.id)
        return order

    async def ask(self, order: PlacedOrder, *units: int, by: Any = BUYER) -> ReturnId:
        """Ask to send so many units of each line back."""
        return_id = ReturnId(new_id())
        wanted = [
            Wanted(line.id, one, ReturnReason.DOES_NOT_FIT, "too big")
            for line, one in zip(order.lines, units, strict=True)
            if one
        ]
        await commands.request_return(
            self.checkout,
            order_id=order.order.id,
            return_id=return_id,
            lines=tuple(wanted),
            actor=by,
        )
        return return_id

    async def move(self, order: PlacedOrder, one: ReturnId, event: ReturnEvent) -> str:
        return await commands.move_return(
            self.checkout, order_id=order.order.id, return_id=one, event=event, actor=STAFF
        )

    async def receive(self, order: PlacedOrder, one: ReturnId, *units: int) -> str:
        pairs = tuple(zip((line.id for line in order.lines), units, strict=False))
        return await commands.receive_return(
            self.checkout,
            order_id=order.order.id,
            return_id=one,
            actor=STAFF,
            units=pairs or None,
        )

    async def inspect(self, order: PlacedOrder, one: ReturnId, *judged: tuple[int, int]) -> str:
        return await commands.inspect_return(
            self.checkout,
            order_id=order.order.id,
            return_id=one,
            actor=STAFF,
            judged=tuple(
                Judged(line.id, good, bad)
                for line, (good, bad) in zip(order.lines, judged, strict=False)
            ),
        )

    async def complete(self, order: PlacedOrder, one: ReturnId) -> str:
        return await commands.complete_return(
            self.checkout, order_id=order.order.id, return_id=one, actor=STAFF
        )

    async def look(self, order: PlacedOrder) -> PlacedOrder:
        return await look_at(self.checkout, order.order.id)

    async def find(self, order: PlacedOrder, one: ReturnId) -> tuple[Return, ReturnLine]:
        async with self.db.connection() as connection:
            rows, lines = await orders.list_returns(connection, order_ids=[order.order.id])
        return next(row for row in rows if row.id == one), lines[one][0]

    async def sound(self) -> None:
        async with self.db.connection() as connection:
            assert await check_invariants(connection) == {}


@pytest.fixture
async def store(db: Database) -> AsyncIterator[Shop]:
    async with a_checkout(db) as checkout:
        yield Shop(checkout)


async def test_a_return_from_request_to_refund(store: Shop) -> None:
    lamp = await a_product(store.db, price=1000)
    order = await store.sent((lamp.variant_id, 3))
    assert await counters(store.db, lamp.variant_id) == (7, 0, 0)

    one = await store.ask(order, 2)
    effects = [
        await store.move(order, one, ReturnEvent.APPROVE),
        await store.move(order, one, ReturnEvent.SEND),
        await store.receive(order, one),
        await store.inspect(order, one, (1, 1)),
        await store.complete(order, one),
    ]

    assert effects == ["approved", "in_transit", "received", "inspected", "completed"]
    assert await counters(store.db, lamp.variant_id) == (8, 0, 0)
    after = await store.look(order)
    assert [(row.amount_minor, row.return_id) for row in after.refunds] == [(2000, one)]
    assert after.lines[0].returned_quantity == 2
    assert after.lines[0].refunded_quantity == 2
    await store.sound()
    async with store.db.connection() as connection:
        history = await connection.raw.fetch(
            "SELECT to_state, actor FROM return_events WHERE return_id = $1 ORDER BY seq", one
        )
        [moved] = await connection.raw.fetch(
            "SELECT delta, actor FROM stock_movements WHERE reason = 'returned'"
        )
    assert [row["to_state"] for row in history] == ["requested", *effects]
    assert [row["actor"] for row in history] == ["buyer", *[STAFF.name] * 5]
    assert tuple(moved) == (1, STAFF.name)


async def test_every_step_counts_once(store: Shop) -> None:
    lamp = await a_product(store.db, price=1000)
    order = await store.sent((lamp.variant_id, 2))
    one = await store.ask(order, 2)
    await store.move(order, one, ReturnEvent.APPROVE)

    received = await asyncio.gather(*(store.receive(order, one, 2) for _ in range(5)))
    inspected = await asyncio.gather(*(store.inspect(order, one, (2, 0)) for _ in range(5)))
    completed = await asyncio.gather(*(store.complete(order, one) for _ in range(5)))

    for effects, word in ((received, "received"), (inspected, "inspected")):
        assert sorted(effects) == sorted([word, *["unchanged"] * 4])
    assert sorted(completed) == ["completed", *["unchanged"] * 4]
    assert await counters(store.db, lamp.variant_id) == (10, 0, 0)
    assert [row.amount_minor for row in (await store.look(order)).refunds] == [2000]
    await store.sound()


async def test_no_more_comes_back_than_was_sent(store: Shop) -> None:
    lamp = await a_product(store.db, price=1000)
    unsent = await a_paid_order(store.checkout, [(lamp.variant_id, 1)])
    order = await store.sent((lamp.variant_id, 2))
    await store.ask(order, 1)
    before = await count_rows(store.db)

    with pytest.raises(UnitsNotReturnable):
        await store.ask(unsent, 1)
    with pytest.raises(UnitsNotReturnable) as short:
        await store.ask(order, 2)

    assert short.value.facts["lines"] == [
        {"line_id": str(order.lines[0].id), "requested": 2, "available": 1}
    ]
    assert await count_rows(store.db) == before
    async with store.db.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="more units return than were sent"):
            await connection.raw.execute(
                "UPDATE order_lines SET returned_quantity = 3 WHERE id = $1", order.lines[0].id
            )


async def test_a_refused_return_frees_its_units(store: Shop) -> None:
    lamp = await a_product(store.db, price=1000)
    order = await store.sent((lamp.variant_id, 1))

    for event in (ReturnEvent.REJECT, ReturnEvent.CANCEL):
        one = await store.ask(order, 1)
        await store.move(order, one, event)
        with pytest.raises(ReturnNotPossible):
            await store.move(order, one, ReturnEvent.APPROVE)
        assert (await store.look(order)).lines[0].returned_quantity == 0

    await store.ask(order, 1)
    await store.sound()


async def test_units_that_are_given_up_and_asked_for_again_in_one_batch(store: Shop) -> None:
    lamp = await a_product(store.db, price=1000)
    order = await store.sent((lamp.variant_id, 1))
    one = await store.ask(order, 1)

    moved, _ = await asyncio.gather(
        store.move(order, one, ReturnEvent.CANCEL), store.ask(order, 1)
    )

    assert moved == "canceled"
    assert store.checkout.settling.figures.largest_batch == 2
    assert store.checkout.settling.figures.reruns == 0
    await store.sound()


async def test_what_was_not_in_the_parcel_may_come_later(store: Shop) -> None:
    lamp = await a_product(store.db, price=1000)
    order = await store.sent((lamp.variant_id, 3))
    one = await store.ask(order, 3)
    await store.move(order, one, ReturnEvent.APPROVE)

    await store.receive(order, one, 1)
    await store.sound()
    await store.inspect(order, one, (1, 0))
    await store.complete(order, one)

    assert [row.amount_minor for row in (await store.look(order)).refunds] == [1000]
    await store.ask(order, 2)
    await store.sound()


async def test_a_step_that_is_refused_changes_nothing(store: Shop) -> None:
    lamp = await a_product(store.db, price=1000)
    order = await store.sent((lamp.variant_id, 2))
    one = await store.ask(order, 2)
    with pytest.raises(ReturnNotPossible) as early:
        await store.receive(order, one)
    assert early.value.facts == {"return_state": "requested"}
    await store.move(order, one, ReturnEvent.APPROVE)
    with pytest.raises(UnitsNotReceived):
        await store.receive(order, one, 3)
    assert (await store.find(order, one))[0].state is ReturnState.APPROVED
    await store.receive(order, one, 2)
    for judged in ((1, 0), (2, 1), (0, 0)):
        with pytest.raises(UnitsNotReceived):
            await store.inspect(order, one, judged)
    elsewhere = Judged(order.lines[0].id, 2, 0, LocationId(new_id()))
    with pytest.raises(InvalidInput) as place:
        await commands.inspect_return(
            store.checkout,
            order_id=order.order.id,
            return_id=one,
            actor=STAFF,
            judged=(elsewhere,),
        )
    assert [fault.pointer for fault in place.value.faults] == ["/lines/0/location_id"]
    with pytest.raises(ReturnNotFound):
        await store.complete(order, ReturnId(new_id()))

    assert (await store.find(order, one))[0].state is ReturnState.RECEIVED
    assert await counters(store.db, lamp.variant_id) == (8, 0, 0)
    await store.sound()


async def test_what_was_paid_back_by_line_is_not_paid_back_again(store: Shop) -> None:
    lamp = await a_product(store.db, price=1000)
    order = await store.sent((lamp.variant_id, 2))
    one = await store.ask(order, 2)
    await store.move(order, one, ReturnEvent.APPROVE)
    await store.receive(order, one)
    await store.inspect(order, one, (2, 0))

    async def refund() -> None:
        await commands.refund_order(
            store.checkout,
            order_id=order.order.id,
            wish=Wish(lines=((order.lines[0].id, 1),)),
            reason="by hand",
            actor=STAFF,
        )

    await asyncio.gather(refund(), store.complete(order, one), return_exceptions=True)

    refunds = (await store.look(order)).refunds
    assert sum(row.amount_minor for row in refunds) == 2000
    assert (await store.find(order, one))[0].state is ReturnState.COMPLETED
    await store.sound()


async def test_buyers_return_within_the_days_of_the_store(store: Shop) -> None:
    lamp = await a_product(store.db, price=1000)
    order = await store.sent((lamp.variant_id, 2))
    await commands.reach_status(
        store.checkout, order_id=order.order.id, status=OrderStatus.DELIVERED, actor=STAFF
    )
    async with store.db.connection() as connection:
        await connection.raw.execute(
            "UPDATE fulfillments SET delivered_at = delivered_at - $1::interval",
            timedelta(days=31),
        )

    with pytest.raises(ReturnWindowOver) as late:
        await store.ask(order, 1)
    await store.ask(order, 1, by=STAFF)
    async with store.db.transaction() as tx:
        await shop.change(tx, key="return_days", value=32, actor="test")
    await store.ask(order, 1)

    assert late.value.facts == {"days": 30}
    assert (await store.look(order)).lines[0].returned_quantity == 2


async def test_an_order_of_which_something_was_sent_is_not_canceled(store: Shop) -> None:
    lamp = await a_product(store.db, price=1000)
    order = await store.sent((lamp.variant_id, 2))

    with pytest.raises(OrderNotCancelable):
        await commands.cancel_order(
            store.checkout, order_id=order.order.id, reason=CancelReason.STAFF, actor=STAFF
        )
    with pytest.raises(OrderNotCancelable):
        await commands.cancel_part(
            store.checkout,
            order_id=order.order.id,
            lines=((order.lines[0].id, 1),),
            reason=CancelReason.STAFF,
            actor=STAFF,
        )

    assert (await store.look(order)).order.canceled_at is None


async def test_the_database_knows_the_moves_of_a_return(db: Database) -> None:
    async with db.connection() as connection:
        rows = await connection.raw.fetch("SELECT from_state, to_state FROM return_state_moves")

    known = {(source.value, target.value) for (source, _), target in RETURN.table.items()}
    assert {tuple(row) for row in rows} == known


@pytest.mark.parametrize("source", ReturnState)
async def test_a_return_makes_no_other_move(store: Shop, source: ReturnState) -> None:
    lamp = await a_product(store.db, price=1000)
    order = await store.sent((lamp.variant_id, 1))
    one = await store.ask(order, 1)
    known = {(before, target) for (before, _), target in RETURN.table.items()}
    async with store.db.connection() as connection:
        for target in ReturnState:
            await connection.raw.execute("SET session_replication_role = replica")
            await connection.raw.execute(
                "UPDATE returns SET state = $2 WHERE id = $1", one, source.value
            )
            await connection.raw.execute("SET session_replication_role = origin")
            move = connection.raw.execute(
                "UPDATE returns SET state = $2 WHERE id = $1", one, target.value
            )
            if source is target:
                await move
            elif (source, target) in known:
                transaction = connection.raw.transaction()
                await transaction.start()
                await move
                await transaction.rollback()
            else:
                with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                    await move
