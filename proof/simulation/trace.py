"""What was sent to the database lately, so that a violation can show what led to it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import msgspec

KEPT: Final = 60_000
SHOWN: Final = 20
_VALUES_LENGTH: Final = 160
#: Statements that only look; those that write tell the story.
_LOOKING: Final = re.compile(r"\w+\.(lock|list|find|get|load)_")


class Line(msgspec.Struct, frozen=True):
    """One statement: who sent it, on which connection, for which operation, with what."""

    number: int
    process: str
    connection: int
    beat: str
    values: Any
    note: str


class Trace:
    """The last statements of every process of one store, in the order in which they were sent."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=KEPT)
        self.count = 0

    def add(self, process: str, connection: int, beat: str, values: Any, note: str = "") -> None:
        """Note a statement as it is about to be carried out."""
        self.count += 1
        self._lines.append(Line(self.count, process, connection, beat, values, note))

    def about(self, ids: Iterable[object]) -> list[str]:
        """The last statements that wrote something under one of these ids, oldest first."""
        wanted = [str(one) for one in ids]
        found: list[str] = []
        for line in reversed(self._lines):
            if _LOOKING.match(line.beat):
                continue
            text = _written(line.values)
            if any(one in text for one in wanted):
                found.append(
                    f"#{line.number} {line.process}/{line.connection} {line.beat}"
                    f"{' ' + line.note if line.note else ''} {text[:_VALUES_LENGTH]}"
                )
                if len(found) == SHOWN:
                    break
        return found[::-1]


def _written(values: Any) -> str:
    """Values as text, ids as they are written everywhere else."""
    if isinstance(values, (list, tuple)):
        return f"({', '.join(_written(value) for value in values)})"
    return str(values)
