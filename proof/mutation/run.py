"""Make every mutant, and see a test fail because of each, or know why none does.

What is known is kept in a folder, so that a run that was stopped goes on, and only what changed is
done again: any change of the program asks for all of it, a change of a test for its mutants.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from proof.mutation.mutate import ROOT, Mutant, Source
from proof.mutation.plugin import (
    BUDGET_SECONDS,
    Verdict,
    digest_of_file,
    digest_of_program,
    load_trace,
    load_verdicts,
)
from proof.report import Finding

JOBS: Final = 2
ARGUED: Final = Path(__file__).parent / "survivors.toml"

#: What decides about money, stock and states; the purest first.
MODULES: Final = (
    "kernel/money.py",
    "kernel/states.py",
    "inventory/states.py",
    "payments/states.py",
    "orders/states.py",
    "orders/changes/states.py",
    "inventory/rules/admitting.py",
    "inventory/rules/changing.py",
    "inventory/rules/ending.py",
    "inventory/rules/importing.py",
    "checkout/rules/admitting.py",
    "checkout/rules/paying.py",
    "checkout/rules/retrying.py",
    "checkout/rules/selling.py",
    "checkout/rules/canceling.py",
    "checkout/rules/changing.py",
    "checkout/rules/exchanging.py",
    "checkout/rules/refunding.py",
    "checkout/rules/returning.py",
    "checkout/rules/holding.py",
    "checkout/rules/taking_back.py",
    "checkout/rules/fulfilling.py",
    "checkout/rules/trusting.py",
    "checkout/rules/lapsing.py",
    "orders/rules.py",
    "payments/ledger.py",
    "payments/authorizations/rules.py",
    "pricing/rules/allocation.py",
    "pricing/rules/tax.py",
    "pricing/rules/prices.py",
    "pricing/rules/shipping.py",
    "pricing/rules/promotions.py",
    "pricing/rules/coupons.py",
    "pricing/rules/quote.py",
    "checkout/lane.py",
)
#: Where their judges are looked for.
SUITES: Final = (
    "tests/kernel/test_money.py",
    "tests/kernel/test_states.py",
    "tests/inventory",
    "tests/orders",
    "tests/pricing",
    "tests/checkout",
    "tests/payments/test_authorization_rules.py",
    "tests/journeys",
    "tests/races",
    "tests/faults/test_late_money.py",
    "tests/faults/test_unasked_money.py",
)
_BUDGET_HELP: Final = "seconds of computing for the tests of one mutant, quickest first (10)"


class Argued(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mutant that may live, and why that is no hole."""

    module: str
    where: str
    before: str
    after: str
    why: str
    number: int = 1

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """As a mutant's."""
        return (self.module, self.where, self.before, self.after, self.number)


def load_argued(path: Path = ARGUED) -> list[Argued]:
    """The mutants that may live."""
    table = tomllib.loads(path.read_text("utf-8"))
    return msgspec.convert(table.get("survivor", []), type=list[Argued])


def main() -> int:
    """Make mutants; 1 when one lives that nobody has argued."""
    parser = argparse.ArgumentParser(prog="python -m proof.mutation", description=__doc__)
    parser.add_argument("--only", action="append", metavar="MODULE", choices=MODULES)
    parser.add_argument("--judges", action="append", metavar="TESTS", help="only these suites")
    parser.add_argument("--jobs", type=int, default=JOBS, help="processes at the same time (2)")
    parser.add_argument("--minutes", type=float, help="leave what is not reached by then")
    parser.add_argument("--budget", type=float, default=BUDGET_SECONDS, help=_BUDGET_HELP)
    parser.add_argument("--folder", type=Path, help="where to keep what is known")
    given = parser.parse_args()
    finding = run(
        modules=given.only or MODULES,
        suites=given.judges or SUITES,
        jobs=given.jobs,
        minutes=given.minutes,
        budget=given.budget,
        folder=given.folder,
    )
    for violation in finding.violations:
        print("lives:", violation)
    for row in finding.rows:
        print(*row, sep="\t")
    print(*(f"{name}: {value}" for name, value in finding.figures.items()), sep="\n")
    return 0 if finding.is_pass else 1


def run(
    *,
    modules: Sequence[str] = MODULES,
    suites: Sequence[str] = SUITES,
    jobs: int = JOBS,
    minutes: float | None = None,
    budget: float = BUDGET_SECONDS,
    folder: Path | None = None,
) -> Finding:
    """Try the mutants of these modules."""
    began = time.monotonic()
    until = float("inf") if minutes is None else time.time() + minutes * 60
    kept = folder or Path(tempfile.gettempdir()) / f"surehold-mutation-{os.getuid()}"
    kept.mkdir(mode=0o711, parents=True, exist_ok=True)
    files = _list_tests(suites)
    _trace(kept, files, jobs=jobs)
    _pytest(
        kept,
        [
            [
                "--mutation=attempt",
                f"--mutation-share={share}/{jobs}",
                f"--mutation-modules={','.join(modules)}",
                f"--mutation-until={until}",
                f"--mutation-budget={budget}",
                *files,
            ]
            for share in range(jobs)
        ],
    )
    mutants = [mutant for module in modules for mutant in Source(module).mutants]
    program = digest_of_program()
    verdicts = {one.key: one for one in load_verdicts(kept) if one.program == program}
    return _found(mutants, verdicts, seconds=time.monotonic() - began)


def _found(
    mutants: Sequence[Mutant],
    verdicts: dict[tuple[str, str, str, str, int], Verdict],
    *,
    seconds: float,
) -> Finding:
    argued = {one.key for one in load_argued()}
    counted: dict[str, Counter[str]] = {}
    violations: list[str] = []
    for mutant in mutants:
        verdict = verdicts.get(mutant.key)
        fate = "not reached" if verdict is None else verdict.verdict
        fate = "killed" if fate == "endless" else fate
        if fate in {"survived", "unseen"}:
            if mutant.key not in argued:
                violations.append(f"{fate}: {mutant}")
            fate = "argued" if mutant.key in argued else "survived"
        counted.setdefault(mutant.module, Counter())[fate] += 1
    total = sum(counted.values(), Counter[str]())
    fates = ("killed", "argued", "survived", "not reached")
    return Finding(
        harness="mutation",
        title="Mutants of rules, states, money and the lane",
        seconds=seconds,
        figures={"mutants": len(mutants)} | {fate: total[fate] for fate in fates},
        violations=tuple(violations),
        columns=("module", "mutants", *fates),
        rows=tuple(
            (module, str(sum(found.values())), *(str(found[fate]) for fate in fates))
            for module, found in counted.items()
        ),
    )


def _list_tests(suites: Sequence[str]) -> list[str]:
    """The files of tests in these folders; a file is given as it is."""
    paths = [ROOT / suite for suite in suites]
    return [
        str(file.relative_to(ROOT))
        for path in paths
        for file in (sorted(path.rglob("test_*.py")) if path.is_dir() else [path])
    ]


def _trace(folder: Path, files: Sequence[str], *, jobs: int) -> None:
    """Find out which tests pass by where, of every file of tests that is not known as it is."""
    known = load_trace(*folder.glob("trace-*.json")).files
    wanted = [
        file for file in files if file not in known or known[file].digest != digest_of_file(file)
    ]
    _pytest(
        folder,
        [
            [
                "--mutation=trace",
                f"--mutation-share={share}/{jobs}",
                f"--mutation-modules={','.join(MODULES)}",
                *wanted[share::jobs],
            ]
            for share in range(jobs)
            if wanted[share::jobs]
        ],
    )


def _pytest(folder: Path, runs: Sequence[Sequence[str]]) -> None:
    """Run pytest several times at once.

    Raises:
        SystemExit: One of them broke; its log says why.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-q", "-n", "0", "-s", "-p", "no:randomly", "-p", "no:cacheprovider"]
    options += ["-p", "proof.mutation.plugin", f"--mutation-folder={folder}"]
    options += ["--hypothesis-seed=1"]
    processes = []
    for number, arguments in enumerate(runs):
        with (folder / f"log-{number}.txt").open("wb") as log:
            command = [sys.executable, "-m", "pytest", *options, *arguments]
            processes.append(
                subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            )
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"pytest ended with {codes}; see log-*.txt in {folder}")
