"""A provider's file: its rows, and everything that is wrong with it, by row and column. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from surehold.kernel.csv_table import CellProblem, TableRow, read_table
from surehold.kernel.ids import parse_merchant_reference
from surehold.kernel.money import MAX_MINOR, from_major, is_currency
from surehold.kernel.report_mapping import ReportField, ReportMapping
from surehold.payments.providers.bank_transfer import find_order_number
from surehold.payments.reconciliation.model import ReportRow, RowKind

ROWS_MAX: Final = 5_000
CELL_MAX: Final = 200
#: Without these nothing can be said of a row.
NEEDED: Final[tuple[ReportField, ...]] = ("row_id", "gross", "occurred_at")

_MAJOR: Final = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,6})?", re.ASCII)
_MINOR: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_UNIX: Final = re.compile(r"\d{9,11}", re.ASCII)


class Reading(msgspec.Struct, frozen=True):
    """What a file says. With problems the rows are those that could be read."""

    rows: tuple[ReportRow, ...]
    problems: tuple[CellProblem, ...]


def read_report(raw: bytes, mapping: ReportMapping) -> Reading:
    """The rows of a file in a provider's form. Columns that the form does not name are its own.

    Example: ``id,type,gross,currency,created_at`` and ``cap_1,capture,1999,EUR,1700000000``.
    """
    columns = mapping.columns
    lacking = [name for name in NEEDED if name not in columns]
    if lacking:
        detail = f"The form of this provider names no column for {', '.join(lacking)}."
        return Reading((), (CellProblem(1, "", "incomplete_mapping", detail),))
    required = [columns[name] for name in columns if name in {*NEEDED, "kind", "currency"}]
    table = read_table(raw, known=None, required=required, most_rows=ROWS_MAX)
    problems = list(table.problems)
    if not set(required) <= set(table.columns):
        return Reading((), tuple(problems))
    rows: list[ReportRow] = []
    seen: dict[tuple[RowKind, str], int] = {}
    for row in table.rows:
        found = _Row(row, mapping, problems).read()
        if found is None:
            continue
        first = seen.setdefault((found.kind, found.provider_row_id), found.line)
        if first != found.line:
            detail = f"Row {first} has the same id and kind."
            problems.append(CellProblem(row.row, columns["row_id"], "repeated", detail))
            continue
        rows.append(found)
    if not rows and not problems:
        problems.append(CellProblem(1, "", "empty_file", "The file has no rows."))
    return Reading(tuple(rows), tuple(problems))


class _Row:
    """One row while it is read; what is wrong with it is added to the problems."""

    def __init__(self, row: TableRow, mapping: ReportMapping, problems: list[CellProblem]) -> None:
        self._row = row
        self._mapping = mapping
        self._problems = problems
        self._before = len(problems)

    def read(self) -> ReportRow | None:
        """The row; ``None`` when something is wrong with it, or it moves nothing."""
        mapping = self._mapping
        word = self._text("kind")
        if word is not None and word.casefold() in {one.casefold() for one in mapping.skipped}:
            return None
        kind = self._kind(word)
        currency = self._currency()
        row_id = self._text("row_id")
        if row_id is None:
            self._wrong("row_id", "missing", "It is empty.")
        occurred_at = self._instant()
        if kind is None or currency is None or row_id is None or occurred_at is None:
            return None
        amounts = self._amounts(kind, currency)
        if amounts is None or len(self._problems) > self._before:
            return None
        gross_minor, fee_minor = amounts
        reference = self._text("reference")
        return ReportRow(
            self._row.row,
            kind,
            row_id,
            self._text("payment_id"),
            self._text("object_id"),
            _own_id(reference),
            self._text("payout_id"),
            currency,
            gross_minor,
            fee_minor,
            occurred_at,
            None if reference is None else find_order_number(reference),
        )

    def _kind(self, word: str | None) -> RowKind | None:
        if word is not None:
            for known, meaning in self._mapping.kinds.items():
                if known.casefold() == word.casefold():
                    return RowKind(meaning)
            self._wrong("kind", "unknown_kind", f"Nothing says what {word!r} means.")
        elif self._mapping.default_kind is not None:
            return RowKind(self._mapping.default_kind)
        else:
            self._wrong("kind", "missing", "It is empty.")
        return None

    def _currency(self) -> str | None:
        text = self._text("currency") or self._mapping.default_currency
        if text is None:
            self._wrong("currency", "missing", "It is empty.")
        elif is_currency(text.upper()):
            return text.upper()
        else:
            self._wrong("currency", "unknown_currency", "An ISO 4217 code such as EUR.")
        return None

    def _instant(self) -> datetime | None:
        text, form = self._text("occurred_at"), self._mapping.date_format
        if text is None:
            self._wrong("occurred_at", "missing", "It is empty.")
            return None
        try:
            found = _read_instant(text, form)
        except (ValueError, OverflowError):
            self._wrong("occurred_at", "invalid_instant", f"An instant as {form}.")
            return None
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

    def _amounts(self, kind: RowKind, currency: str) -> tuple[int, int] | None:
        """Gross, as what the store gains, and the fee, as what it costs."""
        gross = self._amount("gross", currency)
        fee = self._amount("fee", currency)
        net = self._amount("net", currency)
        if gross is None or len(self._problems) > self._before:
            if gross is None and self._text("gross") is None:
                self._wrong("gross", "missing", "It is empty.")
            return None
        words = {one.casefold() for one in self._mapping.debit_words}
        is_debit = (self._text("direction") or "").casefold() in words
        if is_debit or kind.value in self._mapping.outward_kinds:
            gross = -abs(gross)
        if fee is None:
            fee = 0 if net is None else gross - net
        elif self._mapping.is_fee_negative:
            fee = -fee
        if net is not None and gross - fee != net:
            self._wrong("net", "does_not_add_up", "Gross less the fee is not the net.")
            return None
        if kind is RowKind.FEE:  # what was charged stands where other rows say what moved
            gross, fee = 0, fee - gross
        if kind is not RowKind.FEE and not gross:
            self._wrong("gross", "nothing_moved", "A row is of some money.")
            return None
        return gross, fee

    def _amount(self, name: ReportField, currency: str) -> int | None:
        text = self._text(name)
        if text is None:
            return None
        is_major = self._mapping.amounts == "major"
        try:
            found = _read_major(text, currency) if is_major else _read_minor(text)
        except ValueError:
            form = f"A decimal amount in {currency}." if is_major else "Whole minor units."
            self._wrong(name, "not_an_amount", form)
            return None
        if abs(found) > MAX_MINOR >> 8:
            self._wrong(name, "out_of_range", "No amount is as large.")
            return None
        return found

    def _text(self, name: ReportField) -> str | None:
        column = self._mapping.columns.get(name)
        text = "" if column is None else self._row.cells.get(column, "").strip()
        if len(text) > CELL_MAX:
            self._wrong(name, "too_long", f"At most {CELL_MAX} characters.")
            return None
        return text or None

    def _wrong(self, name: ReportField, code: str, detail: str) -> None:
        column = self._mapping.columns.get(name, name)
        problem = CellProblem(self._row.row, column, code, detail)
        if problem not in self._problems[self._before :]:
            self._problems.append(problem)


def _read_major(text: str, currency: str) -> int:
    if _MAJOR.fullmatch(text) is None:
        raise ValueError(text)
    return from_major(Decimal(text.replace(",", "")), currency).amount


def _read_minor(text: str) -> int:
    if _MINOR.fullmatch(text) is None:
        raise ValueError(text)
    return int(text)


def _read_instant(text: str, form: str) -> datetime:
    if form == "iso":
        return datetime.fromisoformat(text)
    if form != "unix":
        return datetime.strptime(text, form)  # noqa: DTZ007  # the caller takes it for UTC
    if _UNIX.fullmatch(text) is None:
        raise ValueError(text)
    return datetime.fromtimestamp(int(text), UTC)


def _own_id(text: str | None) -> UUID | None:
    """Our id in a reference; what is not ours says nothing to us."""
    if text is None:
        return None
    found = parse_merchant_reference(text)
    if found is not None:
        return found
    try:
        return UUID(text)
    except ValueError:
        return None
