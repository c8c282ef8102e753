"""Staff and buyers at the same shelf at the same moment: real commits on several connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.inventory import commands as inventory
from surehold.inventory.commands import Demand, LocationFacts, NewTransfer
from surehold.inventory.model import TransferState
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import TransferId, VariantId
from tests.builders.catalog import a_location, a_product
from tests.support.placing import counters

ACTOR = "staff:test"


async def _told(work: Awaitable[Any]) -> str:
    try:
        await work
    except DomainError as refusal:
        return refusal.code
    return "done"


async def _draft(db: Database, variant_id: VariantId, quantity: int) -> TransferId:
    async with db.transaction() as tx:
        await a_location(tx, code="annex")
    view = await inventory.create_transfer(
        db, new=NewTransfer("main", "annex", ((variant_id, quantity),)), actor=ACTOR
    )
    return view.transfer.id


async def _no_invariant_is_broken(db: Database) -> bool:
    async with db.connection() as connection:
        return await check_invariants(connection) == {}


async def test_dispatch_and_buyers_share_what_there_is(db: Database) -> None:
    product = await a_product(db, on_hand=6)
    transfer_id = await _draft(db, product.variant_id, 4)

    told = await asyncio.gather(
        _told(inventory.dispatch_transfer(db, transfer_id=transfer_id, actor=ACTOR)),
        *(
            _told(
                inventory.reserve(
                    db,
                    demands=[Demand(product.variant_id, 1)],
                    ttl=timedelta(minutes=5),
                    holder_id=uuid4(),
                )
            )
            for _ in range(6)
        ),
    )

    on_hand, _, reserved = await counters(db, product.variant_id)
    assert reserved == Counter(told[1:])["done"]
    assert on_hand == (2 if told[0] == "done" else 6)
    assert reserved == min(on_hand, 6)
    assert await _no_invariant_is_broken(db)


async def test_a_transfer_is_dispatched_once_by_many(db: Database) -> None:
    product = await a_product(db, on_hand=6)
    transfer_id = await _draft(db, product.variant_id, 2)

    views = await asyncio.gather(
        *(inventory.dispatch_transfer(db, transfer_id=transfer_id, actor=ACTOR) for _ in range(6))
    )

    assert {view.transfer.state for view in views} == {TransferState.IN_TRANSIT}
    assert await counters(db, product.variant_id) == (4, 0, 0)
    assert await _no_invariant_is_broken(db)


async def test_what_is_received_and_what_is_called_back_is_what_was_sent(db: Database) -> None:
    product = await a_product(db, on_hand=6)
    transfer_id = await _draft(db, product.variant_id, 5)
    await inventory.dispatch_transfer(db, transfer_id=transfer_id, actor=ACTOR)
    arrived = [(product.variant_id, 2)]

    told = await asyncio.gather(
        *(
            _told(
                inventory.receive_transfer(
                    db, transfer_id=transfer_id, arrived=arrived, actor=ACTOR
                )
            )
            for _ in range(4)
        ),
        _told(inventory.cancel_transfer(db, transfer_id=transfer_id, actor=ACTOR)),
    )

    assert set(told) <= {"done", "invalid_input", "transfer_not_possible"}
    assert told[4] == "done"
    assert await counters(db, product.variant_id) == (6, 0, 0)
    assert await _no_invariant_is_broken(db)


async def test_two_transfers_in_opposite_directions_meet_no_deadlock(db: Database) -> None:
    one, two = await a_product(db, on_hand=50), await a_product(db, on_hand={"annex": 50})
    both = ((one.variant_id, 1), (two.variant_id, 1))
    async with db.connection() as connection:
        await connection.raw.execute(
            "INSERT INTO stock_levels SELECT variant_id, locations.id FROM stock_levels,"
            " locations ON CONFLICT DO NOTHING"
        )

    async def there_and_back(here: str, there: str) -> None:
        for lines in (both[:1], both[1:], both[::-1]):
            view = await inventory.create_transfer(
                db, new=NewTransfer(here, there, tuple(lines)), actor=ACTOR
            )
            await _told(inventory.dispatch_transfer(db, transfer_id=view.transfer.id, actor=ACTOR))
            await _told(
                inventory.receive_transfer(
                    db, transfer_id=view.transfer.id, arrived=(), actor=ACTOR
                )
            )

    await asyncio.gather(
        *(there_and_back("main", "annex") for _ in range(4)),
        *(there_and_back("annex", "main") for _ in range(4)),
    )

    assert await counters(db, one.variant_id) == (50, 0, 0)
    assert await counters(db, two.variant_id) == (50, 0, 0)
    assert await _no_invariant_is_broken(db)


async def test_of_two_people_who_change_a_location_one_is_told_to_look_again(
    db: Database,
) -> None:
    facts = LocationFacts("north", "North", "IE")
    place = await inventory.add_location(db, facts=facts, actor=ACTOR)

    told = await asyncio.gather(
        *(
            _told(
                inventory.change_location(
                    db, location_id=place.id, version=1, facts=facts, actor=ACTOR
                )
            )
            for _ in range(4)
        )
    )

    assert Counter(told) == {"done": 1, "location_changed": 3}
    assert await _told(inventory.add_location(db, facts=facts, actor=ACTOR)) == (
        "location_code_taken"
    )
    assert await _no_invariant_is_broken(db)


async def test_the_same_file_from_many_changes_the_shelf_once(db: Database) -> None:
    product = await a_product(db, sku="LAMP", on_hand=4)
    text = "sku,location,on_hand,expected_on_hand\nLAMP,main,9,4\n"

    told = await asyncio.gather(
        *(
            _told(
                inventory.import_stock(db, raw=text.encode(), reference=f"file {n}", actor=ACTOR)
            )
            for n in range(5)
        )
    )

    assert Counter(told) == {"done": 1, "invalid_input": 4}
    assert await counters(db, product.variant_id) == (9, 0, 0)
    assert await _no_invariant_is_broken(db)
