"""kill -9 of the web server between placing an order and its being paid, place by place.

After a restart every acknowledged order is there, a retry with the same key gets the one answer,
every charged payment is settled or refunded, and nothing stays held by nobody. The places come
from a clean run (``proof.crashes``); the ones here are those where a death costs most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proof.crashes.ground import Ground
from proof.crashes.points import parse
from proof.crashes.run import JOURNEYS, Kill, kill
from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from surehold.jobs import outbox
from tests.builders.catalog import a_product
from tests.support.shop import Shop, a_body, a_key, a_shop, make_due

#: Reached while an order is placed: its commit, the call, its answer's commit, the answer.
PLACING = (
    "before COMMIT (db.insert_keys) #1",
    "after COMMIT (db.insert_keys) #1",
    "before call POST /v1/payments #1",
    "after call POST /v1/payments #1",
    "before COMMIT (payments.end_operations) #1",
    "after COMMIT (payments.end_operations) #1",
    "before db.finish_key #1",
    "before answer POST #1",
)
#: Reached while a payment is settled because its webhook came.
SETTLING = (
    "after payments.store_webhook #1",
    "before payments.find_webhook #1",
    "before payments.end_webhook #1",
    "before COMMIT (inventory.change_stock) #1",
    "after COMMIT (inventory.change_stock) #1",
)
PAY = next(journey for journey in JOURNEYS if journey.name == "pay")


@pytest.fixture(scope="module")
def ground(run_folder: Path) -> Iterator[Ground]:
    opened = Ground(run_folder)
    try:
        asyncio.run(opened.open())
        yield opened
    finally:
        asyncio.run(opened.close())


@pytest.mark.parametrize("place", PLACING)
async def test_C1_killed_while_placing(ground: Ground, place: str) -> None:
    result = await kill(ground, Kill(PAY, parse(place)))

    assert result.violation == ""
    assert (result.is_killed, result.retried) == (True, 1)


@pytest.mark.parametrize("place", SETTLING)
async def test_C3_killed_while_settling(ground: Ground, place: str) -> None:
    result = await kill(ground, Kill(PAY, parse(place)))

    assert result.violation == ""
    assert result.is_killed


async def _place(shop: Shop, body: dict[str, Any], key: dict[str, str]) -> httpx2.Response:
    return await shop.client.post(f"{shop.base_url}/api/v1/checkout", json=body, headers=key)


async def _pay(shop: Shop, payment_id: str) -> None:
    """The buyer pays: the provider charges whether the shop lives or not."""
    await shop.control(f"payments/{payment_id}/capture")


async def _status(shop: Shop, order: dict[str, Any]) -> str:
    answer = await shop.client.get(
        f"{shop.base_url}/api/v1/orders/{order['id']}",
        headers={"X-Order-Token": order["access_token"]},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["status"])


async def _wait_paid(shop: Shop, db: Database, order: dict[str, Any]) -> None:
    """Sweep as the worker does until the order is paid; what is leased comes due by itself."""
    async with asyncio.timeout(40):
        while await _status(shop, order) != "paid":
            await make_due(db)
            await shop.cleanup()
            await asyncio.sleep(0.1)


async def _provider_payment(db: Database) -> str:
    async with db.connection() as connection:
        found = await connection.raw.fetchval("SELECT provider_payment_id FROM payments")
    assert found is not None
    return str(found)


async def _check_books(shop: Shop, db: Database, order: dict[str, Any]) -> None:
    """The provider's own book is the judge: what it took once, we have once."""
    await make_due(db)
    await shop.cleanup()
    report = await shop.sandbox_report()
    assert [(row["type"], row["amount"]) for row in report] == [
        ("capture", order["total"]["amount"])
    ]
    await outbox.publish(db, subscribers=())
    async with db.connection() as connection:
        assert (
            await connection.raw.fetchval("SELECT sum(captured_minor) FROM payments")
            == (order["total"]["amount"])
        )
        assert await check_invariants(connection, at_rest=True) == {}


async def test_P7_a_webhook_that_never_comes_is_not_missed(fresh_url: str) -> None:
    async with a_shop(fresh_url) as shop, Database(Settings(url=fresh_url)) as db:
        product = await a_product(db, on_hand=5)
        await shop.start_sandbox()
        await shop.start_web()
        answer = await _place(shop, a_body((str(product.variant_id), 1)), a_key())
        await shop.control("misbehave", drop_webhooks=True)

        await _pay(shop, await _provider_payment(db))
        await _wait_paid(shop, db, answer.json()["order"])

        await _check_books(shop, db, answer.json()["order"])


async def test_P1_a_lost_answer_is_unknown_and_then_found_out(fresh_url: str) -> None:
    async with a_shop(fresh_url) as shop, Database(Settings(url=fresh_url)) as db:
        product = await a_product(db, on_hand=5)
        await shop.start_sandbox()
        await shop.start_web()
        await shop.control("misbehave", answers=[{"fault": "lose", "on": "create", "calls": 1}])

        answer = await _place(shop, a_body((str(product.variant_id), 1)), a_key())

        assert answer.status_code == 201
        assert answer.json()["payment"]["state"] == "unknown"
        assert answer.json()["payment"]["next_action"]["type"] == "wait"
        await make_due(db)
        await shop.cleanup()
        async with db.connection() as connection:
            state = await connection.raw.fetchval("SELECT state FROM payments")
        assert state == "requires_action"
        await _pay(shop, await _provider_payment(db))
        await _wait_paid(shop, db, answer.json()["order"])
        await _check_books(shop, db, answer.json()["order"])
