"""Cost that stays flat: a small store filled like the large ones, and what is kept of a run."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import msgspec

from bench import report
from bench.flat.fill import SMALL, Size, fill
from bench.flat.run import Cost, Flat, open_store, save
from bench.flat.work import KINDS, checkout
from surehold.db import Connection
from surehold.db.database import prepare_connection
from surehold.db.invariants import check_invariants

TINY = Size(products=400, orders=2_000, open=200)


async def _broken(url: str, *, at_rest: bool) -> dict[str, int]:
    raw = await asyncpg.connect(url, server_settings={"search_path": "store"})
    try:
        await prepare_connection(raw)
        found = await check_invariants(Connection(raw), at_rest=at_rest)
    finally:
        await raw.close()
    return {code: len(rows) for code, rows in found.items()}


async def test_a_filled_store_is_sound_and_each_kind_of_work_can_be_done(fresh_url: str) -> None:
    await fill(fresh_url, TINY)

    assert await _broken(fresh_url, at_rest=True) == {}
    async with open_store(fresh_url, "tiny") as store:
        for kind in KINDS:
            await kind.work(store)
        await checkout(store)
        async with store.db.connection() as connection:
            orders = await connection.raw.fetchval("SELECT count(*) FROM orders")
            held = await connection.raw.fetchval(
                "SELECT count(*) FROM reservations WHERE state = 'active'"
            )
    # Three variants were ordered, of one unit each.
    assert (orders, held) == (2_001, 203)
    assert await _broken(fresh_url, at_rest=False) == {}


def test_what_grows_without_a_reason_misses_its_goal() -> None:
    def a_cost(ratio: float, why: str = "") -> Cost:
        return Cost(1.0, ratio, ratio, 1.0, 10.0, 10.0 * ratio, why)

    costs = {"a": a_cost(1.25), "b": a_cost(1.5), "c": a_cost(9.0, "all of it is counted")}
    found = Flat("2026-11-21T00:00:00+00:00", SMALL, SMALL.times(10), 9, costs)

    assert [(goal.name, goal.is_met) for goal in found.goals] == [
        ("flat: a", True),
        ("flat: b", False),
    ]
    assert found.large == Size(products=100_000, orders=1_000_000, open=100_000)


def test_parts_of_the_bench_keep_each_other(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    path.write_bytes(b'{"hot": {"http_per_s": 1.0}, "oversold": 0}')
    found = Flat("2026-11-21T00:00:00+00:00", SMALL, SMALL.times(10), 9, {})

    save(found, path)
    report.save_part("flat", found, path)

    kept = msgspec.json.decode(path.read_bytes())
    assert kept["hot"] == {"http_per_s": 1.0}
    assert kept["flat"]["small"] == {"products": 10_000, "orders": 100_000, "open": 10_000}
