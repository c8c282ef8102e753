"""Webhooks a thousand times over, in any order, and those that are not what they say."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.support.placing import count_rows, counters
from tests.support.shop import WEBHOOK_SECRET, Shop, a_body, a_key, a_shop

ORDERS = 10
DELIVERIES = 1_000


@pytest.fixture
async def db(fresh_url: str) -> AsyncIterator[Database]:
    async with Database(Settings(url=fresh_url)) as opened:
        yield opened


@pytest.fixture
async def shop(fresh_url: str, db: Database) -> AsyncIterator[Shop]:
    """One web server; the provider keeps its own webhooks back, the test sends them."""
    async with a_shop(fresh_url) as opened:
        await opened.start_sandbox()
        await opened.control("misbehave", drop_webhooks=True)
        await opened.start_web()
        yield opened


def sign(body: bytes, *, secret: str = WEBHOOK_SECRET, at: int | None = None) -> dict[str, str]:
    """The provider's signature, computed by hand."""
    moment = int(time.time()) if at is None else at
    mark = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Sandbox-Signature": f"t={moment},v1={mark}", "Content-Type": "application/json"}


def event(number: int, kind: str, payment: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "id": f"evt_{number}",
            "type": kind,
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": payment},
        }
    ).encode()


async def _paid_at_provider(shop: Shop, db: Database, variant_id: str) -> list[dict[str, Any]]:
    """Orders that the provider has charged, of which the shop has heard nothing."""
    for _ in range(ORDERS):
        answer = await shop.client.post(
            f"{shop.base_url}/api/v1/checkout", json=a_body((variant_id, 1)), headers=a_key()
        )
        assert answer.status_code == 201
    async with db.connection() as connection:
        rows = await connection.raw.fetch("SELECT provider_payment_id FROM payments")
    found = []
    for row in rows:
        await shop.control(f"payments/{row['provider_payment_id']}/capture")
        answer = await shop.client.get(
            f"{shop.sandbox_url}/v1/payments/{row['provider_payment_id']}",
            headers={"Authorization": "Bearer sk_test"},
        )
        found.append(answer.json())
    return found


async def test_a_thousand_webhooks_change_the_books_once(db: Database, shop: Shop) -> None:
    product = await a_product(db, on_hand=20)
    payments = await _paid_at_provider(shop, db, str(product.variant_id))
    events = [
        event(3 * index + offset, kind, payment)
        for index, payment in enumerate(payments)
        for offset, kind in enumerate(
            ("payment.captured", "payment.processing", "payment.requires_action")
        )
    ]
    chance = random.Random(7)
    deliveries = [chance.choice(events) for _ in range(DELIVERIES - len(events))] + events
    chance.shuffle(deliveries)
    gate = asyncio.Semaphore(40)

    async def deliver(body: bytes) -> int:
        async with gate:
            answer = await shop.client.post(
                f"{shop.base_url}/webhooks/sandbox", content=body, headers=sign(body)
            )
        return answer.status_code

    statuses = Counter(await asyncio.gather(*(deliver(body) for body in deliveries)))

    assert statuses == {200: DELIVERIES}
    async with asyncio.timeout(20):
        while (await counters(db, product.variant_id))[1] < ORDERS:
            await asyncio.sleep(0.05)
    async with db.connection() as connection:
        states = await connection.raw.fetch(
            "SELECT state, count(*), sum(seen_count) AS seen FROM webhook_events GROUP BY state"
        )
        paid = await connection.raw.fetchval("SELECT count(*) FROM orders WHERE status = 'paid'")
        assert await check_invariants(connection) == {}
    assert {(row["state"], row["count"], row["seen"]) for row in states} == {
        ("processed", len(events), DELIVERIES)
    }
    assert paid == ORDERS
    assert await counters(db, product.variant_id) == (20, ORDERS, 0)
    assert (await count_rows(db))["ledger_journals"] == 2 * ORDERS


async def test_forged_stale_truncated_and_reencoded_ones_are_refused(
    db: Database, shop: Shop
) -> None:
    product = await a_product(db, on_hand=20)
    payments = await _paid_at_provider(shop, db, str(product.variant_id))
    body = event(1, "payment.captured", payments[0])
    now = int(time.time())
    spaced = json.dumps(json.loads(body), indent=1).encode()
    forged = [
        (body, {}),
        (body, {"Sandbox-Signature": ""}),
        (body, {"Sandbox-Signature": f"t={now},v1={'0' * 64}"}),
        (body, sign(body, secret="another secret")),
        (body, sign(body, secret="")),
        (body, sign(body, at=now - 301)),
        (body, sign(body, at=now + 302)),
        (body[:-1], sign(body)),
        (body + b"\n", sign(body)),
        (spaced, sign(body)),
        (body.replace(b"evt_1", b"evt_2"), sign(body)),
        (b"", sign(body)),
        (b"\xef\xbb\xbf" + body, sign(body)),
    ]

    for content, headers in forged:
        answer = await shop.client.post(
            f"{shop.base_url}/webhooks/sandbox", content=content, headers=headers
        )
        assert answer.status_code == 400, headers
        assert answer.json()["code"] == "webhook_proof_invalid"

    assert "webhook_events" not in await count_rows(db, ["webhook_events"])
    assert await counters(db, product.variant_id) == (20, 0, ORDERS)
