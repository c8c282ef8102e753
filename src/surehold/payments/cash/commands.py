"""Writing collected cash down, and taking it to the bank."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from surehold.db import Database, Transaction
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import PaymentId, new_id
from surehold.kernel.money import Money
from surehold.kernel.permissions import Permission, require
from surehold.payments import ledger
from surehold.payments.cash import sql
from surehold.payments.cash.errors import CashNotHeld, DepositReferenceUsed
from surehold.payments.cash.model import Collection, Deposit
from surehold.payments.commands import post_journals
from surehold.payments.model import CASH_ON_DELIVERY


async def insert_collections(tx: Transaction, *, collections: Sequence[Collection]) -> None:
    """Write down cash that was taken at doors, in the transaction that books it.

    Raises:
        asyncpg.UniqueViolationError: Cash of the payment was written down before.
    """
    if not collections:
        return
    await tx.run(
        sql.INSERT_COLLECTIONS,
        [row.payment_id for row in collections],
        [row.order_id for row in collections],
        [row.currency for row in collections],
        [row.amount_minor for row in collections],
        [row.collected_by for row in collections],
        [row.actor for row in collections],
        [row.collected_at for row in collections],
    )


async def deposit_cash(
    db: Database,
    *,
    payment_ids: Sequence[PaymentId],
    counted: Money,
    reference: str,
    actor: str,
) -> Deposit:
    """Pay collected cash in at the bank, under the bank's receipt. Twice is once.

    What the bank counted otherwise than was collected is booked as a difference.

    Raises:
        CashNotHeld: Lists every payment whose cash is not there.
        InvalidInput: Cash of another currency is among it.
        DepositReferenceUsed: The receipt is of a deposit of other cash.
    """
    require(Permission.PAYMENTS_CONFIRM)
    ids = sorted(set(payment_ids))

    async def work(tx: Transaction) -> Deposit:
        held = await tx.all(sql.LOCK_HELD, ids)
        known = await tx.find(sql.FIND_DEPOSIT, reference)
        if known is not None:
            return await _same(tx, known, ids, counted)
        missing = sorted(set(ids) - {row.payment_id for row in held})
        if missing:
            raise CashNotHeld(
                "Some of this cash is not there.", payment_ids=[str(one) for one in missing]
            )
        _check_currency(payment_ids, held, counted.currency)
        collected = sum(row.amount_minor for row in held)
        deposit = await tx.find(
            sql.INSERT_DEPOSIT,
            new_id(),
            counted.currency,
            collected,
            counted.amount,
            reference,
            actor,
        )
        if deposit is None:  # somebody entered the receipt for other cash a moment ago
            known = await tx.one(sql.FIND_DEPOSIT, reference)
            raise _used(known)
        await tx.run(sql.DEPOSIT, ids, deposit.id)
        journal = ledger.cash_deposit(
            deposit_id=deposit.id,
            provider=CASH_ON_DELIVERY,
            currency=deposit.currency,
            collected_minor=collected,
            counted_minor=counted.amount,
        )
        await post_journals(tx, journals=[journal], now=deposit.deposited_at)
        return deposit

    return await db.retrying(work)


def _check_currency(
    payment_ids: Sequence[PaymentId], held: Sequence[Collection], currency: str
) -> None:
    currencies = {row.payment_id: row.currency for row in held}
    faults = tuple(
        Fault(f"/payment_ids/{index}", "other_currency", "This cash is of another currency.")
        for index, one in enumerate(payment_ids)
        if currencies[one] != currency
    )
    if faults:
        raise InvalidInput(faults)


async def _same(tx: Transaction, known: Deposit, ids: Sequence[UUID], counted: Money) -> Deposit:
    rows = await tx.all(sql.LIST_DEPOSITED, known.id)
    is_same = [row.payment_id for row in rows] == list(ids)
    if is_same and (known.counted_minor, known.currency) == (counted.amount, counted.currency):
        return known
    raise _used(known)


def _used(known: Deposit) -> DepositReferenceUsed:
    return DepositReferenceUsed("This receipt is of another deposit.", deposit_id=str(known.id))
