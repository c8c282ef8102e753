"""The stock file: what is read of it, and what is wrong with it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from surehold.inventory.rules.importing import (
    ROWS_MAX,
    FileRow,
    read_file,
)
from surehold.kernel.csv_table import CellProblem


def test_columns_come_in_any_order_and_some_may_be_missing() -> None:
    rows, problems = read_file(b'name,on_hand , sku,location\r\n"a\nb",3,\'=X,main\r\n')

    assert rows == [FileRow(2, "=X", "main", 3, None, None)]
    assert problems == []


def test_more_rows_than_a_file_may_have_are_one_problem() -> None:
    raw = b"sku,location,on_hand\n" + b"A,main,1\n" * (ROWS_MAX + 5)

    rows, problems = read_file(raw)

    assert len(rows) == ROWS_MAX
    assert problems == [
        CellProblem(ROWS_MAX + 2, "", "too_many_rows", "At most 20,000 rows are taken.")
    ]


@given(st.text() | st.binary())
def test_nothing_breaks_the_reader(content: str | bytes) -> None:
    rest = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    rows, problems = read_file(b"sku,location,on_hand\n" + rest)

    assert all(row.sku and row.location for row in rows)
    assert all(problem.row >= 1 for problem in problems)
