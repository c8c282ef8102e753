"""Statements of disputes. Their orders' locks guard them."""

from __future__ import annotations

from typing import Final

from surehold.db import command, query
from surehold.payments.disputes.model import Dispute, DisputeEvent

_COLUMNS: Final = """id, payment_id, order_id, provider, account, provider_dispute_id, stage,
           state, currency, amount_minor, away_minor, lost_minor, unearned_minor, fee_minor,
           reason, respond_by, answer_state, answer, is_accepted, answered_by, answered_at,
           version, opened_at, updated_at"""

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
            respond_by, answer_state, answer, is_accepted, answered_by, answered_at, version,
            opened_at, updated_at)
    SELECT *, $23::timestamptz
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[],
                  $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[],
                  $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::timestamptz[],
                  $17::text[], $18::text[], $19::boolean[], $20::text[], $21::timestamptz[],
                  $22::int[], $24::timestamptz[])
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
