"""Statements of disputes. Their orders' locks guard them."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import PaymentId
from surehold.payments.disputes.model import Dispute, DisputeEvent

_COLUMNS: Final = """id, payment_id, order_id, provider, account, provider_dispute_id, stage,
           state, currency, amount_minor, away_minor, lost_minor, unearned_minor, fee_minor,
           reason, respond_by, answer_state, answer, is_accepted, answered_by, answered_at,
           answer_count, version, opened_at, updated_at"""

LIST_OF_PAYMENTS: Final = query(
    f"""
    /* payments.list_disputes_of_payments */
    SELECT {_COLUMNS}
      FROM disputes
     WHERE payment_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Dispute,
)

FIND: Final = query(
    f"""
    /* payments.find_dispute */
    SELECT {_COLUMNS}
      FROM disputes
     WHERE id = $1
    """,
    Dispute,
)

LIST: Final = query(
    f"""
    /* payments.list_disputes */
    SELECT {_COLUMNS}
      FROM disputes
     WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY id DESC
     LIMIT (SELECT $2::int)
    """,
    Dispute,
)

LIST_IN_STATE: Final = query(
    f"""
    /* payments.list_disputes_in_state */
    SELECT {_COLUMNS}
      FROM disputes
     WHERE state = $1
       AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY id DESC
     LIMIT (SELECT $3::int)
    """,
    Dispute,
)

LIST_EVENTS: Final = query(
    """
    /* payments.list_dispute_events */
    SELECT id, dispute_id, seq, from_state, to_state, stage, amount_minor, reason, actor,
           happened_at
      FROM dispute_events
     WHERE dispute_id = $1
     ORDER BY seq
    """,
    DisputeEvent,
)

# One statement for what is new and what is known: the order's lock keeps others out.
SAVE: Final = command(
    """
    /* payments.save_disputes */
    INSERT INTO disputes AS dispute
           (id, payment_id, order_id, provider, account, provider_dispute_id, stage, state,
            currency, amount_minor, away_minor, lost_minor, unearned_minor, fee_minor, reason,
            respond_by, answer_state, answer, is_accepted, answered_by, answered_at,
            answer_count, version, opened_at, updated_at)
    SELECT *, $24::timestamptz
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[],
                  $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[],
                  $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::timestamptz[],
                  $17::text[], $18::text[], $19::boolean[], $20::text[], $21::timestamptz[],
                  $22::int[], $23::int[], $25::timestamptz[])
        ON CONFLICT (id) DO UPDATE
       SET stage = excluded.stage,
           state = excluded.state,
           amount_minor = excluded.amount_minor,
           away_minor = excluded.away_minor,
           lost_minor = excluded.lost_minor,
           unearned_minor = excluded.unearned_minor,
           fee_minor = excluded.fee_minor,
           reason = excluded.reason,
           respond_by = excluded.respond_by,
           answer_state = excluded.answer_state,
           answer = excluded.answer,
           is_accepted = excluded.is_accepted,
           answered_by = excluded.answered_by,
           answered_at = excluded.answered_at,
           answer_count = excluded.answer_count,
           version = excluded.version,
           updated_at = excluded.updated_at
     WHERE dispute.version < excluded.version
    """
)

INSERT_EVENTS: Final = command(
    """
    /* payments.insert_dispute_events */
    INSERT INTO dispute_events
           (id, dispute_id, seq, from_state, to_state, stage, amount_minor, reason, actor,
            happened_at)
    SELECT *, $10::timestamptz
      FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[],
                  $7::bigint[], $8::text[], $9::text[])
    """
)


class RowId(msgspec.Struct, frozen=True):
    """The id of a payment, or of a report's row."""

    id: UUID


# Whoever writes a dispute's fee down by hand holds the payment's lock, and asks what is reported.
LOCK_DISPUTED: Final = query(
    """
    /* payments.lock_disputed_payments */
    SELECT payment.id
      FROM payments AS payment
     WHERE payment.id IN (
            SELECT found.id
              FROM settlement_rows AS part
              JOIN payments AS found
                ON (found.provider, found.account) = (part.provider, part.account)
               AND (found.id = part.reference
                    OR found.provider_payment_id = part.provider_payment_id)
             WHERE part.id = ANY($1::uuid[])
               AND part.kind IN ('dispute', 'dispute_reversal', 'fee')
               AND part.fee_minor <> 0)
     ORDER BY payment.id
       FOR NO KEY UPDATE
    """,
    RowId,
)

# A fee that was booked when its dispute was written down is that fee.
LIST_BOOKED_FEES: Final = query(
    """
    /* payments.list_settlement_fees_booked */
    SELECT part.id
      FROM settlement_rows AS part
      JOIN disputes AS dispute
        ON (dispute.provider, dispute.account) = (part.provider, part.account)
       AND dispute.provider_dispute_id = part.provider_object_id
       AND dispute.currency = part.currency
     WHERE part.id = ANY($1::uuid[])
       AND part.kind IN ('dispute', 'dispute_reversal', 'fee')
       AND part.fee_minor <> 0
       AND EXISTS (
            SELECT FROM dispute_events AS event
              JOIN ledger_journals AS journal
                ON journal.kind = 'dispute_fee'
               AND journal.reference = event.id
             WHERE event.dispute_id = dispute.id)
    """,
    RowId,
)


class ReportedFee(msgspec.Struct, frozen=True):
    """A dispute whose fee a provider's report named, and had booked."""

    payment_id: PaymentId
    provider_dispute_id: str


LIST_REPORTED_FEES: Final = query(
    """
    /* payments.list_reported_dispute_fees */
    SELECT payment.id AS payment_id, part.provider_object_id AS provider_dispute_id
      FROM payments AS payment
      JOIN settlement_rows AS part
        ON (part.provider, part.account) = (payment.provider, payment.account)
       AND (part.reference = payment.id
            OR part.provider_payment_id = payment.provider_payment_id)
     WHERE payment.id = ANY($1::uuid[])
       AND part.kind IN ('dispute', 'dispute_reversal', 'fee')
       AND part.provider_object_id IS NOT NULL
       AND EXISTS (
            SELECT FROM ledger_journals AS journal
             WHERE journal.kind = 'provider_fee'
               AND journal.reference = part.id)
    """,
    ReportedFee,
)
