"""The pool and its transactions: whole or not at all, never nested, every wait bounded."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from surehold.db import (
    Database,
    NestedTransaction,
    Transaction,
    clock,
    is_transaction_open,
)
from surehold.db.database import ATTEMPTS, CONNECTION_LOST, Settings, transaction_on, values_of
from surehold.kernel.errors import Busy

ADD = "INSERT INTO settings VALUES ($1, $2, 'me', store_now())"


async def keys(db: Database) -> list[str]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch("SELECT key FROM settings ORDER BY key")
    return [row["key"] for row in rows]


async def test_a_transaction_commits_at_the_end_of_its_block(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.raw.execute(ADD, "a", 1)

    assert await keys(db) == ["a"]


async def test_a_transaction_that_raises_keeps_nothing(db: Database) -> None:
    async def write_and_fail() -> None:
        async with db.transaction() as tx:
            await tx.raw.execute(ADD, "a", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()

    assert await keys(db) == []


async def test_a_transaction_whose_task_is_canceled_keeps_nothing(db: Database) -> None:
    written = asyncio.Event()

    async def write_and_wait() -> None:
        async with db.transaction() as tx:
            await tx.raw.execute(ADD, "a", 1)
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await keys(db) == []


async def test_nesting_raises(db: Database) -> None:
    async with db.transaction():
        with pytest.raises(NestedTransaction):
            async with db.transaction():
                pass


async def test_nesting_on_an_own_connection_raises(db: Database) -> None:
    raw = await db.dedicated(name="lane")
    try:
        async with db.transaction():
            with pytest.raises(NestedTransaction):
                async with transaction_on(raw):
                    pass
    finally:
        await raw.close()


async def test_the_task_knows_that_it_holds_a_transaction(db: Database) -> None:
    assert not is_transaction_open()
    async with db.transaction():
        assert is_transaction_open()
    assert not is_transaction_open()


async def test_a_task_that_failed_in_a_transaction_holds_none(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            raise ZeroDivisionError

    assert not is_transaction_open()


async def test_a_deadlock_is_tried_again_until_both_are_done(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.raw.execute(ADD, "a", 0)
        await tx.raw.execute(ADD, "b", 0)
    both_hold_one = asyncio.Barrier(2)
    attempts = 0

    async def raise_both(first: str, second: str) -> None:
        is_first_attempt = True

        async def work(tx: Transaction) -> None:
            nonlocal attempts, is_first_attempt
            attempts += 1
            await tx.raw.execute("SET LOCAL deadlock_timeout = '50ms'")
            more = "UPDATE settings SET value = to_jsonb(value::int + 1) WHERE key = $1"
            await tx.raw.execute(more, first)
            if is_first_attempt:
                is_first_attempt = False
                await both_hold_one.wait()
            await tx.raw.execute(more, second)

        await db.retrying(work)

    await asyncio.gather(raise_both("a", "b"), raise_both("b", "a"))

    assert attempts == 3
    async with db.connection() as connection:
        rows = await connection.raw.fetch("SELECT value FROM settings")
    assert [row["value"] for row in rows] == [2, 2]


async def test_a_deadlock_that_does_not_end_rises_after_the_last_attempt(db: Database) -> None:
    attempts = 0

    async def work(_: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        raise asyncpg.DeadlockDetectedError("again")

    with pytest.raises(asyncpg.DeadlockDetectedError):
        await db.retrying(work)
    assert attempts == ATTEMPTS


async def test_another_failure_is_not_tried_again(db: Database) -> None:
    attempts = 0

    async def work(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        await tx.raw.execute("SELECT 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await db.retrying(work)
    assert attempts == 1


async def test_an_exhausted_pool_says_so_within_its_time(url: str) -> None:
    settings = Settings(url=url, pool_max=1, acquire_timeout_seconds=1)
    async with Database(settings) as db, db.connection():
        started = time.monotonic()

        with pytest.raises(Busy):
            async with db.connection():
                pass

        assert 0.9 < time.monotonic() - started < 2


async def test_a_connection_that_comes_back_serves_the_next(url: str) -> None:
    async with Database(Settings(url=url, pool_max=1)) as db:
        for _ in range(3):
            async with db.transaction():
                pass


async def test_every_wait_on_the_server_is_bounded(db: Database) -> None:
    async with db.connection() as connection:
        limits = {
            name: await connection.raw.fetchval(f"SHOW {name}")
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
            )
        }

    assert limits == {
        "statement_timeout": "5s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "10s",
    }


async def test_no_page_waits_for_helpers_or_a_compiler(db: Database) -> None:
    async with db.connection() as connection:
        helpers = await connection.raw.fetchval("SHOW max_parallel_workers_per_gather")
        compiler = await connection.raw.fetchval("SHOW jit")

    assert (helpers, compiler) == ("0", "off")


async def test_a_slow_statement_is_ended(url: str) -> None:
    async with (
        Database(Settings(url=url, statement_timeout_ms=100)) as db,
        db.connection() as connection,
    ):
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.raw.execute("SELECT pg_sleep(10)")


async def test_waiting_for_a_lock_is_ended(url: str, db: Database) -> None:
    async with Database(Settings(url=url, lock_timeout_ms=100)) as other, db.transaction() as tx:
        await tx.raw.execute("LOCK TABLE settings")
        async with other.connection() as connection:
            with pytest.raises(asyncpg.LockNotAvailableError):
                await connection.raw.execute("SELECT FROM settings")


async def test_sessions_speak_utc_and_see_one_store(db: Database) -> None:
    async with db.connection() as connection:
        assert await connection.raw.fetchval("SHOW timezone") == "UTC"
        assert await connection.raw.fetchval("SHOW search_path") == "store"
        assert (await clock.now(connection)).utcoffset() == timedelta(0)


@pytest.mark.parametrize("value", [None, 1, "é", [1, {"a": None}], {"amount": 2**62}])
async def test_jsonb_comes_back_as_it_went(db: Database, value: Any) -> None:
    async with db.connection() as connection:
        assert await connection.raw.fetchval("SELECT $1::jsonb", {"value": value}) == {
            "value": value
        }


async def test_run_counts_the_rows_that_were_touched(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.raw.execute(ADD, "a", 1)
        await tx.raw.execute(ADD, "b", 1)

        tag = await tx.raw.execute("UPDATE settings SET value = '2'")

    assert tag == "UPDATE 2"


async def test_a_closed_database_refuses(url: str) -> None:
    db = Database(Settings(url=url))

    with pytest.raises(RuntimeError, match="not open"):
        async with db.connection():
            pass


class Pair(msgspec.Struct, frozen=True):
    """Two columns."""

    name: str
    at: datetime


def test_rows_turn_into_columns_in_field_order() -> None:
    instant = datetime(2026, 1, 1, tzinfo=UTC)

    assert values_of([Pair("a", instant), Pair("b", instant)]) == (
        ["a", "b"],
        [instant, instant],
    )


def test_no_rows_have_no_columns() -> None:
    with pytest.raises(ValueError, match="no rows"):
        values_of([])


async def test_D13_a_client_that_stands_still_inside_a_statement_loses_its_locks(
    db: Database, url: str
) -> None:
    async with db.connection() as connection:
        if connection.raw.get_server_version() < (17,):
            pytest.skip("transaction_timeout came with PostgreSQL 17")
    settings = Settings(url=url, transaction_timeout_ms=300, idle_in_transaction_timeout_ms=60_000)
    async with Database(settings) as other:
        frozen = await other.dedicated(name="frozen")
        await frozen.execute("BEGIN")
        await frozen.execute("LOCK TABLE outbox")
        await frozen.prepare("SELECT id FROM outbox")  # and nothing more

        async with db.transaction() as tx:
            await tx.raw.execute("LOCK TABLE outbox")

        with pytest.raises(CONNECTION_LOST):
            await frozen.execute("COMMIT")
        frozen.terminate()
