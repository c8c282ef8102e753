"""Commission of what was sold, and paying vendors: each posted once, whoever asks how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from surehold.db import Database, Transaction, clock
from surehold.db.database import PASSING
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import OrderId, VendorId, new_id
from surehold.kernel.money import Money
from surehold.kernel.permissions import Permission, require
from surehold.orders import commands as orders
from surehold.orders.vendor_accounts import queries, rules, sql
from surehold.orders.vendor_accounts.errors import (
    BankReferenceUsed,
    CommissionRuleNotFound,
    NothingToPayOut,
    PayoutBatchNotFound,
    PayoutBatchNotMovable,
    PayoutNotCovered,
)
from surehold.orders.vendor_accounts.model import (
    Batch,
    BatchState,
    Commissioned,
    CommissionRule,
    NewRule,
    WholeBatch,
)
from surehold.orders.vendor_accounts.states import BATCH, BatchEventKind
from surehold.payments import ledger
from surehold.payments.commands import post_journals

log = structlog.get_logger(__name__)

_ONE_PER_TRANSFER: Final = "vendor_payout_batches_one_per_transfer"
_BACK: Final = frozenset({"sale_credit", "sale_reversal"})

#: Writes down, in the transaction that proposes, what came of it.
KeepBatch = Callable[[Transaction, WholeBatch], Awaitable[None]]
KeepRule = Callable[[Transaction, CommissionRule], Awaitable[None]]


async def add_rule(
    db: Database, *, new: NewRule, actor: str, keep: KeepRule | None = None
) -> CommissionRule:
    """Have a rule count for what is sold from now, or from later; what was sold keeps its own.

    Raises:
        InvalidInput: No such vendor or category, an amount without its currency, or it would
            begin in the past.
    """
    require(Permission.COMMISSION_WRITE)

    async def work(tx: Transaction) -> CommissionRule:
        names = await tx.one(sql.FIND_NAMES, new.vendor, new.category)
        now = await clock.now(tx)
        starts_at = new.starts_at or now
        faults = []
        if new.vendor is not None and names.vendor_id is None:
            faults.append(Fault("/vendor", "unknown_vendor", "There is no such vendor."))
        if new.category is not None and names.category_id is None:
            faults.append(Fault("/category", "unknown_category", "There is no such category."))
        if new.fixed_minor and new.currency is None:
            faults.append(Fault("/currency", "missing", "So much for each unit, in what?"))
        if starts_at < now:
            faults.append(Fault("/starts_at", "in_the_past", "What was sold keeps its rule."))
        if faults:
            raise InvalidInput(tuple(faults))
        rule_id = new_id()
        await tx.run(
            sql.INSERT_RULE,
            rule_id,
            names.vendor_id,
            names.category_id,
            new.rate,
            new.fixed_minor,
            new.currency,
            starts_at,
            actor,
            now,
        )
        rule = await tx.one(sql.FIND_RULE, rule_id)
        if keep is not None:
            await keep(tx, rule)
        return rule

    return await db.retrying(work)


async def end_rule(db: Database, *, rule_id: UUID, actor: str) -> CommissionRule:
    """Have a rule count for nothing that is sold from now. Twice changes nothing.

    Raises:
        CommissionRuleNotFound: There is none with this id.
    """
    require(Permission.COMMISSION_WRITE)

    async def work(tx: Transaction) -> CommissionRule:
        await tx.run(sql.END_RULE, rule_id, actor)
        rule = await tx.find(sql.FIND_RULE, rule_id)
        if rule is None:
            raise CommissionRuleNotFound("There is no rule with this id.")
        return rule

    return await db.retrying(work)


async def post_due_commissions(db: Database, *, limit: int) -> int:
    """Follow the ledger: commission what was sold and taken back; returns how many journals.

    With no rule there is nothing to do. One order that cannot be commissioned is logged and stays
    behind; it keeps no other.
    """
    async with db.connection() as connection:
        first = min(
            (rule.starts_at for rule in await connection.all(sql.LIST_ALL_RULES)), default=None
        )
        if first is None:
            return 0
        now = await clock.now(connection)
        behind = await connection.all(sql.LIST_BEHIND, first, limit)
    count = failed = 0
    for order_id in dict.fromkeys(row.order_id for row in behind):
        try:
            count += await post_commissions(db, order_id=order_id)
        except PASSING:
            raise
        except Exception:
            failed += 1
            log.exception("commission_not_posted", order=str(order_id))
    if not failed and len(behind) < limit:
        async with db.transaction() as tx:
            await tx.run(sql.COVER, now)
    return count


async def post_commissions(db: Database, *, order_id: OrderId) -> int:
    """Commission what of one order is not yet, in the order in which it was booked.

    Whoever comes second finds it done; returns how many journals were.
    """

    async def work(tx: Transaction) -> int:
        known = await tx.all(sql.LIST_ALL_RULES)
        first = min((rule.starts_at for rule in known), default=None)
        if first is None or not await orders.lock_orders(tx, ids=[order_id]):
            return 0
        count = 0
        pending = await tx.all(sql.LIST_PENDING, order_id, first)
        for _, group in groupby(pending, key=lambda row: row.id):
            await _post(tx, order_id, tuple(group), known)
            count += 1
        return count

    return await db.retrying(work)


async def propose_payouts(
    db: Database,
    *,
    minimum: Money,
    hold_days: int,
    actor: str,
    keep: KeepBatch | None = None,
) -> WholeBatch:
    """Gather every vendor who is owed at least so much in a currency, past the days of hold.

    What was sold in an order that a person looks into is left for later. Who is in another open
    batch is left to it. A negative balance is carried forward.

    Raises:
        NothingToPayOut: Nobody is to be paid.
    """
    require(Permission.VENDOR_PAYOUTS_WRITE)

    async def work(tx: Transaction) -> WholeBatch:
        currency = minimum.currency
        payable = await tx.all(sql.LIST_PAYABLE, currency, hold_days, minimum.amount)
        batch = await tx.one(sql.INSERT_BATCH, new_id(), currency, hold_days, minimum.amount)
        count = await tx.run(
            sql.INSERT_PAYOUTS,
            batch.id,
            currency,
            [row.vendor_id for row in payable],
            [row.amount_minor for row in payable],
        )
        if not count:
            raise NothingToPayOut("No vendor has as much that is old enough.")
        await tx.run(sql.INSERT_BATCH_EVENT, batch.id, None, batch.state.value, actor)
        whole = await queries.get_batch(tx, batch_id=batch.id)
        if keep is not None:
            await keep(tx, whole)
        return whole

    return await db.retrying(work)


async def approve_payouts(db: Database, *, batch_id: UUID, actor: str) -> WholeBatch:
    """Let a batch be paid. Twice changes nothing.

    Raises:
        PayoutBatchNotFound: There is none with this id.
        PayoutBatchNotMovable: It was canceled.
        PayoutNotCovered: Vendors are owed less by now, or a person looks into what they sold:
            cancel it and propose anew.
    """
    require(Permission.VENDOR_PAYOUTS_APPROVE)

    async def work(tx: Transaction) -> WholeBatch:
        batch = await _lock(tx, batch_id)
        if batch.state not in (BatchState.APPROVED, BatchState.PAID):
            state = _next(batch, BatchEventKind.APPROVE)
            owed = await tx.all(sql.LIST_OWED, batch_id)
            short = [row.vendor for row in owed if row.owed_minor < row.amount_minor]
            if short:
                raise PayoutNotCovered("They are owed less by now.", vendors=short)
            await _move(tx, batch, state, actor=actor)
        return await queries.get_batch(tx, batch_id=batch_id)

    return await db.retrying(work)


async def pay_payouts(
    db: Database, *, batch_id: UUID, bank_reference: str, actor: str
) -> WholeBatch:
    """Say that the bank carried a batch out, and book it. Under the same reference twice is once.

    Raises:
        PayoutBatchNotFound: There is none with this id.
        PayoutBatchNotMovable: It is not approved, or was paid under another reference.
        BankReferenceUsed: The reference is of another batch.
    """
    require(Permission.VENDOR_PAYOUTS_PAY)

    async def work(tx: Transaction) -> WholeBatch:
        batch = await _lock(tx, batch_id)
        if batch.bank_reference != bank_reference:
            state = _next(batch, BatchEventKind.PAY)
            payouts = await tx.all(sql.LIST_PAYOUTS, batch_id)
            await _move(tx, batch, state, actor=actor, bank_reference=bank_reference)
            await tx.run(sql.END_PAYOUTS, batch_id, state.value)
            journal = ledger.vendor_payout(
                batch_id=batch_id,
                currency=batch.currency,
                payouts=[(row.vendor_id, row.amount_minor) for row in payouts],
            )
            await post_journals(tx, journals=[journal], now=await clock.now(tx))
        return await queries.get_batch(tx, batch_id=batch_id)

    try:
        return await db.retrying(work)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != _ONE_PER_TRANSFER:
            raise
        raise BankReferenceUsed("This reference is of another batch.") from None


async def cancel_payouts(db: Database, *, batch_id: UUID, actor: str) -> WholeBatch:
    """Give a batch up; its vendors may be proposed again. Twice changes nothing.

    Raises:
        PayoutBatchNotFound: There is none with this id.
        PayoutBatchNotMovable: It was paid.
    """
    require(Permission.VENDOR_PAYOUTS_WRITE)

    async def work(tx: Transaction) -> WholeBatch:
        batch = await _lock(tx, batch_id)
        if batch.state is not BatchState.CANCELED:
            await _move(tx, batch, _next(batch, BatchEventKind.CANCEL), actor=actor)
            await tx.run(sql.END_PAYOUTS, batch_id, BatchState.CANCELED.value)
        return await queries.get_batch(tx, batch_id=batch_id)

    return await db.retrying(work)


async def _post(
    tx: Transaction,
    order_id: OrderId,
    rows: Sequence[sql.PendingRow],
    known: Sequence[CommissionRule],
) -> None:
    """Commission one journal, whose vendors these are."""
    sale = rows[0]
    is_back = sale.kind in _BACK
    nets: dict[VendorId, int] = {
        row.vendor_id: -row.net_minor if is_back else row.net_minor
        for row in rows
        if row.vendor_id is not None
    }
    lines = await tx.all(sql.LIST_LINES, order_id)
    if is_back:
        shared = await tx.all(sql.LIST_SHARED, sale.reference)
        shares = {row.line_id: row.net_minor for row in shared}
        found = rules.take_back(lines, shares, nets)
    else:
        is_addition = sale.kind == "sale_addition"
        own = [
            line
            for line in lines
            if (line.change_id == sale.reference if is_addition else not line.is_later)
        ]
        found = rules.sell(own, nets, known, currency=sale.currency, at=sale.posted_at)
    await _write(tx, order_id, sale, found)


async def _write(
    tx: Transaction, order_id: OrderId, sale: sql.PendingRow, found: Sequence[Commissioned]
) -> None:
    now = await clock.now(tx)
    parts = rules.parts_of(found)
    journal = None
    if any(part.net_minor for part in parts):
        book = ledger.commission_reversal if sale.kind in _BACK else ledger.commission
        journal = book(
            sale_journal_id=sale.id, order_id=order_id, currency=sale.currency, parts=parts
        )
        await post_journals(tx, journals=[journal], now=now)
    journal_id = None if journal is None else journal.id
    await tx.run(sql.INSERT_COMMISSION, sale.id, order_id, journal_id, now)
    if found:
        await tx.run(
            sql.INSERT_COMMISSION_LINES,
            sale.id,
            [row.line_id for row in found],
            [row.vendor_id for row in found],
            [row.rule_id for row in found],
            [row.net_minor for row in found],
            [row.commission_minor for row in found],
        )


async def _lock(tx: Transaction, batch_id: UUID) -> Batch:
    batch = await tx.find(sql.LOCK_BATCH, batch_id)
    if batch is None:
        raise PayoutBatchNotFound("There is no batch with this id.")
    return batch


def _next(batch: Batch, event: BatchEventKind) -> BatchState:
    state = BATCH.find_next(batch.state, event)
    if state is None:
        raise PayoutBatchNotMovable("The batch is past that.", state=batch.state.value)
    return state


async def _move(
    tx: Transaction,
    batch: Batch,
    state: BatchState,
    *,
    actor: str,
    bank_reference: str | None = None,
) -> None:
    await tx.run(sql.MOVE_BATCH, batch.id, batch.state.value, state.value, bank_reference)
    await tx.run(sql.INSERT_BATCH_EVENT, batch.id, batch.state.value, state.value, actor)
