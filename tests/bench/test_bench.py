from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from bench import baseline, load, report, web
from bench.baseline import Baseline, BaselineFailed, Form
from bench.journey import plan_of
from bench.store import (
    SCHEMA,
    TABLES,
    Sample,
    State,
    add_function,
    fill,
    make_store,
    take_sample,
)
from surehold.db.embedded import binaries

SAID = """\
transaction type: /dev/stdin
number of clients: 16
number of transactions actually processed: 3004
number of failed transactions: 0 (0.000%)
latency average = 10.657 ms
initial connection time = 13.330 ms
tps = 1501.294 (without initial connection time)
"""


def a_run(connections: int, per_s: float, *, seconds: float = 5, last: float = 95) -> web.HttpRun:
    seen = load.Seen(
        statuses={"201": 10},
        seconds=seconds,
        per_s=per_s,
        first_quarter_per_s=100,
        last_quarter_per_s=last,
        p50_ms=per_s / 100,
        p99_ms=per_s / 10,
        client_cpu_fraction=0.1,
        unfinished=0,
        first_problem=None,
    )
    state = State(orders=10, oversold=0, broken=())
    return web.HttpRun(connections, seen, state, wal_bytes_per_checkout=4_000, mean_batch=32)


def test_pgbench_is_read() -> None:
    count, found = baseline.parse(SAID, Form.CTE, 16)

    assert count == 3004
    assert found == Baseline(Form.CTE, 16, per_s=1501.294, mean_ms=10.657)


def test_pgbench_that_says_nothing_is_refused() -> None:
    with pytest.raises(BaselineFailed, match="cte said: nothing"):
        baseline.parse("nothing", Form.CTE, 16)


def test_ratios_compare_the_best_of_each_side() -> None:
    rows = [
        Baseline(Form.STATEMENTS, 1, 900, 1),
        Baseline(Form.STATEMENTS, 64, 500, 1),
        Baseline(Form.STATEMENTS, 64, 400, 1),
        Baseline(Form.FUNCTION, 16, 1_000, 1),
        Baseline(Form.CTE, 64, 700, 1),
    ]
    runs = [a_run(1, 300), a_run(64, 3_000), a_run(64, 2_500, seconds=20, last=92)]

    found = report.workload_of(rows, runs, counted=None)

    assert found.row_best == "function@16"
    assert (found.http_per_s, found.row_best_per_s, found.ratio_best) == (3_000, 1_000, 3.0)
    assert (found.multi_statement_64_per_s, found.ratio_64) == (500, 6.0)
    assert (found.multi_statement_best_per_s, found.ratio_multi_best) == (900, 3_000 / 900)
    assert (found.p50_ms, found.p99_ms) == (30, 300)
    assert found.flatness == 0.92
    assert found.http == {"1": 300, "64": 3_000}


def test_report_names_what_was_promised(tmp_path: Path) -> None:
    rows = [Baseline(Form.STATEMENTS, 64, 500, 1), Baseline(Form.CTE, 1, 2_000, 1)]
    workload = report.workload_of(rows, [a_run(64, 3_100)], counted=None)
    found = report.Report(
        measured_at="2026-11-21T00:00:00+00:00",
        postgresql="18.6",
        processors=2,
        seconds=5,
        fdatasync_us=88.0,
        hot=workload,
        spread=None,
        journeys_per_s=12.5,
        journeys=None,
        oversold=0,
        broken_invariants=(),
    )

    report.save(found, tmp_path / "latest.json")

    saved = msgspec.json.decode((tmp_path / "latest.json").read_bytes())
    assert saved["spread"] is None
    assert (saved["journeys_per_s"], saved["oversold"], saved["fdatasync_us"]) == (12.5, 0, 88.0)
    assert saved["hot"].keys() >= {
        "http_per_s",
        "row_best_per_s",
        "multi_statement_64_per_s",
        "ratio_best",
        "ratio_64",
        "p50_ms",
        "p99_ms",
    }
    assert [goal.is_met for goal in report.goals_of(found)] == [False, True, True]


def test_both_orders_of_the_statements_are_told_apart() -> None:
    rows = [
        Baseline(Form.STATEMENTS, 64, 500, 1),
        Baseline(Form.STATEMENTS_LATE, 64, 800, 1),
        Baseline(Form.CTE, 1, 2_000, 1),
    ]

    found = report.workload_of(rows, [a_run(64, 3_000), a_run(256, 4_000)], None)

    assert (found.multi_statement_64_per_s, found.multi_statement_tuned_64_per_s) == (500, 800)
    assert (found.ratio_64, found.ratio_64_equal, found.ratio_tuned_64) == (8.0, 6.0, 5.0)
    # The harder one counts wherever the best of all is asked for.
    assert (found.multi_statement_best_per_s, found.ratio_multi_best) == (800, 5.0)
    assert (found.ratio_best, found.ratio_best_equal) == (2.0, 1.5)


def test_a_script_with_an_unknown_value_is_refused() -> None:
    sample = Sample(
        email="e", address="a", next_action="n", payload="p", request_hash="h", response="r"
    )

    assert fill("{{email}} \\x{{response}}", sample) == "e \\xr"
    with pytest.raises(AssertionError, match="names a value"):
        fill("{{phone}}", sample)


def test_buyers_check_out_their_cart_at_the_sandbox() -> None:
    plan = plan_of(
        msgspec.json.decode(web.bodies(1)[0]),
        host="127.0.0.1",
        port=1,
        buyers=2,
        seconds=1,
        variant_ids=("v",),
    )

    assert plan.checkout["payment_method"] == {"provider": "sandbox"}
    assert not plan.checkout.keys() & {"lines", "expected_total"}


async def test_load_client_counts_every_answer() -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                writer.close()
                return
            await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
            heads.append(head)
            status = b"503" if len(heads) == 3 else b"201"
            # In two parts, as a server sends them that does not wait for the body.
            writer.write(b"HTTP/1.1 " + status + b" X\r\ncontent-length: 4\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)
            writer.write(b"body")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    plan = load.Plan("127.0.0.1", port, "/x", ("{}",), connections=2, seconds=5, requests_max=10)

    seen = await load.send(plan)

    server.close()
    assert seen.statuses == {"201": 9, "503": 1}
    assert seen.unfinished == 0
    assert seen.first_problem is not None
    keys = {head.partition(b"Idempotency-Key: ")[2].partition(b"\r\n")[0] for head in heads}
    assert len(keys) == 10


async def _skip_unless_it_makes_ids(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        if connection.get_server_version().major < 18:
            pytest.skip("the bench's own server is PostgreSQL 18, which has uuidv7()")
    finally:
        await connection.close()


async def _rows(url: str) -> dict[str, list[dict[str, Any]]]:
    connection = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
    try:
        return {
            table: [
                dict(row)
                for row in await connection.fetch(
                    f"SELECT pg_column_size(row.*) AS size, row.* FROM {table} AS row"
                )
            ]
            for table in TABLES
        } | {
            "stock": [
                dict(row)
                for row in await connection.fetch(
                    "SELECT reserved, allocated, version FROM stock_levels WHERE reserved > 0"
                )
            ]
        }
    finally:
        await connection.close()


def _filled(row: Mapping[str, Any]) -> set[str]:
    return {name for name, value in row.items() if value is not None}


@pytest.mark.parametrize("form", list(Form))
async def test_baseline_writes_what_the_lane_writes(
    form: Form, run_folder: Path, fresh_url: str, empty_url: str
) -> None:
    bin_dir = binaries.find_binaries(run_folder, account=None).folder
    await _skip_unless_it_makes_ids(empty_url)
    await make_store(empty_url)
    sample = await take_sample(empty_url)
    by_lane = await _rows(empty_url)
    await make_store(fresh_url)
    await add_function(fresh_url, sample)

    count, _ = await asyncio.to_thread(
        baseline.run_script,
        bin_dir,
        fresh_url,
        baseline.script_of(form, sample),
        form,
        clients=1,
        skus=1,
        limit=("-t", "1"),
        limit_seconds=60,
    )

    by_sql = await _rows(fresh_url)
    assert count == 1
    assert {table: len(rows) for table, rows in by_sql.items()} == dict.fromkeys(by_lane, 1)
    for table, (expected,) in by_lane.items():
        (found,) = by_sql[table]
        assert _filled(found) == _filled(expected), table
        if table != "stock":
            assert found["size"] == pytest.approx(expected["size"], abs=8), table
    assert by_sql["stock"] == by_lane["stock"]
