"""Migrations: forward only, once each, from anywhere at once, and never half."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from surehold.db import migrate as runner
from surehold.db.migrate import (
    InvalidSchemaName,
    Migration,
    MigrationChanged,
    list_migrations,
    list_pending,
    migrate,
)

SHIPPED = list_migrations()


@asynccontextmanager
async def connected(url: str, schema: str = "store") -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(url, server_settings={"search_path": schema})
    try:
        yield connection
    finally:
        await connection.close()


def ship_one_more(monkeypatch: pytest.MonkeyPatch, text: str) -> Migration:
    """Pretend that the next release has one more file."""
    more = Migration(len(SHIPPED) + 1, "one_more", text)
    monkeypatch.setattr(runner, "list_migrations", lambda: (*SHIPPED, more))
    return more


async def test_an_empty_database_gets_every_migration_in_order(empty_url: str) -> None:
    assert await list_pending(empty_url, schema="store") == SHIPPED

    assert await migrate(empty_url, schema="store") == SHIPPED

    async with connected(empty_url) as connection:
        rows = await connection.fetch("SELECT * FROM schema_migrations ORDER BY version")
    assert [(row["version"], row["name"], row["checksum"]) for row in rows] == [
        (migration.version, migration.name, migration.checksum) for migration in SHIPPED
    ]


async def test_migrating_again_does_nothing(fresh_url: str) -> None:
    async with connected(fresh_url) as connection:
        before = await connection.fetch("SELECT * FROM schema_migrations")

        assert await list_pending(fresh_url, schema="store") == ()
        assert await migrate(fresh_url, schema="store") == ()

        assert await connection.fetch("SELECT * FROM schema_migrations") == before


async def test_a_file_that_was_changed_after_it_was_applied_is_refused(fresh_url: str) -> None:
    async with connected(fresh_url) as connection:
        await connection.execute("UPDATE schema_migrations SET checksum = 'x' WHERE version = 2")

    with pytest.raises(MigrationChanged, match="0002 was changed"):
        await migrate(fresh_url, schema="store")


async def test_a_database_of_a_newer_version_is_refused(fresh_url: str) -> None:
    async with connected(fresh_url) as connection:
        await connection.execute("INSERT INTO schema_migrations VALUES (999, 'later', 'x')")

    with pytest.raises(MigrationChanged, match="999"):
        await migrate(fresh_url, schema="store")


async def test_only_what_is_new_is_applied(
    fresh_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ship_one_more(monkeypatch, "CREATE TABLE more (id int)")

    assert await migrate(fresh_url, schema="store") == (more,)


async def test_two_processes_at_once_apply_each_migration_once(empty_url: str) -> None:
    script = (
        "import asyncio, sys; from surehold.db.migrate import migrate;"
        "print(len(asyncio.run(migrate(sys.argv[1], schema='store'))))"
    )

    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, empty_url, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    outputs = [(await process.communicate())[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(int(output) for output in outputs) == [0, len(SHIPPED)]


async def test_two_stores_live_side_by_side_in_one_database(fresh_url: str) -> None:
    assert await migrate(fresh_url, schema="second") == SHIPPED

    async with connected(fresh_url, "second") as second, connected(fresh_url) as first:
        await second.execute("INSERT INTO settings VALUES ('a', '1', 'me', store_now())")

        assert await second.fetchval("SELECT count(*) FROM settings") == 1
        assert await first.fetchval("SELECT count(*) FROM settings") == 0
        # Nothing of the second store reaches into the first, not even a foreign key.
        assert (
            await first.fetchval(
                """
            SELECT count(*)
              FROM pg_depend
              JOIN pg_class AS here ON here.oid = objid AND classid = 'pg_class'::regclass
              JOIN pg_class AS there ON there.oid = refobjid AND refclassid = 'pg_class'::regclass
             WHERE here.relnamespace = 'second'::regnamespace
               AND there.relnamespace = 'store'::regnamespace
            """
            )
            == 0
        )


async def test_a_held_lock_makes_a_migration_give_up_with_nothing_half_applied(
    fresh_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_LOCK_TIMEOUT", "200ms")
    more = ship_one_more(
        monkeypatch, "CREATE TABLE more (id int); ALTER TABLE settings ADD COLUMN more int"
    )
    async with connected(fresh_url) as buyer:
        async with buyer.transaction():
            await buyer.execute("LOCK TABLE settings IN ACCESS SHARE MODE")

            async with asyncio.timeout(5):
                with pytest.raises(asyncpg.LockNotAvailableError):
                    await migrate(fresh_url, schema="store")

        assert await buyer.fetchval("SELECT to_regclass('more')") is None
        assert await buyer.fetchval("SELECT max(version) FROM schema_migrations") == len(SHIPPED)

    assert await migrate(fresh_url, schema="store") == (more,)


def test_the_limits_are_seconds_not_minutes() -> None:
    assert (runner._LOCK_TIMEOUT, runner._STATEMENT_TIMEOUT) == ("3s", "30s")


async def test_a_failing_file_leaves_the_ones_before_it(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship_one_more(monkeypatch, "CREATE TABLE more (id int); SELECT 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_url, schema="store")

    async with connected(empty_url) as connection:
        assert await connection.fetchval("SELECT to_regclass('more')") is None
        assert await connection.fetchval("SELECT count(*) FROM schema_migrations") == len(SHIPPED)


async def test_a_file_that_cannot_be_recorded_is_not_applied(
    fresh_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = f"INSERT INTO schema_migrations VALUES ({len(SHIPPED) + 1}, 'taken', 'x')"
    ship_one_more(monkeypatch, f"CREATE TABLE more (id int); {record}")

    with pytest.raises(asyncpg.UniqueViolationError):
        await migrate(fresh_url, schema="store")

    async with connected(fresh_url) as connection:
        assert await connection.fetchval("SELECT to_regclass('more')") is None


async def test_an_index_is_built_concurrently_in_a_file_of_its_own(
    fresh_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ship_one_more(
        monkeypatch, "-- Why.\nCREATE INDEX CONCURRENTLY settings_by on settings (updated_by)"
    )

    assert await migrate(fresh_url, schema="store") == (more,)

    async with connected(fresh_url) as connection:
        assert await connection.fetchval(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'settings_by'::regclass"
        )


@pytest.mark.parametrize(
    "schema",
    ["", "Store", "1store", "_store", "my-store", 'a"b', "a b", "a.b", "store\n", "s" * 52],
)
async def test_a_name_that_cannot_be_a_store_is_refused_before_connecting(schema: str) -> None:
    with pytest.raises(InvalidSchemaName):
        await migrate("postgresql://nobody@127.0.0.1:1/nothing", schema=schema)


def test_files_are_numbered_from_one_without_gaps() -> None:
    assert [migration.version for migration in SHIPPED] == list(range(1, len(SHIPPED) + 1))


async def test_without_trigrams_nothing_is_near_anything(empty_url: str) -> None:
    connection = await asyncpg.connect(empty_url)
    try:
        # As where the extension may not be made: there is nowhere for it to be.
        await connection.execute("DROP SCHEMA public CASCADE")
        await migrate(empty_url, schema="store")
        await connection.execute("SET search_path = store")
        found = await connection.fetch("SELECT near_names('tral lamp', 3)")
        index = await connection.fetchval("SELECT to_regclass('products_name_trigrams')")
    finally:
        await connection.close()

    assert (found, index) == ([], None)
