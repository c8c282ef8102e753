"""Tables that people edit in spreadsheets: CSV in and out, exactly, and without formulas.

A spreadsheet runs a cell that begins like a formula. Such text is written with an apostrophe
before it, and read without: what is written is always read back as it was.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec

#: What a spreadsheet may take for a formula, or for the end of a cell before one.
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")
HEADER_ROW: Final = 1


class CellProblem(msgspec.Struct, frozen=True):
    """What is wrong in one cell. Rows count as in a spreadsheet: the header is row 1."""

    row: int
    column: str
    code: str
    detail: str


class TableRow(msgspec.Struct, frozen=True):
    """One row: its place in the file, and its cells by column."""

    row: int
    cells: dict[str, str]


class Table(msgspec.Struct, frozen=True):
    """What was read. With problems the rows are those that could be read."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    problems: tuple[CellProblem, ...]


def neutralized(text: str) -> str:
    """Text as a cell that no spreadsheet runs.

    >>> neutralized("=1+1"), neutralized("'=1"), neutralized("plain")
    ("'=1+1", "''=1", 'plain')
    """
    return "'" + text if _FORMULA.match(text) else text


def restored(cell: str) -> str:
    """What was written into a cell.

    >>> restored("'=1+1"), restored("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def write_rows(rows: Iterable[Sequence[str | int | Decimal]]) -> str:
    """Rows as CSV: text without formulas, numbers as they are."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\r\n")
    for row in rows:
        writer.writerow([neutralized(cell) if isinstance(cell, str) else cell for cell in row])
    return target.getvalue()


def read_table(
    raw: bytes, *, known: Collection[str] | None, required: Sequence[str], most_rows: int
) -> Table:
    """A file with a header, separated by commas or, as some spreadsheets write it, semicolons.

    ``known`` are the columns that may be there, in any order; none named, any may. Empty rows are
    left out.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _unreadable("invalid_encoding", "The file is not UTF-8 text.")
    if "\0" in text:
        return _unreadable("invalid_text", "The file contains a NUL character.")
    first_line = text.partition("\n")[0]
    delimiter = ";" if first_line.count(";") > first_line.count(",") else ","
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    problems: list[CellProblem] = []
    rows: list[TableRow] = []
    try:
        columns = tuple(cell.strip() for cell in next(records, []))
        problems += _header_problems(columns, known, required)
        for number, record in enumerate(records, HEADER_ROW + 1):
            if not any(record):
                continue
            if len(rows) >= most_rows:
                problems.append(
                    CellProblem(
                        number, "", "too_many_rows", f"At most {most_rows:,} rows are taken."
                    )
                )
                break
            if len(record) != len(columns):
                detail = f"{len(columns)} cells are expected, {len(record)} are there."
                problems.append(CellProblem(number, "", "wrong_cell_count", detail))
                continue
            cells = {name: restored(cell) for name, cell in zip(columns, record, strict=True)}
            rows.append(TableRow(number, cells))
    except csv.Error as error:
        problems.append(
            CellProblem(records.line_num, "", "malformed_csv", str(error).capitalize())
        )
        columns = ()
    return Table(columns, tuple(rows), tuple(problems))


def _header_problems(
    columns: Sequence[str], known: Collection[str] | None, required: Sequence[str]
) -> Iterator[CellProblem]:
    for index, name in enumerate(columns):
        if name in columns[:index]:
            yield CellProblem(HEADER_ROW, name, "repeated_column", "This column is there twice.")
        elif known is not None and name not in known:
            yield CellProblem(HEADER_ROW, name, "unknown_column", "There is no such column.")
    for name in required:
        if name not in columns:
            yield CellProblem(HEADER_ROW, name, "missing_column", "This column must be there.")


def _unreadable(code: str, detail: str) -> Table:
    return Table((), (), (CellProblem(HEADER_ROW, "", code, detail),))
