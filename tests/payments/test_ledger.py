"""Which accounts each fact touches, and by how much."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from surehold.kernel.ids import OrderId, VendorId
from surehold.payments import ledger
from surehold.payments.model import Entry, Journal

REFERENCE, ORDER = UUID(int=1), OrderId(UUID(int=2))
OURS, THEIRS = VendorId(UUID(int=3)), VendorId(UUID(int=4))
PARTS = ledger.SaleParts(
    total_minor=1000,
    tax_minor=150,
    shipping_net_minor=50,
    lines=((OURS, 500), (THEIRS, 200), (OURS, 100)),
)
MONEY: dict[str, Any] = {
    "order_id": ORDER,
    "provider": "card",
    "currency": "EUR",
    "amount_minor": 1000,
}
OWED: dict[str, Any] = {"order_id": ORDER, "currency": "EUR", "amount_minor": 1000}
SALE: dict[str, Any] = {"reference": REFERENCE, "order_id": ORDER, "currency": "EUR"}


def told(journal: Journal) -> tuple[str, UUID, UUID, str, list[tuple[str, int]]]:
    entries = [(entry.account, entry.amount_minor) for entry in journal.entries]
    return journal.kind, journal.reference, journal.order_id, journal.currency, entries


@pytest.mark.parametrize(
    ("journal", "kind", "entries"),
    [
        (
            ledger.capture(payment_id=REFERENCE, **MONEY),
            "capture",
            [("provider_clearing:card", 1000), ("customer_deposits", -1000)],
        ),
        (
            ledger.suspense(payment_id=REFERENCE, **MONEY),
            "suspense",
            [("provider_clearing:card", 1000), ("suspense", -1000)],
        ),
        (
            ledger.refund(refund_id=REFERENCE, **MONEY),
            "refund",
            [("customer_deposits", 1000), ("provider_clearing:card", -1000)],
        ),
        (
            ledger.receivable(payment_id=REFERENCE, **OWED),
            "receivable",
            [("receivable", 1000), ("customer_deposits", -1000)],
        ),
        (
            ledger.receivable_paid(payment_id=REFERENCE, **OWED),
            "receivable_paid",
            [("customer_deposits", 1000), ("receivable", -1000)],
        ),
    ],
    ids=["capture", "suspense", "refund", "owed", "paid"],
)
def test_money_comes_from_one_account_and_goes_to_another(
    journal: Journal, kind: str, entries: list[tuple[str, int]]
) -> None:
    assert told(journal) == (kind, REFERENCE, ORDER, "EUR", entries)


def test_a_sale_is_of_each_vendor_and_what_is_taken_back_mirrors_it() -> None:
    sale = ledger.sale(parts=PARTS, **SALE)

    assert sale.entries == (
        Entry("customer_deposits", 1000),
        Entry("sales", -600, OURS),
        Entry("sales", -200, THEIRS),
        Entry("shipping_income", -50),
        Entry("tax_payable", -150),
    )
    mirrored = tuple(
        msgspec.structs.replace(entry, amount_minor=-entry.amount_minor) for entry in sale.entries
    )
    reversal, credit = (
        ledger.sale_reversal(parts=PARTS, **SALE),
        ledger.sale_credit(parts=PARTS, **SALE),
    )
    assert (reversal.entries, credit.entries) == (mirrored, mirrored)
    assert [told(one)[:4] for one in (sale, reversal, credit)] == [
        (kind, REFERENCE, ORDER, "EUR") for kind in ("sale", "sale_reversal", "sale_credit")
    ]


def test_accounts_that_nothing_happens_to_are_left_out_and_a_journal_balances() -> None:
    free = msgspec.structs.replace(PARTS, total_minor=800, tax_minor=0, shipping_net_minor=0)
    assert [entry.account for entry in ledger.sale(parts=free, **SALE).entries] == [
        "customer_deposits",
        "sales",
        "sales",
    ]

    with pytest.raises(AssertionError, match="sale does not balance"):
        ledger.sale(parts=msgspec.structs.replace(PARTS, tax_minor=151), **SALE)


@pytest.mark.parametrize(
    ("counted", "entries"),
    [
        (1000, [("bank", 1000), ("provider_clearing:cash_on_delivery", -1000)]),
        (
            990,
            [
                ("bank", 990),
                ("cash_differences", 10),
                ("provider_clearing:cash_on_delivery", -1000),
            ],
        ),
        (0, [("cash_differences", 1000), ("provider_clearing:cash_on_delivery", -1000)]),
    ],
)
def test_a_deposit_is_what_the_bank_counted_and_the_rest_a_difference(
    counted: int, entries: list[tuple[str, int]]
) -> None:
    journal = ledger.cash_deposit(
        deposit_id=REFERENCE,
        provider="cash_on_delivery",
        currency="EUR",
        collected_minor=1000,
        counted_minor=counted,
    )

    assert [(entry.account, entry.amount_minor) for entry in journal.entries] == entries
    assert (journal.kind, journal.reference, journal.order_id) == ("cash_deposit", REFERENCE, None)


def test_a_debt_that_is_given_up_is_of_its_order() -> None:
    journal = ledger.receivable_canceled(order_id=ORDER, currency="EUR", amount_minor=5)

    assert (journal.reference, journal.order_id) == (ORDER, ORDER)
    assert [(entry.account, entry.amount_minor) for entry in journal.entries] == [
        ("customer_deposits", 5),
        ("receivable", -5),
    ]
