"""CSV that spreadsheets neither run nor change."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.kernel.csv_table import neutralized, read_table, restored, write_rows

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
COLUMNS = ("one", "two")


def read(text: str | bytes, *, most_rows: int = 100) -> list[tuple[int, str, str]]:
    raw = text.encode() if isinstance(text, str) else text
    found = read_table(raw, known=COLUMNS, required=("one",), most_rows=most_rows)
    return [(problem.row, problem.column, problem.code) for problem in found.problems]


@given(st.lists(st.tuples(TEXT, TEXT).filter(any), max_size=8))
def test_what_is_written_is_read_back(rows: list[tuple[str, str]]) -> None:
    text = write_rows([COLUMNS, *rows])

    found = read_table(text.encode(), known=COLUMNS, required=COLUMNS, most_rows=100)

    assert found.problems == ()
    assert [tuple(row.cells.values()) for row in found.rows] == rows
    assert [row.row for row in found.rows] == list(range(2, len(rows) + 2))


@given(TEXT)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    (cells,) = csv.reader(io.StringIO(write_rows([(text, "x")]), newline=""))

    assert not cells[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert restored(neutralized(text)) == text


def test_numbers_stay_numbers() -> None:
    assert write_rows([("-1", -1)]) == "'-1,-1\r\n"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (b"\xff\xfe", [(1, "", "invalid_encoding")]),
        ("one\0", [(1, "", "invalid_text")]),
        ("", [(1, "one", "missing_column")]),
        ("two\r\nx\r\n", [(1, "one", "missing_column")]),
        ("one,three,one\r\n", [(1, "three", "unknown_column"), (1, "one", "repeated_column")]),
        (
            "one,two\r\na\r\nb,c\r\nd,e,f\r\n",
            [(2, "", "wrong_cell_count"), (4, "", "wrong_cell_count")],
        ),
        ('one,two\r\n"a', [(2, "", "malformed_csv")]),
        ("one\r\n" + "a\r\n" * 101, [(102, "", "too_many_rows")]),
        ("one,two\r\na,b\r\n,\r\n\r\nc,d\r\n", []),
    ],
)
def test_every_problem_has_its_row_and_column(
    text: str | bytes, problems: list[tuple[int, str, str]]
) -> None:
    assert read(text) == problems


def test_semicolons_and_a_byte_order_mark_are_read_as_spreadsheets_write_them() -> None:
    found = read_table(
        b"\xef\xbb\xbfone;two\r\n1,5;b\r\n", known=COLUMNS, required=COLUMNS, most_rows=9
    )

    assert (found.columns, found.problems) == (COLUMNS, ())
    assert found.rows[0].cells == {"one": "1,5", "two": "b"}
