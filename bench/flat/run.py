"""The same work on two stores by turns, and how much more it costs in the larger one."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from rich.console import Console
from rich.table import Table

from bench.flat.fill import FACTOR, SMALL, Size, open_stores
from bench.flat.work import (
    CHECKOUTS,
    CHECKOUTS_AT_ONCE,
    KINDS,
    Kind,
    Store,
    Work,
    checkout,
    read_rows,
)
from bench.report import LATEST, Goal, save_part
from bench.store import SCHEMA, config_of
from surehold.app import checkout_of
from surehold.db.database import Database, Settings, prepare_connection
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.registry import Providers

SMALL_NAME: Final = "flat_small"
LARGE_NAME: Final = "flat_large"
#: No kind of work may cost more in the larger store than so many times what it does in the other.
AT_MOST: Final = 1.3
ROUNDS: Final = 9
QUICK_ROUNDS: Final = 3
#: Each side of a round takes about so long.
ROUND_SECONDS: Final = 0.04
#: As often a work is done before it is measured: a connection has chosen its plans by then.
WARM: Final = 12
_REPEATS: Final = (2, 60)
_COUNTED: Final = 5
_COUNT: Final = """
    SELECT coalesce(sum(calls), 0)::int AS calls,
           coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint AS buffers
      FROM public.pg_stat_statements
     WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND query NOT LIKE '%pg_stat_statements%'
"""


class Cost(msgspec.Struct, frozen=True):
    """What one unit of work costs: milliseconds, statements and buffers in either store.

    ``ratio`` is the median over the rounds of the larger store's time over the smaller one's.
    """

    small_ms: float
    large_ms: float
    ratio: float
    statements: float
    small_buffers: float
    large_buffers: float
    why: str = ""


class Flat(msgspec.Struct, frozen=True):
    """Everything that one run found."""

    measured_at: str
    small: Size
    large: Size
    rounds: int
    costs: dict[str, Cost]

    @property
    def goals(self) -> list[Goal]:
        """What we promise: nothing grows, but for what has a reason."""
        return [
            Goal(f"flat: {name}", AT_MOST / cost.ratio, 1.0)
            for name, cost in self.costs.items()
            if not cost.why
        ]


async def measure(
    urls: dict[str, str], *, rounds: int, tell: Callable[[str], Any]
) -> dict[str, Cost]:
    """Measure every kind of work on two filled stores, of a server that counts statements."""
    for url in urls.values():
        raw = await asyncpg.connect(url)
        await raw.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public")
        await raw.close()
    async with (
        open_store(urls[SMALL_NAME], "small") as small,
        open_store(urls[LARGE_NAME], "large") as large,
    ):
        stores = (small, large)
        costs: dict[str, Cost] = {}
        for kind in KINDS:
            tell(kind.name)
            costs[kind.name] = await _measure(kind, stores, rounds)
        tell("checkout")
        many = Kind("checkout", _check_out_many)
        found = await _measure(many, stores, rounds, repeats=1)
        costs["checkout"] = _per(found, CHECKOUTS)
    return costs


async def _check_out_many(store: Store) -> None:
    async def one_after_the_other() -> None:
        for _ in range(CHECKOUTS // CHECKOUTS_AT_ONCE):
            await checkout(store)

    await asyncio.gather(*(one_after_the_other() for _ in range(CHECKOUTS_AT_ONCE)))


async def _measure(
    kind: Kind, stores: Sequence[Store], rounds: int, *, repeats: int | None = None
) -> Cost:
    for store in stores:
        for _ in range(WARM if repeats is None else repeats):
            await kind.work(store)
    if repeats is None:
        taken = max([await _time(kind.work, store, 1) for store in stores])
        repeats = min(max(int(ROUND_SECONDS / max(taken, 1e-6)), _REPEATS[0]), _REPEATS[1])
    times: dict[str, list[float]] = {store.name: [] for store in stores}
    for number in range(rounds):
        # By turns, so that neither always comes after the other.
        for store in stores if number % 2 else reversed(stores):
            times[store.name].append(await _time(kind.work, store, repeats) / repeats)
    counts = [await _count(kind.work, store) for store in stores]
    small, large = (times[store.name] for store in stores)
    return Cost(
        small_ms=1e3 * statistics.median(small),
        large_ms=1e3 * statistics.median(large),
        ratio=statistics.median(b / a for a, b in zip(small, large, strict=True)),
        statements=counts[1][0],
        small_buffers=counts[0][1],
        large_buffers=counts[1][1],
        why=kind.why,
    )


async def _time(work: Work, store: Store, repeats: int) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        await work(store)
    return time.perf_counter() - began


async def _count(work: Work, store: Store) -> tuple[float, float]:
    """Statements and buffers of one unit of work."""
    async with store.db.connection() as connection:
        before = await connection.raw.fetchrow(_COUNT)
    for _ in range(_COUNTED):
        await work(store)
    async with store.db.connection() as connection:
        after = await connection.raw.fetchrow(_COUNT)
    assert before is not None
    assert after is not None
    return tuple((after[name] - before[name]) / _COUNTED for name in ("calls", "buffers"))  # type: ignore[return-value]  # two of them


def _per(cost: Cost, count: int) -> Cost:
    """The cost of one of so many."""
    parts = {
        name: getattr(cost, name) / count
        for name in ("small_ms", "large_ms", "statements", "small_buffers", "large_buffers")
    }
    return msgspec.structs.replace(cost, **parts)


@asynccontextmanager
async def open_store(url: str, name: str) -> AsyncIterator[Store]:
    """A filled store to work on."""
    raw = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
    await prepare_connection(raw)
    rows = await read_rows(raw)
    await raw.close()
    async with Database(Settings(url=url, schema=SCHEMA, pool_max=4)) as db:
        opened = checkout_of(config_of(url), db, providers=Providers([BankTransfer()]))
        await opened.open()
        try:
            yield Store(name, db, opened, rows)
        finally:
            await opened.close()


def run(
    console: Console, *, is_quick: bool = False, folder: Path | None = None, small: Size = SMALL
) -> Flat:
    """Fill both stores, measure, and say what was found."""
    sizes = {SMALL_NAME: small, LARGE_NAME: small.times(FACTOR)}
    rounds = QUICK_ROUNDS if is_quick else ROUNDS
    with (
        console.status("flat: filling two stores") as status,
        open_stores(folder, sizes) as server,
    ):
        urls = {name: server.url(name) for name in sizes}
        with asyncio.Runner() as runner:
            costs = runner.run(
                measure(urls, rounds=rounds, tell=lambda name: status.update(f"flat: {name}"))
            )
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    return Flat(now, sizes[SMALL_NAME], sizes[LARGE_NAME], rounds, costs)


def show(found: Flat, console: Console) -> None:
    """Print one line per kind of work."""
    table = Table(
        title=f"The same work with {FACTOR} times as much of everything", title_justify="left"
    )
    for name in ("", "ms", "ms, large", "ratio", "trips", "buffers", "large"):
        # The figures are whole, whatever the width; a long name is cut.
        table.add_column(
            name, justify="right" if name else "left", no_wrap=True, min_width=8 if name else None
        )
    for name, cost in found.costs.items():
        style = "green" if cost.ratio <= AT_MOST else "yellow" if cost.why else "red"
        table.add_row(
            name,
            f"{cost.small_ms:.2f}",
            f"{cost.large_ms:.2f}",
            f"[{style}]{cost.ratio:.2f}[/]",
            f"{cost.statements:.1f}",
            f"{cost.small_buffers:,.0f}",
            f"{cost.large_buffers:,.0f}",
        )
    console.print(table)
    for name, cost in found.costs.items():
        if cost.why:
            console.print(f"[yellow]{name}[/]: {cost.why}", highlight=False)


def save(found: Flat, path: Path = LATEST) -> None:
    """Keep it beside the other parts of the bench."""
    save_part("flat", found, path)
