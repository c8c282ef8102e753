"""Statements of settlement reports. Rows go in by their key, so that two imports wait in turn."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import PaymentId
from surehold.payments.reconciliation.model import Difference, Facts, Missing, Report

_REPORT: Final = """id, provider, account, row_count, covered_from, covered_until, actor,
           imported_at"""

# The same file at the same moment waits here, and then finds what the first wrote.
INSERT_REPORT: Final = query(
    f"""
    /* payments.insert_settlement_report */
    INSERT INTO settlement_reports
           (id, provider, account, file_hash, row_count, covered_from, covered_until, actor,
            imported_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, store_now())
        ON CONFLICT (provider, account, file_hash) DO NOTHING
    RETURNING {_REPORT}
    """,
    Report,
)

FIND_REPORT: Final = query(
    f"""
    /* payments.find_settlement_report */
    SELECT {_REPORT}
      FROM settlement_reports
     WHERE provider = $1
       AND account = $2
       AND file_hash = $3
    """,
    Report,
)

LIST_REPORTS: Final = query(
    f"""
    /* payments.list_settlement_reports */
    SELECT {_REPORT}
      FROM settlement_reports
     WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY id DESC
     LIMIT (SELECT $2::int)
    """,
    Report,
)


class KnownRow(msgspec.Struct, frozen=True):
    """A row that an earlier file held."""

    kind: str
    provider_row_id: str
    currency: str
    gross_minor: int
    fee_minor: int


LIST_KNOWN_ROWS: Final = query(
    """
    /* payments.list_known_settlement_rows */
    SELECT known.kind, known.provider_row_id, known.currency, known.gross_minor, known.fee_minor
      FROM unnest($3::text[], $4::text[]) AS file (kind, provider_row_id)
      JOIN settlement_rows AS known
        ON known.provider = $1
       AND known.account = $2
       AND known.kind = file.kind
       AND known.provider_row_id = file.provider_row_id
    """,
    KnownRow,
)


class NewRow(msgspec.Struct, frozen=True):
    """A row that was written just now; what it keeps and pays out is to be booked."""

    id: UUID
    kind: str
    currency: str
    gross_minor: int
    fee_minor: int


# Whoever comes second with a row waits for the first, and is not told of it: it is booked once.
INSERT_ROWS: Final = query(
    """
    /* payments.insert_settlement_rows */
    INSERT INTO settlement_rows
           (id, report_id, line, provider, account, kind, provider_row_id, provider_payment_id,
            provider_object_id, reference, payout_id, currency, gross_minor, fee_minor, net_minor,
            occurred_at)
    SELECT new.id, $1, line, $2, $3, kind, provider_row_id, provider_payment_id,
           provider_object_id, reference, payout_id, currency, gross_minor, fee_minor,
           gross_minor - fee_minor, occurred_at
      FROM unnest($4::uuid[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[],
                  $10::uuid[], $11::text[], $12::text[], $13::bigint[], $14::bigint[],
                  $15::timestamptz[])
           AS new (id, line, kind, provider_row_id, provider_payment_id, provider_object_id,
                   reference, payout_id, currency, gross_minor, fee_minor, occurred_at)
     ORDER BY kind, provider_row_id
        ON CONFLICT (provider, account, kind, provider_row_id) DO NOTHING
    RETURNING id, kind, currency, gross_minor, fee_minor
    """,
    NewRow,
)


class IdRow(msgspec.Struct, frozen=True):
    """An id."""

    id: UUID


# What is new may explain, or be at odds with, what was said of the same payment or payout before.
LIST_RELATED: Final = query(
    """
    /* payments.list_related_settlement_rows */
    WITH new AS (
        SELECT id, provider, account, provider_payment_id, reference, payout_id
          FROM settlement_rows
         WHERE id = ANY($1::uuid[])
    )
    SELECT id
      FROM new
     UNION
    SELECT other.id
      FROM new
      JOIN settlement_rows AS other
        ON other.provider = new.provider
       AND other.account = new.account
       AND other.provider_payment_id = new.provider_payment_id
     UNION
    SELECT other.id
      FROM new
      JOIN settlement_rows AS other ON other.reference = new.reference
     UNION
    SELECT other.id
      FROM new
      JOIN settlement_rows AS other
        ON other.provider = new.provider
       AND other.account = new.account
       AND other.payout_id = new.payout_id
       AND other.kind = 'payout'
     ORDER BY id
    """,
    IdRow,
)

# A payment is found by the provider's id or by ours; a refund by ours or by the provider's.
LIST_FACTS: Final = query(
    """
    /* payments.list_settlement_facts */
    SELECT wanted.id, wanted.provider, wanted.account, wanted.kind, wanted.currency,
           wanted.gross_minor, wanted.fee_minor, wanted.net_minor, payment.id AS payment_id,
           payment.currency AS payment_currency, booked.minor AS booked_minor,
           payment.disputed_minor, refund.id AS refund_id, refund.state AS refund_state,
           refund.currency AS refund_currency, refund.amount_minor AS refund_minor,
           said.minor AS said_minor, said.count AS said_count, said.last_id = wanted.id AS is_last,
           paid_out.minor AS paid_out_minor, paid_out.count AS paid_out_count,
           fee.booked_minor AS fee_booked_minor, fee.said_minor AS fee_said_minor,
           coalesce(fee.last_id = wanted.id, false) AS is_last_fee
      FROM settlement_rows AS wanted
      LEFT JOIN LATERAL (
            SELECT found.id, found.state, found.currency, found.amount_minor, found.payment_id
              FROM refunds AS found
              JOIN payments AS of ON of.id = found.payment_id
             WHERE wanted.kind = 'refund'
               AND (found.id = wanted.reference
                    OR found.provider_refund_id = wanted.provider_object_id)
               AND (of.provider, of.account) = (wanted.provider, wanted.account)
             LIMIT 1) AS refund
        ON true
      LEFT JOIN LATERAL (
            SELECT found.id, found.currency,
                   found.disputed_minor + found.lost_minor AS disputed_minor
              FROM payments AS found
             WHERE wanted.kind IN ('charge', 'dispute', 'dispute_reversal')
               AND (found.id = wanted.reference
                    OR found.provider_payment_id = wanted.provider_payment_id)
               AND (found.provider, found.account) = (wanted.provider, wanted.account)
             LIMIT 1) AS payment
        ON true
      LEFT JOIN LATERAL (
            SELECT sum(entry.amount_minor)::bigint AS minor
              FROM ledger_journals AS journal
              JOIN ledger_entries AS entry ON entry.journal_id = journal.id
             WHERE journal.kind IN ('capture', 'suspense')
               AND journal.reference = payment.id
               AND entry.account = 'provider_clearing:' || wanted.provider
               AND entry.currency = wanted.currency) AS booked
        ON true
     CROSS JOIN LATERAL (
            SELECT sum(other.gross_minor)::bigint AS minor, count(*)::int AS count,
                   (array_agg(other.id ORDER BY other.id DESC))[1] AS last_id
              FROM settlement_rows AS other
             WHERE other.provider = wanted.provider
               AND other.account = wanted.account
               AND other.currency = wanted.currency
               AND (other.id = wanted.id
                    OR (wanted.kind = 'charge' AND other.kind = 'charge'
                        AND (other.reference = payment.id
                             OR other.provider_payment_id = wanted.provider_payment_id))
                    OR (wanted.kind IN ('dispute', 'dispute_reversal')
                        AND other.kind IN ('dispute', 'dispute_reversal')
                        AND (other.reference = payment.id
                             OR other.provider_payment_id = wanted.provider_payment_id))
                    OR (wanted.kind = 'refund' AND other.kind = 'refund'
                        AND (other.reference = wanted.reference
                             OR (other.provider_payment_id = wanted.provider_payment_id
                                 AND other.provider_object_id = wanted.provider_object_id))))
           ) AS said
     CROSS JOIN LATERAL (
            SELECT coalesce(sum(part.net_minor), 0)::bigint AS minor, count(*)::int AS count
              FROM settlement_rows AS part
             WHERE wanted.kind = 'payout'
               AND part.kind <> 'payout'
               AND part.provider = wanted.provider
               AND part.account = wanted.account
               AND part.currency = wanted.currency
               AND part.payout_id = wanted.payout_id) AS paid_out
      LEFT JOIN LATERAL (
            SELECT dispute.fee_minor AS booked_minor, sum(part.fee_minor)::bigint AS said_minor,
                   (array_agg(part.id ORDER BY part.id DESC))[1] AS last_id
              FROM disputes AS dispute
              JOIN settlement_rows AS part
                ON part.id = wanted.id
                OR (part.provider, part.account) = (wanted.provider, wanted.account)
               AND part.provider_payment_id = wanted.provider_payment_id
               AND part.provider_object_id = wanted.provider_object_id
             WHERE wanted.kind IN ('dispute', 'dispute_reversal', 'fee')
               AND (dispute.provider, dispute.account) = (wanted.provider, wanted.account)
               AND dispute.provider_dispute_id = wanted.provider_object_id
               AND dispute.currency = wanted.currency
               AND part.fee_minor <> 0
               AND NOT EXISTS (
                    SELECT FROM ledger_journals AS journal
                     WHERE journal.kind = 'provider_fee'
                       AND journal.reference = part.id)
             GROUP BY dispute.id
             ORDER BY dispute.id
             LIMIT 1) AS fee
        ON true
     WHERE wanted.id = ANY($1::uuid[])
     ORDER BY wanted.id
    """,
    Facts,
)

# What was booked while a report covers it and is in no report. A refund to store credit, or of it,
# never was at the provider.
LIST_MISSING: Final = query(
    """
    /* payments.list_missing_settlements */
    SELECT payment.id AS payment_id, refund.id AS refund_id, payment.currency,
           coalesce(-refund.amount_minor, payment.captured_minor) AS amount_minor
      FROM ledger_journals AS journal
      LEFT JOIN refunds AS refund
        ON journal.kind = 'refund'
       AND refund.id = journal.reference
      JOIN payments AS payment
        ON payment.id = CASE journal.kind WHEN 'capture' THEN journal.reference
                        ELSE refund.payment_id END
     WHERE journal.kind IN ('capture', 'refund')
       AND journal.posted_at >= $3
       AND journal.posted_at < $4
       AND payment.provider = $1
       AND payment.account = $2
       AND refund.store_credit_id IS NULL
       AND NOT EXISTS (
            SELECT FROM settlement_rows AS row
             WHERE row.reference = journal.reference
               AND row.kind = CASE journal.kind WHEN 'capture' THEN 'charge' ELSE 'refund' END)
       AND NOT EXISTS (
            SELECT FROM settlement_rows AS row
             WHERE row.provider = payment.provider
               AND row.account = payment.account
               AND row.provider_payment_id = payment.provider_payment_id
               AND row.kind = CASE journal.kind WHEN 'capture' THEN 'charge' ELSE 'refund' END
               AND (journal.kind = 'capture'
                    OR row.provider_object_id = refund.provider_refund_id))
     ORDER BY journal.reference
    """,
    Missing,
)

# One that is open with the same cause stays; one that a person resolved is not found again.
INSERT_DIFFERENCES: Final = query(
    """
    /* payments.insert_settlement_differences */
    INSERT INTO settlement_differences
           (id, provider, account, cause, subject_id, row_id, payment_id, refund_id, currency,
            expected_minor, found_minor, state, found_at)
    SELECT new.id, $1, $2, cause, coalesce(row_id, refund_id, payment_id), row_id, payment_id,
           refund_id, currency, expected_minor, found_minor, 'open', store_now()
      FROM unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[],
                  $9::bigint[], $10::bigint[])
           AS new (id, cause, row_id, payment_id, refund_id, currency, expected_minor,
                   found_minor)
     ORDER BY coalesce(row_id, refund_id, payment_id)
        ON CONFLICT (subject_id) WHERE state <> 'explained' DO NOTHING
    RETURNING settlement_differences.id
    """,
    IdRow,
)

# Whatever is open of these rows, and is not what was found now, is over.
EXPLAIN_ROWS: Final = command(
    """
    /* payments.explain_settlement_rows */
    UPDATE settlement_differences AS difference
       SET state = 'explained',
           ended_by = $5,
           ended_at = store_now()
      FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[])
           AS judged (row_id, cause, expected_minor, found_minor)
     WHERE difference.row_id = judged.row_id
       AND difference.state = 'open'
       AND (difference.cause, difference.expected_minor, difference.found_minor)
           IS DISTINCT FROM (judged.cause, judged.expected_minor, judged.found_minor)
    """
)

# What no report had, and one has now.
EXPLAIN_MISSING: Final = command(
    """
    /* payments.explain_missing_settlements */
    UPDATE settlement_differences AS difference
       SET state = 'explained',
           ended_by = $2,
           ended_at = store_now()
     WHERE difference.subject_id = ANY($1::uuid[])
       AND difference.row_id IS NULL
       AND difference.state = 'open'
    """
)


class OpenRow(msgspec.Struct, frozen=True):
    """An open difference, by what it is of."""

    id: UUID
    provider: str
    row_id: UUID


# What no report had is explained by the report that has it.
LIST_OPEN: Final = query(
    """
    /* payments.list_open_settlement_differences */
    SELECT id, provider, row_id
      FROM settlement_differences
     WHERE state = 'open'
       AND row_id IS NOT NULL
       AND id > $1
     ORDER BY id
     LIMIT (SELECT $2::int)
    """,
    OpenRow,
)


class DoubtfulRow(msgspec.Struct, frozen=True):
    """An open difference, and the payment that it is about, if that is known."""

    id: UUID
    payment_id: PaymentId | None


# The payment is named by the difference, or by its row in one of two ways.
LIST_DOUBTFUL: Final = query(
    """
    /* payments.list_doubtful_payments */
    SELECT difference.id, payment.id AS payment_id
      FROM (
            SELECT id, row_id, payment_id
              FROM settlement_differences
             WHERE state = 'open'
               AND id > $1
             ORDER BY id
             LIMIT (SELECT $2::int)) AS difference
      LEFT JOIN LATERAL (
            SELECT payments.id
              FROM settlement_rows AS part
              JOIN payments
                ON payments.id = part.reference
                OR payments.provider_payment_id = part.provider_payment_id
               AND (payments.provider, payments.account) = (part.provider, part.account)
             WHERE part.id = difference.row_id
               AND difference.payment_id IS NULL
             LIMIT 1) AS found
        ON true
      LEFT JOIN payments AS payment ON payment.id = coalesce(difference.payment_id, found.id)
     ORDER BY difference.id
    """,
    DoubtfulRow,
)

_DIFFERENCE: Final = """difference.id, difference.provider, difference.account, difference.cause,
           difference.row_id, difference.payment_id, difference.refund_id, payment.order_id,
           part.provider_row_id, part.kind, difference.currency, difference.expected_minor,
           difference.found_minor, difference.state, difference.note, difference.ended_by,
           difference.found_at, difference.ended_at"""
_JOINED: Final = """LEFT JOIN settlement_rows AS part ON part.id = difference.row_id
      LEFT JOIN payments AS payment ON payment.id = difference.payment_id"""

LIST_DIFFERENCES: Final = query(
    f"""
    /* payments.list_settlement_differences */
    SELECT {_DIFFERENCE}
      FROM settlement_differences AS difference
      {_JOINED}
     WHERE difference.state = $1
       AND ($2::text IS NULL OR difference.provider = $2)
       AND ($3::text IS NULL OR difference.cause = $3)
       AND difference.id > coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')
     ORDER BY difference.id
     LIMIT (SELECT $5::int)
    """,
    Difference,
)

FIND_DIFFERENCE: Final = query(
    f"""
    /* payments.find_settlement_difference */
    SELECT {_DIFFERENCE}
      FROM settlement_differences AS difference
      {_JOINED}
     WHERE difference.id = $1
    """,
    Difference,
)

RESOLVE: Final = command(
    """
    /* payments.resolve_settlement_difference */
    UPDATE settlement_differences
       SET state = 'resolved',
           note = $2,
           ended_by = $3,
           ended_at = store_now()
     WHERE id = $1
       AND state = 'open'
    """
)
