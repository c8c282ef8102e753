"""Forward-only migrations: plain SQL files, one concern each, per store schema.

Each file runs in its own transaction with short lock and statement time-outs, so that a migration
under traffic gives up rather than queue every buyer behind its lock. A file that builds an index
``CONCURRENTLY`` runs alone, outside a transaction. Applied files never change: their checksum is
kept and compared.
"""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from typing import Any, Final

import asyncpg
import msgspec

_FILE: Final = re.compile(r"^(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql$")
_SCHEMA: Final = re.compile(r"^(?!pg_|information_schema$|public$)[a-z][a-z0-9_]{0,50}$")
_LOCK_TIMEOUT: Final = "3s"
_STATEMENT_TIMEOUT: Final = "30s"

_LEDGER: Final = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version    int PRIMARY KEY,
        name       text NOT NULL,
        checksum   text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""


class Migration(msgspec.Struct, frozen=True):
    """One file."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def is_concurrent(self) -> bool:
        statements = re.sub(r"--[^\n]*", "", self.text)
        return "CONCURRENTLY" in statements


class MigrationChanged(RuntimeError):
    """A file that was applied has another text now, or is gone. Nothing was done."""


class InvalidSchemaName(ValueError):
    """A store's schema is named in lower-case letters, digits and underscores."""


def list_migrations() -> tuple[Migration, ...]:
    """Every migration that ships with this version, in order, without gaps."""
    found = []
    for entry in resources.files("surehold.db.migrations").iterdir():
        match = _FILE.match(entry.name)
        if match is not None:
            found.append(Migration(int(match["version"]), match["name"], entry.read_text("utf-8")))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise RuntimeError("migration files are numbered from 1 without gaps")
    return tuple(found)


async def migrate(url: str, *, schema: str) -> tuple[Migration, ...]:
    """Bring one store's schema up to date; returns what was applied now.

    Safe to run from several machines at once: an advisory lock lets one of them work.

    Raises:
        InvalidSchemaName: The schema's name could not be a store.
        MigrationChanged: The history of the schema is not the history of this program.
    """
    if not _SCHEMA.fullmatch(schema):
        raise InvalidSchemaName(f"{schema!r} is not a store schema name")
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        await connection.execute("SELECT pg_advisory_lock(hashtext($1))", f"surehold:{schema}")
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        await connection.execute(f'SET search_path = "{schema}"')
        await connection.execute(_LEDGER)
        pending = await _pending(connection)
        for migration in pending:
            await _apply(connection, migration)
        return pending
    finally:
        await connection.close()


async def list_pending(url: str, *, schema: str) -> tuple[Migration, ...]:
    """What ``migrate`` would apply, without applying it."""
    connection = await asyncpg.connect(url, server_settings={"search_path": schema})
    try:
        if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
            return list_migrations()
        return await _pending(connection)
    finally:
        await connection.close()


async def _pending(connection: asyncpg.Connection[Any]) -> tuple[Migration, ...]:
    shipped = list_migrations()
    rows = await connection.fetch("SELECT version, checksum FROM schema_migrations")
    applied = {row["version"]: row["checksum"] for row in rows}
    known_versions = frozenset(applied)
    for migration in shipped:
        known = applied.pop(migration.version, None)
        if known is not None and known != migration.checksum:
            raise MigrationChanged(
                f"migration {migration.version:04} was changed after it was applied"
            )
    if applied:
        raise MigrationChanged(
            f"the database knows migrations {sorted(applied)} that this version does not have"
        )
    pending = tuple(migration for migration in shipped if migration.version not in known_versions)
    if pending and known_versions and pending[0].version < max(known_versions):
        raise MigrationChanged(
            f"migration {pending[0].version:04} is missing between applied ones"
        )
    return pending


async def _apply(connection: asyncpg.Connection[Any], migration: Migration) -> None:
    timeouts = (
        f"SET lock_timeout = '{_LOCK_TIMEOUT}'; SET statement_timeout = '{_STATEMENT_TIMEOUT}'"
    )
    record = "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)"
    values = (migration.version, migration.name, migration.checksum)
    if migration.is_concurrent:
        await connection.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        await connection.execute(migration.text)
        await connection.execute(record, *values)
        return
    await connection.execute(timeouts)
    async with connection.transaction():
        await connection.execute(migration.text)
        await connection.execute(record, *values)
