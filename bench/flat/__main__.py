"""``python -m bench.flat``: fill two stores, measure, print, keep it in ``latest.json``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from bench.flat.run import run, save, show


def main() -> int:
    """Measure; 1 when something that must stay flat does not."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.flat",
        description="What the same work costs with 100,000 products, 1,000,000 orders and 100,000 "
        "open reservations against a tenth of that. About ten minutes, most of them filling.",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, noisier figures")
    parser.add_argument("--data", type=Path, help="a folder with 10 GB to spare")
    given = parser.parse_args()
    console = Console()
    found = run(console, is_quick=given.quick, folder=given.data)
    show(found, console)
    save(found)
    console.print("written to bench/latest.json")
    return 1 if any(not goal.is_met for goal in found.goals) else 0


if __name__ == "__main__":
    sys.exit(main())
