"""From runs to ratios: what is compared with what, the table, and ``bench/latest.json``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from bench.baseline import Baseline, Form
from bench.journey import Journeys
from bench.web import HttpRun

LATEST: Final = Path(__file__).parent / "latest.json"
MANY_CLIENTS: Final = 64
#: The last quarter of a run may be this much slower than the first.
FLATNESS: Final = 0.90


class Workload(msgspec.Struct, frozen=True):
    """One kind of demand, over HTTP and row at a time. Latencies are those of the best HTTP run.

    ``flatness`` is the rate of the last quarter of the longest run over that of its first. The
    multi-statement form at 64 clients is the one with the stock first; ``tuned`` has it last.
    """

    http_per_s: float
    row_best_per_s: float
    row_best: str
    multi_statement_best_per_s: float
    multi_statement_64_per_s: float
    ratio_best: float
    ratio_multi_best: float
    ratio_64: float
    #: The same two with 64 connections over HTTP, no more than pgbench has clients.
    ratio_best_equal: float | None
    ratio_64_equal: float | None
    #: The same at 64 clients against the statements in the order that tuning would choose.
    multi_statement_tuned_64_per_s: float | None
    ratio_tuned_64: float | None
    p50_ms: float
    p99_ms: float
    flatness: float
    statements_per_checkout: float | None
    wal_bytes_per_checkout: float
    mean_batch: float | None
    baselines: dict[str, float]
    http: dict[str, float]


class Report(msgspec.Struct, frozen=True):
    """Everything of one run of the bench. What was not measured is null."""

    measured_at: str
    postgresql: str
    processors: int
    seconds: int
    fdatasync_us: float
    hot: Workload | None
    spread: Workload | None
    journeys_per_s: float | None
    journeys: Journeys | None
    oversold: int
    broken_invariants: tuple[str, ...]


class Goal(msgspec.Struct, frozen=True):
    """One promise: what was measured, and what it must at least be."""

    name: str
    value: float
    at_least: float

    @property
    def is_met(self) -> bool:
        return self.value >= self.at_least


def workload_of(
    baselines: Sequence[Baseline], runs: Sequence[HttpRun], counted: HttpRun | None
) -> Workload:
    """Compare the best of each side; of several runs of one kind the best counts.

    Raises:
        KeyError: The multi-statement form at 64 clients is missing.
        ValueError: Every run of one side is missing.
    """
    rows = _best((f"{row.form}@{row.clients}", row.per_s) for row in baselines)
    http = _best((str(run.connections), run.seen.per_s) for run in runs)
    row_best = max(rows, key=lambda name: rows[name])
    multi = {name: rate for name, rate in rows.items() if name.startswith(Form.STATEMENTS)}
    multi_64 = rows[f"{Form.STATEMENTS}@{MANY_CLIENTS}"]
    tuned_64 = rows.get(f"{Form.STATEMENTS_LATE}@{MANY_CLIENTS}")
    equal = http.get(str(MANY_CLIENTS))
    best = max(runs, key=lambda run: run.seen.per_s)
    longest = max(runs, key=lambda run: run.seen.seconds)
    return Workload(
        http_per_s=best.seen.per_s,
        row_best_per_s=rows[row_best],
        row_best=row_best,
        multi_statement_best_per_s=max(multi.values()),
        multi_statement_64_per_s=multi_64,
        ratio_best=best.seen.per_s / rows[row_best],
        ratio_multi_best=best.seen.per_s / max(multi.values()),
        ratio_64=best.seen.per_s / multi_64,
        ratio_best_equal=None if equal is None else equal / rows[row_best],
        ratio_64_equal=None if equal is None else equal / multi_64,
        multi_statement_tuned_64_per_s=tuned_64,
        ratio_tuned_64=None if tuned_64 is None else best.seen.per_s / tuned_64,
        p50_ms=best.seen.p50_ms,
        p99_ms=best.seen.p99_ms,
        flatness=longest.seen.last_quarter_per_s / longest.seen.first_quarter_per_s,
        statements_per_checkout=None if counted is None else counted.statements_per_checkout,
        wal_bytes_per_checkout=best.wal_bytes_per_checkout,
        mean_batch=best.mean_batch,
        baselines=rows,
        http=http,
    )


def _best(rates: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, rate in rates:
        found[name] = max(rate, found.get(name, 0.0))
    if not found:
        raise ValueError("nothing was measured")
    return found


def goals_of(report: Report) -> list[Goal]:
    """What we promise of the figures that were taken."""
    goals = []
    if report.hot is not None:
        goals += [
            Goal("hot: HTTP over the best row-at-a-time figure", report.hot.ratio_best, 2.0),
            Goal("hot: HTTP over multi-statement at 64 clients", report.hot.ratio_64, 6.0),
            Goal("hot: last quarter over the first", report.hot.flatness, FLATNESS),
        ]
    if report.spread is not None:
        goals += [
            Goal(
                "spread: HTTP over the best multi-statement", report.spread.ratio_multi_best, 1.0
            ),
            Goal("spread: last quarter over the first", report.spread.flatness, FLATNESS),
        ]
    return goals


def show(report: Report, console: Console) -> None:
    """Print the report."""
    for title, workload in (("One hot SKU", report.hot), ("1,000 SKUs", report.spread)):
        if workload is not None:
            console.print(_table(title, workload))
            console.print(_figures(workload), highlight=False)
    if report.journeys is not None:
        seen = report.journeys
        console.print(
            f"\n[bold]Journeys[/] (cart to paid): {seen.per_s:,.0f}/s, p50 {seen.p50_ms:,.0f} ms, "
            f"p99 {seen.p99_ms:,.0f} ms, {seen.failed} failed",
            highlight=False,
        )
    console.print(
        f"\nPostgreSQL {report.postgresql}, {report.processors} processors, fdatasync "
        f"{report.fdatasync_us:,.0f} µs, everything durable",
        highlight=False,
    )
    for goal in goals_of(report):
        mark = "[green]met   [/]" if goal.is_met else "[red]missed[/]"
        console.print(
            f"{mark} {goal.name}: {goal.value:.2f} (at least {goal.at_least:g})", highlight=False
        )
    style = "green" if report.oversold == 0 and not report.broken_invariants else "red"
    broken = ", ".join(report.broken_invariants) or "none"
    console.print(f"[{style}]oversold {report.oversold}, broken invariants {broken}[/]")


def _table(title: str, workload: Workload) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("checkouts per second")
    clients = sorted({int(name) for name in workload.http})
    for count in clients:
        table.add_column(f"{count} clients", justify="right")
    for form in Form:
        cells = [workload.baselines.get(f"{form}@{count}") for count in clients]
        table.add_row(f"pgbench, {_NAMES[form]}", *(_cell(rate) for rate in cells))
    cells = [workload.http.get(str(count)) for count in clients]
    table.add_row("[bold]HTTP, through the lane[/]", *(_cell(rate) for rate in cells))
    return table


_NAMES: Final = {
    Form.STATEMENTS: "one statement per trip",
    Form.STATEMENTS_LATE: "the same, stock locked last",
    Form.FUNCTION: "one function call",
    Form.CTE: "one statement",
}


def _cell(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:,.0f}"


def _figures(workload: Workload) -> str:
    parts = [f"p50 {workload.p50_ms:.1f} ms, p99 {workload.p99_ms:.1f} ms"]
    parts.append(f"{workload.wal_bytes_per_checkout:,.0f} bytes of WAL a checkout")
    if workload.statements_per_checkout is not None:
        parts.append(f"{workload.statements_per_checkout:.2f} statements a checkout")
    if workload.ratio_best_equal is not None and workload.ratio_64_equal is not None:
        parts.append(
            f"with {MANY_CLIENTS} connections {workload.ratio_best_equal:.2f} times the best "
            f"row-at-a-time figure and {workload.ratio_64_equal:.2f} times multi-statement"
        )
    if workload.ratio_tuned_64 is not None:
        parts.append(
            f"{workload.ratio_tuned_64:.2f} times multi-statement at {MANY_CLIENTS} clients with "
            "the stock last"
        )
    if workload.mean_batch is not None:
        parts.append(f"mean batch {workload.mean_batch:.0f}")
    return "HTTP: " + ", ".join(parts)


def save(report: Report, path: Path = LATEST) -> None:
    """Write the report as JSON; parts of the bench that keep their own stay."""
    _write({**_load(path), **msgspec.to_builtins(report)}, path)


def save_part(name: str, found: object, path: Path = LATEST) -> None:
    """Put one part in its place beside the others."""
    _write({**_load(path), name: msgspec.to_builtins(found)}, path)


def _load(path: Path) -> dict[str, Any]:
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Any]) if path.exists() else {}


def _write(parts: dict[str, Any], path: Path) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(parts), indent=2) + b"\n")
