"""What SQL alone can do, one checkout at a time: pgbench on the same schema, in four forms."""

from __future__ import annotations

import enum
import os
import re
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from bench.store import SCHEMA, SQL, Bench, Sample, environment_of, fill

CLIENTS: Final = (1, 16, 64)
#: Nobody waits longer than this for pgbench to end.
GRACE_SECONDS: Final = 30

# The settings that serve row-at-a-time SQL best of those that were tried: plans are made once, and
# never for an empty table. With PostgreSQL's defaults the checks of foreign keys keep plans made
# while the store was empty, and slow down as it fills.
OPTIONS: Final = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off"

_TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_DONE: Final = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_LATENCY: Final = re.compile(r"^latency average = ([0-9.]+) ms", re.MULTILINE)


class Form(enum.StrEnum):
    """How a checkout is put to the server."""

    STATEMENTS = "statements"
    #: The same with the stock last, so that its lock is short: what tuning can do.
    STATEMENTS_LATE = "statements_late"
    FUNCTION = "function"
    CTE = "cte"


class Baseline(msgspec.Struct, frozen=True):
    """One pgbench run."""

    form: Form
    clients: int
    per_s: float
    mean_ms: float


class BaselineFailed(RuntimeError):
    """pgbench did not end well."""


def measure(bench: Bench, form: Form, *, clients: int, skus: int, seconds: int) -> Baseline:
    """Run one form on a fresh store.

    Raises:
        BaselineFailed: pgbench failed, or what it wrote does not add up.
    """
    bench.fresh()
    done, result = run_script(
        bench.server.bin_dir,
        bench.url(),
        script_of(form, bench.sample),
        Form(form),
        clients=clients,
        skus=skus,
        limit=("-T", str(seconds)),
        limit_seconds=seconds + GRACE_SECONDS,
    )
    state = bench.state()
    if state.broken or state.oversold or state.orders < done:
        raise BaselineFailed(f"{form} wrote {state.orders} of {done} orders: {state.broken}")
    return result


def script_of(form: Form, sample: Sample) -> str:
    """The pgbench script of a form."""
    return fill((SQL / f"{form}.sql").read_text("utf-8"), sample)


def run_script(
    bin_dir: Path,
    url: str,
    script: str,
    form: Form,
    *,
    clients: int,
    skus: int,
    limit: tuple[str, str],
    limit_seconds: int,
) -> tuple[int, Baseline]:
    """Have pgbench carry out a script; returns how many transactions were committed, too.

    Raises:
        BaselineFailed: pgbench failed.
    """
    threads = min(clients, os.cpu_count() or 1)
    done = subprocess.run(
        [
            str(bin_dir / "pgbench"),
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={clients}",
            f"--jobs={threads}",
            f"--define=skus={skus}",
            "--file=/dev/stdin",
            *limit,
            url,
        ],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        env=environment_of({"PGOPTIONS": f"-c search_path={SCHEMA} {OPTIONS}"}),
        timeout=limit_seconds,
    )
    if done.returncode != 0:
        raise BaselineFailed(f"pgbench {form}: {done.stderr[-2_000:]}")
    return parse(done.stdout, form, clients)


def parse(said: str, form: Form, clients: int) -> tuple[int, Baseline]:
    """What pgbench reports.

    Raises:
        BaselineFailed: It reports something else.
    """
    tps, count, latency = _TPS.search(said), _DONE.search(said), _LATENCY.search(said)
    if tps is None or count is None or latency is None:
        raise BaselineFailed(f"pgbench {form} said: {said[-2_000:]}")
    return int(count[1]), Baseline(form, clients, float(tps[1]), float(latency[1]))
