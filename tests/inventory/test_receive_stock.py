"""Units that arrive: added once per reference, with the movement that explains them."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from surehold.db import Connection, Database
from surehold.db.invariants import check_invariants
from surehold.inventory import commands as inventory
from surehold.inventory.commands import Arrival
from surehold.inventory.errors import VariantNotStocked
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import VariantId
from tests.builders.catalog import BuiltProduct, a_product
from tests.support.placing import counters

ACTOR = "staff:test"


async def movements(db: Database, variant_id: VariantId) -> list[tuple[int, str, str, str]]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT delta, reason, reference, actor FROM stock_movements"
            " WHERE variant_id = $1 AND reason <> 'initial' ORDER BY id",
            variant_id,
        )
    return [tuple(row.values()) for row in rows]


async def broken(db: Database) -> dict[str, list[dict[str, object]]]:
    async with db.connection() as connection:
        return await check_invariants(Connection(connection.raw))


def arrival(product: BuiltProduct, quantity: int) -> Arrival:
    return Arrival(product.variant_id, product.location_id, quantity)


async def test_what_arrives_is_added_and_explained(db: Database) -> None:
    product, other = await a_product(db, on_hand=3), await a_product(db, on_hand=0)

    added = await inventory.receive_stock(
        db,
        arrivals=[arrival(product, 4), arrival(other, 2), arrival(product, 1)],
        reference="delivery-1",
        actor=ACTOR,
    )

    assert added == 7
    assert await counters(db, product.variant_id) == (8, 0, 0)
    assert await counters(db, other.variant_id) == (2, 0, 0)
    assert await movements(db, product.variant_id) == [(5, "received", "delivery-1", ACTOR)]
    assert await movements(db, other.variant_id) == [(2, "received", "delivery-1", ACTOR)]
    assert await broken(db) == {}


async def test_a_reference_is_received_once(db: Database) -> None:
    product = await a_product(db, on_hand=3)
    await inventory.receive_stock(
        db, arrivals=[arrival(product, 4)], reference="delivery-1", actor=ACTOR
    )

    again = await inventory.receive_stock(
        db, arrivals=[arrival(product, 9)], reference="delivery-1", actor=ACTOR
    )

    assert again == 0
    assert await counters(db, product.variant_id) == (7, 0, 0)
    assert await movements(db, product.variant_id) == [(4, "received", "delivery-1", ACTOR)]


async def test_a_reference_counts_for_each_place_that_it_came_to(db: Database) -> None:
    product, other = await a_product(db, on_hand=0), await a_product(db, on_hand=0)
    await inventory.receive_stock(
        db, arrivals=[arrival(product, 1)], reference="delivery-1", actor=ACTOR
    )

    added = await inventory.receive_stock(
        db, arrivals=[arrival(product, 1), arrival(other, 1)], reference="delivery-1", actor=ACTOR
    )

    assert added == 1
    assert await counters(db, product.variant_id) == (1, 0, 0)
    assert await counters(db, other.variant_id) == (1, 0, 0)


async def test_the_same_reference_from_eight_at_once_is_received_once(db: Database) -> None:
    product = await a_product(db, on_hand=0)

    added = await asyncio.gather(
        *(
            inventory.receive_stock(
                db, arrivals=[arrival(product, 6)], reference="delivery-1", actor=ACTOR
            )
            for _ in range(8)
        )
    )

    assert sorted(added) == [0, 0, 0, 0, 0, 0, 0, 6]
    assert await counters(db, product.variant_id) == (6, 0, 0)
    assert await broken(db) == {}


async def test_a_variant_that_is_not_kept_refuses_the_whole_delivery(db: Database) -> None:
    product = await a_product(db, on_hand=3)
    unknown = VariantId(uuid4())

    with pytest.raises(VariantNotStocked) as refusal:
        await inventory.receive_stock(
            db,
            arrivals=[arrival(product, 4), Arrival(unknown, product.location_id, 1)],
            reference="delivery-1",
            actor=ACTOR,
        )

    assert refusal.value.facts == {"variant_ids": [str(unknown)]}
    assert await counters(db, product.variant_id) == (3, 0, 0)
    assert await movements(db, product.variant_id) == []


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001])
async def test_a_quantity_that_cannot_be_meant_is_refused(db: Database, quantity: int) -> None:
    product = await a_product(db, on_hand=3)

    with pytest.raises(InvalidInput) as refusal:
        await inventory.receive_stock(
            db,
            arrivals=[arrival(product, 1), arrival(product, quantity)],
            reference="delivery-1",
            actor=ACTOR,
        )

    assert [fault.pointer for fault in refusal.value.faults] == ["/arrivals/1/quantity"]
    assert await counters(db, product.variant_id) == (3, 0, 0)
    assert await movements(db, product.variant_id) == []
