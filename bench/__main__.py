"""``python -m bench``: measure, print, and write ``bench/latest.json``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from bench import report
from bench.flat import run as flat
from bench.run import Options, Part, profile, run

SECONDS: Final = 5
QUICK_SECONDS: Final = 2


def main() -> int:
    """Measure; 1 when anything was oversold or an invariant is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Checkouts per second over HTTP against the best that row-at-a-time SQL does "
        "on the same schema, and what work costs as a store grows. About a quarter of an hour; "
        "bench/README.md says what is measured.",
    )
    parser.add_argument("--quick", action="store_true", help="shorter runs, noisier figures")
    parser.add_argument("--seconds", type=int, help=f"length of one run, {SECONDS} by default")
    parser.add_argument("--only", type=Part, choices=list(Part), help="measure one part")
    parser.add_argument("--data", type=Path, help="a folder on the disk to be measured")
    parser.add_argument(
        "--profile", action="store_true", help="say where the web process spends its time instead"
    )
    given = parser.parse_args()
    options = Options(
        seconds=given.seconds or (QUICK_SECONDS if given.quick else SECONDS),
        only=given.only,
        folder=given.data,
    )
    console = Console()
    if given.profile:
        profile(options, console)
        return 0
    is_good = True
    if options.only is not Part.FLAT:
        found = run(options, console)
        report.show(found, console)
        report.save(found)
        is_good = not (found.oversold or found.broken_invariants)
    if options.only in {None, Part.FLAT}:
        grown = flat.run(console, is_quick=given.quick, folder=given.data)
        flat.show(grown, console)
        flat.save(grown)
    console.print("written to bench/latest.json")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
