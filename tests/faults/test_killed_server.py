"""kill -9 of the web server at every named place between placing an order and its being paid.

After a restart every acknowledged order is there, a retry with the same key gets the one answer,
every charged payment is settled or refunded, and nothing stays held by nobody.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from surehold.jobs import outbox
from tests.builders.catalog import a_product
from tests.support.placing import counters
from tests.support.shop import Shop, a_body, a_key, a_shop, make_due

#: Reached while the order is placed, in this order.
PLACING = (
    "place.before_commit",
    "place.after_commit",
    "ask.before_call",
    "ask.after_call",
    "settle.before_commit",
    "settle.after_commit",
    "answer.before_commit",
    "answer.after_commit",
)
#: Reached while a payment is settled because its webhook came.
PAYING = (
    "webhook.after_store",
    "webhook.before_read",
    "check.after_read",
    "settle.before_commit",
    "settle.after_commit",
    "webhook.before_end",
)


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


@pytest.mark.parametrize("place", PLACING)
async def test_C1_killed_while_placing(fresh_url: str, place: str) -> None:
    async with a_shop(fresh_url) as shop, Database(Settings(url=fresh_url)) as db:
        product = await a_product(db, on_hand=5)
        await shop.start_sandbox()
        doomed = await shop.start_web(fault=place)
        body, key = a_body((str(product.variant_id), 1)), a_key()

        with pytest.raises(httpx2.TransportError):
            await _place(shop, body, key)
        assert await doomed.wait_dead() == -9
        await shop.start_web()
        answer = await _place(shop, body, key)
        again = await _place(shop, body, key)

        assert answer.status_code == 201
        assert again.content == answer.content
        assert await counters(db, product.variant_id) == (5, 0, 1)
        order = answer.json()["order"]
        await _pay(shop, await _provider_payment(db))
        await _wait_paid(shop, db, order)
        assert await counters(db, product.variant_id) == (5, 1, 0)
        await _check_books(shop, db, order)


@pytest.mark.parametrize("place", PAYING)
async def test_C3_killed_while_settling(fresh_url: str, place: str) -> None:
    async with a_shop(fresh_url) as shop, Database(Settings(url=fresh_url)) as db:
        product = await a_product(db, on_hand=5)
        await shop.start_sandbox()
        placing = await shop.start_web()
        answer = await _place(shop, a_body((str(product.variant_id), 1)), a_key())
        order = answer.json()["order"]
        assert placing.stop() == 0
        doomed = await shop.start_web(fault=place)

        await _pay(shop, await _provider_payment(db))
        assert await doomed.wait_dead() == -9
        await shop.start_web()
        await _wait_paid(shop, db, order)

        assert await counters(db, product.variant_id) == (5, 1, 0)
        await _check_books(shop, db, order)


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
