"""Providers' files: what is read of them, what is wrong with them, and what rows come to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from surehold.kernel.ids import PaymentId, RefundId, merchant_reference
from surehold.kernel.report_mapping import ReportMapping
from surehold.payments.reconciliation.mappings import DEFAULTS
from surehold.payments.reconciliation.model import Cause, Facts, Finding, ReportRow, RowKind
from surehold.payments.reconciliation.reading import ROWS_MAX, read_report
from surehold.payments.reconciliation.rules import judge

OUR_ID = UUID("0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10")
OURS = merchant_reference(OUR_ID)
HEADER = "id,type,payment,reference,gross,fee,net,currency,payout,created_at"
STRIPE = "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category"
PAYPAL = (
    "Transaction ID,Invoice ID,Transaction Event Code,Transaction Completion Date,"
    "Gross Transaction Currency"
)
AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
K = RowKind


def read(provider: str, *lines: str) -> tuple[ReportRow, ...]:
    reading = read_report("\n".join(lines).encode(), DEFAULTS[provider])
    assert reading.problems == ()
    return reading.rows


def problems(provider: str, *lines: str) -> set[tuple[int, str, str]]:
    reading = read_report("\n".join(lines).encode(), DEFAULTS[provider])
    return {(one.row, one.column, one.code) for one in reading.problems}


def test_sandbox_rows_say_what_moved_and_what_it_cost() -> None:
    found = read(
        "sandbox",
        HEADER,
        f"cap_1,capture,pay_1,{OURS},1999,57,1942,EUR,po_1,1700000000",
        "po_1,payout,,,-1942,0,-1942,EUR,po_1,1700000000",
    )

    assert found == (
        ReportRow(2, K.CHARGE, "cap_1", "pay_1", "cap_1", OUR_ID, "po_1", "EUR", 1999, 57, AT),
        ReportRow(3, K.PAYOUT, "po_1", None, "po_1", None, "po_1", "EUR", -1942, 0, AT),
    )
    assert [row.net_minor for row in found] == [1942, -1942]


@pytest.mark.parametrize(
    ("provider", "header", "line", "expected"),
    [
        (
            "stripe",
            f"{STRIPE},source_id,payment_intent_id,automatic_payout_id,description",
            "txn_1,2023-11-14 22:13:20,jpy,1000,36,964,charge,ch_1,pi_1,po_1,Order",
            (K.CHARGE, "txn_1", "pi_1", "ch_1", "JPY", 1000, 36),
        ),
        (
            "stripe",
            STRIPE,
            'txn_2,2023-11-14 22:13:20,usd,"-1,234.50",0.00,"-1,234.50",fee',
            (K.FEE, "txn_2", None, None, "USD", 0, 123_450),
        ),
        (
            "razorpay",
            "entity_id,type,order_id,amount,fee,currency,created_at,settlement_id",
            "rfnd_1,refund,order_1,12.50,0.00,INR,1700000000,setl_1",
            (K.REFUND, "rfnd_1", "order_1", "rfnd_1", "INR", -1250, 0),
        ),
        (
            "paystack",
            "id,type,reference,amount,fees,currency,paid_at",
            f"77,transaction,{OURS},250000,3750,NGN,2023-11-14T22:13:20.000Z",
            (K.CHARGE, "77", OURS, "77", "NGN", 250_000, 3_750),
        ),
        (
            "flutterwave",
            "id,type,tx_ref,amount,app_fee,currency,created_at",
            f"9,chargeback,{OURS},10.500,0,KWD,2023-11-14T22:13:20Z",
            (K.DISPUTE, "9", OURS, "9", "KWD", -10_500, 0),
        ),
        (
            "paypal",
            f"{PAYPAL},Transaction Debit or Credit,Gross Transaction Amount,Fee Amount",
            f"8XY,{OURS},T1107,2023/11/14 22:13:20 +0000,EUR,DR,500,",
            (K.REFUND, "8XY", None, "8XY", "EUR", -500, 0),
        ),
        (
            "bank_transfer",
            "entry;type;reference;amount;currency;booked_at",
            f"E-1;Credit;{OURS};19.99;EUR;2023-11-14 22:13:20",
            (K.CHARGE, "E-1", None, None, "EUR", 1999, 0),
        ),
    ],
)
def test_each_form_is_read(
    provider: str, header: str, line: str, expected: tuple[Any, ...]
) -> None:
    (row,) = read(provider, header, line)

    assert row.occurred_at == AT
    assert (
        row.kind,
        row.provider_row_id,
        row.provider_payment_id,
        row.provider_object_id,
        row.currency,
        row.gross_minor,
        row.fee_minor,
    ) == expected


def test_every_problem_is_said_by_row_and_column() -> None:
    assert problems(
        "sandbox",
        HEADER,
        f"cap_1,capture,pay_1,{OURS},1999,57,1942,EUR,,1700000000",
        f"cap_1,capture,pay_1,{OURS},1999,57,1942,EUR,,1700000000",
        "cap_2,tip,pay_1,,19.99,57,1942,XXY,,yesterday",
        ",capture,,,,57,,EUR,,1700000000",
        "cap_4,capture,,,100,1,100,EUR,,1700000000",
        "cap_5,capture,,,0,0,0,EUR,,1700000000",
        "cap_6,capture",
    ) == {
        (3, "id", "repeated"),
        (4, "type", "unknown_kind"),
        (4, "currency", "unknown_currency"),
        (4, "created_at", "invalid_instant"),
        (5, "id", "missing"),
        (6, "net", "does_not_add_up"),
        (7, "gross", "nothing_moved"),
        (8, "", "wrong_cell_count"),
    }
    assert problems("sandbox", "id,type") == {
        (1, name, "missing_column") for name in ("gross", "currency", "created_at")
    }
    assert problems("sandbox", HEADER) == {(1, "", "empty_file")}
    many = [f"c{n},capture,,,1,0,1,EUR,,1700000000" for n in range(ROWS_MAX + 1)]
    assert problems("sandbox", HEADER, *many) == {(ROWS_MAX + 2, "", "too_many_rows")}
    assert read_report(b"id", ReportMapping({})).problems[0].code == "incomplete_mapping"


_PAYMENT = PaymentId(OUR_ID)
MATCHED = Facts(
    id=OUR_ID,
    provider="sandbox",
    account="test",
    kind=K.CHARGE,
    currency="EUR",
    gross_minor=1000,
    fee_minor=29,
    net_minor=971,
    payment_id=_PAYMENT,
    payment_currency="EUR",
    booked_minor=1000,
    disputed_minor=0,
    refund_id=None,
    refund_state=None,
    refund_currency=None,
    refund_minor=None,
    said_minor=1000,
    said_count=1,
    is_last=True,
    paid_out_minor=0,
    paid_out_count=0,
)
REFUNDED = msgspec.structs.replace(
    MATCHED,
    kind=K.REFUND,
    gross_minor=-400,
    said_minor=-400,
    refund_id=RefundId(OUR_ID),
    refund_state="succeeded",
    refund_currency="EUR",
    refund_minor=400,
)
CAPPED = ReportMapping({}, fee_rate_max="0.02", fee_fixed_max={"EUR": 5})


@pytest.mark.parametrize(
    ("row", "changes", "expected"),
    [
        (MATCHED, {}, None),
        (MATCHED, {"payment_id": None}, Finding(Cause.MISSING_HERE, None, 1000)),
        (MATCHED, {"booked_minor": 900}, Finding(Cause.AMOUNT_DIFFERS, 900, 1000)),
        (MATCHED, {"booked_minor": None}, Finding(Cause.STATE_DIFFERS, 0, 1000)),
        (
            MATCHED,
            {"booked_minor": None, "payment_currency": "USD"},
            Finding(Cause.CURRENCY_DIFFERS, None, 1000),
        ),
        (
            MATCHED,
            {"said_minor": 2000, "said_count": 2},
            Finding(Cause.CAPTURED_TWICE, 1000, 2000),
        ),
        (MATCHED, {"said_minor": 2000, "said_count": 2, "is_last": False}, None),
        (
            MATCHED,
            {"said_minor": 900, "said_count": 2},
            Finding(Cause.AMOUNT_DIFFERS, 1000, 900),
        ),
        (MATCHED, {"fee_minor": 0}, None),
        (MATCHED, {"fee_minor": 1001}, Finding(Cause.FEE_UNEXPECTED, 1000, 1001)),
        (MATCHED, {"fee_minor": -1}, Finding(Cause.FEE_UNEXPECTED, 1000, -1)),
        (REFUNDED, {}, None),
        (REFUNDED, {"refund_id": None}, Finding(Cause.REFUND_UNKNOWN, None, -400)),
        (REFUNDED, {"refund_state": "failed"}, Finding(Cause.STATE_DIFFERS, 0, -400)),
        (REFUNDED, {"refund_minor": 300}, Finding(Cause.AMOUNT_DIFFERS, -300, -400)),
        (REFUNDED, {"refund_currency": "USD"}, Finding(Cause.CURRENCY_DIFFERS, None, -400)),
        (MATCHED, {"kind": K.DISPUTE}, Finding(Cause.DISPUTE_DIFFERS, 0, 1000)),
        (MATCHED, {"kind": K.DISPUTE, "disputed_minor": 400, "said_minor": -400}, None),
        (MATCHED, {"kind": K.DISPUTE, "is_last": False}, None),
        (
            MATCHED,
            {"kind": K.DISPUTE, "disputed_minor": 300, "said_minor": -400},
            Finding(Cause.DISPUTE_DIFFERS, -300, -400),
        ),
        (
            MATCHED,
            {"kind": K.DISPUTE, "payment_id": None, "gross_minor": -400},
            Finding(Cause.MISSING_HERE, None, -400),
        ),
        (
            MATCHED,
            {"kind": K.PAYOUT, "gross_minor": -900, "paid_out_minor": 971, "paid_out_count": 1},
            Finding(Cause.PAYOUT_DIFFERS, -971, -900),
        ),
        (MATCHED, {"kind": K.PAYOUT, "gross_minor": -900}, None),
        (
            MATCHED,
            {"kind": K.PAYOUT, "gross_minor": -971, "paid_out_minor": 971, "paid_out_count": 1},
            None,
        ),
        (MATCHED, {"kind": K.ADJUSTMENT}, Finding(Cause.ADJUSTMENT_UNKNOWN, None, 1000)),
        (MATCHED, {"kind": K.FEE}, None),
    ],
)
def test_a_row_matches_or_has_one_likely_cause(
    row: Facts, changes: dict[str, Any], expected: Finding | None
) -> None:
    assert judge(msgspec.structs.replace(row, **changes), DEFAULTS["sandbox"]) == expected


def test_a_fee_above_what_was_agreed_is_unexpected() -> None:
    most = msgspec.structs.replace(MATCHED, fee_minor=25)

    assert judge(most, CAPPED) is None
    assert judge(MATCHED, CAPPED) == Finding(Cause.FEE_UNEXPECTED, 25, 29)
    in_dollars = msgspec.structs.replace(MATCHED, currency="USD", fee_minor=21)
    assert judge(in_dollars, CAPPED) == Finding(Cause.FEE_UNEXPECTED, 20, 21)
