"""``surehold migrate``, ``seed`` and ``verify``."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

import msgspec
import typer
from pydantic import SecretStr

from surehold.app import database_of
from surehold.cli import environment
from surehold.cli.console import ExitCode, Failure, aside, out, say_json, say_table
from surehold.config import Config, Mode
from surehold.db.invariants import ROWS_MAX, Report, list_invariants, report
from surehold.db.migrate import Migration, list_pending, migrate
from surehold.demo.history import Filled, before_history, fill_history
from surehold.demo.load import Loaded, load_demo
from surehold.demo.plan import ORDERS

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


@commands.command(epilog="Example: surehold seed --history")
def seed(
    *,
    with_history: Annotated[
        bool,
        typer.Option(
            "--history", help="Also the last 90 days: orders, returns and reviews. Not twice."
        ),
    ] = False,
    orders: Annotated[
        int, typer.Option(help="How many orders the history has.", min=1, max=5_000)
    ] = ORDERS,
    as_json: environment.JsonOption = False,
    data: environment.DataOption = None,
) -> None:
    """Fill an empty store with the demo catalog. A store that sells anything is left as it is.

    The history is for a store that sells the demo catalog and that nobody has ordered from. It
    takes about a minute; stopped half-way, what is there by then stays as it is.
    """
    given = Config()
    if with_history and given.mode is Mode.PRODUCTION:
        raise Failure("A store in production mode gets no invented history.", code=ExitCode.USAGE)
    with environment.with_database(given, data) as config:
        asyncio.run(environment.check_migrated(config))
        with aside.status("Loading the demo catalog"):
            loaded = asyncio.run(_seed(config, is_in_the_past=with_history))
        filled = None
        if with_history:
            with aside.status("Filling in the last 90 days"):
                filled = asyncio.run(fill_history(_signing(config), orders=orders))
    if as_json:
        say_json({**msgspec.structs.asdict(loaded), "history": filled} if filled else loaded)
        return
    if loaded.is_new:
        out.print(f"Loaded {loaded.counts.products} products.")
    elif filled is None:
        out.print(f"The store has {loaded.counts.products} products already; left as it is.")
    if filled is not None:
        _say_filled(filled)


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


async def _seed(config: Config, *, is_in_the_past: bool) -> Loaded:
    db = database_of(config, name="seed")
    async with before_history(db) if is_in_the_past else db as opened:
        return await load_demo(opened)


def _signing(config: Config) -> Config:
    """Settings with which answers can be signed; who has no secret signs with one of this moment.

    What is signed here is stored with the keys of requests that nobody will repeat.
    """
    if config.secret_keys:
        return config
    return config.model_copy(update={"secret_keys": (SecretStr(secrets.token_urlsafe(32)),)})


def _say_filled(filled: Filled) -> None:
    if not filled.is_new:
        out.print("The store has a past already; left as it is.")
        return
    out.print(f"The last 90 days have {filled.orders} orders and {filled.reviews} reviews.")
    if filled.refused:
        out.print(f"{filled.refused} steps were refused, for somebody was quicker.")


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
