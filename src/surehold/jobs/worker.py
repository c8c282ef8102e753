"""The worker: schedules and queued jobs of one store, on any number of machines.

Schedules are rows of the store. Whichever worker comes first takes one for its tick, and nobody
else runs it until it has ended; a worker that dies in the middle is missed after 30 seconds, and
the next one takes over. Schedules wake within a second after their instant: PgQueuer sleeps until
the next one and a second more, so a schedule of every second runs every other one.

What a schedule or a job does must be safe to do twice. A job that fails is held for a person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg
import msgspec
import structlog
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence import qb
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings
from pgqueuer.errors import FailingListenerError
from pgqueuer.models import Job
from pgqueuer.types import Channel

from surehold.db import Database, database
from surehold.kernel import clock

log = structlog.get_logger(__name__)

#: What passes by itself, the queue's own kind included.
PASSING: Final = (*database.PASSING, FailingListenerError)


class Schedule(msgspec.Struct, frozen=True):
    """Work that comes due by itself.

    ``expression`` is in UTC: minute, hour, day, month, weekday, and perhaps seconds as the sixth
    field. ``run`` says how much it did; zero is not worth a line in the log.
    """

    name: str
    expression: str
    run: Callable[[], Awaitable[int]]
    limit_seconds: int = 120


class EntryPoint(msgspec.Struct, frozen=True):
    """Work that somebody puts into the queue, with whatever bytes it needs."""

    name: str
    run: Callable[[bytes | None], Awaitable[None]]
    limit_seconds: int = 120


class WorkerSettings(msgspec.Struct, frozen=True):
    """Limits of one worker."""

    #: After this, whatever still runs when the worker is told to stop is canceled.
    drain_seconds: int = 20
    reconnect_first_ms: int = 200
    reconnect_max_ms: int = 10_000


async def run_worker(
    db: Database,
    *,
    stop: asyncio.Event,
    schedules: Sequence[Schedule],
    entry_points: Sequence[EntryPoint] = (),
    settings: WorkerSettings | None = None,
) -> None:
    """Work until told to stop, then finish what was begun.

    A lost database is waited for: the worker comes back by itself.
    """
    settings = settings or WorkerSettings()
    pause_ms = settings.reconnect_first_ms
    while not stop.is_set():
        began = clock.monotonic_seconds()
        try:
            await _work(db, stop, schedules, entry_points, settings)
        except PASSING as error:
            log.warning("worker_lost_database", error=repr(error))
        if stop.is_set():
            break
        # Connected for a while: the next loss is another one.
        if (clock.monotonic_seconds() - began) * 1000 > settings.reconnect_max_ms:
            pause_ms = settings.reconnect_first_ms
        try:
            await asyncio.wait_for(stop.wait(), timeout=pause_ms / 1000)
        except TimeoutError:
            pause_ms = min(2 * pause_ms, settings.reconnect_max_ms)


def queue_of(db: Database, raw: asyncpg.Connection[Any]) -> PgQueuer:
    """The store's queue over a connection of its own.

    Every name is given: PgQueuer would take what is missing from the environment.
    """
    schema = db.settings.schema
    channel = Channel(f"surehold_{schema}")
    names = DBSettings(
        prefix="",
        db_schema=schema,
        channel=channel,
        function="fn_pgqueuer_changed",
        statistics_table="pgqueuer_statistics",
        queue_status_type="pgqueuer_status",
        queue_table="pgqueuer",
        queue_table_log="pgqueuer_log",
        trigger="tg_pgqueuer_changed",
        schedules_table="pgqueuer_schedules",
    )
    driver = AsyncpgDriver(raw)
    queries = Queries(
        driver,
        qbe=qb.QueryBuilderEnvironment(names),
        qbq=qb.QueryQueueBuilder(names),
        qbs=qb.QuerySchedulerBuilder(names),
    )
    return PgQueuer(driver, channel=channel, queries=queries)


async def connect(db: Database) -> asyncpg.Connection[Any]:
    """A connection for a queue: PgQueuer reads and writes ``jsonb`` as text, so our codec goes."""
    raw = await db.dedicated(name="worker")
    await raw.reset_type_codec("jsonb", schema="pg_catalog")
    return raw


async def _work(
    db: Database,
    stop: asyncio.Event,
    schedules: Sequence[Schedule],
    entry_points: Sequence[EntryPoint],
    settings: WorkerSettings,
) -> None:
    """One connection's life."""
    raw = await connect(db)
    try:
        queue = queue_of(db, raw)
        for schedule in schedules:
            queue.schedule(schedule.name, schedule.expression)(_scheduled(schedule))
        for entry_point in entry_points:
            queue.entrypoint(entry_point.name, on_failure="hold")(_queued(entry_point))
        log.info("worker_started", schedules=[schedule.name for schedule in schedules])
        running = asyncio.create_task(queue.run(shutdown_on_listener_failure=True))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                queue.shutdown.set()
                await asyncio.wait({running}, timeout=settings.drain_seconds)
        finally:
            stopping.cancel()
            if not running.done():
                running.cancel()
                await asyncio.wait({running})
        if not running.cancelled():
            running.result()
    finally:
        await _let_go(raw)


async def _let_go(raw: asyncpg.Connection[Any]) -> None:
    try:
        await raw.close(timeout=2)
    except PASSING:
        raw.terminate()


def _scheduled(schedule: Schedule) -> Callable[[Any], Awaitable[None]]:
    """The schedule's work as PgQueuer calls it: bounded, logged, and never fatal."""

    async def run(_: Any) -> None:
        began = clock.monotonic_seconds()
        try:
            async with asyncio.timeout(schedule.limit_seconds):
                count = await schedule.run()
        except PASSING as error:
            log.warning("schedule_left_for_later", schedule=schedule.name, reason=repr(error))
        except Exception:
            log.exception("schedule_failed", schedule=schedule.name)
        else:
            if count:
                took_ms = round(1000 * (clock.monotonic_seconds() - began))
                log.info("schedule_ran", schedule=schedule.name, count=count, took_ms=took_ms)

    return run


def _queued(entry_point: EntryPoint) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        async with asyncio.timeout(entry_point.limit_seconds):
            await entry_point.run(job.payload)

    return run
