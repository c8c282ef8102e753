"""The PostgreSQL of one test run: one server for all workers, one migrated template to clone.

A server given by ``SUREHOLD_TEST_DATABASE_URL`` is used as it is; else an embedded one is started
by the first test that needs it, whichever worker runs it, and stopped when the run ends. What a
killed run left behind is ended by the next one.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from surehold.db import embedded
from surehold.db.embedded.errors import EmbeddedPostgresFailure
from surehold.db.migrate import migrate

#: The server to use instead of an embedded one. Its role must be able to create databases.
SERVER_VARIABLE: Final = "SUREHOLD_TEST_DATABASE_URL"
SCHEMA: Final = "store"

# A test database is made again in a second, so nothing of it has to survive a loss of power.
_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
}
_FOLDERS: Final = Path(tempfile.gettempdir()) / f"surehold-tests-{os.getuid()}"


def new_run() -> Path:
    """A folder for this run, after ending what dead runs have left behind."""
    _FOLDERS.mkdir(mode=0o711, exist_ok=True)
    assert _FOLDERS.stat().st_uid == os.getuid(), f"{_FOLDERS} is somebody else's"
    for folder in _FOLDERS.iterdir():
        if not Path("/proc", folder.name.partition("-")[0]).exists():
            _discard(folder)
    run = _FOLDERS / f"{os.getpid()}-{uuid4().hex[:8]}"
    # The server runs as another account when the tests run as root: it must be able to pass.
    run.mkdir(mode=0o711)
    return run


def end_run(run: Path) -> None:
    """Drop the run's databases and stop its server."""
    given = os.environ.get(SERVER_VARIABLE)
    if given and run.exists():
        _now(_drop_databases(given, prefix_of(run)))
    _discard(run)


def server_url(run: Path, database: str) -> str:
    """The address of a database of this run; starts the server when there is none yet."""
    given = os.environ.get(SERVER_VARIABLE)
    if given:
        return urlunsplit(urlsplit(given)._replace(path=f"/{database}"))
    return _embedded(run).url(database)


@lru_cache(maxsize=1)
def _embedded(run: Path) -> embedded.RunningServer:
    # Detached: the first worker to ask is not the last one to need it.
    return embedded.start(run / "data", settings=_SETTINGS, detached=True)


def prefix_of(run: Path) -> str:
    """What the names of the run's databases begin with."""
    return f"surehold_test_{run.name.replace('-', '_')}_"


def template_of(run: Path) -> str:
    """The name of the run's migrated database; migrates it when it is not there yet."""
    name = f"{prefix_of(run)}template"
    admin, url = server_url(run, "postgres"), server_url(run, name)
    with _locked(run):
        if not (run / "template").exists():
            _now(_make_template(admin, url, name))
            (run / "template").touch()
    return name


def clone(run: Path, name: str) -> str:
    """The address of a new, migrated and empty database of this run."""
    template = template_of(run)
    full_name = prefix_of(run) + name
    # Copying files beats copying through the log when nothing is synced.
    text = f'CREATE DATABASE "{full_name}" TEMPLATE "{template}" STRATEGY file_copy'
    _now(_execute(server_url(run, "postgres"), text))
    return server_url(run, full_name)


def create(run: Path, name: str) -> str:
    """The address of a new database of this run, with nothing in it."""
    full_name = prefix_of(run) + name
    _now(_execute(server_url(run, "postgres"), f'CREATE DATABASE "{full_name}"'))
    return server_url(run, full_name)


def drop(run: Path, name: str) -> None:
    """Drop a database, and with it whoever is still connected."""
    text = f'DROP DATABASE IF EXISTS "{prefix_of(run)}{name}" WITH (FORCE)'
    _now(_execute(server_url(run, "postgres"), text))


def _now(work: Coroutine[Any, Any, None]) -> None:
    """Carry out in a loop of its own: fixtures of a session outlive the loops of its tests."""
    with asyncio.Runner() as runner:
        runner.run(work)


async def _execute(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(text)
    finally:
        await connection.close()


async def _make_template(admin: str, url: str, name: str) -> None:
    await _execute(admin, f'CREATE DATABASE "{name}"')
    await migrate(url, schema=SCHEMA)


async def _drop_databases(admin: str, prefix: str) -> None:
    connection = await asyncpg.connect(admin)
    try:
        names = await connection.fetch(
            "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix
        )
        for name in names:
            await connection.execute(f'DROP DATABASE "{name["datname"]}" WITH (FORCE)')
    finally:
        await connection.close()


def _discard(run: Path) -> None:
    # Another run may be discarding the same one, at any moment of it.
    with suppress(FileNotFoundError, EmbeddedPostgresFailure):
        if (run / "data").exists():
            embedded.reset(run / "data")
    shutil.rmtree(run, ignore_errors=True)


@contextmanager
def _locked(run: Path) -> Iterator[None]:
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
