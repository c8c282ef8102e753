"""Many seeds, some at a time, each in a process of its own; and what came of all of them."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from proof.report import Finding, show
from proof.simulation.seed import Seed, SeedResult
from tests.support import server

OPERATIONS_PER_SEED: Final = 5_000
#: Every so many seeds the provider is a process of its own, killed now and then.
OWN_PROCESS_EVERY: Final = 4
_HARNESS: Final = "simulation"
_TITLE: Final = "Simulation: random actors, lost answers, crashes, jumps of the clock"


def run_seed(
    run_folder: Path, seed: int, *, operations: int, own_process: bool | None = None
) -> SeedResult:
    """Live through one seed on a database of its own."""
    # An operation that is stopped never begins what it was about to.
    warnings.filterwarnings("ignore", message="coroutine .* was never awaited")
    if own_process is None:
        own_process = seed % OWN_PROCESS_EVERY == 0
    name = f"seed_{seed}_{os.getpid()}"
    url = server.clone(run_folder, name)
    began = time.monotonic()
    try:
        with asyncio.Runner() as runner:
            return runner.run(
                Seed(seed, url=url, operations=operations, own_process=own_process).run()
            )
    except Exception:  # noqa: BLE001 - a breakdown is no pass; the other seeds' results are kept
        story = f"seed {seed}, {operations} operations broke down:\n{traceback.format_exc()}"
        return SeedResult(seed, operations, time.monotonic() - began, {}, [story])
    finally:
        server.drop(run_folder, name)


def run(
    *,
    operations: int,
    seed: int = 1,
    per_seed: int = OPERATIONS_PER_SEED,
    minutes: float | None = None,
    workers: int = 2,
    run_folder: Path | None = None,
    console: Console | None = None,
) -> Finding:
    """Spend so many operations over as many seeds as they take, or until the time is over."""
    began = time.monotonic()
    results: list[SeedResult] = []
    lasts_until = None if minutes is None else began + 60 * minutes
    with _folder(run_folder) as folder, _progress(console) as progress:
        task = progress.add_task("operations", total=operations)
        for result in _results(
            folder, _plan(seed, operations, per_seed), workers=workers, until=lasts_until
        ):
            results.append(result)
            progress.advance(task, result.counts.get("operations", 0))
            if result.wrong:
                progress.console.print(
                    "\n".join(result.wrong), style="red", highlight=False, markup=False
                )
    return _finding(results, seconds=time.monotonic() - began)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; 1 when something was violated."""
    parser = argparse.ArgumentParser(prog="python -m proof.simulation", description=__doc__)
    parser.add_argument("--ops", type=int, default=50_000, help="operations in all")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--per-seed", type=int, default=OPERATIONS_PER_SEED)
    parser.add_argument("--minutes", type=float, help="begin no seed after so long")
    parser.add_argument("--workers", type=int, default=2, help="seeds at the same time")
    given = parser.parse_args(arguments)
    console = Console()
    finding = run(
        operations=given.ops if given.minutes is None else 10**9,
        seed=given.seed,
        per_seed=given.per_seed,
        minutes=given.minutes,
        workers=given.workers,
        console=console,
    )
    show(finding, console)
    return 0 if finding.is_pass else 1


def _plan(seed: int, operations: int, per_seed: int) -> Iterator[tuple[int, int]]:
    """Seeds, and how many operations each has."""
    while operations > 0:
        yield seed, min(per_seed, operations)
        operations -= per_seed
        seed += 1


def _results(
    folder: Path, plan: Iterator[tuple[int, int]], *, workers: int, until: float | None
) -> Iterator[SeedResult]:
    """Results as they come; no seed begins after the time is over or something is wrong."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        running: set[Future[SeedResult]] = set()
        is_over = False
        while True:
            while not is_over and len(running) < workers:
                job = next(plan, None)
                if job is None or (until is not None and time.monotonic() > until):
                    is_over = True
                    break
                running.add(pool.submit(run_seed, folder, job[0], operations=job[1]))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                is_over |= bool(result.wrong)
                yield result


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    folder = server.new_run()
    try:
        yield folder
    finally:
        server.end_run(folder)


@contextmanager
def _progress(console: Console | None) -> Iterator[Progress]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console or Console(stderr=True),
    ) as progress:
        yield progress


def _finding(results: Sequence[SeedResult], *, seconds: float) -> Finding:
    """The sum of the seeds, in the order in which a reader asks."""
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts)
    operations, calls = counts["operations"], counts["provider calls, before rest"]
    lost = sum(n for name, n in counts.items() if name.startswith("provider did: answer."))
    figures: dict[str, int | float | str] = {
        "operations": operations,
        "seeds": len(results),
        "operations/s": operations / seconds if seconds else 0.0,
        "commits/s": counts["commits"] / seconds if seconds else 0.0,
        "steps of clients and the worker": counts["steps"],
        "of these stopped before an answer, %": _percent(counts["told: unknown"], counts["steps"]),
        "provider's answers lost, %": _percent(lost, calls),
    }
    for prefix in ("told: ", "stop: ", "placements ", "orders", "payments", "refund", "captured"):
        figures |= {name: n for name, n in sorted(counts.items()) if name.startswith(prefix)}
    rest = {name: n for name, n in sorted(counts.items()) if name not in figures}
    figures |= {name: n for name, n in rest.items() if n}
    return Finding(
        _HARNESS,
        _TITLE,
        seconds,
        figures,
        violations=tuple(
            f"{story}\n    again: python -m proof.simulation --seed {result.seed}"
            f" --ops {result.operations} --per-seed {result.operations}"
            for result in results
            for story in result.wrong
        ),
    )


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
