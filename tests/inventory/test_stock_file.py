"""The stock file: what is read of it, and what is wrong with it."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from surehold.inventory.model import StockLevel
from surehold.inventory.rules.importing import (
    COLUMNS,
    ROWS_MAX,
    FileChange,
    FileRow,
    Plan,
    plan,
    read_file,
)
from surehold.inventory.sql.importing import KnownRow
from surehold.kernel.csv_table import CellProblem
from surehold.kernel.ids import LocationId, VariantId


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


HEADER = (
    "sku,location,on_hand,expected_on_hand,low_stock_threshold,name,allocated,reserved,available"
)


def test_what_an_export_writes_is_read_back() -> None:
    rows, problems = read_file(
        f"{HEADER}\nLAMP-1, main ,1000000,7,2,Lamp,1,2,3\nDESK-1,main,0,,,Desk,0,0,0\n".encode()
    )

    assert ",".join(COLUMNS) == HEADER
    assert problems == []
    assert rows == [
        FileRow(2, "LAMP-1", "main", 1_000_000, 7, 2),
        FileRow(3, "DESK-1", "main", 0, None, None),
    ]


def test_everything_that_is_wrong_with_a_line_is_said() -> None:
    longest = "x" * 500
    rows, problems = read_file(
        f"sku,location,on_hand,expected_on_hand\n,,,-1\n{longest},{longest}x,1000001,1.5\n"
        f"{longest},main,,1\n".encode()
    )

    assert [(one.row, one.column, one.code) for one in problems] == [
        (2, "sku", "missing"),
        (2, "location", "missing"),
        (2, "expected_on_hand", "not_a_number"),
        (2, "on_hand", "missing"),
        (3, "location", "invalid_text"),
        (3, "on_hand", "not_a_number"),
        (3, "expected_on_hand", "not_a_number"),
        (4, "on_hand", "missing"),
    ]
    assert rows == [FileRow(4, longest, "main", None, 1, None)]


def test_without_a_needed_column_no_line_is_read() -> None:
    rows, problems = read_file(b"sku,on_hand\nLAMP-1,1\n")

    assert rows == []
    assert [(one.column, one.code) for one in problems] == [("location", "missing_column")]


LAMP, DESK, SHELF, MAIN = (UUID(int=number) for number in range(1, 5))


def known(
    number: int,
    variant_id: UUID | None,
    on_hand: int | None = None,
    available: int | None = None,
    threshold: int | None = None,
) -> KnownRow:
    place = None if number == 0 else LocationId(MAIN)
    return KnownRow(
        number, variant_id and VariantId(variant_id), place, on_hand, available, threshold
    )


def test_a_file_changes_what_differs_and_nothing_else() -> None:
    rows = [
        FileRow(2, "LAMP-1", "main", 4, 9, None),
        FileRow(3, "DESK-1", "main", 9, None, 3),
        FileRow(4, "SHELF-1", "main", 0, None, None),
    ]
    facts = [known(2, LAMP, 9, 5, 2), known(3, DESK, 9, 9, 2), known(4, SHELF)]

    planned = plan(rows, facts, [])

    assert planned == Plan(
        3,
        (
            FileChange(2, "LAMP-1", "main", 9, 4, 2, 2, is_new=False),
            FileChange(3, "DESK-1", "main", 9, 9, 2, 3, is_new=False),
            FileChange(4, "SHELF-1", "main", 0, 0, 0, 0, is_new=True),
        ),
        (),
    )
    as_they_are = [
        FileRow(2, "LAMP-1", "main", 9, None, None),
        FileRow(3, "DESK-1", "main", 9, 9, 2),
    ]
    assert plan(as_they_are, facts[:2], []) == Plan(2, (), ())


def test_every_line_that_cannot_be_is_named_in_the_order_of_the_file() -> None:
    rows = [
        FileRow(2, "GONE", "nowhere", 1, None, None),
        FileRow(3, "LAMP-1", "main", 3, None, None),
        FileRow(4, "LAMP-1", "main", 5, None, None),
        FileRow(5, "DESK-1", "main", 5, 8, None),
        FileRow(6, "SHELF-1", "main", None, None, None),
        FileRow(7, "CHAIR-1", "main", 4, None, None),
    ]
    facts = [
        known(0, None),
        known(3, LAMP, 9, 5),
        known(4, LAMP, 9, 5),
        known(5, DESK, 9, 9),
        known(6, SHELF, 1, 1),
        known(7, UUID(int=9), 5, 0),
    ]
    told = CellProblem(6, "on_hand", "missing", "It is empty.")

    planned = plan(rows, facts, [told])

    assert planned.changes == ()
    assert [(one.row, one.column, one.code) for one in planned.problems] == [
        (2, "sku", "unknown_sku"),
        (2, "location", "unknown_location"),
        (3, "on_hand", "units_promised"),
        (4, "sku", "repeated"),
        (5, "expected_on_hand", "changed_meanwhile"),
        (6, "on_hand", "missing"),
        (7, "on_hand", "units_promised"),
    ]


def test_the_locked_level_counts_for_more_than_what_was_read() -> None:
    rows = [FileRow(2, "LAMP-1", "main", 4, 6, None)]
    fact = known(2, LAMP, 9, 9)
    oversold = StockLevel(fact.variant_id, fact.location_id, 6, 9, 0, 5)
    level = StockLevel(fact.variant_id, fact.location_id, 6, 4, 0, 0)
    key = (fact.variant_id, fact.location_id)

    assert [one.on_hand_before for one in plan(rows, [fact], [], {key: level}).changes] == [6]
    assert [one.code for one in plan(rows, [fact], [], {key: oversold}).problems] == [
        "units_promised"
    ]
    assert [one.code for one in plan(rows, [fact], [], {}).problems] == ["changed_meanwhile"]
