"""Stock from the hold to the sale and back to where it came from, and never below nothing."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.support.api import CRON, STAFF, Api, a_key
from tests.support.clock import shift


async def _levels(api: Api, variant_id: UUID) -> dict[str, tuple[int, int, int]]:
    """On hand, allocated and reserved by location."""
    found = await api.get(f"/inventory/{variant_id}", headers=STAFF)
    return {
        row["location"]: (row["on_hand"], row["allocated"], row["reserved"])
        for row in found.body["levels"]
    }


async def test_what_was_sold_comes_back_once_to_where_it_came_from(api: Api) -> None:
    lamp = await a_product(api.db, on_hand={"main": 2, "north": 2})
    placed = await api.buy((lamp.variant_id, 3))
    held = await _levels(api, lamp.variant_id)
    order_path = f"/orders/{placed['order']['id']}"

    paid = await api.post(
        f"/payments/{placed['payment']['id']}/confirm",
        {"received": placed["order"]["total"]},
        headers={**STAFF, **a_key()},
    )
    sold = await _levels(api, lamp.variant_id)
    canceled = [
        await api.post(f"{order_path}/cancel", {}, headers={**STAFF, **a_key()}) for _ in range(2)
    ]

    assert held == {"main": (2, 0, 2), "north": (2, 0, 1)}
    assert paid.status == 200, paid.raw
    assert sold == {"main": (2, 2, 0), "north": (2, 1, 0)}
    assert [answer.status for answer in canceled] == [200, 200]
    assert await _levels(api, lamp.variant_id) == {"main": (2, 0, 0), "north": (2, 0, 0)}
    async with api.db.connection() as connection:
        rows = await connection.raw.fetch("SELECT state, end_reason FROM reservations")
        assert {tuple(row) for row in rows} == {("committed", "paid")}
        assert await check_invariants(connection) == {}


async def test_a_hold_that_is_over_is_freed_on_demand_and_says_so(api: Api) -> None:
    lamp = await a_product(api.db, on_hand=2)
    body = {"lines": [{"variant_id": str(lamp.variant_id), "quantity": 2}], "ttl_seconds": 60}
    held = await api.post("/inventory/reserve", body, headers={**STAFF, **a_key()})

    await shift(api.db, timedelta(minutes=2))
    swept = await api.post("/cron/cleanup", headers=CRON)
    again = await api.post("/cron/cleanup", headers=CRON)
    read = await api.get(f"/inventory/reserve?reservation_id={held.body['id']}", headers=STAFF)

    assert (swept.body["holds_expired"], again.body["holds_expired"]) == (1, 0)
    assert read.body["state"] == "expired"
    assert read.body["items"][0]["end_reason"] == "time is over"
    assert await _levels(api, lamp.variant_id) == {"main": (2, 0, 0)}


@pytest.mark.parametrize(
    "change",
    [
        "on_hand = on_hand - 3",
        "reserved = reserved + 3",
        "allocated = allocated - 1",
        "reserved = -1",
    ],
)
async def test_the_database_itself_refuses_less_than_nothing(api: Api, change: str) -> None:
    lamp = await a_product(api.db, on_hand=2)

    async with api.db.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.raw.execute(f"UPDATE stock_levels SET {change}")

    assert await _levels(api, lamp.variant_id) == {"main": (2, 0, 0)}


async def test_a_hold_that_has_ended_never_holds_again(api: Api) -> None:
    lamp = await a_product(api.db, on_hand=2)
    body = {"lines": [{"variant_id": str(lamp.variant_id), "quantity": 2}]}
    held = await api.post("/inventory/reserve", body, headers={**STAFF, **a_key()})
    await api.delete(f"/inventory/reserve?reservation_id={held.body['id']}", headers=STAFF)

    async with api.db.connection() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.raw.execute(
                "UPDATE reservations SET state = 'active', ended_at = NULL"
            )

    assert await _levels(api, lamp.variant_id) == {"main": (2, 0, 0)}
