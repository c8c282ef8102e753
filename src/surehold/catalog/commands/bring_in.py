"""Bringing products in from a table: all of it or nothing, after a look at what it would do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Final, TypeAlias

from surehold.catalog import queries, sql, table
from surehold.catalog.commands.add import add_products
from surehold.catalog.commands.change import change_products
from surehold.catalog.model import (
    ChangedProduct,
    ChangedVariant,
    ImportReport,
    StoredProduct,
)
from surehold.catalog.table import Known, Plan, Planned
from surehold.db import Connection, Database, Transaction
from surehold.db.database import limit_transactions
from surehold.kernel.csv_table import CellProblem, Table, read_table
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.permissions import Permission, require

MAX_ROWS: Final = 10_000
MAX_BYTES: Final = 8 * 1024 * 1024
#: A report lists so many changes and problems, and counts the rest.
LISTED: Final = 1_000
_BATCH: Final = 500
#: How long the whole may take; each statement has the time of any other.
LIMIT_MS: Final = 120_000

Keep: TypeAlias = Callable[[Transaction, ImportReport], Awaitable[None]]


async def import_products(
    db: Database, *, raw: bytes, is_dry_run: bool = False, keep: Keep | None = None
) -> ImportReport:
    """Add and change products as a CSV file says; a dry run only says what it would do.

    All of it or nothing. The same file again changes nothing. Products and variants that the file
    does not name stay as they are, as do columns that it does not have. ``keep`` joins the
    transaction, to store the answer with what was done.

    Raises:
        InvalidInput: Lists every problem as ``/rows/{row}/{column}``; a dry run reports them.
        SlugTaken, SkuTaken: Somebody else added the same thing meanwhile. Nothing was done.
    """
    require(Permission.CATALOG_WRITE)
    # Ten thousand rows take a second to read: the process goes on with its other work.
    read = await asyncio.to_thread(
        read_table,
        raw,
        known=table.KnownColumns(),
        required=(table.PRODUCT, table.SKU),
        most_rows=MAX_ROWS,
    )
    if is_dry_run:
        async with db.connection() as connection:
            stored = await queries.list_stored(connection, slugs=_named(read, table.PRODUCT))
            plan = await _plan(connection, read, stored)
        return _problematic(read, plan) if plan.problems else _report(read, plan, dry=True)

    async def work(tx: Transaction) -> ImportReport:
        await limit_transactions(tx.raw, LIMIT_MS, is_local=True)
        stored = await queries.lock_stored(tx, slugs=_named(read, table.PRODUCT))
        plan = await _plan(tx, read, stored)
        _refuse(plan.problems)
        await _write(tx, plan)
        report = _report(read, plan, dry=False)
        if keep is not None:
            await keep(tx, report)
        return report

    return await db.retrying(work)


async def _plan(connection: Connection, read: Table, stored: dict[str, StoredProduct]) -> Plan:
    """What the file asks for; without its key columns there is nothing but problems."""
    if not {table.PRODUCT, table.SKU} <= set(read.columns):
        return Plan((), (), read.problems)
    known = await _known(connection, read, stored)
    plan = await asyncio.to_thread(table.plan, read.rows, known)
    problems = sorted((*read.problems, *plan.problems), key=attrgetter("row"))
    return Plan(plan.products, plan.changes, tuple(problems))


async def _known(connection: Connection, read: Table, stored: dict[str, StoredProduct]) -> Known:
    vendors = {row.vendor_slug for row in stored.values()} | set(_named(read, "vendor"))
    categories = {slug for row in stored.values() for slug in row.category_slugs}
    for cell in _named(read, "categories"):
        categories |= {part.strip() for part in cell.split(";")}
    owners = await connection.all(sql.SKU_OWNERS, _named(read, table.SKU))
    return Known(
        products=stored,
        sku_owners={row.sku: row.slug for row in owners},
        vendors={
            row.slug: row.id for row in await connection.all(sql.VENDORS_BY_SLUG, list(vendors))
        },
        categories={
            row.slug: row.id
            for row in await connection.all(sql.CATEGORIES_BY_SLUG, list(categories))
        },
    )


def _named(read: Table, column: str) -> list[str]:
    """What a column names, each once, in a fixed order."""
    return sorted({row.cells.get(column, "").strip() for row in read.rows} - {""})


async def _write(tx: Transaction, plan: Plan) -> None:
    new = [one.after for one in plan.products if one.before is None]
    touched = {change.product for change in plan.changes}
    changed = [_changed(one) for one in plan.products if one.before and one.after.slug in touched]
    for start in range(0, len(new), _BATCH):
        await add_products(tx, products=new[start : start + _BATCH])
    for start in range(0, len(changed), _BATCH):
        await change_products(tx, changes=changed[start : start + _BATCH])


def _changed(planned: Planned) -> ChangedProduct:
    before, after = planned.before, planned.after
    assert before is not None
    stored = {variant.sku: variant for variant in before.variants}
    place = max((variant.position for variant in before.variants), default=-1)
    new = [variant for variant in after.variants if variant.sku not in stored]
    return ChangedProduct(
        id=before.id,
        name=after.name,
        vendor_id=after.vendor_id,
        status=after.status,
        fact=after.fact,
        description=after.description,
        option_names=after.option_names,
        category_ids=after.category_ids,
        variants=tuple(
            ChangedVariant(
                stored[variant.sku].id,
                variant.options,
                variant.weight_grams,
                variant.is_active,
                variant.prices,
                variant.tax_class,
            )
            for variant in after.variants
            if variant.sku in stored
        ),
        new_variants=tuple(enumerate(new, place + 1)),
    )


def _refuse(problems: Sequence[CellProblem]) -> None:
    if problems:
        raise InvalidInput(
            tuple(
                Fault(f"/rows/{one.row}/{one.column}", one.code, one.detail)
                for one in problems[:LISTED]
            )
        )


def _problematic(read: Table, plan: Plan) -> ImportReport:
    return ImportReport(
        is_dry_run=True,
        row_count=len(read.rows),
        problem_count=len(plan.problems),
        problems=plan.problems[:LISTED],
    )


def _report(read: Table, plan: Plan, *, dry: bool) -> ImportReport:
    created = sum(one.before is None for one in plan.products)
    touched = len({change.product for change in plan.changes}) - created
    return ImportReport(
        is_dry_run=dry,
        row_count=len(read.rows),
        products_created=created,
        products_changed=touched,
        products_unchanged=len(plan.products) - created - touched,
        variants_created=sum(change.kind == "variant_created" for change in plan.changes),
        variants_changed=len(
            {change.sku for change in plan.changes if change.kind == "changed" and change.sku}
        ),
        change_count=len(plan.changes),
        changes=plan.changes[:LISTED],
    )
