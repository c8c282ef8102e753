"""The judge of money finds every way in which a report and our books differ, and only those."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import pytest

from proof.oracle import reconcile
from surehold.checkout import commands
from surehold.checkout.model import BUYER
from surehold.db import Database
from surehold.kernel.ids import merchant_reference, new_id
from surehold.orders.model import CancelReason
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.orders import a_checkout, a_placed_order, begin_payment
from tests.builders.providers import PretendProvider
from tests.support.shop import make_due

PROVIDER: Final = "pretend"

Report = list[dict[str, Any]]


def a_line(kind: str, payment: Any, amount: int, **changes: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "id": f"cap_{payment['id']}",
        "payment": payment["provider_payment_id"],
        "merchant_reference": merchant_reference(payment["id"]),
        "refund_reference": None,
        "amount": amount,
        "currency": payment["currency"],
        "created_at": 1_800_000_000,
        **changes,
    }


@pytest.fixture
async def report(db: Database) -> Report:
    """A true report of a store with one sale and one that was taken back."""
    pretend = PretendProvider()
    lamp = await a_product(db, on_hand=9)
    async with a_checkout(db, providers=Providers([pretend])) as checkout:
        for is_canceled in (False, True):
            placed = await a_placed_order(checkout, [(lamp.variant_id, 1)], provider=PROVIDER)
            begun = await begin_payment(checkout, placed)
            assert begun.payment is not None
            pretend.pay(f"pp_{begun.payment.merchant_reference}")
            await commands.check_payment(checkout, begun.payment.id)
            if is_canceled:
                await commands.cancel_order(
                    checkout, order_id=placed.order.id, reason=CancelReason.BUYER, actor=BUYER
                )
        await make_due(db)
        await commands.ask_due_operations(checkout)
    async with db.connection() as connection:
        payments = await connection.raw.fetch("SELECT * FROM payments ORDER BY id")
        refund = await connection.raw.fetchrow("SELECT * FROM refunds WHERE state = 'succeeded'")
    assert refund is not None
    lines = [a_line("capture", row, row["captured_minor"]) for row in payments]
    lines.append(
        a_line(
            "refund", payments[1], -refund["amount_minor"],
            id=refund["provider_refund_id"], refund_reference=str(refund["id"]),
        )
    )  # fmt: skip
    return lines


async def judge(db: Database, report: Report) -> list[str]:
    async with db.connection() as connection:
        return await reconcile(connection, report, provider=PROVIDER)


async def change(db: Database, *statements: str) -> None:
    async with db.connection() as connection:
        for statement in statements:
            await connection.raw.execute(statement)


async def park(db: Database, reason: str = "a person looks") -> None:
    await change(db, f"UPDATE payments SET review_reason = '{reason}'")


async def test_true_report_has_no_findings(db: Database, report: Report) -> None:
    assert len(report) == 3
    assert await judge(db, report) == []


async def test_other_provider_is_not_judged_by_this_report(db: Database, report: Report) -> None:
    async with db.connection() as connection:
        assert await reconcile(connection, [], provider="another") == []


@pytest.mark.parametrize("is_parked", [False, True])
async def test_capture_that_only_we_claim(
    db: Database, report: Report, *, is_parked: bool
) -> None:
    if is_parked:
        await park(db)
    found = await judge(db, report[1:])

    amount, currency = report[0]["amount"], report[0]["currency"]
    assert [row.partition(": ")[2] for row in found] == [
        f"the provider captured 0 {currency}, our books say {amount}"
    ]


@pytest.mark.parametrize(
    ("changes", "count"),
    [({"amount": 1}, 1), ({"currency": "GBP"}, 2), ({"payment": "pp_other"}, 1)],
)
async def test_capture_that_differs(
    db: Database, report: Report, changes: dict[str, Any], count: int
) -> None:
    assert len(await judge(db, [report[0] | changes, *report[1:]])) == count


async def test_capture_twice_is_found_unless_a_person_looks(db: Database, report: Report) -> None:
    twice = [*report, report[0] | {"id": "cap_2"}]
    assert len(await judge(db, twice)) == 1
    await park(db)

    assert await judge(db, twice) == []


async def test_capture_of_nothing_we_know(db: Database, report: Report) -> None:
    stranger = {**report[0], "id": "cap_x", "merchant_reference": merchant_reference(new_id())}
    noise = {**report[0], "id": "cap_y", "merchant_reference": "not-ours"}
    await park(db)

    found = await judge(db, [*report, stranger, noise])

    assert [row.partition(":")[0] for row in found] == ["capture cap_x", "capture cap_y"]


@pytest.mark.parametrize("is_parked", [False, True])
async def test_refund_that_only_we_claim(db: Database, report: Report, *, is_parked: bool) -> None:
    if is_parked:
        await park(db)
    found = await judge(db, report[:2])

    assert len(found) == 1
    assert "never sent" in found[0]


async def test_refund_that_came_back_waits_for_a_person(db: Database, report: Report) -> None:
    await park(db, "refund_taken_back")

    assert await judge(db, report[:2]) == []


@pytest.mark.parametrize(
    "changes",
    [{"amount": -1}, {"currency": "GBP"}, {"refund_reference": None}],
)
async def test_refund_that_differs(db: Database, report: Report, changes: dict[str, Any]) -> None:
    await park(db)

    assert len(await judge(db, [*report[:2], report[2] | changes])) == 1


@pytest.mark.parametrize("kind", ["refund", "dispute"])
async def test_money_taken_back_is_found_unless_a_person_looks(
    db: Database, report: Report, kind: str
) -> None:
    unasked = {**report[0], "type": kind, "id": "other_1", "amount": -100}
    assert len(await judge(db, [*report, unasked])) == 1
    await park(db)

    assert await judge(db, [*report, unasked]) == []


async def test_dispute_that_was_won_is_no_finding(db: Database, report: Report) -> None:
    taken = {**report[0], "type": "dispute", "id": "dsp_1", "amount": -100}
    returned = {**taken, "type": "dispute_reversal", "amount": 100}

    assert await judge(db, [*report, taken, returned]) == []


async def test_money_under_suspense_is_money_we_know_of(db: Database, report: Report) -> None:
    more = {**report[0], "id": "cap_2", "amount": 7}
    journal = new_id()
    async with db.connection() as connection:
        payment = UUID(str(await connection.raw.fetchval("SELECT min(id::text) FROM payments")))
        await connection.raw.execute(
            "WITH journal AS (INSERT INTO ledger_journals (id, kind, reference, order_id,"
            " posted_at) SELECT $1, 'suspense', id, order_id, now() FROM payments WHERE id = $2"
            " RETURNING id)"
            " INSERT INTO ledger_entries (journal_id, position, account, currency, amount_minor)"
            " SELECT id, 0, 'provider_clearing:pretend', $3::text, 7 FROM journal UNION ALL"
            " SELECT id, 1, 'suspense', $3::text, -7 FROM journal",
            journal,
            payment,
            report[0]["currency"],
        )

    assert await judge(db, [*report, more]) == []
    assert len(await judge(db, report)) == 1
