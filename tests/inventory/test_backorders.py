"""What is sold before it is there: the terms, the queue, and who is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surehold.checkout import commands as checkouts
from surehold.db import Connection, Database
from surehold.db.invariants import check_invariants
from surehold.inventory import commands, queries
from surehold.inventory.commands import BackorderWish
from surehold.inventory.errors import BackordersOwed, LocationNotFound, VariantNotStocked
from surehold.inventory.model import BackorderKind
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import LocationId, VariantId, new_id
from surehold.orders import queries as orders
from surehold.orders.model import CancelReason
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF, a_checkout, a_paid_order, a_placed_order, pay
from tests.support.placing import counters

START: Final = datetime(2026, 11, 1, tzinfo=UTC)
SOON: Final = date(2030, 12, 12)
LATER: Final = date(2031, 1, 15)


def a_wish(limit: int = 20, **changes: Any) -> BackorderWish:
    wish = {"kind": BackorderKind.PREORDER, "limit": limit, "promised_on": SOON, **changes}
    return BackorderWish(**wish)


DENY: Final = BackorderWish(None)


async def set_terms(db: Database, variant_id: VariantId, wish: BackorderWish) -> Any:
    return await commands.set_backorders(db, variant_id=variant_id, wish=wish, actor="staff:test")


async def list_told(db: Database) -> list[tuple[str, dict[str, Any]]]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT topic, payload FROM outbox WHERE topic LIKE 'backorder.%' ORDER BY id"
        )
    return [(row["topic"], row["payload"]) for row in rows]


async def arrive(db: Database, product: Any, quantity: int, reference: str) -> None:
    arrival = commands.Arrival(product.variant_id, await main(db), quantity)
    await commands.receive_stock(db, arrivals=[arrival], reference=reference, actor="test")


async def main(db: Database) -> LocationId:
    async with db.connection() as connection:
        return next(iter(await queries.list_locations(connection))).id


async def limits(db: Database, variant_id: VariantId) -> dict[str, int]:
    async with db.connection() as connection:
        view = await queries.read_backorders(connection, variant_id=variant_id)
    return {row.location: row.backorder_limit for row in view.levels}


# --- the terms -----------------------------------------------------------------------------------


async def test_the_terms_are_set_changed_and_taken_away(db: Database) -> None:
    product = await a_product(db, on_hand={"main": 1, "annex": 0})

    first = await set_terms(db, product.variant_id, a_wish(20, note="from Osaka"))
    by_place = a_wish(0, limits=(("annex", 7),), kind=BackorderKind.BACKORDER)
    second = await set_terms(db, product.variant_id, by_place)

    assert (first.terms.kind, first.terms.promised_on) == (BackorderKind.PREORDER, SOON)
    assert (first.terms.note, first.terms.updated_by) == ("from Osaka", "staff:test")
    assert {row.location: row.backorder_limit for row in first.levels} == {
        "main": 20,
        "annex": 20,
    }
    assert second.terms.kind is BackorderKind.BACKORDER
    assert await limits(db, product.variant_id) == {"main": 0, "annex": 7}
    denied = await set_terms(db, product.variant_id, DENY)
    assert denied.terms is None
    assert await limits(db, product.variant_id) == {"main": 0, "annex": 0}


async def test_the_same_terms_twice_change_nothing(db: Database) -> None:
    product = await a_product(db)
    first = await set_terms(db, product.variant_id, a_wish())

    assert await set_terms(db, product.variant_id, a_wish()) == first


async def test_a_limit_below_what_is_owed_is_refused(db: Database) -> None:
    product = await a_product(db, on_hand=1)
    await set_terms(db, product.variant_id, a_wish(5))
    async with a_checkout(db) as checkout:
        await a_placed_order(checkout, [(product.variant_id, 4)])

        for wish, limit in ((a_wish(2), 2), (DENY, 0)):
            with pytest.raises(BackordersOwed) as refused:
                await set_terms(db, product.variant_id, wish)
            assert refused.value.facts == {
                "levels": [{"location": "main", "limit": limit, "waiting": 3}]
            }
        assert await limits(db, product.variant_id) == {"main": 5}
        async with db.connection() as connection:
            view = await queries.read_backorders(connection, variant_id=product.variant_id)
        assert view.terms is not None
        assert view.terms.promised_on == SOON
        after = await set_terms(db, product.variant_id, a_wish(3))
    assert after.levels[0].backorder_limit == 3


async def test_what_cannot_be_promised_is_refused(db: Database) -> None:
    product = await a_product(db)

    with pytest.raises(InvalidInput) as past:
        await set_terms(db, product.variant_id, a_wish(promised_on=date(2020, 1, 1)))
    with pytest.raises(LocationNotFound):
        await set_terms(db, product.variant_id, a_wish(limits=(("nowhere", 1),)))
    with pytest.raises(VariantNotStocked):
        await set_terms(db, VariantId(new_id()), a_wish())

    assert [fault.code for fault in past.value.faults] == ["in_the_past"]
    assert await limits(db, product.variant_id) == {"main": 0}


async def test_buyers_who_wait_are_told_of_another_day_once(db: Database) -> None:
    product = await a_product(db, on_hand=2, sku="LAMP")
    await set_terms(db, product.variant_id, a_wish())
    async with a_checkout(db) as checkout:
        await a_placed_order(checkout, [(product.variant_id, 2)])
        waits = await a_placed_order(checkout, [(product.variant_id, 3)])

        for _ in range(2):
            await set_terms(db, product.variant_id, a_wish(promised_on=LATER))

    line = str(waits.lines[0].id)
    assert await list_told(db) == [
        (
            "backorder.date_changed",
            {
                "order_line_id": line,
                "sku": "LAMP",
                "waiting_quantity": 3,
                "from": "2030-12-12",
                "to": "2031-01-15",
            },
        )
    ]


# --- the queue -----------------------------------------------------------------------------------


def serve(units: list[int], on_hand: int) -> list[int]:
    """One unit at a time: each goes to the first who still lacks one; what is lacking waits."""
    waiting = list(units)
    for _ in range(on_hand):
        first = next((at for at, lacking in enumerate(waiting) if lacking), None)
        if first is None:
            break
        waiting[first] -= 1
    return waiting


_PLACE: Final = st.tuples(
    st.integers(1, 4),  # units
    st.booleans(),  # owned, else held
    st.integers(0, 3),  # given back and sent before
    st.integers(0, 2),  # seconds since the one before
)


@pytest.fixture
async def shelf(db: Database) -> tuple[VariantId, LocationId]:
    """A variant at the one place where it is kept."""
    product = await a_product(db, on_hand=0)
    return product.variant_id, await main(db)


@given(places=st.lists(_PLACE, max_size=8), on_hand=st.integers(0, 20))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_queue_serves_one_unit_at_a_time(
    db: Database,
    shelf: tuple[VariantId, LocationId],
    places: list[tuple[int, bool, int, int]],
    on_hand: int,
) -> None:
    lines, total = [new_id() for _ in places], sum(units for units, *_ in places)
    async with db.connection() as connection:
        work = connection.raw.transaction()
        await work.start()
        created_at = START
        for line, (units, is_owned, gone, seconds) in zip(lines, places, strict=True):
            created_at += timedelta(seconds=seconds)
            await _stand_in_line(
                connection, shelf, (line, units, is_owned, gone), created_at=created_at
            )
        await connection.raw.execute(
            "UPDATE stock_levels SET on_hand = $1, reserved = $2, backorder_limit = $2",
            *(on_hand, total),
        )
        rows = await connection.raw.fetch("SELECT * FROM stock_queue(ARRAY[$1::uuid])", shelf[0])
        await work.rollback()

    found = {row["order_line_id"]: row["waiting"] for row in rows}
    assert [found.get(line, 0) for line in lines] == serve([row[0] for row in places], on_hand)
    assert bool(found) == (total > on_hand)


async def _stand_in_line(
    connection: Connection,
    shelf: tuple[VariantId, LocationId],
    place: tuple[UUID, int, bool, int],
    *,
    created_at: datetime,
) -> None:
    line, units, is_owned, gone = place
    hold, quantity = new_id(), units + gone * is_owned
    await connection.raw.execute(
        "INSERT INTO reservations (id, holder_id, order_line_id, variant_id, location_id,"
        " quantity, state, expires_at, created_at, ended_at)"
        " VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $7, $8)",
        *(hold, line, *shelf, quantity, "committed" if is_owned else "active", created_at),
        created_at if is_owned else None,
    )
    if is_owned:
        await connection.raw.execute(
            "INSERT INTO allocations (id, reservation_id, order_id, order_line_id, variant_id,"
            " location_id, quantity, released_quantity, created_at)"
            " VALUES ($1, $1, $1, $2, $3, $4, $5, $6, $7)",
            *(hold, line, *shelf, quantity, gone, START),
        )


async def test_the_queue_is_read_by_its_indexes(
    db: Database, shelf: tuple[VariantId, LocationId]
) -> None:
    """Of a store with many holds, only those of the level that is asked for are read."""
    async with db.connection() as connection:
        raw = connection.raw
        work = raw.transaction()
        await work.start()
        # Nearly all of it was sent long ago, or is held of another variant.
        await raw.execute(
            "INSERT INTO reservations (id, holder_id, order_line_id, variant_id, location_id,"
            " quantity, state, expires_at, created_at, ended_at)"
            " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
            "        CASE WHEN is_held THEN gen_random_uuid() ELSE $1::uuid END, $2, 1,"
            "        CASE WHEN is_held THEN 'active' ELSE 'committed' END, store_now(),"
            "        store_now(), CASE WHEN is_held THEN NULL ELSE store_now() END"
            "   FROM generate_series(1, 4000) AS number,"
            "        LATERAL (SELECT number % 2 = 0 AS is_held) AS kind",
            *shelf,
        )
        await raw.execute(
            "INSERT INTO allocations (id, reservation_id, order_id, order_line_id, variant_id,"
            " location_id, quantity, shipped_quantity, created_at)"
            " SELECT id, id, holder_id, order_line_id, variant_id, location_id, 1,"
            "        (random() < 0.99)::int, store_now()"
            "   FROM reservations WHERE state = 'committed'"
        )
        for table in ("reservations", "allocations"):
            await raw.execute(f"ANALYZE {table}")
        rows = await raw.fetch("EXPLAIN SELECT * FROM stock_queue(ARRAY[$1::uuid])", shelf[0])
        await work.rollback()

    plan = "\n".join(row[0] for row in rows)
    assert "reservations_variant" in plan, plan
    assert "allocations_queue" in plan, plan
    assert "Seq Scan on reservations" not in plan, plan
    assert "Seq Scan on allocations" not in plan, plan


async def test_a_hold_that_is_shortened_keeps_its_place(db: Database) -> None:
    product = await a_product(db, on_hand=3)
    await set_terms(db, product.variant_id, a_wish())
    async with a_checkout(db) as checkout:
        first = await a_placed_order(checkout, [(product.variant_id, 3)])
        second = await a_placed_order(checkout, [(product.variant_id, 2)])
        await checkouts.cancel_part(
            checkout,
            order_id=first.order.id,
            lines=[(first.lines[0].id, 1)],
            reason=CancelReason.BUYER,
            actor=STAFF,
        )

        assert await waiting(db) == {second.order.number: 1}
    await check(db)


async def waiting(db: Database) -> dict[str, int]:
    """Who waits for how many, the first first."""
    async with db.connection() as connection:
        page = await orders.list_waiting(connection)
    return {row.number: row.waiting for row in page.items}


async def check(db: Database) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_arrivals_cancellations_and_expiry_serve_the_first_who_waits(db: Database) -> None:
    product = await a_product(db, on_hand=2)
    await set_terms(db, product.variant_id, a_wish())
    async with a_checkout(db) as checkout:
        placed = [await a_paid_order(checkout, [(product.variant_id, 2)]) for _ in range(2)]
        placed += [await a_placed_order(checkout, [(product.variant_id, 2)]) for _ in range(2)]
        _, second, third, fourth = [row.order.number for row in placed]
        assert await waiting(db) == {second: 2, third: 2, fourth: 2}

        await arrive(db, product, 1, "D1")
        assert await waiting(db) == {second: 1, third: 2, fourth: 2}
        await checkouts.cancel_order(
            checkout, order_id=placed[0].order.id, reason=CancelReason.STAFF, actor=STAFF
        )
        assert await waiting(db) == {third: 1, fourth: 2}
        assert await counters(db, product.variant_id) == (3, 2, 4)
        await checkouts.cancel_order(
            checkout, order_id=placed[2].order.id, reason=CancelReason.STAFF, actor=STAFF
        )
        assert await waiting(db) == {fourth: 1}
    await check(db)


# --- telling -------------------------------------------------------------------------------------


async def test_a_buyer_is_told_once_when_all_is_there(db: Database) -> None:
    product = await a_product(db, on_hand=1, sku="LAMP")
    await set_terms(db, product.variant_id, a_wish())
    async with a_checkout(db) as checkout:
        paid = await a_paid_order(checkout, [(product.variant_id, 3)])
        unpaid = await a_placed_order(checkout, [(product.variant_id, 1)])
        await arrive(db, product, 1, "D1")
        assert await commands.tell_backorders(db) == 0
        await arrive(db, product, 2, "D2")

        told = await asyncio.gather(*(commands.tell_backorders(db) for _ in range(4)))

        ready = {"sku": "LAMP", "kind": "preorder"}
        assert sorted(told) == [0, 0, 0, 1]
        assert await list_told(db) == [
            (
                "backorder.ready",
                {"order_line_id": str(paid.lines[0].id), "quantity": 2, **ready},
            )
        ]
        # What is held may be given up still: its buyer is told once it is paid.
        assert await pay(checkout, unpaid) == "paid"
        assert await commands.tell_backorders(db) == 1
        assert (await list_told(db))[1][1]["order_line_id"] == str(unpaid.lines[0].id)
        assert await commands.tell_backorders(db) == 0
    await check(db)


async def test_nobody_is_told_of_an_order_that_was_given_up(db: Database) -> None:
    product = await a_product(db, on_hand=0)
    await set_terms(db, product.variant_id, a_wish())
    async with a_checkout(db) as checkout:
        placed = await a_paid_order(checkout, [(product.variant_id, 3)])
        await checkouts.cancel_order(
            checkout, order_id=placed.order.id, reason=CancelReason.BUYER, actor=STAFF
        )
        await arrive(db, product, 3, "D1")

        assert await commands.tell_backorders(db) == 1
    assert await list_told(db) == []
    await check(db)
