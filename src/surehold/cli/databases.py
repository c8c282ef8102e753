"""``surehold db``: the embedded server, and backups of any."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg
import typer

from surehold.cli import environment
from surehold.cli.console import ExitCode, Failure, aside, out, say_json
from surehold.cli.store import migrate_store
from surehold.config import Config
from surehold.db import embedded
from surehold.db.embedded import RunningServer, ServerStatus

group = typer.Typer(no_args_is_help=True, help="Look after the database.")

group.command(name="migrate", epilog="Example: surehold db migrate --dry-run")(migrate_store)

_OWN_SERVER: Final = "SUREHOLD_DATABASE_URL names a server of your own"


@group.command(epilog="Example: surehold db up")
def up(*, as_json: environment.JsonOption = False, data: environment.DataOption = None) -> None:
    """Start the embedded server and leave it running."""
    config = _embedded_only("start")
    place = environment.database_dir(config, data)
    with aside.status("Starting the embedded database"):
        embedded.start(place, detached=True)
    _say_status(embedded.status(place), as_json=as_json)


@group.command(epilog="Example: surehold db down")
def down(*, data: environment.DataOption = None) -> None:
    """Stop the embedded server, whoever started it."""
    config = _embedded_only("stop")
    was_there = embedded.stop(environment.database_dir(config, data))
    out.print("Stopped." if was_there else "It was not running.")


@group.command(epilog="Example: surehold db status --json")
def status(
    *, as_json: environment.JsonOption = False, data: environment.DataOption = None
) -> None:
    """Say whether the embedded server runs, and where. Exit code 1: it does not."""
    config = _embedded_only("ask")
    found = embedded.status(environment.database_dir(config, data))
    _say_status(found, as_json=as_json)
    if not found.running:
        raise typer.Exit(ExitCode.PROBLEM)


@group.command(epilog='Example: psql "$(surehold db url)"')
def url(*, data: environment.DataOption = None) -> None:
    """Say the address of the database, password included."""
    config = Config()
    if config.database_url is not None:
        typer.echo(environment.url_of(config))
        return
    found = embedded.status(environment.database_dir(config, data))
    if found.url is None:
        raise Failure("The embedded database does not run.", details=["surehold db up"])
    typer.echo(found.url)


@group.command(epilog="Example: surehold db psql")
def psql(*, data: environment.DataOption = None) -> None:
    """Open psql in the store's schema."""
    config = Config()
    with _server(config, data) as (address, running):
        options = f"-c search_path={config.store}"
        code = _program("psql", [], address, running, {"PGOPTIONS": options})
    raise typer.Exit(code)


@group.command(epilog="Example: surehold db backup store.dump")
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write.", dir_okay=False)],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    data: environment.DataOption = None,
) -> None:
    """Write the whole store to a file, as it is at one instant, while it is open."""
    if file.exists() and not force:
        raise Failure(f"{file} exists; replace it with --force.", code=ExitCode.USAGE)
    config = Config()
    draft = file.with_name(f".{file.name}.part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    try:
        with _server(config, data) as (address, running), aside.status("Writing the backup"):
            arguments = ["--format=custom", "--no-owner", f"--schema={config.store}"]
            code = _program("pg_dump", [*arguments, f"--file={draft}"], address, running)
        if code != 0:
            raise Failure(f"pg_dump failed (exit code {code}); nothing was written.")
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    out.print(f"Wrote {file} ({file.stat().st_size:,} bytes).")


@group.command(epilog="Example: surehold db restore store.dump --yes")
def restore(
    file: Annotated[Path, typer.Argument(help="A backup.", exists=True, dir_okay=False)],
    *,
    yes: environment.YesOption = False,
    data: environment.DataOption = None,
) -> None:
    """Replace the store by a backup, all of it or nothing. Run surehold verify afterwards."""
    config = Config()
    environment.ask_first(
        f"This replaces everything in the store {config.store!r}.", is_confirmed=yes
    )
    with _server(config, data) as (address, running):
        asyncio.run(_check_readable(address))
        arguments = ["--clean", "--if-exists", "--no-owner", "--exit-on-error"]
        arguments += ["--single-transaction", str(file)]
        with aside.status("Restoring"):
            code = _program("pg_restore", arguments, address, running)
    if code != 0:
        raise Failure(f"pg_restore failed (exit code {code}); the store is as it was.")
    out.print(f"Restored {file}.")


@group.command(epilog="Example: surehold db reset --yes")
def reset(*, yes: environment.YesOption = False, data: environment.DataOption = None) -> None:
    """Stop the embedded server and delete its data. There is no way back."""
    config = _embedded_only("reset")
    place = environment.database_dir(config, data)
    environment.ask_first(f"This deletes everything in {place}.", is_confirmed=yes)
    out.print("Deleted." if embedded.reset(place) else "There was nothing.")


def _embedded_only(verb: str) -> Config:
    config = Config()
    if config.database_url is not None:
        raise Failure(f"{_OWN_SERVER}: there is no embedded one to {verb}.", code=ExitCode.USAGE)
    return config


@contextmanager
def _server(config: Config, data: Path | None) -> Iterator[tuple[str, RunningServer | None]]:
    """The database's address, and the embedded server if it is one."""
    if config.database_url is not None:
        yield environment.url_of(config), None
        return
    with embedded.start(environment.database_dir(config, data)) as running:
        yield running.url(), running


async def _check_readable(address: str) -> None:
    """A database that does not answer is said to be so before anything is replaced."""
    await (await asyncpg.connect(address, timeout=5)).close()


def _program(
    name: str,
    arguments: list[str],
    address: str,
    running: RunningServer | None,
    more: dict[str, str] | None = None,
) -> int:
    """Run one of PostgreSQL's programs on the database; the password stays out of sight.

    Raises:
        Failure: It is not installed.
    """
    beside = running.bin_dir / name if running is not None else None
    found = str(beside) if beside is not None and beside.exists() else shutil.which(name)
    if found is None:
        raise Failure(
            f"{name} is not installed.",
            details=["install PostgreSQL's client programs, of the server's version or newer"],
        )
    parts = urlsplit(address)
    password = unquote(parts.password or "")
    user, _, place = parts.netloc.rpartition("@")
    bare = parts._replace(netloc=f"{user.partition(':')[0]}@{place}" if user else place)
    visible = {**os.environ, **(more or {})}
    if password:
        visible["PGPASSWORD"] = password
    done = subprocess.run(
        [found, f"--dbname={urlunsplit(bare)}", *arguments], check=False, env=visible
    )
    return done.returncode


def _say_status(found: ServerStatus, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "running": found.running,
                "data_dir": str(found.data_dir),
                "pid": found.pid,
                "port": found.port,
                "version": found.version,
                "url": found.masked_url,
            }
        )
    elif found.running:
        out.print(f"PostgreSQL {found.version} runs (process {found.pid}, port {found.port}).")
        out.print(f"Data: {found.data_dir}", markup=False)
        out.print(f"Address: {found.masked_url}", markup=False)
    else:
        out.print(f"It does not run. Data: {found.data_dir}", markup=False)
