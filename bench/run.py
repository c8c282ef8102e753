"""The whole bench, in the order that is fair: both sides take turns on the same machine."""

from __future__ import annotations

import enum
import os
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from bench import baseline, buyers, report, web
from bench.baseline import Baseline, Form
from bench.journey import Journeys
from bench.profiled import show as show_profile
from bench.report import Report, Workload
from bench.store import SKUS, Bench, measure_fdatasync_us, open_bench

#: The HTTP run whose last quarter is compared with its first lasts so many times as long.
LONG: Final = 4
_COUNTING_SECONDS: Final = 2


class Part(enum.StrEnum):
    """What can be measured alone."""

    HOT = "hot"
    SPREAD = "spread"
    JOURNEYS = "journeys"
    FLAT = "flat"


class Options(msgspec.Struct, frozen=True):
    """What the command line asks for."""

    seconds: int
    only: Part | None = None
    folder: Path | None = None


class _Tally:
    """What every run is checked for."""

    def __init__(self) -> None:
        self.oversold = 0
        self.broken: set[str] = set()

    def add(self, run: web.HttpRun) -> web.HttpRun:
        """Count what a run left behind."""
        self.oversold += run.state.oversold
        self.broken.update(run.state.broken)
        return run


def run(options: Options, console: Console) -> Report:
    """Measure what was asked for."""
    tally = _Tally()
    workloads: dict[Part, Workload] = {}
    journeys: Journeys | None = None
    with (
        console.status("Starting a server of our own") as status,
        open_bench(options.folder) as bench,
    ):
        fdatasync_us = measure_fdatasync_us(bench.server.data_dir)
        for part, skus in ((Part.HOT, 1), (Part.SPREAD, SKUS)):
            if options.only in (None, part):
                steps = _measure(bench, skus=skus, seconds=options.seconds, tally=tally)
                while True:
                    try:
                        status.update(f"{part}: {next(steps)}")
                    except StopIteration as done:
                        workloads[part] = done.value
                        break
        if options.only in (None, Part.JOURNEYS):
            status.update("journeys")
            journeys, state = buyers.measure(
                bench, seconds=2 * options.seconds, folder=bench.server.data_dir.parent
            )
            tally.oversold += state.oversold
            tally.broken.update(state.broken)
        version = bench.version()
    return Report(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        postgresql=version,
        processors=os.cpu_count() or 1,
        seconds=options.seconds,
        fdatasync_us=fdatasync_us,
        hot=workloads.get(Part.HOT),
        spread=workloads.get(Part.SPREAD),
        journeys_per_s=None if journeys is None else journeys.per_s,
        journeys=journeys,
        oversold=tally.oversold,
        broken_invariants=tuple(sorted(tally.broken)),
    )


def _measure(
    bench: Bench, *, skus: int, seconds: int, tally: _Tally
) -> Generator[str, None, Workload]:
    """Take all figures of one workload, saying what comes next.

    The best of either side runs again after the other side, so that a machine that was busy for a
    while is not a verdict.
    """
    rows: list[Baseline] = []
    runs: list[web.HttpRun] = []

    def over_http(connections: int, length: float) -> None:
        run = web.measure(bench, connections=connections, skus=skus, seconds=length)
        runs.append(tally.add(run))

    def row_at_a_time(form: Form, clients: int) -> None:
        rows.append(baseline.measure(bench, form, clients=clients, skus=skus, seconds=seconds))

    for clients in baseline.CLIENTS:
        for form in Form:
            yield f"pgbench, {form}, {clients} clients"
            row_at_a_time(form, clients)
        yield f"HTTP, {clients} connections"
        over_http(clients, seconds)
    many = web.CONNECTIONS[-1]
    yield f"HTTP, {many} connections, the long run"
    over_http(many, LONG * seconds)
    best = max(rows, key=lambda row: row.per_s)
    for form, clients in dict.fromkeys(
        ((best.form, best.clients), (Form.STATEMENTS, baseline.CLIENTS[-1]))
    ):
        yield f"pgbench, {form}, {clients} clients, again"
        row_at_a_time(form, clients)
    yield f"HTTP, {many} connections, again"
    over_http(many, seconds)
    counted = None
    if bench.can_count:
        yield "counting statements"
        counted = tally.add(
            web.measure(
                bench,
                connections=many,
                skus=skus,
                seconds=_COUNTING_SECONDS,
                is_counting=True,
            )
        )
    return report.workload_of(rows, runs, counted)


def profile(options: Options, console: Console) -> None:
    """Run the hot workload with the web process under the profiler, and print where it was."""
    skus = SKUS if options.only is Part.SPREAD else 1
    with open_bench(options.folder) as bench:
        bench.fresh()
        stats = bench.server.data_dir.parent / "web.stats"
        with web.serving(bench, stats=stats) as port:
            plan = web.plan_of(
                port, skus=skus, connections=web.CONNECTIONS[-1], seconds=options.seconds
            )
            seen = web.send(plan)
        console.print(f"{seen.per_s:,.0f} checkouts a second under the profiler")
        show_profile(stats)
