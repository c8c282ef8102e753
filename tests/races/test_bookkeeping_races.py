"""Bookkeepers at the same file, the same order and the same batch, on several connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.errors import DomainError
from surehold.kernel.money import Money
from surehold.orders.model import CancelReason
from surehold.orders.vendor_accounts import commands as vendor_accounts
from surehold.orders.vendor_accounts.model import NewRule, WholeBatch
from surehold.payments.reconciliation import commands as reconciliation
from surehold.payments.reconciliation.commands import ReportFile
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF, a_checkout, a_paid_order

ROUNDS = 5
HEADER = "id,type,payment,gross,fee,currency,payout,created_at"


@pytest.fixture
async def checkout(db: Database) -> AsyncIterator[Checkout]:
    await vendor_accounts.add_rule(db, new=NewRule("0.1"), actor="test")
    async with a_checkout(db) as opened:
        yield opened
        async with db.connection() as connection:
            assert await check_invariants(connection) == {}


async def tell(work: Awaitable[Any]) -> str:
    """What came of it, or the code of the refusal."""
    try:
        done = await work
    except DomainError as refusal:
        return refusal.code
    return done.batch.state.value if isinstance(done, WholeBatch) else str(done)


async def kinds(db: Database) -> Counter[str]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch("SELECT kind FROM ledger_journals")
    return Counter(row["kind"] for row in rows)


def a_file(*rows: str) -> ReportFile:
    return ReportFile("sandbox", "test", "\n".join([HEADER, *rows]).encode())


async def take_in(db: Database, file: ReportFile) -> int:
    return (await reconciliation.import_report(db, file=file, actor="test")).new_count


async def test_P14_two_take_in_the_same_rows_and_each_is_booked_once(db: Database) -> None:
    rows = [f"c{n},capture,p{n},1000,{29 + n},EUR,po,170000000{n}" for n in range(5)]
    payout = "po,payout,,-4000,0,EUR,po,1700000009"
    more = "c9,capture,p9,500,14,EUR,,1700000009"
    files = [
        a_file(*rows, payout),
        a_file(*rows, payout),
        a_file(payout, *reversed(rows), more),
        a_file(rows[0], more),
    ]

    counts = await asyncio.gather(*(take_in(db, file) for file in files))

    assert sum(counts) == 7
    assert await kinds(db) == {"provider_fee": 6, "provider_payout": 1}
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_an_order_is_commissioned_once_while_it_is_given_up(
    db: Database, checkout: Checkout
) -> None:
    lamp = await a_product(db, price=1_000, on_hand=20)
    for _ in range(ROUNDS):
        order_id = (await a_paid_order(checkout, [(lamp.variant_id, 1)])).order.id

        await asyncio.gather(
            vendor_accounts.post_commissions(db, order_id=order_id),
            commands.cancel_order(
                checkout, order_id=order_id, reason=CancelReason.STAFF, actor=STAFF
            ),
            vendor_accounts.post_due_commissions(db, limit=10),
            vendor_accounts.post_commissions(db, order_id=order_id),
        )

    await vendor_accounts.post_due_commissions(db, limit=100)
    found = await kinds(db)
    assert (found["sale"], found["commission"]) == (ROUNDS, ROUNDS)
    assert (found["sale_reversal"], found["commission_reversal"]) == (ROUNDS, ROUNDS)
    async with db.connection() as connection:
        owed = await connection.raw.fetchval(
            "SELECT sum(amount_minor) FROM ledger_entries WHERE account = 'vendor_payable'"
        )
    assert owed == 0


async def test_two_propose_and_pay_the_same_vendor_and_one_does(
    db: Database, checkout: Checkout
) -> None:
    lamp = await a_product(db, price=1_000, on_hand=20)
    for number in range(1, ROUNDS + 1):
        await a_paid_order(checkout, [(lamp.variant_id, 1)])
        await vendor_accounts.post_due_commissions(db, limit=10)

        async def propose() -> WholeBatch:
            return await vendor_accounts.propose_payouts(
                db, minimum=Money(1, "USD"), hold_days=0, actor="test"
            )

        told = await asyncio.gather(*(tell(propose()) for _ in range(3)))

        assert sorted(told) == ["nothing_to_pay_out", "nothing_to_pay_out", "proposed"]
        async with db.connection() as connection:
            batch_id = await connection.raw.fetchval(
                "SELECT id FROM vendor_payout_batches WHERE state = 'proposed'"
            )
        await vendor_accounts.approve_payouts(db, batch_id=batch_id, actor="test")

        def pay(reference: str, batch: Any = batch_id) -> Awaitable[WholeBatch]:
            return vendor_accounts.pay_payouts(
                db, batch_id=batch, bank_reference=reference, actor="test"
            )

        told = await asyncio.gather(
            tell(pay(f"B-{number}")),
            tell(pay(f"B-{number}")),
            tell(pay(f"C-{number}")),
            tell(vendor_accounts.cancel_payouts(db, batch_id=batch_id, actor="test")),
        )

        assert "paid" in told or "canceled" in told
        assert (await kinds(db))["vendor_payout"] <= number
        if "canceled" in told:
            assert "paid" not in told


async def test_what_was_taken_back_after_it_was_proposed_is_not_paid(
    db: Database, checkout: Checkout
) -> None:
    lamp = await a_product(db, price=1_000, on_hand=2)
    order_id = (await a_paid_order(checkout, [(lamp.variant_id, 1)])).order.id
    await vendor_accounts.post_due_commissions(db, limit=10)
    batch = await vendor_accounts.propose_payouts(
        db, minimum=Money(1, "USD"), hold_days=0, actor="test"
    )
    await commands.cancel_order(
        checkout, order_id=order_id, reason=CancelReason.STAFF, actor=STAFF
    )
    await vendor_accounts.post_due_commissions(db, limit=10)

    told = await tell(vendor_accounts.approve_payouts(db, batch_id=batch.batch.id, actor="test"))

    assert told == "payout_not_covered"
    assert (await kinds(db))["vendor_payout"] == 0
