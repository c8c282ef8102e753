"""Write docs/access-matrix.md from the file of who is answered what."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
PAGE: Final = _ROOT / "docs" / "access-matrix.md"
MATRIX: Final = _ROOT / "tests" / "web" / "access_matrix.csv"
_REFUSED: Final = frozenset({"401", "403", "404"})

_HEAD: Final = """\
# Who is let in where

Made from `tests/web/access_matrix.csv` by `python -m tools.write_access_matrix`. A test calls
every route as everybody, compares the status with the file, and shows that refused calls changed
nothing.

*asks*: a [permission](permissions.md), another proof, or `public`. A dash: let in; a number:
refused with this status. 404 is also what somebody is told who asks for a thing that is not
theirs, or that the store of the test does not have.

`guest` shows the token of an order. `buyer` is an account with the order's address. `vendor` works
for the vendor of its goods, with a role that has every permission. `unpermitted` works in the shop
without any, `staff` has every one. `key` is an admin's API key whose one scope,
`settings.write`, next to no route asks for, and `operator` shows the secret of the settings.
"""


def page() -> str:
    """The whole page."""
    with MATRIX.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        callers = [
            name for name in reader.fieldnames or () if name not in {"method", "path", "asks"}
        ]
    shown = [name.replace("_", " ") for name in callers]
    lines = [_HEAD, f"| route | asks | {' | '.join(shown)} |", "|---" * (len(callers) + 2) + "|"]
    for row in rows:
        path = row["path"].replace(":str}", "}").replace("|", "\\|")
        cells = [row[name] if row[name] in _REFUSED else "–" for name in callers]
        lines.append(f"| `{row['method']} {path}` | {row['asks']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE.name}.")
