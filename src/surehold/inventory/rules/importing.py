"""The stock file: reading it, saying everything that is wrong with it, and what it changes. Pure.

Rows are counted as a spreadsheet shows them: the header is row 1.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from surehold.inventory.model import StockLevel
from surehold.inventory.sql.importing import KnownRow
from surehold.kernel.ids import LocationId, VariantId

#: What an export writes. An import needs the first three; the last three it leaves alone.
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
#: A spreadsheet takes a cell that begins like this for a formula.
#: Source: OWASP, "CSV Injection", read 2026-11-21.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class FileProblem(msgspec.Struct, frozen=True):
    """One thing wrong with a file: the row and column as a spreadsheet shows them, and why."""

    row: int
    column: str
    code: str
    detail: str


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
    problems: tuple[FileProblem, ...]


def shield(text: str) -> str:
    """A text that no spreadsheet takes for a formula. ``unshield`` gives it back."""
    return f"'{text}" if text.startswith(("'", *_FORMULA)) else text


def unshield(text: str) -> str:
    """What ``shield`` was given."""
    return text.removeprefix("'")


def read_file(text: str) -> tuple[list[FileRow], list[FileProblem]]:
    """The lines of a file, and everything that is wrong with it as a file.

    Commas or semicolons separate, a byte order mark is skipped, empty lines are, too.

    Example: ``sku,location,on_hand`` and below it ``LAMP-1,main,12``.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        return [], [FileProblem(1, "", "empty", "There is nothing in the file.")]
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    problems: list[FileProblem] = []
    rows: list[FileRow] = []
    try:
        names = [name.strip().lower() for name in next(reader)]
        problems += _header_problems(names)
        if problems:
            return [], problems
        for number, cells in enumerate(reader, start=2):
            if number > ROWS_MAX + 1:
                problems.append(
                    FileProblem(number, "", "too_many_rows", f"At most {ROWS_MAX:,} rows at once.")
                )
                break
            if any(cell.strip() for cell in cells):
                _read_row(number, names, cells, rows, problems)
    except csv.Error as error:
        problems.append(FileProblem(reader.line_num, "", "malformed", str(error)))
    return rows, problems


def _header_problems(names: Sequence[str]) -> list[FileProblem]:
    problems = [
        FileProblem(1, name, "missing_column", "The header does not name this column.")
        for name in NEEDED
        if name not in names
    ]
    for index, name in enumerate(names):
        if name not in COLUMNS:
            known = ", ".join(COLUMNS)
            problems.append(FileProblem(1, name[:CELL_MAX], "unknown_column", f"One of {known}."))
        elif name in names[:index]:
            problems.append(FileProblem(1, name, "repeated_column", "It stands there twice."))
    return problems


def _read_row(
    number: int,
    names: Sequence[str],
    cells: Sequence[str],
    rows: list[FileRow],
    problems: list[FileProblem],
) -> None:
    if len(cells) != len(names):
        problems.append(
            FileProblem(
                number, "", "wrong_count", f"{len(cells)} cells; the header has {len(names)}."
            )
        )
        return
    row = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
    is_named = True
    for name in ("sku", "location"):
        if not row[name]:
            problems.append(FileProblem(number, name, "missing", "It is empty."))
            is_named = False
        elif len(row[name]) > CELL_MAX or "\0" in row[name]:
            problems.append(FileProblem(number, name, "invalid_text", "No name looks like this."))
            is_named = False
    numbers = {}
    for name in NUMBERS:
        numbers[name] = _read_number(number, name, row.get(name, ""), problems)
    if not row["on_hand"]:
        problems.append(FileProblem(number, "on_hand", "missing", "It is empty."))
    if is_named:
        names_read = (unshield(row["sku"]), unshield(row["location"]))
        rows.append(FileRow(number, *names_read, *numbers.values()))


def _read_number(number: int, name: str, text: str, problems: list[FileProblem]) -> int | None:
    if not text:
        return None
    if not _WHOLE(text) or int(text) > UNITS_MAX:
        detail = f"A whole number from 0 to {UNITS_MAX:,}."
        problems.append(FileProblem(number, name, "not_a_number", detail))
        return None
    return int(text)


def plan(
    rows: Sequence[FileRow],
    known: Sequence[KnownRow],
    problems: Iterable[FileProblem],
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
                FileProblem(row.row, "sku", "unknown_sku", "No variant has this stock code.")
            )
        if fact.location_id is None:
            detail = "No location has this code."
            found.append(FileProblem(row.row, "location", "unknown_location", detail))
        if fact.variant_id is None or fact.location_id is None:
            continue
        key = (fact.variant_id, fact.location_id)
        first = seen.setdefault(key, row.row)
        if first != row.row:
            detail = f"Row {first} is about the same variant and location."
            found.append(FileProblem(row.row, "sku", "repeated", detail))
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


def _find_conflict(row: FileRow, wanted: int, *, on_hand: int, free: int) -> FileProblem | None:
    expected = row.expected_on_hand
    if expected is not None and expected != on_hand:
        detail = f"{on_hand} are on hand now; the file expects {expected}."
        return FileProblem(row.row, "expected_on_hand", "changed_meanwhile", detail)
    if wanted < on_hand - free:
        detail = f"{on_hand - free} of the {on_hand} on hand are promised to buyers."
        return FileProblem(row.row, "on_hand", "units_promised", detail)
    return None
