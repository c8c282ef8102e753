"""Statements of the payments room. Payments are locked in id order, after their orders."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import OrderId, PaymentId, WebhookEventId
from surehold.payments.model import (
    Operation,
    Payment,
    PaymentReview,
    Refund,
    RefundLine,
    WebhookEvent,
)

_COLUMNS: Final = """id, order_id, provider, account, provider_payment_id, state, currency,
           requested_minor, authorized_minor, captured_minor, refunded_minor, disputed_minor,
           next_action, failure_code, failure_message, review_reason, check_count, next_check_at,
           created_at, updated_at, gift_card_id, terms, lost_minor, dispute_moves"""

LOCK_PAYMENTS: Final = query(
    f"""
    /* payments.lock_payments */
    SELECT {_COLUMNS}
      FROM payments
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    Payment,
)

LIST_PAYMENTS: Final = query(
    f"""
    /* payments.list_payments */
    SELECT {_COLUMNS}
      FROM payments
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Payment,
)

FIND_PAYMENT: Final = query(
    f"""
    /* payments.find_payment */
    SELECT {_COLUMNS}
      FROM payments
     WHERE id = $1
    """,
    Payment,
)

FIND_PAYMENT_AT_PROVIDER: Final = query(
    f"""
    /* payments.find_payment_at_provider */
    SELECT {_COLUMNS}
      FROM payments
     WHERE provider = $1
       AND account = $2
       AND provider_payment_id = $3
    """,
    Payment,
)

INSERT_PAYMENTS: Final = command(
    """
    /* payments.insert_payments */
    INSERT INTO payments
           (id, order_id, provider, account, provider_payment_id, state, currency,
            requested_minor, next_action, next_check_at, created_at, updated_at, terms)
    SELECT id, order_id, provider, account, provider_payment_id, state, currency,
           requested_minor, next_action, next_check_at, $11, $11, terms
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                  $7::text[], $8::bigint[], $9::jsonb[], $10::timestamptz[], $12::text[])
           AS new (id, order_id, provider, account, provider_payment_id, state, currency,
                   requested_minor, next_action, next_check_at, terms)
    """
)

# What a card pays is authorized from the start, or captured, or went back in the same batch.
# Apart, so that a batch that nobody pays by card for sends nothing more.
INSERT_CARD_PAYMENTS: Final = command(
    """
    /* payments.insert_card_payments */
    INSERT INTO payments
           (id, order_id, provider, account, provider_payment_id, state, currency,
            requested_minor, next_action, next_check_at, created_at, updated_at,
            authorized_minor, captured_minor, refunded_minor, gift_card_id)
    SELECT id, order_id, provider, account, provider_payment_id, state, currency,
           requested_minor, next_action, next_check_at, $11, $11,
           authorized_minor, captured_minor, refunded_minor, gift_card_id
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                  $7::text[], $8::bigint[], $9::jsonb[], $10::timestamptz[], $12::bigint[],
                  $13::bigint[], $14::bigint[], $15::uuid[])
           AS new (id, order_id, provider, account, provider_payment_id, state, currency,
                   requested_minor, next_action, next_check_at, authorized_minor,
                   captured_minor, refunded_minor, gift_card_id)
    """
)

UPDATE_PAYMENTS: Final = command(
    """
    /* payments.update_payments */
    UPDATE payments
       SET state = changed.state,
           provider_payment_id = changed.provider_payment_id,
           authorized_minor = changed.authorized_minor,
           captured_minor = changed.captured_minor,
           refunded_minor = changed.refunded_minor,
           next_action = changed.next_action,
           failure_code = changed.failure_code,
           failure_message = changed.failure_message,
           review_reason = changed.review_reason,
           check_count = changed.check_count,
           next_check_at = changed.next_check_at,
           disputed_minor = changed.disputed_minor,
           lost_minor = changed.lost_minor,
           dispute_moves = changed.dispute_moves,
           updated_at = $13
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                  $7::jsonb[], $8::text[], $9::text[], $10::text[], $11::int[],
                  $12::timestamptz[], $14::text[], $15::bigint[], $16::bigint[], $17::int[])
           AS changed (id, state, provider_payment_id, authorized_minor, captured_minor,
                       refunded_minor, next_action, failure_code, failure_message, review_reason,
                       check_count, next_check_at, read_state, disputed_minor, lost_minor,
                       dispute_moves)
     WHERE payments.id = changed.id
       AND payments.state = changed.read_state
    """
)

INSERT_OPERATIONS: Final = command(
    """
    /* payments.insert_operations */
    INSERT INTO payment_operations
           (id, payment_id, refund_id, kind, state, idempotency_key, request, next_attempt_at,
            created_at)
    SELECT id, payment_id, refund_id, kind, 'pending', idempotency_key, request, next_attempt_at,
           $8
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bytea[],
                  $7::timestamptz[])
           AS new (id, payment_id, refund_id, kind, idempotency_key, request, next_attempt_at)
    """
)

# A claim is a lease: whoever took it asks; if it dies, the next one asks with the same key.
CLAIM_OPERATIONS: Final = query(
    """
    /* payments.claim_operations */
    WITH due AS (
        SELECT id
          FROM payment_operations
         WHERE next_attempt_at <= (SELECT store_now())
         ORDER BY next_attempt_at
         LIMIT (SELECT $1::int)
           FOR UPDATE SKIP LOCKED
    )
    UPDATE payment_operations AS operation
       SET attempts = attempts + 1,
           next_attempt_at = store_now() + $2::interval * least(power(2, attempts), 512)
      FROM due
     WHERE operation.id = due.id
    RETURNING operation.id, operation.payment_id, operation.refund_id, operation.kind,
              operation.state, operation.idempotency_key, operation.request, operation.attempts
    """,
    Operation,
)

FIND_OPERATION: Final = query(
    """
    /* payments.find_operation */
    SELECT id, payment_id, refund_id, kind, state, idempotency_key, request, attempts
      FROM payment_operations
     WHERE payment_id = $1
       AND kind = $2
     ORDER BY id DESC
     LIMIT 1
    """,
    Operation,
)

END_OPERATIONS: Final = command(
    """
    /* payments.end_operations */
    UPDATE payment_operations
       SET state = ended.state,
           failure_code = ended.failure_code,
           next_attempt_at = CASE WHEN ended.state = 'unknown' THEN next_attempt_at END,
           ended_at = CASE WHEN ended.state = 'unknown' THEN NULL ELSE $4::timestamptz END
      FROM unnest($1::uuid[], $2::text[], $3::text[]) AS ended (id, state, failure_code)
     WHERE payment_operations.id = ended.id
       AND payment_operations.state IN ('pending', 'unknown')
    """
)


class DueRow(msgspec.Struct, frozen=True):
    """A payment to ask its provider about."""

    id: PaymentId
    order_id: OrderId
    check_count: int


# After 10 s, 30 s, 2 min, 10 min, 1 h, then once a day: only the provider ends the doubt.
CLAIM_CHECKS: Final = query(
    """
    /* payments.claim_checks */
    WITH due AS (
        SELECT id
          FROM payments
         WHERE next_check_at <= (SELECT store_now())
         ORDER BY next_check_at
         LIMIT (SELECT $1::int)
           FOR UPDATE SKIP LOCKED
    )
    UPDATE payments
       SET check_count = check_count + 1,
           next_check_at = store_now() + CASE check_count
               WHEN 0 THEN interval '10 seconds'
               WHEN 1 THEN interval '30 seconds'
               WHEN 2 THEN interval '2 minutes'
               WHEN 3 THEN interval '10 minutes'
               WHEN 4 THEN interval '1 hour'
               ELSE interval '1 day' END
      FROM due
     WHERE payments.id = due.id
    RETURNING payments.id, payments.order_id, payments.check_count
    """,
    DueRow,
)

# If it was settled meanwhile there is nothing left to check, or it is checked sooner.
CHECK_SOON: Final = command(
    """
    /* payments.check_soon */
    UPDATE payments
       SET next_check_at = least(next_check_at, store_now() + $2::interval)
     WHERE id = $1
       AND next_check_at IS NOT NULL
    """
)

INSERT_REVIEWS: Final = command(
    """
    /* payments.insert_reviews */
    INSERT INTO payment_reviews (id, payment_id, reason, decision, note, actor, decided_at)
    SELECT *, $7::timestamptz
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
    """
)

LIST_REVIEWS: Final = query(
    """
    /* payments.list_reviews */
    SELECT id, payment_id, reason, decision, note, actor, decided_at
      FROM payment_reviews
     WHERE payment_id = $1
     ORDER BY id
    """,
    PaymentReview,
)

INSERT_REFUNDS: Final = command(
    """
    /* payments.insert_refunds */
    INSERT INTO refunds
           (id, payment_id, order_id, state, currency, amount_minor, reason, requested_by,
            created_at, batch_id, is_of_sale, shipping_minor, shipping_tax_minor, cancellation_id,
            retry_of, return_id, is_excess, internal_reason, store_credit_id)
    SELECT id, payment_id, order_id, 'requested', currency, amount_minor, reason, requested_by,
           $8, batch_id, is_of_sale, shipping_minor, shipping_tax_minor, cancellation_id,
           retry_of, return_id, is_excess, internal_reason, store_credit_id
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[],
                  $7::text[], $9::uuid[], $10::boolean[], $11::bigint[], $12::bigint[],
                  $13::uuid[], $14::uuid[], $15::text[], $16::uuid[],
                  $17::boolean[], $18::uuid[])
           AS new (id, payment_id, order_id, currency, amount_minor, reason, requested_by,
                   batch_id, is_of_sale, shipping_minor, shipping_tax_minor, cancellation_id,
                   retry_of, internal_reason, return_id, is_excess, store_credit_id)
    """
)

# The database adds these to what their lines say was refunded, and refuses more than there is.
INSERT_REFUND_LINES: Final = command(
    """
    /* payments.insert_refund_lines */
    INSERT INTO refund_lines (refund_id, order_line_id, quantity, net_minor, tax_minor)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::bigint[])
    """
)

LIST_REFUNDS: Final = query(
    """
    /* payments.list_refunds */
    SELECT id, payment_id, order_id, state, currency, amount_minor, reason, requested_by,
           provider_refund_id, failure_code, created_at, ended_at, batch_id, is_of_sale,
           shipping_minor, shipping_tax_minor, cancellation_id, retry_of, return_id,
           is_excess, internal_reason, store_credit_id
      FROM refunds
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Refund,
)

LIST_REFUND_LINES: Final = query(
    """
    /* payments.list_refund_lines */
    SELECT refund_id, order_line_id, quantity, net_minor, tax_minor
      FROM refund_lines
     WHERE refund_id = ANY($1::uuid[])
     ORDER BY refund_id, order_line_id
    """,
    RefundLine,
)

END_REFUNDS: Final = command(
    """
    /* payments.end_refunds */
    UPDATE refunds
       SET state = ended.state,
           provider_refund_id = ended.provider_refund_id,
           failure_code = ended.failure_code,
           ended_at = $5
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
           AS ended (id, state, provider_refund_id, failure_code)
     WHERE refunds.id = ended.id
       AND refunds.state = 'requested'
    """
)


class StoredEventRow(msgspec.Struct, frozen=True):
    """The inbox row of a delivery, new or known."""

    id: WebhookEventId
    seen_count: int
    state: str


# Stored once; every repetition only counts.
STORE_WEBHOOK: Final = query(
    """
    /* payments.store_webhook */
    INSERT INTO webhook_events AS event
           (id, provider, account, dedup_key, kind, provider_payment_id, merchant_reference,
            raw_body, state, next_attempt_at, received_at, last_seen_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, 'received', now + interval '15 seconds', now, now
      FROM (SELECT store_now() AS now) AS clock
        ON CONFLICT (provider, account, dedup_key) DO UPDATE
       SET seen_count = event.seen_count + 1,
           last_seen_at = excluded.last_seen_at
    RETURNING event.id, event.seen_count, event.state
    """,
    StoredEventRow,
)

_WEBHOOK: Final = """event.id, event.provider, event.account, event.dedup_key, event.kind,
              event.provider_payment_id, event.merchant_reference, event.state, event.attempts,
              event.seen_count"""

CLAIM_WEBHOOKS: Final = query(
    f"""
    /* payments.claim_webhooks */
    WITH due AS (
        SELECT id
          FROM webhook_events
         WHERE next_attempt_at <= (SELECT store_now())
         ORDER BY next_attempt_at
         LIMIT (SELECT $1::int)
           FOR UPDATE SKIP LOCKED
    )
    UPDATE webhook_events AS event
       SET attempts = attempts + 1,
           next_attempt_at = store_now() + interval '15 seconds' * power(2, least(attempts, 10))
      FROM due
     WHERE event.id = due.id
    RETURNING {_WEBHOOK}
    """,
    WebhookEvent,
)

FIND_WEBHOOK: Final = query(
    f"""
    /* payments.find_webhook */
    SELECT {_WEBHOOK}
      FROM webhook_events AS event
     WHERE id = $1
    """,
    WebhookEvent,
)

FIND_DELIVERED: Final = query(
    f"""
    /* payments.find_delivered */
    SELECT {_WEBHOOK}
      FROM webhook_events AS event
     WHERE provider = $1
       AND account = $2
       AND dedup_key = $3
    """,
    WebhookEvent,
)

END_WEBHOOK: Final = command(
    """
    /* payments.end_webhook */
    UPDATE webhook_events
       SET state = $2,
           outcome = $3,
           processed_at = CASE WHEN $2 = 'processed' THEN store_now() END,
           next_attempt_at = CASE WHEN $2 = 'parked' THEN next_attempt_at END
     WHERE id = $1
       AND state IN ('received', 'parked')
    """
)

INSERT_JOURNALS: Final = command(
    """
    /* payments.insert_journals */
    INSERT INTO ledger_journals (id, kind, reference, order_id, posted_at)
    SELECT id, kind, reference, order_id, $5
      FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[])
           AS new (id, kind, reference, order_id)
    """
)

# One statement for all entries: the database checks the balance at its end.
INSERT_ENTRIES: Final = command(
    """
    /* payments.insert_entries */
    INSERT INTO ledger_entries (journal_id, position, account, vendor_id, currency, amount_minor)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::uuid[], $5::text[], $6::bigint[])
    """
)


class LedgerRow(msgspec.Struct, frozen=True):
    """One entry with its journal."""

    kind: str
    posted_at: datetime
    account: str
    currency: str
    amount_minor: int


LIST_LEDGER: Final = query(
    """
    /* payments.list_ledger */
    SELECT journal.kind, journal.posted_at, entry.account, entry.currency, entry.amount_minor
      FROM ledger_journals AS journal
      JOIN ledger_entries AS entry ON entry.journal_id = journal.id
     WHERE journal.order_id = $1
     ORDER BY journal.id, entry.position
    """,
    LedgerRow,
)
