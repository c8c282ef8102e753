"""The worker: each schedule once per tick, whoever dies, and whatever happens to the database."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from surehold.db import Database
from surehold.jobs import queries
from surehold.jobs.worker import (
    EntryPoint,
    Schedule,
    WorkerSettings,
    connect,
    queue_of,
    run_worker,
)

#: PgQueuer wakes a second after each tick, so this is the shortest that runs every time.
EVERY_2_SECONDS = "* * * * * */2"
FAST = WorkerSettings(drain_seconds=3, reconnect_first_ms=50, reconnect_max_ms=200)


@asynccontextmanager
async def working(
    db: Database, *schedules: Schedule, entry_points: tuple[EntryPoint, ...] = ()
) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    task = asyncio.create_task(
        run_worker(db, stop=stop, schedules=schedules, entry_points=entry_points, settings=FAST)
    )
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, timeout=10)


async def until(is_done: Callable[[], bool | Awaitable[bool]], seconds: float = 25) -> None:
    async with asyncio.timeout(seconds):
        while True:
            done = is_done()
            if done if isinstance(done, bool) else await done:
                return
            await asyncio.sleep(0.02)


async def is_rested(db: Database, count: int) -> bool:
    text = "SELECT status = 'queued' AND last_run IS NOT NULL FROM pgqueuer_schedules"
    return count == 1 and bool(await fetchval(db, text))


async def fetchval(db: Database, text: str) -> object:
    async with db.connection() as connection:
        return await connection.raw.fetchval(text)


async def test_two_workers_run_each_schedule_once_per_tick(db: Database) -> None:
    runs: list[tuple[str, datetime]] = []

    def noting(name: str) -> Schedule:
        async def run() -> int:
            async with db.connection() as connection:
                tick = await connection.raw.fetchval(
                    "SELECT to_timestamp(2 * floor(extract(epoch FROM clock_timestamp()) / 2))"
                )
            runs.append((name, tick))
            return 1

        return Schedule(name, EVERY_2_SECONDS, run)

    async with Database(db.settings) as other:
        both = (noting("first"), noting("second"))
        async with working(db, *both), working(other, *both):
            await until(lambda: len(runs) >= 4)

    assert max(Counter(runs).values()) == 1
    for name in ("first", "second"):
        ticks = [tick for run, tick in runs if run == name]
        gaps = {after - before for before, after in pairwise(ticks)}
        assert gaps == {timedelta(seconds=2)}


async def test_schedule_that_fails_comes_again_and_is_logged_once(db: Database) -> None:
    calls = []

    async def fail() -> int:
        calls.append(1)
        raise ValueError("our bug")

    with capture_logs() as lines:
        async with working(db, Schedule("fails", EVERY_2_SECONDS, fail)):
            await until(lambda: len(calls) == 2)

    failures = [line for line in lines if line["event"] == "schedule_failed"]
    assert [line["log_level"] for line in failures] == ["error", "error"]


async def test_stopping_finishes_what_runs(db: Database) -> None:
    began, finished = asyncio.Event(), []

    async def slow() -> int:
        began.set()
        await asyncio.sleep(0.3)
        finished.append(1)
        return 1

    async with working(db, Schedule("slow", EVERY_2_SECONDS, slow)):
        await asyncio.wait_for(began.wait(), timeout=5)

    assert finished == [1]
    assert await fetchval(db, "SELECT status FROM pgqueuer_schedules") == "queued"


async def test_worker_comes_back_after_the_database_was_lost(db: Database) -> None:
    calls = []

    async def count() -> int:
        calls.append(1)
        return 1

    with capture_logs() as lines:
        async with working(db, Schedule("counts", EVERY_2_SECONDS, count)):
            # One that was lost before it could say that it ended is missed for half a minute.
            await until(lambda: is_rested(db, len(calls)))
            await fetchval(
                db,
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND application_name LIKE '%:worker'"
                " AND datname = current_database()",
            )
            await until(lambda: len(calls) == 2)

    assert [line["event"] for line in lines].count("worker_lost_database") == 1


async def test_failed_job_is_held_for_a_person_and_a_good_one_is_gone(db: Database) -> None:
    seen: list[bytes | None] = []

    async def take(payload: bytes | None) -> None:
        seen.append(payload)
        if payload == b"bad":
            raise ValueError("our bug")

    raw = await connect(db)
    await queue_of(db, raw).qm.queries.enqueue(["take", "take"], [b"good", b"bad"], [0, 0])
    await raw.close()

    async def is_over() -> bool:
        left = await fetchval(db, "SELECT array_agg(status::text) FROM pgqueuer")
        return left == ["failed"]

    async with working(db, entry_points=(EntryPoint("take", take),)):
        await until(is_over)

    assert sorted(seen, key=str) == [b"bad", b"good"]


async def test_queue_lives_in_the_stores_schema_whatever_the_environment_says(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGQUEUER_PREFIX", "other_")
    monkeypatch.setenv("PGQUEUER_SCHEMA", "public")
    monkeypatch.setenv("CHANNEL", "other")
    raw = await connect(db)
    try:
        queue = queue_of(db, raw)
        assert queue.channel == "surehold_store"
        assert queue.qm.queries.qbe.settings.qualified.queue_table == "store.pgqueuer"
        assert queue.sm.queries.qbs.settings.qualified.schedules_table == (
            "store.pgqueuer_schedules"
        )
    finally:
        await raw.close()


async def test_silence_of_workers_is_known(db: Database) -> None:
    async with db.connection() as connection:
        assert await queries.find_worker_silence(connection) is None
        await connection.raw.execute(
            "INSERT INTO pgqueuer_schedules (expression, entrypoint, last_run)"
            " VALUES ('* * * * *', 'x', clock_timestamp() - interval '90 seconds')"
        )
        silence = await queries.find_worker_silence(connection)

    assert silence is not None
    assert timedelta(seconds=90) <= silence < timedelta(seconds=95)


DOOMED = """
import asyncio, os, sys
from surehold.db import Database
from surehold.db.database import Settings
from surehold.jobs.worker import Schedule, run_worker

async def hang():
    print("begun", flush=True)
    await asyncio.sleep(60)
    return 1

async def main():
    async with Database(Settings(url=sys.argv[1])) as db:
        await run_worker(
            db, stop=asyncio.Event(), schedules=[Schedule("work", "* * * * * */2", hang)]
        )

asyncio.run(main())
"""


async def test_c5_work_of_a_killed_worker_is_taken_over(db: Database, url: str) -> None:
    doomed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DOOMED, url, stdout=subprocess.PIPE
    )
    assert doomed.stdout is not None
    await asyncio.wait_for(doomed.stdout.readuntil(b"begun\n"), timeout=10)
    doomed.send_signal(signal.SIGKILL)
    await doomed.wait()
    assert await fetchval(db, "SELECT status FROM pgqueuer_schedules") == "picked"
    # Nobody waits half a minute here: the dead worker's last sign of life is made older.
    await fetchval(
        db,
        "UPDATE pgqueuer_schedules SET heartbeat = heartbeat - interval '31 seconds' RETURNING 1",
    )
    taken = []

    async def take_over() -> int:
        taken.append(1)
        return 1

    async with working(db, Schedule("work", EVERY_2_SECONDS, take_over)):
        await until(lambda: taken == [1])
