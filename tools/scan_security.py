"""Carry out the local rules and say how much was looked at: nothing looked at is a failure.

``ruff`` holds its security rules (S) in the same ``make check``, exceptions argued. Advisories
of dependencies are not looked up here: their database cannot be reached from every machine, and a
scanner that cannot reach it calls everything sound.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from tests.house.rules import RULES
from tests.house.source import ROOT, sources
from tests.house.sql_rules import SQL_RULES, texts

RUFF: Final = (sys.executable, "-m", "ruff", "check", "--select", "S", "--show-files")


def main() -> int:
    """How many things were examined; 1 when something is wrong, or nothing was looked at."""
    found = sources()
    rules = (*RULES, *SQL_RULES)
    statements = sum(1 for source in found for _ in texts(source))
    faults = [
        f"src/surehold/{source.path}:{fault}"
        for source in found
        for rule in rules
        for fault in rule(source)
    ]
    listed = subprocess.run(RUFF, cwd=ROOT, capture_output=True, text=True, check=False)
    examined = {
        "files held to ruff's S rules": listed.stdout.count(".py\n"),
        "local rules": len(rules),
        "files held to them": len(found),
        "statements of SQL": statements,
    }
    return report(examined, faults)


def report(examined: Mapping[str, int], faults: Sequence[str]) -> int:
    """Print what was looked at and what is wrong; 1 when anything is, or was not looked at."""
    for what, count in examined.items():
        print(f"security: {count} {what}{'' if count else ': nothing was looked at'}")
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults or not all(examined.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
