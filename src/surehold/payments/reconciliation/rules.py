"""What a row and the books come to: a match, or a difference with its likely cause. Pure."""

from __future__ import annotations

from decimal import Decimal

from surehold.kernel.money import round_minor
from surehold.kernel.report_mapping import ReportMapping
from surehold.payments.reconciliation.model import Cause, Facts, Finding, RowKind


def judge(row: Facts, mapping: ReportMapping) -> Finding | None:
    """Whether a row matches the books, and if not, the likely cause.

    Several rows of one thing (parts of a capture, a dispute and its reversal) are one sum; the
    last of them carries the difference.
    """
    match row.kind:
        case RowKind.CHARGE:
            return _charge(row) or _fee(row, mapping)
        case RowKind.REFUND:
            return _refund(row)
        case RowKind.DISPUTE | RowKind.DISPUTE_REVERSAL:
            return _dispute(row) or _dispute_fee(row)
        case RowKind.PAYOUT:
            return _payout(row)
        case RowKind.ADJUSTMENT:
            return Finding(Cause.ADJUSTMENT_UNKNOWN, None, row.gross_minor)
        case RowKind.FEE:
            return _dispute_fee(row)


def _charge(row: Facts) -> Finding | None:
    if row.payment_id is None:
        return Finding(Cause.MISSING_HERE, None, row.gross_minor)
    if not row.is_last or row.booked_minor == row.said_minor:
        return None
    if row.booked_minor is None:
        if row.payment_currency != row.currency:
            return Finding(Cause.CURRENCY_DIFFERS, None, row.said_minor)
        return Finding(Cause.STATE_DIFFERS, 0, row.said_minor)
    if row.said_count > 1 and row.said_minor > row.booked_minor:
        return Finding(Cause.CAPTURED_TWICE, row.booked_minor, row.said_minor)
    return Finding(Cause.AMOUNT_DIFFERS, row.booked_minor, row.said_minor)


def _refund(row: Facts) -> Finding | None:
    if row.refund_id is None or row.refund_minor is None:
        return Finding(Cause.REFUND_UNKNOWN, None, row.gross_minor)
    if not row.is_last:
        return None
    if row.refund_currency != row.currency:
        return Finding(Cause.CURRENCY_DIFFERS, None, row.said_minor)
    if row.refund_state != "succeeded":
        return Finding(Cause.STATE_DIFFERS, 0, row.said_minor)
    if row.refund_minor != -row.said_minor:
        return Finding(Cause.AMOUNT_DIFFERS, -row.refund_minor, row.said_minor)
    return None


def _dispute(row: Facts) -> Finding | None:
    if row.payment_id is None or row.disputed_minor is None:
        return Finding(Cause.MISSING_HERE, None, row.gross_minor)
    if not row.is_last or row.disputed_minor == -row.said_minor:
        return None
    return Finding(Cause.DISPUTE_DIFFERS, -row.disputed_minor, row.said_minor)


def _dispute_fee(row: Facts) -> Finding | None:
    """A fee that people wrote down is what the provider took; it is not booked again."""
    if not row.is_last_fee or row.fee_said_minor == row.fee_booked_minor:
        return None
    return Finding(Cause.FEE_UNEXPECTED, row.fee_booked_minor, row.fee_said_minor)


def _payout(row: Facts) -> Finding | None:
    if not row.paid_out_count or row.paid_out_minor == -row.gross_minor:
        return None
    return Finding(Cause.PAYOUT_DIFFERS, -row.paid_out_minor, row.gross_minor)


def _fee(row: Facts, mapping: ReportMapping) -> Finding | None:
    """A charge never costs less than nothing, nor more than itself or than was agreed."""
    most = row.gross_minor
    if mapping.fee_rate_max is not None:
        fixed = mapping.fee_fixed_max.get(row.currency, 0)
        most = min(most, round_minor(row.gross_minor * Decimal(mapping.fee_rate_max)) + fixed)
    if 0 <= row.fee_minor <= most:
        return None
    return Finding(Cause.FEE_UNEXPECTED, most, row.fee_minor)
