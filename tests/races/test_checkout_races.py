"""Many buyers at once, through two server processes on one database."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.builders.pricing import a_coupon, uses_of
from tests.support.placing import count_rows, counters
from tests.support.shop import Shop, a_body, a_key, a_shop


@pytest.fixture
async def db(fresh_url: str) -> AsyncIterator[Database]:
    """A database that other processes work on as well."""
    async with Database(Settings(url=fresh_url)) as opened:
        yield opened


@pytest.fixture
async def shop(fresh_url: str, db: Database) -> AsyncIterator[Shop]:
    """Two web servers; the second listens on the next port that is free."""
    async with a_shop(fresh_url) as opened:
        await opened.start_sandbox()
        await opened.start_web()
        yield opened


async def _second(shop: Shop) -> int:
    from tests.support.shop import free_port

    port = free_port()
    await shop.start_web(port=port)
    return port


async def _order(shop: Shop, port: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = await shop.client.post(
        f"http://127.0.0.1:{port}/api/v1/checkout", json=body, headers=a_key()
    )
    return answer.status_code, answer.json()


async def _invariants(db: Database) -> dict[str, list[dict[str, Any]]]:
    async with db.connection() as connection:
        return await check_invariants(connection)


async def test_200_buyers_of_20_units_make_exactly_20_orders(db: Database, shop: Shop) -> None:
    product = await a_product(db, on_hand=20)
    ports = (shop.port, await _second(shop))
    body = a_body((str(product.variant_id), 1), provider="bank_transfer")

    answers = await asyncio.gather(
        *(_order(shop, ports[number % 2], body) for number in range(200))
    )

    assert Counter(status for status, _ in answers) == {201: 20, 409: 180}
    assert {body["code"] for status, body in answers if status == 409} == {"insufficient_stock"}
    assert await counters(db, product.variant_id) == (20, 0, 20)
    assert (await count_rows(db))["orders"] == 20
    assert await _invariants(db) == {}


async def test_300_buyers_of_random_pairs_meet_no_deadlock(db: Database, shop: Shop) -> None:
    products = [await a_product(db, on_hand=40) for _ in range(5)]
    ports = (shop.port, await _second(shop))
    chance = random.Random(20261121)

    def pair() -> dict[str, Any]:
        first, second = chance.sample(products, 2)
        return a_body(
            (str(first.variant_id), chance.randint(1, 2)),
            (str(second.variant_id), 1),
            provider="bank_transfer",
        )

    answers = await asyncio.gather(
        *(_order(shop, ports[number % 2], pair()) for number in range(300))
    )

    statuses = Counter(status for status, _ in answers)
    assert set(statuses) == {201, 409}
    placed = [body["order"] for status, body in answers if status == 201]
    sold: Counter[str] = Counter()
    for order in placed:
        for line in order["lines"]:
            sold[line["variant_id"]] += line["quantity"]
    for product in products:
        assert await counters(db, product.variant_id) == (40, 0, sold[str(product.variant_id)])
    assert await _invariants(db) == {}


async def test_one_key_at_two_servers_makes_one_order(db: Database, shop: Shop) -> None:
    product = await a_product(db, on_hand=20)
    ports = (shop.port, await _second(shop))

    for provider in ("bank_transfer", "sandbox"):
        body, key = a_body((str(product.variant_id), 1), provider=provider), a_key()
        answers = await asyncio.gather(
            *(
                shop.client.post(
                    f"http://127.0.0.1:{ports[number % 2]}/api/v1/checkout",
                    json=body,
                    headers=key,
                )
                for number in range(20)
            )
        )
        later = await shop.client.post(
            f"http://127.0.0.1:{ports[0]}/api/v1/checkout", json=body, headers=key
        )
        assert {answer.status_code for answer in (*answers, later)} == {201}
        assert len({answer.content for answer in (*answers, later)}) == 1

    assert await counters(db, product.variant_id) == (20, 0, 2)
    assert await _invariants(db) == {}


async def test_K7_a_code_with_10_uses_under_200_checkouts_is_used_exactly_10_times(
    db: Database, shop: Shop
) -> None:
    product = await a_product(db, on_hand=300)
    await a_coupon(db, limit_total=10)
    ports = (shop.port, await _second(shop))
    body = a_body((str(product.variant_id), 1), provider="bank_transfer", coupon="spring-10")

    answers = await asyncio.gather(
        *(
            _order(shop, ports[number % 2], {**body, "email": f"buyer{number}@example.com"})
            for number in range(200)
        )
    )

    assert Counter(status for status, _ in answers) == {201: 10, 409: 190}
    assert {body["code"] for status, body in answers if status == 409} == {"coupon_exhausted"}
    assert await uses_of(db, "SPRING-10") == (10, 10, 10)
    assert await counters(db, product.variant_id) == (300, 0, 10)
    assert (await count_rows(db))["orders"] == 10
    assert await _invariants(db) == {}
