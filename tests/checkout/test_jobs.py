"""What comes due by itself: every schedule can run, and does what its command does."""

from __future__ import annotations

import asyncio

import pytest
from croniter import croniter
from structlog.testing import capture_logs

from surehold.checkout import jobs
from surehold.checkout.jobs import list_schedules
from surehold.db import Database
from surehold.db.invariants import Watch
from surehold.orders.model import OrderStatus
from tests.builders.catalog import a_product
from tests.builders.orders import a_checkout, a_placed_order, look_at


async def test_every_schedule_runs_on_an_empty_store(db: Database) -> None:
    async with a_checkout(db) as checkout:
        schedules = list_schedules(checkout, watch=Watch(db))
        assert [await schedule.run() for schedule in schedules] == [0] * len(schedules)
    assert all(croniter.is_valid(schedule.expression) for schedule in schedules)
    assert len({schedule.name for schedule in schedules}) == len(schedules)


async def test_schedules_expire_cancel_and_announce(db: Database) -> None:
    product = await a_product(db, on_hand=1)
    async with a_checkout(db) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)])
        run = {row.name: row.run for row in list_schedules(checkout, watch=Watch(db))}
        async with db.transaction() as tx:
            await tx.raw.execute("UPDATE reservations SET expires_at = store_now()")
            await tx.raw.execute("UPDATE orders SET placed_at = placed_at - interval '25 hours'")

        with capture_logs() as lines:
            assert await run["expire_reservations"]() == 1
            assert await run["cancel_unpaid_orders"]() == 1
            assert await run["publish_outbox"]() == 2
            assert await run["publish_outbox"]() == 0

        after = await look_at(checkout, placed.order.id)
        assert after.order.status is OrderStatus.CANCELED
        assert await run["check_invariants"]() == 0
    topics = [line["topic"] for line in lines if line["event"] == "fact"]
    assert topics == ["order.placed", "order.canceled"]


async def test_backlog_is_worked_off_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BATCH", 3)
    left = [3, 3, 2, 3]

    async def command() -> int:
        await asyncio.sleep(0)
        return left.pop(0)

    assert await jobs._until_idle(command) == 8
    assert left == [3]
