"""Taking in what providers report: booking what they kept, and finding what differs."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from surehold.db import Connection, Database, Transaction, clock, shop
from surehold.kernel.csv_table import CellProblem
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import new_id
from surehold.kernel.permissions import Permission, require
from surehold.kernel.report_mapping import ReportMapping
from surehold.payments import ledger
from surehold.payments.commands import post_journals
from surehold.payments.disputes import commands as disputes
from surehold.payments.model import Journal
from surehold.payments.reconciliation import queries, rules, sql
from surehold.payments.reconciliation.errors import (
    DifferenceEnded,
    DifferenceNotFound,
    NoReportMapping,
)
from surehold.payments.reconciliation.mappings import DEFAULTS
from surehold.payments.reconciliation.model import (
    Cause,
    Difference,
    Facts,
    Finding,
    Imported,
    Report,
    ReportRow,
    RowKind,
)
from surehold.payments.reconciliation.reading import Reading, read_report

SWEEPER: Final = "sweeper"
#: So many rows are compared with the books by one statement.
CHUNK: Final = 500
_FIRST: Final = UUID(int=0)

#: Writes down, in the transaction that imports, what came of it.
KeepImport = Callable[[Transaction, Imported], Awaitable[None]]
#: The payments of orders that transfers name, by the orders' numbers.
FindNamed = Callable[[Connection, Sequence[str]], Awaitable[Mapping[str, UUID]]]


async def _find_nothing(_: Connection, __: Sequence[str]) -> Mapping[str, UUID]:
    return {}


class ReportFile(msgspec.Struct, frozen=True):
    """A provider's file. The period is that of its rows unless it is said."""

    provider: str
    account: str
    raw: bytes
    covered_from: datetime | None = None
    covered_until: datetime | None = None


async def preview_report(connection: Connection, *, file: ReportFile) -> Imported:
    """What a file holds that is new, and every problem of it by row and column; changes nothing.

    Raises:
        NoReportMapping: Nothing says how this provider writes its reports.
    """
    require(Permission.RECONCILIATION_WRITE)
    mapping = await _get_mapping(connection, file.provider)
    reading = read_report(file.raw, mapping)
    known = await connection.find(sql.FIND_REPORT, file.provider, file.account, _hash(file.raw))
    changed, known_count = await _find_changed(connection, file, mapping, reading)
    return Imported(
        report=known,
        is_known=known is not None,
        row_count=len(reading.rows),
        new_count=len(reading.rows) - known_count,
        difference_count=0,
        explained_count=0,
        problems=tuple(sorted((*reading.problems, *changed), key=lambda one: one.row)),
    )


async def import_report(
    db: Database,
    *,
    file: ReportFile,
    actor: str,
    find_named: FindNamed = _find_nothing,
    keep: KeepImport | None = None,
) -> Imported:
    """Take in a provider's file: all of it or nothing, and each row once in however many files.

    What its new rows say was kept and paid out is booked; what they say moved is compared with
    the books, and so is what the books have and the file does not. The very file twice does
    nothing the second time. ``find_named`` knows the orders whose numbers buyers write into
    transfers; ``keep`` comes before the commit.

    Raises:
        NoReportMapping: Nothing says how this provider writes its reports.
        InvalidInput: Lists every problem, as ``/rows/{row}/{column}``; nothing was changed.
    """
    require(Permission.RECONCILIATION_WRITE)

    async def work(tx: Transaction) -> Imported:
        mapping = await _get_mapping(tx, file.provider)
        reading = read_report(file.raw, mapping)
        _refuse(reading.problems)
        covered = _period(file, reading.rows)
        values = (file.provider, file.account, _hash(file.raw))
        report = await tx.find(
            sql.INSERT_REPORT,
            new_id(),
            *values,
            len(reading.rows),
            *covered,
            actor,
        )
        if report is None:  # it was here before, or came by somebody else a moment ago
            known = await tx.one(sql.FIND_REPORT, *values)
            done = Imported(
                known,
                is_known=True,
                row_count=known.row_count,
                new_count=0,
                difference_count=0,
                explained_count=0,
            )
        else:
            done = await _take_in(tx, file, mapping, reading, report, find_named=find_named)
        if keep is not None:
            await keep(tx, done)
        return done

    return await db.retrying(work)


async def resolve_difference(
    db: Database, *, difference_id: UUID, note: str, actor: str
) -> Difference:
    """Say what became of a difference. It is not found again; the same note twice is once.

    Raises:
        DifferenceNotFound: There is none with this id.
        DifferenceEnded: It was explained, or resolved otherwise.
    """
    require(Permission.RECONCILIATION_WRITE)

    async def work(tx: Transaction) -> Difference:
        count = await tx.run(sql.RESOLVE, difference_id, note, actor)
        found = await tx.find(sql.FIND_DIFFERENCE, difference_id)
        if found is None:
            raise DifferenceNotFound("There is no difference with this id.")
        if not count and found.note != note:
            raise DifferenceEnded("This difference is over.", state=found.state.value)
        return found

    return await db.retrying(work)


async def explain_differences(db: Database) -> int:
    """Compare what differed with the books again; returns how many differences are over.

    What the provider told later, or a person put right, explains itself.
    """
    count, seen = 0, _FIRST
    while True:
        async with db.transaction() as tx:
            found = await tx.all(sql.LIST_OPEN, seen, CHUNK)
            if not found:
                return count
            seen = found[-1].id
            count += (await _judge(tx, [row.row_id for row in found], actor=SWEEPER))[1]


async def _take_in(
    tx: Transaction,
    file: ReportFile,
    mapping: ReportMapping,
    reading: Reading,
    report: Report,
    *,
    find_named: FindNamed,
) -> Imported:
    new = await _insert_rows(tx, file, report, reading.rows, find_named)
    # Rows that are here already, from a file before or beside this one, say what they said.
    changed, _ = await _find_changed(tx, file, mapping, reading)
    _refuse(changed)
    await _book(tx, file.provider, new)
    found = explained = 0
    if new:
        related = await tx.all(sql.LIST_RELATED, [row.id for row in new])
        for start in range(0, len(related), CHUNK):
            chunk = [row.id for row in related[start : start + CHUNK]]
            more, less = await _judge(tx, chunk, actor=f"report:{report.id}")
            found, explained = found + more, explained + less
    found += await _miss(tx, report, delay=timedelta(hours=mapping.delay_hours))
    return Imported(
        report=report,
        is_known=False,
        row_count=len(reading.rows),
        new_count=len(new),
        difference_count=found,
        explained_count=explained,
    )


async def _insert_rows(
    tx: Transaction,
    file: ReportFile,
    report: Report,
    rows: Sequence[ReportRow],
    find_named: FindNamed,
) -> list[sql.NewRow]:
    numbers = [row.order_number for row in rows if row.order_number is not None]
    named = await find_named(tx, numbers) if numbers else {}
    return await tx.all(
        sql.INSERT_ROWS,
        report.id,
        file.provider,
        file.account,
        [new_id() for _ in rows],
        [row.line for row in rows],
        [row.kind.value for row in rows],
        [row.provider_row_id for row in rows],
        [row.provider_payment_id for row in rows],
        [row.provider_object_id for row in rows],
        [row.reference or named.get(row.order_number or "") for row in rows],
        [row.payout_id for row in rows],
        [row.currency for row in rows],
        [row.gross_minor for row in rows],
        [row.fee_minor for row in rows],
        [row.occurred_at for row in rows],
    )


async def _book(tx: Transaction, provider: str, rows: Sequence[sql.NewRow]) -> None:
    """What a provider kept, and what it paid out, leaves what it holds.

    The fee of a dispute that was booked when people wrote it down has left already.
    """
    booked = await disputes.lock_reported(tx, row_ids=[row.id for row in rows])
    journals: list[Journal] = []
    for row in rows:
        if row.fee_minor and row.id not in booked:
            journals.append(
                ledger.provider_fee(
                    row_id=row.id,
                    provider=provider,
                    currency=row.currency,
                    fee_minor=row.fee_minor,
                )
            )
        if row.kind == RowKind.PAYOUT.value:
            journals.append(
                ledger.provider_payout(
                    row_id=row.id,
                    provider=provider,
                    currency=row.currency,
                    paid_minor=-row.gross_minor,
                )
            )
    await post_journals(tx, journals=journals, now=await clock.now(tx))


async def _judge(tx: Transaction, row_ids: Sequence[UUID], *, actor: str) -> tuple[int, int]:
    """Compare rows with the books; returns how many differences are new, and how many over."""
    facts = await tx.all(sql.LIST_FACTS, list(row_ids))
    settings = await shop.load(tx)
    forms = {**DEFAULTS, **settings.settlement_mappings}
    findings = [
        (row, rules.judge(row, forms.get(row.provider, ReportMapping({})))) for row in facts
    ]
    count = await tx.run(
        sql.EXPLAIN_ROWS,
        [row.id for row, _ in findings],
        [None if found is None else found.cause.value for _, found in findings],
        [None if found is None else found.expected_minor for _, found in findings],
        [None if found is None else found.found_minor for _, found in findings],
        actor,
    )
    told = [
        row.payment_id if row.kind is RowKind.CHARGE else row.refund_id
        for row in facts
        if row.kind in (RowKind.CHARGE, RowKind.REFUND)
    ]
    count += await tx.run(sql.EXPLAIN_MISSING, told, actor)
    return await _insert_found(tx, findings), count


async def _insert_found(tx: Transaction, findings: Sequence[tuple[Facts, Finding | None]]) -> int:
    places: defaultdict[tuple[str, str], list[tuple[Facts, Finding]]] = defaultdict(list)
    for row, finding in findings:
        if finding is not None:
            places[row.provider, row.account].append((row, finding))
    count = 0
    for (provider, account), found in places.items():
        made = await tx.all(
            sql.INSERT_DIFFERENCES,
            provider,
            account,
            [new_id() for _ in found],
            [finding.cause.value for _, finding in found],
            [row.id for row, _ in found],
            [row.payment_id for row, _ in found],
            [row.refund_id for row, _ in found],
            [row.currency for row, _ in found],
            [finding.expected_minor for _, finding in found],
            [finding.found_minor for _, finding in found],
        )
        count += len(made)
    return count


async def _miss(tx: Transaction, report: Report, *, delay: timedelta) -> int:
    """Find what a report should hold by now and does not. What is younger is for the next one."""
    missing = await tx.all(
        sql.LIST_MISSING,
        report.provider,
        report.account,
        report.covered_from - delay,
        report.covered_until - delay,
    )
    made = await tx.all(
        sql.INSERT_DIFFERENCES,
        report.provider,
        report.account,
        [new_id() for _ in missing],
        [Cause.MISSING_THERE.value for _ in missing],
        [None for _ in missing],
        [row.payment_id for row in missing],
        [row.refund_id for row in missing],
        [row.currency for row in missing],
        [row.amount_minor for row in missing],
        [None for _ in missing],
    )
    return len(made)


async def _get_mapping(connection: Connection, provider: str) -> ReportMapping:
    mapping = await queries.find_mapping(connection, provider=provider)
    if mapping is None:
        raise NoReportMapping("Nothing says how it writes its reports.", provider=provider)
    return mapping


async def _find_changed(
    connection: Connection, file: ReportFile, mapping: ReportMapping, reading: Reading
) -> tuple[tuple[CellProblem, ...], int]:
    """Rows that an earlier file held with other amounts, and how many are known at all."""
    known = await connection.all(
        sql.LIST_KNOWN_ROWS,
        file.provider,
        file.account,
        [row.kind.value for row in reading.rows],
        [row.provider_row_id for row in reading.rows],
    )
    before = {
        (row.kind, row.provider_row_id): (row.currency, row.gross_minor, row.fee_minor)
        for row in known
    }
    column = mapping.columns.get("gross", "")
    detail = "An earlier report had this row with another amount."
    return tuple(
        CellProblem(row.line, column, "changed_since", detail)
        for row in reading.rows
        if before.get((row.kind.value, row.provider_row_id), _said(row)) != _said(row)
    ), len(before)


def _period(file: ReportFile, rows: Sequence[ReportRow]) -> tuple[datetime, datetime]:
    instants = [row.occurred_at for row in rows]
    covered_from = file.covered_from or min(instants)
    covered_until = file.covered_until or max(instants)
    if covered_from > covered_until:
        raise InvalidInput(
            (Fault("/covered_until", "out_of_order", "A period ends after it begins."),)
        )
    return covered_from, covered_until


def _said(row: ReportRow) -> tuple[str, int, int]:
    return row.currency, row.gross_minor, row.fee_minor


def _refuse(problems: Sequence[CellProblem]) -> None:
    if problems:
        raise InvalidInput(
            tuple(Fault(f"/rows/{one.row}/{one.column}", one.code, one.detail) for one in problems)
        )


def _hash(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()
