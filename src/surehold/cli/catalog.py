"""``surehold catalog``: products in and out as CSV."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from surehold.app import database_of
from surehold.catalog import commands, queries
from surehold.catalog.commands.bring_in import MAX_BYTES
from surehold.catalog.model import ImportReport
from surehold.cli import environment
from surehold.cli.console import ExitCode, Failure, aside, out, say_json, say_table
from surehold.config import Config

group = typer.Typer(
    no_args_is_help=True,
    help="Bring products in and out as CSV.",
    epilog="Example: surehold catalog import products.csv --dry-run",
)


@group.command(name="import", epilog="Example: surehold catalog import products.csv --dry-run")
def import_products(
    file: Annotated[Path, typer.Argument(help="A CSV file, one row per variant.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list problems, or what would be done.")
    ] = False,
    as_json: environment.JsonOption = False,
    data: environment.DataOption = None,
) -> None:
    """Add and change products as a file says: all of it or nothing. Twice changes nothing more.

    Columns: product (its slug), sku, name, vendor (slug), status, fact, description, categories
    (slugs, separated by semicolons), option1_name … option5_name, option1 … option5,
    weight_grams, is_active (yes or no), and price_EUR, price_USD, …: amounts as in 19.99.
    What a file does not name stays as it is. Exit code 1: there are problems.
    """
    if not file.is_file():
        raise Failure(f"There is no file {file}.", code=ExitCode.USAGE)
    if file.stat().st_size > MAX_BYTES:
        raise Failure(f"The file has more than {MAX_BYTES} bytes.", code=ExitCode.USAGE)
    raw = file.read_bytes()
    with environment.with_database(Config(), data) as config:
        asyncio.run(environment.check_migrated(config))
        with aside.status("Reading the file" if dry_run else "Importing products"):
            found = asyncio.run(_import(config, raw, is_dry_run=dry_run))
    if as_json:
        say_json(found)
    else:
        _say(found)
    if found.problems:
        raise typer.Exit(ExitCode.PROBLEM)


@group.command(name="export", epilog="Example: surehold catalog export products.csv")
def export_products(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write; unset: standard output.")
    ] = None,
    *,
    data: environment.DataOption = None,
) -> None:
    """Write every product as CSV, one row per variant; imported again it changes nothing."""
    with environment.with_database(Config(), data) as config:
        asyncio.run(environment.check_migrated(config))
        asyncio.run(_export(config, file))


async def _import(config: Config, raw: bytes, *, is_dry_run: bool) -> ImportReport:
    async with database_of(config, name="import") as db:
        looked = await commands.import_products(db, raw=raw, is_dry_run=True)
        if is_dry_run or looked.problems:
            return looked
        return await commands.import_products(db, raw=raw)


async def _export(config: Config, file: Path | None) -> None:
    async with database_of(config, name="export") as db:
        if file is None:
            async for part in queries.export_products(db):
                typer.echo(part.encode(), nl=False)
            return
        with file.open("w", encoding="utf-8", newline="") as target:
            async for part in queries.export_products(db):
                target.write(part)


def _say(found: ImportReport) -> None:
    if found.problems:
        rows = [[str(one.row), one.column, one.detail] for one in found.problems]
        say_table("Nothing was done", ["row", "column", "problem"], rows)
        out.print(f"{found.problem_count} problems.")
        return
    if found.is_dry_run:
        rows = [
            [str(one.row), one.sku or one.product, one.column or one.kind, one.after or ""]
            for one in found.changes
        ]
        say_table("It would do this", ["row", "what", "column", "becomes"], rows)
    out.print(
        f"{found.products_created} products created, {found.products_changed} changed, "
        f"{found.products_unchanged} unchanged; {found.variants_created} variants created, "
        f"{found.variants_changed} changed."
    )
