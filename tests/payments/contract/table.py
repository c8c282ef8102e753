"""The table of providers, operations and cases: ``python -m tests.payments.contract.table``.

It writes what is between the marks in ``docs/providers/README.md``; a test compares.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.payments.contract.cases import CASES
from tests.payments.contract.rig import NAMES, capabilities_of

PAGE: Final = Path(__file__).parents[3] / "docs" / "providers" / "README.md"
BEGIN: Final = "<!-- begin: python -m tests.payments.contract.table -->"
END: Final = "<!-- end -->"


def render() -> str:
    """The table: a tick for what is tested, a dash for what the provider does not have."""
    can = {name: capabilities_of(name) for name in NAMES}
    lines = [
        f"| operation | case | {' | '.join(NAMES)} |",
        f"|---|---|{'---|' * len(NAMES)}",
    ]
    before = ""
    for case in CASES:
        marks = ["✓" if case.needs(can[name]) else "–" for name in NAMES]
        operation = "" if case.operation == before else case.operation
        lines.append(f"| {operation} | {case.about} | {' | '.join(marks)} |")
        before = case.operation
    done = {name: sum(bool(case.needs(can[name])) for case in CASES) for name in NAMES}
    lines.append(f"| **all** | {len(CASES)} | {' | '.join(str(done[name]) for name in NAMES)} |")
    return "\n".join(lines)


def between(page: str) -> tuple[str, str, str]:
    """What comes before the table, the table, and what comes after it."""
    head, _, rest = page.partition(BEGIN)
    table, _, tail = rest.partition(END)
    return head, table.strip(), tail


def main() -> None:
    head, _, tail = between(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(f"{head}{BEGIN}\n{render()}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
