"""Money that comes too late, twice or short: real processes, and the provider's own book."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from surehold.jobs import outbox
from tests.builders.catalog import a_product
from tests.support.placing import counters
from tests.support.shop import Shop, a_body, a_key, a_shop, make_due


@pytest.fixture
async def db(fresh_url: str) -> AsyncIterator[Database]:
    async with Database(Settings(url=fresh_url)) as opened:
        yield opened


@pytest.fixture
async def shop(fresh_url: str) -> AsyncIterator[Shop]:
    """One web server and a provider whose refunds take a second."""
    async with a_shop(fresh_url) as opened:
        await opened.start_sandbox(SUREHOLD_SANDBOX_REFUND_SECONDS="1")
        await opened.start_web()
        yield opened


async def _place(shop: Shop, variant_id: object, provider: str = "sandbox") -> dict[str, Any]:
    answer = await shop.client.post(
        f"{shop.base_url}/api/v1/checkout",
        json=a_body((str(variant_id), 1), provider=provider),
        headers=a_key(),
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _read(shop: Shop, order: dict[str, Any]) -> dict[str, Any]:
    answer = await shop.client.get(
        f"{shop.base_url}/api/v1/orders/{order['id']}",
        headers={"X-Order-Token": order["access_token"]},
    )
    found: dict[str, Any] = answer.json()
    return found


async def _wait_for(shop: Shop, db: Database, order: dict[str, Any], status: str) -> None:
    async with asyncio.timeout(40):
        while (await _read(shop, order))["status"] != status:
            await make_due(db)
            await shop.cleanup()
            await asyncio.sleep(0.1)


async def _end_holds(shop: Shop, db: Database) -> None:
    """Let every hold's time run out, and sweep."""
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE reservations SET expires_at = store_now() WHERE state = 'active'"
        )
    await shop.cleanup()


async def _provider_payment(db: Database, payment: dict[str, Any]) -> str:
    async with db.connection() as connection:
        found = await connection.raw.fetchval(
            "SELECT provider_payment_id FROM payments WHERE id = $1", payment["id"]
        )
    return str(found)


async def _book(shop: Shop) -> list[tuple[str, int]]:
    return [(row["type"], row["amount"]) for row in await shop.sandbox_report()]


async def _check(db: Database, shop: Shop) -> None:
    await make_due(db)
    await shop.cleanup()
    await outbox.publish(db, subscribers=())
    async with db.connection() as connection:
        assert await check_invariants(connection, at_rest=True) == {}


async def test_P6_money_for_goods_that_are_gone_goes_back_once(db: Database, shop: Shop) -> None:
    product = await a_product(db, on_hand=1)
    late = await _place(shop, product.variant_id)
    await _end_holds(shop, db)
    await _place(shop, product.variant_id, provider="bank_transfer")

    await shop.control(f"payments/{await _provider_payment(db, late['payment'])}/capture")
    await _wait_for(shop, db, late["order"], "refunded")

    total = late["order"]["total"]["amount"]
    after = await _read(shop, late["order"])
    assert after["cancel_reason"] == "sold_out_after_payment"
    assert after["refunded"]["amount"] == total
    assert await _book(shop) == [("capture", total), ("refund", -total)]
    assert await counters(db, product.variant_id) == (1, 0, 1)
    await _check(db, shop)


async def test_P6_money_after_the_hold_buys_what_is_still_there(db: Database, shop: Shop) -> None:
    product = await a_product(db, on_hand=1)
    late = await _place(shop, product.variant_id)
    await _end_holds(shop, db)

    await shop.control(f"payments/{await _provider_payment(db, late['payment'])}/capture")
    await _wait_for(shop, db, late["order"], "paid")

    assert await _book(shop) == [("capture", late["order"]["total"]["amount"])]
    assert await counters(db, product.variant_id) == (1, 1, 0)
    await _check(db, shop)


async def test_P2_a_second_payment_of_one_order_goes_back(db: Database, shop: Shop) -> None:
    product = await a_product(db, on_hand=1)
    placed = await _place(shop, product.variant_id)
    order = placed["order"]
    first = await _provider_payment(db, placed["payment"])
    await shop.control(f"payments/{first}/fail")
    await _wait_for(shop, db, order, "payment_failed")
    answer = await shop.client.post(
        f"{shop.base_url}/api/v1/orders/{order['id']}/retry-payment",
        json={"payment_method": {"provider": "sandbox"}},
        headers={"X-Order-Token": order["access_token"], **a_key()},
    )
    assert answer.status_code == 200, answer.text
    second = await _provider_payment(db, answer.json()["payment"])

    await shop.control(f"payments/{second}/capture")
    await _wait_for(shop, db, order, "paid")
    await shop.control(f"payments/{first}/capture")
    total = order["total"]["amount"]
    async with asyncio.timeout(40):
        while len(await _book(shop)) < 3 or (await _read(shop, order))["refunded"]["amount"] == 0:
            await make_due(db)
            await shop.cleanup()
            await asyncio.sleep(0.1)

    after = await _read(shop, order)
    assert after["status"] == "paid"
    assert (after["paid"]["amount"], after["refunded"]["amount"]) == (2 * total, total)
    assert sorted(await _book(shop)) == [
        ("capture", total),
        ("capture", total),
        ("refund", -total),
    ]
    assert await counters(db, product.variant_id) == (1, 1, 0)
    await _check(db, shop)


@pytest.mark.parametrize("charge", ["twice", "one_short"])
async def test_P9_a_wrong_amount_is_parked_for_a_person(
    db: Database, shop: Shop, charge: str
) -> None:
    product = await a_product(db, on_hand=1)
    placed = await _place(shop, product.variant_id)
    await shop.control("misbehave", charge=charge)

    await shop.control(f"payments/{await _provider_payment(db, placed['payment'])}/capture")
    async with asyncio.timeout(20):
        while not (await _read(shop, placed["order"]))["payment"]["is_under_review"]:
            await make_due(db)
            await shop.cleanup()
            await asyncio.sleep(0.1)

    after = await _read(shop, placed["order"])
    assert after["status"] == "pending_payment"
    assert after["paid"]["amount"] == 0
    async with db.connection() as connection:
        held = await connection.raw.fetchval(
            "SELECT -sum(amount_minor) FROM ledger_entries WHERE account = 'suspense'"
        )
        assert await check_invariants(connection) == {}
    assert held == sum(amount for _, amount in await _book(shop))
