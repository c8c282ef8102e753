"""Stores full of carts, some at a time, each in a process of its own; and what came of all."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from itertools import repeat
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from rich.console import Console

from proof.carts.books import Seen, count_stock
from proof.carts.life import Broken, Life
from proof.carts.shop import Shop, open_shop
from proof.report import Finding, show
from surehold.checkout.commands import sweep
from surehold.checkout.engine import Checkout
from surehold.db import Connection, Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from surehold.jobs import outbox
from tests.builders.orders import a_checkout
from tests.support import server
from tests.support.clock import open_shifted

CARTS: Final = 10_000
PER_STORE: Final = 500
#: Carts under way at the same time in one store: they meet in the lanes and on the shelves.
AT_ONCE: Final = 24
#: Every so many carts all invariants are checked, beside what goes on.
CHECK_EVERY: Final = 100
_PATIENCE_SECONDS: Final = 120
_HARNESS: Final = "carts"
_TITLE: Final = "Generated carts: every order added up anew after every step"
_STOCK: Final = """
    /* proof.list_stock */
    SELECT variant_id, sum(on_hand)::int AS on_hand, sum(allocated + reserved)::int AS taken
      FROM stock_levels GROUP BY variant_id
"""
_ACCOUNTS: Final = """
    /* proof.list_accounts */
    SELECT split_part(account, ':', 1) AS account, currency::text AS currency,
           sum(amount_minor)::bigint AS minor
      FROM ledger_entries GROUP BY 1, 2 HAVING sum(amount_minor) <> 0
"""
_COUPONS: Final = "SELECT code, used FROM coupons"


class StoreResult(msgspec.Struct):
    """What one store came to. ``wrong`` are whole stories."""

    seed: int
    carts: int
    counts: dict[str, int]
    wrong: list[str]


class _Store:
    """One store and its carts."""

    def __init__(self, db: Database, checkout: Checkout, shop: Shop) -> None:
        self.db = db
        self.checkout = checkout
        self.shop = shop
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.seen: dict[UUID, Seen] = {}
        self._done = 0

    async def live(self, carts: int) -> None:
        """Let so many carts be, some at a time; none begins after something is wrong."""
        numbers = iter(range(carts))

        async def one_after_the_other() -> None:
            for number in numbers:
                if self.wrong:
                    return
                await self._live_one(number)

        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
        if not self.wrong:
            await self._check_at_rest()

    async def _live_one(self, number: int) -> None:
        life = Life(self.checkout, self.shop, number)
        try:
            await life.run()
        except Broken as broken:
            self.wrong.append(str(broken))
        except Exception:  # noqa: BLE001 - a breakdown is no pass, whatever it is
            story = "\n    ".join(life.story)
            self.wrong.append(f"cart {number}:\n    {story}\n{traceback.format_exc()}")
        self.counts.update(life.counts)
        if life.seen is not None:
            self.seen[life.seen.order.id] = life.seen
        self._done += 1
        self.counts["carts"] += 1
        if self._done % CHECK_EVERY == 0:
            await self._check_invariants(at_rest=False)

    async def _check_invariants(self, *, at_rest: bool) -> None:
        async with self.db.connection() as connection:
            found = await check_invariants(connection, at_rest=at_rest)
        self.counts["checks of all invariants"] += 1
        self.wrong += [f"{code}: {len(rows)} rows, {rows[0]}" for code, rows in found.items()]

    async def _check_at_rest(self) -> None:
        """What nobody paid runs out; then all orders together are what the store has."""
        async with (
            open_shifted(self.db.settings, timedelta(days=10)) as later,
            a_checkout(later) as checkout,
        ):
            while sum(msgspec.structs.astuple(await sweep(checkout))):
                pass
        while await outbox.publish(self.db, subscribers=()):
            pass
        await self._check_invariants(at_rest=True)
        async with self.db.connection() as connection:
            self.wrong += await self._compare(connection)

    async def _compare(self, connection: Connection) -> list[str]:
        gone, taken = count_stock(self.seen)
        found = []
        for row in await connection.raw.fetch(_STOCK):
            variant_id = row["variant_id"]
            have = (row["on_hand"], row["taken"])
            want = (self.shop.opening[variant_id] - gone[variant_id], taken[variant_id])
            if have != want:
                found.append(f"stock of {variant_id}: {have} on hand and taken, not {want}")
        kept: Counter[str] = Counter()
        for one in self.seen.values():
            kept[one.order.currency] += one.order.paid_minor - one.order.refunded_minor
        sums: dict[Any, int] = {
            (row["account"], row["currency"]): row["minor"]
            for row in await connection.raw.fetch(_ACCOUNTS)
        }
        for currency in sorted(kept):
            if sums.get(("provider_clearing", currency), 0) != kept[currency]:
                found.append(f"{kept[currency]} {currency} were kept, the ledger says {sums}")
            if ("customer_deposits", currency) in sums:
                found.append(f"deposits in {currency} are left: {sums}")
        uses = Counter(one.order.coupon_code for one in self.seen.values() if one.is_bought)
        found += [
            f"{row['code']} counts {row['used']}, {uses[row['code']]} orders have it"
            for row in await connection.raw.fetch(_COUPONS)
            if row["used"] != uses[row["code"]]
        ]
        return found


async def _live(url: str, seed: int, carts: int) -> StoreResult:
    async with Database(_patient(url)) as db, a_checkout(db) as checkout:
        store = _Store(db, checkout, await open_shop(db, seed, carts=carts))
        await store.live(carts)
    return StoreResult(seed, carts, dict(store.counts), store.wrong)


def _patient(url: str) -> Settings:
    """A pool that neither a slow machine nor so many carts can exhaust: load is not the matter."""
    return Settings(
        url=url,
        pool_max=2 * AT_ONCE,
        acquire_timeout_seconds=_PATIENCE_SECONDS,
        connect_timeout_seconds=_PATIENCE_SECONDS,
        statement_timeout_ms=1_000 * _PATIENCE_SECONDS,
        lock_timeout_ms=1_000 * _PATIENCE_SECONDS,
        transaction_timeout_ms=1_000 * _PATIENCE_SECONDS,
        idle_in_transaction_timeout_ms=1_000 * _PATIENCE_SECONDS,
    )


def run_store(run_folder: Path, seed: int, carts: int) -> StoreResult:
    """Let one store live on a database of its own."""
    name = f"carts_{seed}_{os.getpid()}"
    url = server.clone(run_folder, name)
    try:
        with asyncio.Runner() as runner:
            return runner.run(_live(url, seed, carts))
    finally:
        server.drop(run_folder, name)


def run(
    *,
    carts: int = CARTS,
    seed: int = 1,
    per_store: int = PER_STORE,
    jobs: int = 2,
    run_folder: Path | None = None,
    console: Console | None = None,
) -> Finding:
    """So many carts over as many stores as they take; the first store has the first seed."""
    began = time.monotonic()
    seeds = range(seed, seed + -(-carts // per_store))
    sizes = [min(per_store, carts - per_store * number) for number in range(len(seeds))]
    results: list[StoreResult] = []
    with ExitStack() as stack:
        folder = run_folder
        if folder is None:
            folder = server.new_run()
            stack.callback(server.end_run, folder)
        server.template_of(folder)
        if jobs == 1:
            found = map(run_store, repeat(folder), seeds, sizes)
        else:
            context = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(jobs, mp_context=context))
            found = pool.map(run_store, repeat(folder), seeds, sizes)
        for result in found:
            results.append(result)
            if console is not None:
                state = "broken" if result.wrong else "sound"
                console.print(f"store {result.seed}: {result.carts} carts, {state}")
                for story in result.wrong:
                    console.print(story, markup=False, highlight=False)
    return _finding(results, seconds=time.monotonic() - began)


def _finding(results: Sequence[StoreResult], *, seconds: float) -> Finding:
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts)
    first = ("carts", "orders", "steps", "orders added up", "checks of all invariants")
    figures: dict[str, int | float | str] = {name: counts[name] for name in first}
    figures["stores"] = len(results)
    figures["carts/s"] = counts["carts"] / seconds if seconds else 0.0
    for prefix in ("orders in the end", "orders in ", "step: ", "carts refused", "refused: "):
        figures |= {name: n for name, n in sorted(counts.items()) if name.startswith(prefix)}
    figures |= {name: n for name, n in sorted(counts.items()) if name not in figures}
    return Finding(
        _HARNESS,
        _TITLE,
        seconds,
        figures,
        violations=tuple(
            f"seed {result.seed}, {story}\n    again: python -m proof.carts --seed {result.seed}"
            f" --carts {result.carts} --per-store {result.carts}"
            for result in results
            for story in result.wrong
        ),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; 1 when something does not add up."""
    parser = argparse.ArgumentParser(prog="python -m proof.carts", description=__doc__)
    parser.add_argument("--carts", type=int, default=CARTS, help=f"in all ({CARTS})")
    parser.add_argument("--seed", type=int, default=1, help="of the first store (1)")
    parser.add_argument("--per-store", type=int, default=PER_STORE, help=f"carts ({PER_STORE})")
    parser.add_argument("--jobs", type=int, default=2, help="stores at the same time (2)")
    given = parser.parse_args(arguments)
    console = Console()
    finding = run(
        carts=given.carts,
        seed=given.seed,
        per_store=given.per_store,
        jobs=given.jobs,
        console=console,
    )
    show(finding, console)
    return 0 if finding.is_pass else 1
