"""How each provider writes its report, unless ``settlement_mappings`` says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from surehold.kernel.report_mapping import ReportMapping

DEFAULTS: Final[Mapping[str, ReportMapping]] = MappingProxyType(
    {
        "sandbox": ReportMapping(
            columns={
                "row_id": "id",
                "kind": "type",
                "payment_id": "payment",
                "object_id": "id",
                "reference": "reference",
                "payout_id": "payout",
                "gross": "gross",
                "fee": "fee",
                "net": "net",
                "currency": "currency",
                "occurred_at": "created_at",
            },
            kinds={
                "capture": "charge",
                "refund": "refund",
                "dispute": "dispute",
                "dispute_reversal": "dispute_reversal",
                "payout": "payout",
            },
            # What a dispute costs is told with the dispute, and booked with it.
            skipped=("dispute_fee",),
            amounts="minor",
            date_format="unix",
        ),
        # The itemized balance change from activity.
        "stripe": ReportMapping(
            columns={
                "row_id": "balance_transaction_id",
                "kind": "reporting_category",
                "payment_id": "payment_intent_id",
                "object_id": "source_id",
                "payout_id": "automatic_payout_id",
                "gross": "gross",
                "fee": "fee",
                "net": "net",
                "currency": "currency",
                "occurred_at": "created_utc",
            },
            kinds={
                "charge": "charge",
                "payment": "charge",
                "refund": "refund",
                "dispute": "dispute",
                "dispute_reversal": "dispute_reversal",
                "fee": "fee",
                "tax": "fee",
                "network_cost": "fee",
                "payout": "payout",
                "payout_reversal": "payout",
                "other_adjustment": "adjustment",
                "refund_failure": "adjustment",
            },
            delay_hours=48,
        ),
        # The combined settlement report. Tax on the fee is a part of it.
        "razorpay": ReportMapping(
            columns={
                "row_id": "entity_id",
                "kind": "type",
                "payment_id": "order_id",
                "object_id": "entity_id",
                "payout_id": "settlement_id",
                "gross": "amount",
                "fee": "fee",
                "currency": "currency",
                "occurred_at": "created_at",
            },
            kinds={
                "payment": "charge",
                "refund": "refund",
                "dispute": "dispute",
                "settlement": "payout",
                "adjustment": "adjustment",
            },
            date_format="unix",
            outward_kinds=("refund", "dispute", "payout"),
            delay_hours=72,
        ),
        # The transactions of a settlement.
        "paystack": ReportMapping(
            columns={
                "row_id": "id",
                "kind": "type",
                "payment_id": "reference",
                "object_id": "id",
                "reference": "reference",
                "payout_id": "settlement",
                "gross": "amount",
                "fee": "fees",
                "currency": "currency",
                "occurred_at": "paid_at",
            },
            kinds={
                "transaction": "charge",
                "refund": "refund",
                "dispute": "dispute",
                "settlement": "payout",
            },
            amounts="minor",
            outward_kinds=("refund", "dispute", "payout"),
            delay_hours=48,
        ),
        "flutterwave": ReportMapping(
            columns={
                "row_id": "id",
                "kind": "type",
                "payment_id": "tx_ref",
                "object_id": "id",
                "reference": "tx_ref",
                "payout_id": "settlement_id",
                "gross": "amount",
                "fee": "app_fee",
                "currency": "currency",
                "occurred_at": "created_at",
            },
            kinds={
                "transaction": "charge",
                "refund": "refund",
                "chargeback": "dispute",
                "settlement": "payout",
            },
            outward_kinds=("refund", "dispute", "payout"),
            delay_hours=48,
        ),
        # The settlement report's section body: events by code, amounts without a sign.
        "paypal": ReportMapping(
            columns={
                "row_id": "Transaction ID",
                "kind": "Transaction Event Code",
                "object_id": "Transaction ID",
                "reference": "Invoice ID",
                "gross": "Gross Transaction Amount",
                "direction": "Transaction Debit or Credit",
                "fee": "Fee Amount",
                "currency": "Gross Transaction Currency",
                "occurred_at": "Transaction Completion Date",
            },
            kinds={
                "T0003": "charge",
                "T0006": "charge",
                "T0007": "charge",
                "T1107": "refund",
                "T1201": "dispute",
                "T1202": "dispute_reversal",
                "T0400": "payout",
                "T0403": "payout",
                "T0106": "fee",
                "T0200": "adjustment",
            },
            amounts="minor",
            date_format="%Y/%m/%d %H:%M:%S %z",
            debit_words=("DR",),
            delay_hours=24,
        ),
        # A statement of an account, whose transfers quote our reference.
        "bank_transfer": ReportMapping(
            columns={
                "row_id": "entry",
                "kind": "type",
                "reference": "reference",
                "gross": "amount",
                "currency": "currency",
                "occurred_at": "booked_at",
            },
            kinds={
                "credit": "charge",
                "refund": "refund",
                "charges": "fee",
                "sweep": "payout",
            },
            delay_hours=72,
        ),
    }
)
