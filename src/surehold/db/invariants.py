"""What must be true of a store at every instant, stated as queries that return no rows.

Each room writes its own in ``invariants.sql``, as blocks of a code with its sentence and one query
of the violating rows, whose first column says what is wrong::

    -- STK2: What is on hand is the sum of its movements.
    SELECT …;

Codes marked ``(Q)`` hold at quiescence only, when the queues are empty and the providers answer;
they run on request. All of one check see the same snapshot.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import msgspec
import structlog

from surehold.db.database import Connection, Database, limit_transactions
from surehold.kernel import clock

log = structlog.get_logger(__name__)

#: The rooms that state something, in the order in which it is reported.
ROOMS: Final = (
    "identity",
    "inventory",
    "pricing",
    "payments",
    "orders",
    "checkout",
    "reviews",
    "jobs",
    "db",
)
#: A broken store may have a row for every order; the first ones say what is wrong.
ROWS_MAX: Final = 50
#: A check reads whole tables, which takes longer than any statement of a request may.
QUERY_SECONDS: Final = 600
#: A big store takes minutes to check. A watch rests this many times as long as it worked, so that
#: checking takes a twentieth of the time of one connection at most, however big the store is.
REST_FACTOR: Final = 19

_BLOCK: Final = re.compile(
    r"^-- (?P<code>[A-Z]{3}\d{1,2})(?P<quiescent> \(Q\))?: (?P<sentence>[^\n]+"
    r"(?:\n-- [^\n]+)*)\n(?P<query>[^;]+);\n",
    re.MULTILINE,
)


class Invariant(msgspec.Struct, frozen=True):
    """One truth: its code, the room that states it, its sentence and its query."""

    code: str
    room: str
    sentence: str
    query: str
    is_quiescent: bool


class Report(msgspec.Struct, frozen=True):
    """What one check found. ``violations`` has the codes that were broken, with their rows."""

    checked_count: int
    duration_ms: int
    violations: dict[str, list[dict[str, Any]]]

    @property
    def is_clean(self) -> bool:
        """Whether everything holds."""
        return not self.violations


class InvariantFileInvalid(ValueError):
    """A room's file has something in it that is no block, or a code is used twice."""


@lru_cache(maxsize=1)
def list_invariants() -> tuple[Invariant, ...]:
    """Every invariant of every room.

    Raises:
        InvariantFileInvalid: A file cannot be read as blocks.
    """
    found: dict[str, Invariant] = {}
    for room in ROOMS:
        text = (resources.files("surehold") / room / "invariants.sql").read_text("utf-8")
        if _BLOCK.sub("", text).strip():
            raise InvariantFileInvalid(f"{room}/invariants.sql has text outside its blocks")
        for match in _BLOCK.finditer(text):
            code = match["code"]
            if code in found:
                raise InvariantFileInvalid(f"{code} is stated twice")
            sentence = " ".join(match["sentence"].replace("\n-- ", " ").split())
            found[code] = Invariant(
                code, room, sentence, match["query"].strip(), match["quiescent"] is not None
            )
    return tuple(found.values())


async def check_invariants(
    connection: Connection, *, at_rest: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """The violating rows of every broken invariant, by code; empty when the store is sound.

    Reads one snapshot; inside the caller's transaction, that one. ``at_rest`` adds those that
    hold at quiescence only.
    """
    violations: dict[str, list[dict[str, Any]]] = {}
    async with _snapshot(connection):
        for invariant in list_invariants():
            if invariant.is_quiescent and not at_rest:
                continue
            rows = await connection.raw.fetch(
                f"/* {invariant.room}.{invariant.code.lower()} */ {invariant.query}"
                f" LIMIT {ROWS_MAX}",
                timeout=QUERY_SECONDS,
            )
            if rows:
                violations[invariant.code] = [dict(row) for row in rows]
    return violations


async def report(db: Database, *, at_rest: bool = False) -> Report:
    """Check a store and say how long it took."""
    began = clock.monotonic_seconds()
    async with db.connection() as connection:
        violations = await check_invariants(connection, at_rest=at_rest)
    count = sum(at_rest or not row.is_quiescent for row in list_invariants())
    return Report(count, round(1000 * (clock.monotonic_seconds() - began)), violations)


class Watch:
    """Checks when asked and remembers the last report, for metrics and for people."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._rests_until = 0.0
        self.last: Report | None = None

    async def check(self) -> int:
        """Check, unless it rests; an error is logged for every code that is broken.

        Returns how many are broken, as far as the last check knows.
        """
        if self.last is not None and clock.monotonic_seconds() < self._rests_until:
            return len(self.last.violations)
        self.last = await report(self._db)
        rest_seconds = REST_FACTOR * self.last.duration_ms / 1000
        self._rests_until = clock.monotonic_seconds() + rest_seconds
        for invariant in list_invariants():
            rows = self.last.violations.get(invariant.code)
            if rows:
                log.error(
                    "invariant_broken",
                    code=invariant.code,
                    sentence=invariant.sentence,
                    row_count=len(rows),
                    first_row={name: str(value) for name, value in rows[0].items()},
                )
        return len(self.last.violations)


@asynccontextmanager
async def _snapshot(connection: Connection) -> AsyncIterator[None]:
    raw = connection.raw
    if raw.is_in_transaction():
        yield
        return
    async with raw.transaction(isolation="repeatable_read", readonly=True):
        await raw.execute(f"SET LOCAL statement_timeout = '{QUERY_SECONDS}s'")
        await limit_transactions(raw, 0, is_local=True)
        yield
