"""Where a process can die: right before and right after everything that it says to others.

Nobody writes these places down. A statement is a place by its own name, a call to a provider by
its method and path, and BEGIN, COMMIT and what the queue sends by what stood before it on the same
connection. A clean run says which there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec

Side = Literal["before", "after"]

#: The same place is tried for the first time that it is reached, and for the second.
OCCURRENCES_MAX: Final = 2


class Point(msgspec.Struct, frozen=True, order=True):
    """One place, and how often it was reached when it counts; the first time is 1."""

    side: Side
    beat: str
    occurrence: int = 1

    def __str__(self) -> str:
        return f"{self.side} {self.beat} #{self.occurrence}"

    @property
    def is_statement(self) -> bool:
        """Whether it is a statement with a name of its own, such as ``orders.lock_orders``."""
        return "." in self.beat and " " not in self.beat


def parse(text: str) -> Point:
    """The point that ``str`` wrote."""
    side, _, rest = text.partition(" ")
    beat, _, occurrence = rest.rpartition(" #")
    return msgspec.convert({"side": side, "beat": beat, "occurrence": int(occurrence)}, type=Point)


def discovered(trace: Path) -> list[Point]:
    """Every point of a trace that is worth trying, in the order in which it was reached."""
    return [point for point in numbered(read(trace)) if point.occurrence <= OCCURRENCES_MAX]


def moments(points: Iterable[Point]) -> list[Point]:
    """One point for every moment at which a death is another death.

    Right after one statement and right before the next there is nothing that outlives the process:
    the database, the provider and the client have seen the same. The first of the two stands for
    both.
    """
    kept: list[Point] = []
    latest: Side = "before"
    for point in points:
        if not (point.side == "before" and latest == "after"):
            kept.append(point)
        latest = point.side
    return kept


def read(trace: Path) -> list[str]:
    """The lines of a trace: a side and a beat each. A process may have died in the last one."""
    return trace.read_text("utf-8").splitlines() if trace.exists() else []


def numbered(lines: Iterable[str]) -> Iterable[Point]:
    """Count how often each place was reached."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts[line] += 1
        yield parse(f"{line} #{counts[line]}")
