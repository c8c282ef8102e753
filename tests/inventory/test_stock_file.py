"""The stock file: what is read of it, and what a spreadsheet must not run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.inventory.rules.importing import (
    ROWS_MAX,
    FileProblem,
    FileRow,
    read_file,
    shield,
    unshield,
)


@given(st.text())
def test_a_shielded_text_is_no_formula_and_comes_back_as_it_was(text: str) -> None:
    assert not shield(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unshield(shield(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "'x"])
def test_whatever_begins_a_formula_is_shielded(text: str) -> None:
    assert shield(text) == f"'{text}"
    assert shield("LAMP") == "LAMP"


def test_columns_come_in_any_order_and_some_may_be_missing() -> None:
    rows, problems = read_file('name,ON_HAND , sku,location\r\n"a\nb",3,\'=X,main\r\n')

    assert rows == [FileRow(2, "=X", "main", 3, None, None)]
    assert problems == []


def test_more_rows_than_a_file_may_have_are_one_problem() -> None:
    text = "sku,location,on_hand\n" + "A,main,1\n" * (ROWS_MAX + 5)

    rows, problems = read_file(text)

    assert len(rows) == ROWS_MAX
    assert problems == [
        FileProblem(ROWS_MAX + 2, "", "too_many_rows", "At most 20,000 rows at once.")
    ]


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    rows, problems = read_file("sku,location,on_hand\n" + text)

    assert all(row.sku and row.location for row in rows)
    assert all(problem.row >= 1 for problem in problems)
