"""Plant each bug in a copy of the tree and see its suite fail.

A suite must pass on the program as it is (run once per suite), and end with the exit code of a
found fault on the planted one: a suite that breaks for another reason has found nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from proof.planted.bugs import ROOT, BadPatch, Bug, copy_tree, load
from proof.report import Finding

FAILED: Final = 1
SUITE_SECONDS: Final = 240
JOBS: Final = 2


class Trial(msgspec.Struct, frozen=True):
    """What became of one suite on one tree."""

    name: str
    is_as_hoped: bool
    verdict: str
    seconds: float


def main() -> int:
    """Plant and look; 1 when a bug was missed."""
    parser = argparse.ArgumentParser(prog="python -m proof.planted.run", description=__doc__)
    parser.add_argument("names", nargs="*", help="planted bugs; all when none is named")
    parser.add_argument("--jobs", type=int, default=JOBS, help="suites at the same time")
    parser.add_argument("--no-control", action="store_true", help="leave the healthy runs out")
    given = parser.parse_args()
    finding = run(names=given.names, jobs=given.jobs, has_control=not given.no_control)
    for violation in finding.violations:
        print("missed:", violation)
    print(*(f"{name}: {value}" for name, value in finding.figures.items()), sep="\n")
    return 0 if finding.is_pass else 1


def run(*, names: Sequence[str] = (), jobs: int = JOBS, has_control: bool = True) -> Finding:
    """Try every planted bug, or the named ones.

    Raises:
        KeyError: No such bug.
    """
    began = time.monotonic()
    bugs = {bug.name: bug for bug in load()}
    chosen = [bugs[name] for name in names] if names else list(bugs.values())
    with ThreadPoolExecutor(jobs) as pool:
        healthy = _told(pool.map(_control, _suites(chosen))) if has_control else []
        trials = _told(pool.map(_trial, chosen))
    caught = sum(trial.is_as_hoped for trial in trials)
    return Finding(
        harness="planted",
        title="Planted bugs",
        seconds=time.monotonic() - began,
        figures={
            "planted": len(chosen),
            "caught": caught,
            "suites that pass on the healthy program": sum(one.is_as_hoped for one in healthy),
            "suites": len(healthy),
        },
        violations=tuple(
            f"{trial.name}: {trial.verdict}"
            for trial in (*healthy, *trials)
            if not trial.is_as_hoped
        ),
    )


def _suites(bugs: Iterable[Bug]) -> list[Bug]:
    """One bug per suite."""
    return list({bug.suite: bug for bug in bugs}.values())


def _told(trials: Iterable[Trial]) -> list[Trial]:
    found = []
    for trial in trials:
        mark = "ok  " if trial.is_as_hoped else "BAD "
        print(f"{mark}{trial.name}: {trial.verdict} ({trial.seconds:.0f} s)", flush=True)
        found.append(trial)
    return found


def _control(bug: Bug) -> Trial:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="surehold-healthy-") as folder:
        code = _run(bug, copy_tree(Path(folder)))
    return Trial(
        f"healthy: {bug.suite}",
        code == 0,
        "passes" if code == 0 else f"ended with {code} on the healthy program",
        time.monotonic() - began,
    )


def _trial(bug: Bug) -> Trial:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="surehold-planted-") as folder:
        tree = copy_tree(Path(folder))
        try:
            bug.plant(tree)
        except BadPatch as error:
            return Trial(bug.name, is_as_hoped=False, verdict=str(error), seconds=0)
        code = _run(bug, tree)
    verdict = "caught" if code == FAILED else f"{bug.suite} ended with {code}"
    return Trial(bug.name, code == FAILED, verdict, time.monotonic() - began)


def _run(bug: Bug, tree: Path) -> int | str:
    """Run a suite in a tree: its exit code, or why there is none."""
    path = os.pathsep.join([str(tree / "src"), str(tree)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    process = subprocess.Popen(
        [sys.executable, *bug.arguments],
        cwd=tree,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(timeout=SUITE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return f"no end within {SUITE_SECONDS} s"


if __name__ == "__main__":
    assert (ROOT / "src").is_dir()
    sys.exit(main())
