"""``surehold migrate``, ``seed`` and ``verify``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from surehold.app import database_of
from surehold.cli import environment
from surehold.cli.console import ExitCode, aside, out, say_json, say_table
from surehold.config import Config
from surehold.db.invariants import ROWS_MAX, Report, list_invariants, report
from surehold.db.migrate import Migration, list_pending, migrate
from surehold.demo.load import Loaded, load_demo

commands = typer.Typer()


@commands.command(name="migrate", epilog="Example: surehold migrate --dry-run")
def migrate_store(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is missing.")] = False,
    as_json: environment.JsonOption = False,
    data: environment.DataOption = None,
) -> None:
    """Bring the store's tables up to date. Twice does nothing; under traffic it does not wait."""
    with environment.with_database(Config(), data) as config:
        url = environment.url_of(config)
        work = list_pending if dry_run else migrate
        with aside.status("Looking at migrations" if dry_run else "Migrating"):
            found = asyncio.run(work(url, schema=config.store))
        _say_migrations(found, config.store, is_dry=dry_run, as_json=as_json)


@commands.command(epilog="Example: surehold seed")
def seed(*, as_json: environment.JsonOption = False, data: environment.DataOption = None) -> None:
    """Fill an empty store with the demo catalog. A store that sells anything is left as it is."""
    with environment.with_database(Config(), data) as config:
        asyncio.run(environment.check_migrated(config))
        with aside.status("Loading the demo catalog"):
            loaded = asyncio.run(_seed(config))
        if as_json:
            say_json(loaded)
        elif loaded.is_new:
            out.print(f"Loaded {loaded.counts.products} products.")
        else:
            out.print(f"The store has {loaded.counts.products} products already; left as it is.")


@commands.command(epilog="Example: surehold verify --json")
def verify(
    *,
    at_rest: Annotated[
        bool, typer.Option("--at-rest", help="Also what holds only when nothing is under way.")
    ] = False,
    as_json: environment.JsonOption = False,
    data: environment.DataOption = None,
) -> None:
    """Prove that stock, money and histories agree, on one snapshot. Exit code 1: they do not."""
    with environment.with_database(Config(), data) as config:
        asyncio.run(environment.check_migrated(config))
        with aside.status("Checking invariants"):
            found = asyncio.run(_verify(config, at_rest=at_rest))
    if as_json:
        say_json(found)
    else:
        _say_report(found)
    if not found.is_clean:
        raise typer.Exit(ExitCode.PROBLEM)


async def _seed(config: Config) -> Loaded:
    async with database_of(config, name="seed") as db:
        return await load_demo(db)


async def _verify(config: Config, *, at_rest: bool) -> Report:
    async with database_of(config, name="verify") as db:
        return await report(db, at_rest=at_rest)


def _say_migrations(
    found: tuple[Migration, ...], store: str, *, is_dry: bool, as_json: bool
) -> None:
    names = [f"{migration.version:04}_{migration.name}" for migration in found]
    if as_json:
        say_json({"store": store, "pending" if is_dry else "applied": names})
    elif not names:
        out.print(f"The store {store!r} is up to date.")
    else:
        out.print("Missing:" if is_dry else "Applied:")
        for name in names:
            out.print(f"  {name}")


def _say_report(found: Report) -> None:
    if found.is_clean:
        out.print(f"{found.checked_count} invariants hold ({found.duration_ms} ms).")
        return
    sentences = {invariant.code: invariant.sentence for invariant in list_invariants()}
    for code, rows in found.violations.items():
        columns = list(rows[0])
        say_table(
            f"{code}  {sentences[code]}",
            columns,
            [[str(row[column]) for column in columns] for row in rows],
        )
        if len(rows) == ROWS_MAX:
            out.print(f"These are the first {ROWS_MAX}; there may be more.")
        out.print()
    out.print(f"{len(found.violations)} of {found.checked_count} invariants are broken.")
