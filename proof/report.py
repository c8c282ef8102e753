"""What the harnesses found: shown as they end, kept in ``proof/latest.json``, told in the docs.

Every run of a harness replaces its own part of the file and leaves the others, so the page shows
the latest run of each, with the commit and the day it was made.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

FOLDER: Final = Path(__file__).parent
LATEST: Final = FOLDER / "latest.json"
PAGE: Final = FOLDER.parent / "docs" / "proof.md"
BEGIN: Final = "<!-- figures: written by `python -m proof page` -->"
END: Final = "<!-- /figures -->"
#: So many figures of a harness are on the page; all of them are in the file.
SHOWN: Final = 16


class Finding(msgspec.Struct, frozen=True):
    """What one run of one harness tried and found.

    ``figures`` are counts and times in the order to be shown; ``violations`` are sentences, each
    with the seed that brings it back. No violation and nothing ``missed`` is a pass.
    """

    harness: str
    title: str
    seconds: float
    figures: dict[str, int | float | str]
    violations: tuple[str, ...] = ()
    #: A table that is worth showing whole, if there is one.
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    #: Why the harness could not run here, if it could not.
    skipped: str = ""
    #: Fills itself when saved: the commit, and the instant in UTC.
    commit: str = ""
    at: str = ""

    @property
    def is_pass(self) -> bool:
        """Whether it ran and nothing broke."""
        return not self.violations and not self.skipped


def load(path: Path = LATEST) -> dict[str, Finding]:
    """The latest finding of every harness, by its name."""
    if not path.exists():
        return {}
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Finding])


def save(finding: Finding, path: Path = LATEST) -> None:
    """Keep a finding as its harness's latest."""
    stamped = msgspec.structs.replace(
        finding, commit=_commit(), at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    )
    found = {**load(path), finding.harness: stamped}
    text = msgspec.json.format(msgspec.json.encode(dict(sorted(found.items()))), indent=2)
    path.write_bytes(text + b"\n")


def show(finding: Finding, console: Console) -> None:
    """Print one finding."""
    table = Table(title=finding.title, show_header=False, title_justify="left")
    for name, value in finding.figures.items():
        table.add_row(name, _written(value), style=None)
    table.add_row("seconds", f"{finding.seconds:,.0f}")
    console.print(table)
    if finding.skipped:
        console.print(f"[yellow]skipped:[/] {finding.skipped}")
    for violation in finding.violations:
        # A violation is no markup, though statements have brackets.
        console.print("[red]violation:[/]", end=" ")
        console.print(violation, highlight=False, markup=False)
    if finding.is_pass:
        console.print("[green]nothing broke[/]")


def write_page(page: Path = PAGE, path: Path = LATEST) -> None:
    """Put the latest figures between the page's marks.

    Raises:
        ValueError: The page has no marks.
    """
    text = page.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page.name} has no {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n\n{figures_page(load(path))}\n{END}{after}", "utf-8")


def figures_page(found: dict[str, Finding]) -> str:
    """The figures as Markdown: one table per harness."""
    parts: list[str] = []
    for finding in found.values():
        parts += [f"### {finding.title}", "", "| | |", "|---|---:|"]
        shown = list(finding.figures.items())[:SHOWN]
        parts += [f"| {name} | {_written(value)} |" for name, value in shown]
        parts += [
            f"| violations | **{len(finding.violations)}** |",
            f"| minutes | {finding.seconds / 60:.1f} |",
            f"| run | {finding.at}, `{finding.commit}` |",
            "",
        ]
        parts += _table(finding)
        if finding.skipped:
            parts += [f"Skipped: {finding.skipped}", ""]
        parts += [f"- {violation}" for violation in finding.violations]
    return "\n".join(parts)


def _table(finding: Finding) -> list[str]:
    if not finding.rows:
        return []
    lines = [finding.columns, ("---", *("---:" for _ in finding.columns[1:])), *finding.rows]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def _written(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"],  # noqa: S607 - wherever git is
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"
