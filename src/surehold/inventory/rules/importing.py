"""The stock file: reading it, saying everything that is wrong with it, and what it changes. Pure.

Rows are counted as a spreadsheet shows them: the header is row 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from surehold.inventory.model import StockLevel
from surehold.inventory.sql.importing import KnownRow
from surehold.kernel.csv_table import CellProblem, TableRow, read_table
from surehold.kernel.ids import LocationId, VariantId

#: What an export writes. An import needs the first three; the last four it leaves alone.
COLUMNS: Final = (
    *("sku", "location", "on_hand", "expected_on_hand", "low_stock_threshold"),
    *("name", "allocated", "reserved", "available"),
)
NEEDED: Final = COLUMNS[:3]
NUMBERS: Final = COLUMNS[2:5]
ROWS_MAX: Final = 20_000
UNITS_MAX: Final = 1_000_000
CELL_MAX: Final = 500

_WHOLE: Final = re.compile(r"[0-9]{1,9}").fullmatch


class FileRow(msgspec.Struct, frozen=True):
    """One line of a file, read. ``None``: the file does not say, or not as a number."""

    row: int
    sku: str
    location: str
    on_hand: int | None
    expected_on_hand: int | None
    low_stock_threshold: int | None


class FileChange(msgspec.Struct, frozen=True):
    """What one line changes, before and after."""

    row: int
    sku: str
    location: str
    on_hand_before: int
    on_hand: int
    low_stock_threshold_before: int
    low_stock_threshold: int
    is_new: bool


class Plan(msgspec.Struct, frozen=True):
    """What a file would do. With a problem it does nothing."""

    row_count: int
    changes: tuple[FileChange, ...]
    problems: tuple[CellProblem, ...]


def read_file(raw: bytes) -> tuple[list[FileRow], list[CellProblem]]:
    """The lines of a file that can be read, and everything that is wrong with it as a file.

    Example: ``sku,location,on_hand`` and below it ``LAMP-1,main,12``.
    """
    table = read_table(raw, known=COLUMNS, required=NEEDED, most_rows=ROWS_MAX)
    problems = list(table.problems)
    if not set(NEEDED) <= set(table.columns):
        return [], problems
    rows = [_read_row(row, problems) for row in table.rows]
    return [row for row in rows if row is not None], problems


def _read_row(row: TableRow, problems: list[CellProblem]) -> FileRow | None:
    cells = {name: cell.strip() for name, cell in row.cells.items()}
    is_named = True
    for name in ("sku", "location"):
        if not cells[name]:
            problems.append(CellProblem(row.row, name, "missing", "It is empty."))
            is_named = False
        elif len(cells[name]) > CELL_MAX:
            problems.append(CellProblem(row.row, name, "invalid_text", "No name is as long."))
            is_named = False
    numbers = [_read_number(row.row, name, cells.get(name, ""), problems) for name in NUMBERS]
    if not cells["on_hand"]:
        problems.append(CellProblem(row.row, "on_hand", "missing", "It is empty."))
    return FileRow(row.row, cells["sku"], cells["location"], *numbers) if is_named else None


def _read_number(number: int, name: str, text: str, problems: list[CellProblem]) -> int | None:
    if not text:
        return None
    if not _WHOLE(text) or int(text) > UNITS_MAX:
        detail = f"A whole number from 0 to {UNITS_MAX:,}."
        problems.append(CellProblem(number, name, "not_a_number", detail))
        return None
    return int(text)


def plan(
    rows: Sequence[FileRow],
    known: Sequence[KnownRow],
    problems: Iterable[CellProblem],
    levels: Mapping[tuple[VariantId, LocationId], StockLevel] | None = None,
) -> Plan:
    """What the lines change of what is known, and what is wrong with them.

    ``levels``, where given, are the locked rows, which count for more than what was read.
    """
    found = list(problems)
    changes: list[FileChange] = []
    seen: dict[tuple[VariantId, LocationId], int] = {}
    for row, fact in zip(rows, known, strict=True):
        if fact.variant_id is None:
            found.append(
                CellProblem(row.row, "sku", "unknown_sku", "No variant has this stock code.")
            )
        if fact.location_id is None:
            detail = "No location has this code."
            found.append(CellProblem(row.row, "location", "unknown_location", detail))
        if fact.variant_id is None or fact.location_id is None:
            continue
        key = (fact.variant_id, fact.location_id)
        first = seen.setdefault(key, row.row)
        if first != row.row:
            detail = f"Row {first} is about the same variant and location."
            found.append(CellProblem(row.row, "sku", "repeated", detail))
            continue
        if row.on_hand is None:
            continue  # its problem is told already
        level = None if levels is None else levels.get(key)
        on_hand = level.on_hand if level is not None else fact.on_hand or 0
        free = level.available if level is not None else fact.available or 0
        problem = _find_conflict(row, row.on_hand, on_hand=on_hand, free=max(free, 0))
        if problem is not None:
            found.append(problem)
            continue
        change = _change(row, row.on_hand, fact, on_hand_before=on_hand)
        if change is not None:
            changes.append(change)
    found.sort(key=lambda problem: problem.row)
    return Plan(len(rows), tuple(changes), tuple(found))


def _change(
    row: FileRow, on_hand: int, fact: KnownRow, *, on_hand_before: int
) -> FileChange | None:
    before = fact.low_stock_threshold or 0
    threshold = before if row.low_stock_threshold is None else row.low_stock_threshold
    is_new = fact.on_hand is None
    if not is_new and on_hand == on_hand_before and threshold == before:
        return None
    return FileChange(
        row.row, row.sku, row.location, on_hand_before, on_hand, before, threshold, is_new
    )


def _find_conflict(row: FileRow, wanted: int, *, on_hand: int, free: int) -> CellProblem | None:
    expected = row.expected_on_hand
    if expected is not None and expected != on_hand:
        detail = f"{on_hand} are on hand now; the file expects {expected}."
        return CellProblem(row.row, "expected_on_hand", "changed_meanwhile", detail)
    if wanted < on_hand - free:
        detail = f"{on_hand - free} of the {on_hand} on hand are promised to buyers."
        return CellProblem(row.row, "on_hand", "units_promised", detail)
    return None
