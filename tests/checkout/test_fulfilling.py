"""Goods of an order: planned, packed, sent once, followed, given up; and what labels follow."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from surehold.checkout import commands
from surehold.checkout.commands import SettlementWork
from surehold.checkout.engine import Checkout
from surehold.checkout.model import BUYER, PlacedOrder
from surehold.checkout.rules.fulfilling import Parcel, Pick, WantedUnits
from surehold.checkout.settlements import Keep, Outcome, ReachStatus
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import FulfillmentId, OrderLineId, new_id
from surehold.orders.errors import (
    FulfillmentNotFound,
    FulfillmentNotMovable,
    OrderNotCancelable,
    OrderNotFulfillable,
    StatusOutOfReach,
    UnitsNotOnHand,
    UnitsNotOpen,
)
from surehold.orders.model import (
    CancelReason,
    FulfillmentState,
    FulfillmentStatus,
    OrderStatus,
    Scope,
)
from surehold.orders.states import FULFILLMENT, FulfillmentEvent
from tests.builders.catalog import a_location, a_product, a_vendor, change_on_hand
from tests.builders.fulfillments import DHL, a_parcel, move, open_parcels, reach
from tests.builders.orders import STAFF, a_paid_order, a_placed_order, look_at
from tests.support.placing import count_rows, counters

E, F, S = FulfillmentEvent, FulfillmentState, OrderStatus
PARCELS = ("fulfillments", "fulfillment_lines", "fulfillment_events", "stock_movements")


async def a_pair(db: Database, checkout: Checkout, quantity: int = 3) -> tuple[Any, PlacedOrder]:
    """A variant of which ten are on the shelf, and a paid order of some."""
    product = await a_product(db, on_hand=10)
    return product, await a_paid_order(checkout, [(product.variant_id, quantity)])


async def labels(checkout: Checkout, placed: PlacedOrder) -> tuple[str, str]:
    order = (await look_at(checkout, placed.order.id)).order
    return order.status.value, order.fulfillment_status.value


async def cancel(checkout: Checkout, placed: PlacedOrder) -> None:
    await commands.cancel_order(
        checkout, order_id=placed.order.id, reason=CancelReason.STAFF, actor=STAFF
    )


async def check(db: Database) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_shipping_is_the_moment_in_which_units_leave(
    db: Database, checkout: Checkout
) -> None:
    product, placed = await a_pair(db, checkout)

    parcel = await a_parcel(checkout, placed)
    assert await labels(checkout, placed) == ("processing", "processing")
    await move(checkout, parcel, E.PACK)
    assert await labels(checkout, placed) == ("ready_for_shipment", "ready_for_shipment")
    assert await counters(db, product.variant_id) == (10, 3, 0)
    shipped = await move(checkout, parcel, E.SHIP)

    assert (shipped.state, shipped.carrier, shipped.tracking_number) == (
        F.SHIPPED,
        "dhl",
        "JD0146",
    )
    assert await labels(checkout, placed) == ("shipped", "shipped")
    assert await counters(db, product.variant_id) == (7, 0, 0)
    async with db.connection() as connection:
        movements = await connection.raw.fetch(
            "SELECT delta, reference, actor FROM stock_movements WHERE reason = 'shipped'"
        )
    assert [tuple(row) for row in movements] == [(-3, str(parcel.id), "staff:test")]
    await move(checkout, parcel, E.MOVE)
    assert await labels(checkout, placed) == ("in_transit", "in_transit")
    await move(checkout, parcel, E.DELIVER)
    assert await labels(checkout, placed) == ("delivered", "delivered")
    await check(db)


async def test_every_event_counts_once(db: Database, checkout: Checkout) -> None:
    _, placed = await a_pair(db, checkout)
    parcel = await a_parcel(checkout, placed)

    for event in (E.PACK, E.SHIP, E.MOVE, E.DELIVER):
        await move(checkout, parcel, event)
        before = await count_rows(db, (*PARCELS, "order_events", "outbox"))
        _, effect = await commands.move_fulfillment(
            checkout,
            fulfillment_id=parcel.id,
            event=event,
            actor=STAFF,
            parcel=DHL if event is E.SHIP else None,
        )
        assert effect == "unchanged"
        assert await count_rows(db, (*PARCELS, "order_events", "outbox")) == before


async def test_a_parcel_that_was_sent_is_not_sent_again_under_another_number(
    db: Database, checkout: Checkout
) -> None:
    product, placed = await a_pair(db, checkout)
    parcel = await a_parcel(checkout, placed)
    await move(checkout, parcel, E.SHIP)

    with pytest.raises(FulfillmentNotMovable) as refused:
        await commands.move_fulfillment(
            checkout,
            fulfillment_id=parcel.id,
            event=E.SHIP,
            actor=STAFF,
            parcel=Parcel("dhl", "ANOTHER"),
        )

    assert refused.value.facts == {
        "fulfillment_state": "shipped",
        "asked": "ship",
        "allowed": ["deliver", "lose", "move", "return"],
    }
    assert await counters(db, product.variant_id) == (7, 0, 0)


async def test_an_order_is_sent_in_parts(db: Database, checkout: Checkout) -> None:
    lamp, mug = await a_product(db, on_hand=10), await a_product(db, on_hand=10)
    placed = await a_paid_order(checkout, [(lamp.variant_id, 3), (mug.variant_id, 2)])
    first = await a_parcel(checkout, placed, 1, 2)
    second = await a_parcel(checkout, placed, 2)

    assert [line.quantity for line in first.lines] == [1, 2]
    assert [line.quantity for line in second.lines] == [2]
    await move(checkout, first, E.PACK)
    assert await labels(checkout, placed) == ("processing", "processing")
    await move(checkout, first, E.SHIP)
    assert await labels(checkout, placed) == ("shipped", "partially_shipped")
    await move(checkout, first, E.DELIVER)
    assert await labels(checkout, placed) == ("shipped", "partially_shipped")
    await move(checkout, second, E.SHIP)
    assert await labels(checkout, placed) == ("shipped", "shipped")
    await move(checkout, second, E.DELIVER)
    assert await labels(checkout, placed) == ("delivered", "delivered")

    assert await counters(db, lamp.variant_id) == (7, 0, 0)
    assert await counters(db, mug.variant_id) == (8, 0, 0)
    await check(db)


async def test_units_at_two_places_are_two_parcels(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, on_hand={"main": 2, "annex": 2})
    placed = await a_paid_order(checkout, [(product.variant_id, 3)])
    async with db.transaction() as tx:
        annex = await a_location(tx, code="annex")

    one = await open_parcels(checkout, placed, location_id=annex)
    both = await open_parcels(checkout, placed)

    assert [(row.location_id, row.units) for row in one] == [(annex, 1)]
    assert [(row.location_id, row.units) for row in both] == [
        (annex, 1),
        (product.location_id, 2),
    ]
    await move(checkout, both[0], E.SHIP)
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT location_id, on_hand, allocated FROM stock_levels ORDER BY location_id = $1",
            annex,
        )
    assert [(row["on_hand"], row["allocated"]) for row in rows] == [(2, 2), (1, 0)]
    await check(db)


async def test_a_vendor_sends_only_its_own(db: Database, checkout: Checkout) -> None:
    ours = await a_product(db, vendor="northline")
    theirs = await a_product(db, vendor="harbor-and-fell")
    placed = await a_paid_order(checkout, [(ours.variant_id, 1), (theirs.variant_id, 2)])
    async with db.transaction() as tx:
        vendor_id = await a_vendor(tx, slug="harbor-and-fell")
        other_id = await a_vendor(tx, slug="northline")

    (parcel,) = await open_parcels(checkout, placed, vendor_id=vendor_id)

    assert (parcel.vendor_id, parcel.units) == (vendor_id, 2)
    with pytest.raises(FulfillmentNotFound):
        await commands.move_fulfillment(
            checkout,
            fulfillment_id=parcel.id,
            event=E.PACK,
            actor=STAFF,
            scope=Scope(vendor_id=other_id),
        )
    after, effect = await commands.move_fulfillment(
        checkout,
        fulfillment_id=parcel.id,
        event=E.PACK,
        actor=STAFF,
        scope=Scope(vendor_id=vendor_id),
    )
    assert (after.state, effect) == (F.PACKED, "packed")
    with pytest.raises(UnitsNotOpen):
        await open_parcels(checkout, placed, vendor_id=vendor_id)


async def test_what_is_planned_is_not_planned_again(db: Database, checkout: Checkout) -> None:
    _, placed = await a_pair(db, checkout)
    await a_parcel(checkout, placed, 2)
    before = await count_rows(db, PARCELS)

    with pytest.raises(UnitsNotOpen) as refused:
        await a_parcel(checkout, placed, 2)

    assert refused.value.facts == {
        "lines": [{"line_id": str(placed.lines[0].id), "requested": 2, "open": 1}]
    }
    assert await count_rows(db, PARCELS) == before
    await a_parcel(checkout, placed)
    with pytest.raises(UnitsNotOpen) as refused:
        await a_parcel(checkout, placed)
    assert refused.value.facts == {"lines": []}


async def test_every_wrong_line_is_named(db: Database, checkout: Checkout) -> None:
    _, placed = await a_pair(db, checkout)
    own = placed.lines[0].id
    pick = Pick((WantedUnits(own, 1), WantedUnits(OrderLineId(new_id()), 1), WantedUnits(own, 1)))

    with pytest.raises(InvalidInput) as refused:
        await commands.open_fulfillments(
            checkout, order_id=placed.order.id, pick=pick, actor=STAFF
        )

    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/lines/1/line_id", "unknown_line"),
        ("/lines/2/line_id", "repeated"),
    ]


async def test_one_key_plans_one_parcel(db: Database, checkout: Checkout) -> None:
    _, placed = await a_pair(db, checkout)
    keep = Keep("fulfillments", "one", b"h" * 32, lambda _: b"{}")
    pick = Pick((WantedUnits(placed.lines[0].id, 1),))

    for _ in range(3):
        after = await commands.open_fulfillments(
            checkout, order_id=placed.order.id, pick=pick, actor=STAFF, keep=keep
        )

    assert [row.units for row in after.fulfillments] == [1]


async def test_a_parcel_that_is_given_up_frees_its_units(db: Database, checkout: Checkout) -> None:
    product, placed = await a_pair(db, checkout)
    parcel = await a_parcel(checkout, placed)
    await move(checkout, parcel, E.PACK, E.CANCEL)

    assert await labels(checkout, placed) == ("processing", "processing")
    again = await a_parcel(checkout, placed)

    assert [row.state for row in (await look_at(checkout, placed.order.id)).fulfillments] == [
        F.CANCELED,
        F.OPEN,
    ]
    await move(checkout, again, E.SHIP)
    assert await counters(db, product.variant_id) == (7, 0, 0)
    with pytest.raises(FulfillmentNotMovable):
        await move(checkout, again, E.CANCEL)
    await check(db)


async def test_a_canceled_order_sends_nothing(db: Database, checkout: Checkout) -> None:
    product, placed = await a_pair(db, checkout)
    parcel = await a_parcel(checkout, placed)
    await move(checkout, parcel, E.PACK)

    await cancel(checkout, placed)

    after = await look_at(checkout, placed.order.id)
    assert [row.state for row in after.fulfillments] == [F.CANCELED]
    assert after.order.status is S.CANCELED
    assert await counters(db, product.variant_id) == (10, 0, 0)
    with pytest.raises(FulfillmentNotMovable):
        await move(checkout, parcel, E.SHIP)
    with pytest.raises(OrderNotFulfillable) as refused:
        await a_parcel(checkout, placed)
    assert refused.value.facts == {"order_status": "canceled"}
    await check(db)


async def test_what_is_on_its_way_is_not_canceled(db: Database, checkout: Checkout) -> None:
    product, placed = await a_pair(db, checkout)
    await move(checkout, await a_parcel(checkout, placed, 1), E.SHIP)

    for reason, actor in ((CancelReason.BUYER, BUYER), (CancelReason.STAFF, STAFF)):
        with pytest.raises(OrderNotCancelable):
            await commands.cancel_order(
                checkout, order_id=placed.order.id, reason=reason, actor=actor
            )

    assert await counters(db, product.variant_id) == (9, 2, 0)


async def test_a_partly_refunded_order_that_was_sent_is_not_canceled(
    db: Database, checkout: Checkout
) -> None:
    _, placed = await a_pair(db, checkout)
    await move(checkout, await a_parcel(checkout, placed, 1), E.SHIP)
    async with db.connection() as connection:
        await connection.raw.execute("UPDATE orders SET status = 'partially_refunded'")

    with pytest.raises(OrderNotCancelable):
        await cancel(checkout, placed)


async def test_moves_of_one_batch_are_lines_of_their_own(db: Database, checkout: Checkout) -> None:
    _, placed = await a_pair(db, checkout)
    raw = await db.dedicated(name="one-batch")
    work = SettlementWork(checkout.context)
    asked = [
        ReachStatus(placed.order.id, status, STAFF, "asked")
        for status in (S.SHIPPED, S.IN_TRANSIT, S.DELIVERED)
    ]

    outcomes = await work(raw, asked, lambda: None)
    await raw.close()

    assert [outcome.effect for outcome in outcomes if isinstance(outcome, Outcome)] == [
        *("shipped", "in_transit", "delivered"),
    ]
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT to_status FROM order_events WHERE order_id = $1 ORDER BY seq", placed.order.id
        )
        parcels = await connection.raw.fetch(
            "SELECT to_state FROM fulfillment_events ORDER BY seq"
        )
    assert [row["to_status"] for row in rows] == [
        *("pending_payment", "paid", "shipped", "in_transit", "delivered"),
    ]
    assert [row["to_state"] for row in parcels] == ["open", "shipped", "in_transit", "delivered"]
    await check(db)


async def test_an_unpaid_order_is_not_sent(db: Database, checkout: Checkout) -> None:
    product = await a_product(db)
    placed = await a_placed_order(checkout, [(product.variant_id, 1)])

    with pytest.raises(OrderNotFulfillable) as refused:
        await a_parcel(checkout, placed)

    assert refused.value.facts == {"order_status": "pending_payment"}
    assert "fulfillments" not in await count_rows(db, PARCELS)


async def test_what_is_not_on_the_shelf_does_not_leave_it(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, on_hand=1)
    async with db.connection() as connection:
        await connection.raw.execute("UPDATE stock_levels SET backorder_limit = 5")
    placed = await a_paid_order(checkout, [(product.variant_id, 3)])

    with pytest.raises(UnitsNotOnHand) as refused:
        await a_parcel(checkout, placed, 2)
    with pytest.raises(StatusOutOfReach) as out_of_reach:
        await reach(checkout, placed.order.id, S.SHIPPED)

    assert refused.value.facts == {
        "variants": [{"variant_id": str(product.variant_id), "requested": 2, "on_hand": 1}]
    }
    assert out_of_reach.value.facts["reachable"] == ["canceled", "confirmed", "processing"]
    # What is there may be sent: all that is left is one unit.
    parcel = await a_parcel(checkout, placed)
    await move(checkout, parcel, E.SHIP)
    assert parcel.units == 1
    assert await counters(db, product.variant_id) == (0, 2, 0)
    with pytest.raises(UnitsNotOnHand) as nothing_there:
        await a_parcel(checkout, placed)
    assert nothing_there.value.facts["variants"][0]["on_hand"] == 0
    assert await labels(checkout, placed) == ("shipped", "partially_shipped")
    await check(db)


async def test_a_lost_parcel_turns_up_or_comes_back(db: Database, checkout: Checkout) -> None:
    _, placed = await a_pair(db, checkout)
    first, second = await a_parcel(checkout, placed, 1), await a_parcel(checkout, placed, 2)
    await move(checkout, first, E.SHIP, E.LOSE)
    await move(checkout, second, E.SHIP, E.RETURN)

    assert await labels(checkout, placed) == ("in_transit", "in_transit")
    await move(checkout, first, E.RETURN)
    assert await labels(checkout, placed) == ("in_transit", "returned")
    with pytest.raises(StatusOutOfReach) as refused:
        await reach(checkout, placed.order.id, S.DELIVERED)
    assert refused.value.facts["reachable"] == []
    await check(db)


async def test_the_number_of_a_parcel_is_corrected(db: Database, checkout: Checkout) -> None:
    _, placed = await a_pair(db, checkout)
    parcel = await a_parcel(checkout, placed)
    with pytest.raises(FulfillmentNotMovable):
        await commands.correct_parcel(checkout, fulfillment_id=parcel.id, parcel=DHL, actor=STAFF)
    await move(checkout, parcel, E.SHIP)

    for _ in range(2):
        after = await commands.correct_parcel(
            checkout, fulfillment_id=parcel.id, parcel=Parcel("gls", "71"), actor=STAFF
        )

    assert (after.carrier, after.tracking_number, after.state) == ("gls", "71", F.SHIPPED)
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT from_state, to_state, carrier, tracking_number, reason"
            "  FROM fulfillment_events ORDER BY seq"
        )
    assert [tuple(row) for row in rows] == [
        (None, "open", None, None, "planned"),
        ("open", "shipped", "dhl", "JD0146", "shipped"),
        ("shipped", "shipped", "gls", "71", "tracking corrected"),
    ]
    await check(db)


async def test_an_unknown_parcel_is_not_found(db: Database, checkout: Checkout) -> None:
    with pytest.raises(FulfillmentNotFound):
        await commands.move_fulfillment(
            checkout, fulfillment_id=FulfillmentId(new_id()), event=E.PACK, actor=STAFF
        )


# --- what the database refuses by itself ---------------------------------------------------------


@pytest.mark.parametrize("source", F)
async def test_the_database_moves_a_parcel_as_the_table_says(
    db: Database, checkout: Checkout, source: FulfillmentState
) -> None:
    _, placed = await a_pair(db, checkout, 1)
    parcel = await a_parcel(checkout, placed)
    paths = {
        F.OPEN: (),
        F.PACKED: (E.PACK,),
        F.SHIPPED: (E.SHIP,),
        F.IN_TRANSIT: (E.SHIP, E.MOVE),
        F.DELIVERED: (E.SHIP, E.DELIVER),
        F.CANCELED: (E.CANCEL,),
        F.LOST: (E.SHIP, E.LOSE),
        F.RETURNED_TO_SENDER: (E.SHIP, E.RETURN),
    }
    await move(checkout, parcel, *paths[source])
    allowed = {(before, after) for (before, _), after in FULFILLMENT.table.items()} | {
        (state, state) for state in F
    }
    by_hand = (
        "UPDATE fulfillments SET state = $1, carrier = 'other',"
        " packed_at = store_now(),"
        " shipped_at = CASE WHEN $1 NOT IN ('open', 'packed', 'canceled') THEN store_now() END,"
        " delivered_at = CASE WHEN $1 = 'delivered' THEN store_now() END"
    )

    async with db.connection() as connection:
        for target in F:
            trial = connection.raw.transaction()
            await trial.start()
            if (source, target) in allowed:
                assert await connection.raw.execute(by_hand, target.value) == "UPDATE 1"
            else:
                with pytest.raises(
                    asyncpg.IntegrityConstraintViolationError, match="does not lead to"
                ):
                    await connection.raw.execute(by_hand, target.value)
            await trial.rollback()


async def test_the_database_refuses_more_in_parcels_than_is_owned(
    db: Database, checkout: Checkout
) -> None:
    _, placed = await a_pair(db, checkout)
    parcel = await a_parcel(checkout, placed, 2)
    copy = (
        "INSERT INTO fulfillments (id, order_id, location_id, state, created_at, changed_by,"
        " change_reason, updated_at) SELECT gen_random_uuid(), order_id, location_id, 'open',"
        " created_at, 'x', 'x', updated_at FROM fulfillments RETURNING id"
    )

    async with db.connection() as connection:
        transaction = connection.raw.transaction()
        await transaction.start()
        made = await connection.raw.fetchval(copy)
        await connection.raw.execute(
            "INSERT INTO fulfillment_lines VALUES ($1, $2, 2)",
            made,
            parcel.lines[0].allocation_id,
        )
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="4 units are in"):
            await transaction.commit()
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="2 units are in"):
            await connection.raw.execute("UPDATE allocations SET released_quantity = 2")
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.raw.execute("UPDATE allocations SET shipped_quantity = 4")
        for table in ("fulfillment_lines", "fulfillment_events"):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
                await connection.raw.execute(f"DELETE FROM {table}")
    await check(db)


async def test_the_database_lets_a_parcel_leave_once(db: Database, checkout: Checkout) -> None:
    _, placed = await a_pair(db, checkout)
    await move(checkout, await a_parcel(checkout, placed), E.SHIP)

    async with db.connection() as connection:
        with pytest.raises(asyncpg.UniqueViolationError, match="stock_movements_shipped_once"):
            await connection.raw.execute(
                "INSERT INTO stock_movements SELECT gen_random_uuid(), variant_id, location_id,"
                " delta, reason, reference, actor, moved_at FROM stock_movements"
                " WHERE reason = 'shipped'"
            )


async def test_a_parcel_changed_by_hand_leaves_a_line(db: Database, checkout: Checkout) -> None:
    _, placed = await a_pair(db, checkout)
    await a_parcel(checkout, placed)

    async with db.connection() as connection:
        await connection.raw.execute("UPDATE fulfillments SET state = 'canceled'")
        row = await connection.raw.fetchrow(
            "SELECT seq, from_state, to_state, reason FROM fulfillment_events"
            " ORDER BY seq DESC LIMIT 1"
        )

    assert row is not None
    assert tuple(row) == (2, "open", "canceled", "changed by hand")


async def test_stock_counts_what_left_even_when_somebody_counted_anew(
    db: Database, checkout: Checkout
) -> None:
    product, placed = await a_pair(db, checkout)
    parcel = await a_parcel(checkout, placed)
    await change_on_hand(db, product.variant_id, on_hand=3)

    await move(checkout, parcel, E.SHIP)

    assert await counters(db, product.variant_id) == (0, 0, 0)
    assert (await look_at(checkout, placed.order.id)).order.fulfillment_status is (
        FulfillmentStatus.SHIPPED
    )
