"""Rows of the sandbox's book: its connection, its transactions, and how a row is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import msgspec

from surehold.sandbox.model import Hold

Row = TypeVar("Row")

_HOLD: Final = """
    SELECT h.payment_id AS payment, p.merchant_reference, h.begun_at, h.capture_before,
           h.honored_until, h.number, h.ended_at, h.ended_as
      FROM holds h
      JOIN payments p ON p.id = h.payment_id
"""


class Rows:
    """One open file of rows, used by one thread."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close the file; the book cannot be used afterwards."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and on the disk once this returns. Must not be nested or await."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _run(self, sql: str, *values: Any) -> int:
        return self._connection.execute(sql, values).rowcount

    def _all(self, shape: type[Row], sql: str, *values: Any) -> tuple[Row, ...]:
        rows = self._connection.execute(sql, values).fetchall()
        # Not strict, because SQLite keeps booleans as 0 and 1.
        return tuple(msgspec.convert(dict(row), shape, strict=False) for row in rows)

    def _one(self, shape: type[Row], sql: str, *values: Any) -> Row | None:
        return next(iter(self._all(shape, sql, *values)), None)


class HoldRows(Rows):
    """What the bank holds, or held."""

    def insert_hold(
        self, payment_id: str, *, begun_at: int, ends_at: int, sure_until: int
    ) -> None:
        self._run(
            """
            INSERT INTO holds (payment_id, begun_at, capture_before, honored_until)
            VALUES (?, ?, ?, ?)
            """,
            payment_id, begun_at, ends_at, sure_until,
        )  # fmt: skip

    def find_hold(self, payment_id: str) -> Hold | None:
        """What is held for a payment now."""
        return self._one(Hold, _HOLD + "WHERE h.payment_id = ? AND h.ended_at IS NULL", payment_id)

    def list_holds(self) -> tuple[Hold, ...]:
        """All that is held or ever was, oldest first."""
        return self._all(Hold, _HOLD + "ORDER BY h.rowid")

    def renew_hold(self, payment_id: str, *, number: int, sure_until: int) -> None:
        self._run(
            """
            UPDATE holds SET number = ?, honored_until = ?
             WHERE payment_id = ? AND ended_at IS NULL
            """,
            number, sure_until, payment_id,
        )  # fmt: skip

    def end_hold(self, payment_id: str, *, ended_as: str, now: int) -> None:
        self._run(
            """
            UPDATE holds SET ended_at = ?, ended_as = ?
             WHERE payment_id = ? AND ended_at IS NULL
            """,
            now, ended_as, payment_id,
        )  # fmt: skip
