"""Statements of erasures and exports themselves; what they do to other tables is beside."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.identity.model import AccountKind
from surehold.kernel.ids import AccountId
from surehold.privacy.model import Erasure, ExportProgress, Obstacle, PersonalExport


class FoundRow(msgspec.Struct, frozen=True):
    """An account that has an address."""

    id: AccountId
    kind: AccountKind
    email: str
    email_key: str
    password_hash: str | None


_FOUND: Final = "id, kind, email, email_key, password_hash"

# Whoever signs in, or saves something, waits for this row, and then finds the account closed.
LOCK_ACCOUNT: Final = query(
    f"""
    /* privacy.lock_account */
    SELECT {_FOUND}
      FROM accounts
     WHERE id = $1
       AND disabled_at IS NULL
       FOR NO KEY UPDATE
    """,
    FoundRow,
)

LOCK_ACCOUNT_BY_KEY: Final = query(
    f"""
    /* privacy.lock_account_by_key */
    SELECT {_FOUND}
      FROM accounts
     WHERE email_key = $1
       FOR NO KEY UPDATE
    """,
    FoundRow,
)


class BegunRow(msgspec.Struct, frozen=True):
    """When an erasure was asked for."""

    requested_at: datetime


# Of two who ask for the same person one begins; the other finds what was begun.
INSERT_ERASURE: Final = query(
    """
    /* privacy.insert_erasure */
    INSERT INTO erasures
           (id, state, account_id, email, email_key, requested_by, requested_at)
    VALUES ($1, 'running', $2, $3, $4, $5, store_now())
    ON CONFLICT (email_key) WHERE state = 'running' DO NOTHING
    RETURNING requested_at
    """,
    BegunRow,
)


class IdRow(msgspec.Struct, frozen=True):
    """One id."""

    id: UUID


FIND_RUNNING: Final = query(
    """
    /* privacy.find_running_erasure */
    SELECT id
      FROM erasures
     WHERE email_key = $1
       AND state = 'running'
    """,
    IdRow,
)

# Decided once: an order that is placed a moment later is a contract of its own.
TAKE_ORDERS: Final = command(
    """
    /* privacy.take_orders */
    INSERT INTO erasure_orders (erasure_id, order_id)
    SELECT $1::uuid, id
      FROM orders
     WHERE lower(email) IN (lower($2::text), lower($3::text))
     UNION
    SELECT $1, order_id
      FROM account_orders
     WHERE account_id = $4::uuid
    """
)

# Whatever the law, a promise or money still ties to the person.
LIST_OBSTACLES: Final = query(
    """
    /* privacy.list_obstacles */
    WITH theirs AS (
        SELECT orders.id, orders.number, orders.status, orders.fulfillment_status,
               orders.owed_minor
          FROM erasure_orders
          JOIN orders ON orders.id = erasure_orders.order_id
         WHERE erasure_orders.erasure_id = $1
    )
    SELECT 'order' AS kind, number AS reference
      FROM theirs
     WHERE status NOT IN ('delivered', 'canceled', 'refunded', 'partially_refunded', 'archived')
        OR status = 'partially_refunded'
           AND fulfillment_status NOT IN ('delivered', 'returned', 'unfulfilled')
        OR owed_minor > 0
     UNION ALL
    SELECT 'refund', theirs.number
      FROM theirs
      JOIN refunds ON refunds.order_id = theirs.id
     WHERE refunds.state = 'requested'
     UNION ALL
    SELECT 'payment', theirs.number
      FROM theirs
      JOIN payments ON payments.order_id = theirs.id
     WHERE payments.review_reason IS NOT NULL
        OR EXISTS (SELECT
                     FROM payment_operations
                    WHERE payment_operations.payment_id = payments.id
                      AND payment_operations.next_attempt_at IS NOT NULL)
     UNION ALL
    SELECT 'return', theirs.number
      FROM theirs
      JOIN returns ON returns.order_id = theirs.id
     WHERE returns.state NOT IN ('rejected', 'completed', 'canceled')
     UNION ALL
    SELECT 'change', theirs.number
      FROM theirs
      JOIN order_changes ON order_changes.order_id = theirs.id
     WHERE order_changes.state = 'awaiting_payment'
     UNION ALL
    SELECT 'store_credit', last_four
      FROM gift_cards
     WHERE owner_email = lower($2::text)
       AND kind = 'store_credit'
       AND balance_minor > 0
       AND disabled_at IS NULL
       AND (expires_at IS NULL OR expires_at > store_now())
     UNION ALL
    SELECT 'draft_order', id::text
      FROM draft_orders
     WHERE state IN ('open', 'sent')
       AND lower(content ->> 'email') = lower($2::text)
     ORDER BY 1, 2
    """,
    Obstacle,
)

_ERASURE: Final = """id, state, account_id, step, counts,
           (SELECT count(*) FROM erasure_orders WHERE erasure_id = erasures.id) AS orders,
           requested_by, requested_at, erased_at, again_at"""

GET_ERASURE: Final = query(
    f"""
    /* privacy.get_erasure */
    SELECT {_ERASURE}
      FROM erasures
     WHERE id = $1
    """,
    Erasure,
)

# Whoever carries one out has it until the end of the step; another worker takes the next.
CLAIM_ERASURE: Final = query(
    f"""
    /* privacy.claim_erasure */
    SELECT {_ERASURE}
      FROM erasures
     WHERE state = 'running'
        OR again_at <= (SELECT store_now())
     ORDER BY requested_at
     LIMIT 1
       FOR UPDATE SKIP LOCKED
    """,
    Erasure,
)


class SettingRow(msgspec.Struct, frozen=True):
    """What a setting is in this transaction."""

    value: str


# Only now may histories change, only in the columns that their triggers name.
BEGIN_STEP: Final = query(
    """
    /* privacy.begin_step */
    SELECT set_config('surehold.erasure', $1::uuid::text, true)
           || set_config('statement_timeout', '18s', true) AS value
    """,
    SettingRow,
)

END_STEP: Final = command(
    """
    /* privacy.end_step */
    UPDATE erasures
       SET step = step + 1,
           counts = counts || jsonb_build_object(
               $2::text, coalesce((counts ->> $2::text)::bigint, 0) + $3::bigint)
     WHERE id = $1
    """
)

# What providers send late, and documents that had to be kept, are gone over once more; as long as
# a document is kept, again and again.
END_ROUND: Final = query(
    """
    /* privacy.end_round */
    UPDATE erasures
       SET step = 0, email = NULL, email_key = NULL,
           state = CASE WHEN state = 'running' OR kept.is_kept THEN 'erased' ELSE 'done' END,
           again_at = CASE WHEN state = 'running' OR kept.is_kept
                           THEN store_now() + $2::interval END,
           erased_at = coalesce(erased_at, store_now())
      FROM (SELECT EXISTS (SELECT
                             FROM documents
                             JOIN erasure_orders
                               ON erasure_orders.order_id = documents.order_id
                            WHERE erasure_orders.erasure_id = $1
                              AND documents.content ->> 'email' <> '') AS is_kept) AS kept
     WHERE id = $1
    RETURNING id
    """,
    IdRow,
)

LIST_PAYMENTS: Final = query(
    """
    /* privacy.list_payments */
    SELECT payments.id
      FROM payments
      JOIN erasure_orders ON erasure_orders.order_id = payments.order_id
     WHERE erasure_orders.erasure_id = $1
    """,
    IdRow,
)


class TokenRow(msgspec.Struct, frozen=True):
    """Until when an export may be taken."""

    expires_at: datetime


INSERT_EXPORT: Final = query(
    """
    /* privacy.insert_export */
    INSERT INTO personal_exports
           (id, account_id, email, email_key, token_hash, requested_by, requested_at, expires_at)
    SELECT $1, $2, $3, $4, $5, $6, now, now + $7::interval
      FROM (SELECT store_now() AS now) AS clock
    RETURNING expires_at
    """,
    TokenRow,
)

# One at a time: whoever asks again makes the earlier one void.
DROP_EXPORTS: Final = command(
    """
    /* privacy.drop_exports */
    DELETE FROM personal_exports
     WHERE email_key = $1
    """
)

CLAIM_EXPORT: Final = query(
    """
    /* privacy.claim_export */
    SELECT id, account_id, email, email_key, requested_at
      FROM personal_exports
     WHERE content IS NULL
     ORDER BY requested_at
     LIMIT 1
       FOR UPDATE SKIP LOCKED
    """,
    PersonalExport,
)

FILL_EXPORT: Final = command(
    """
    /* privacy.fill_export */
    UPDATE personal_exports
       SET content = $2
     WHERE id = $1
    """
)


class TakenRow(msgspec.Struct, frozen=True):
    """What was taken."""

    id: UUID
    content: bytes | None


FIND_EXPORT: Final = query(
    """
    /* privacy.find_export */
    SELECT id, content
      FROM personal_exports
     WHERE token_hash = $1
       AND expires_at > store_now()
       FOR UPDATE
    """,
    TakenRow,
)

FIND_PROGRESS: Final = query(
    """
    /* privacy.find_export_progress */
    SELECT content IS NOT NULL AS is_ready, expires_at
      FROM personal_exports
     WHERE token_hash = $1
       AND account_id = $2
       AND expires_at > store_now()
    """,
    ExportProgress,
)

DELETE_EXPORT: Final = command(
    """
    /* privacy.delete_export */
    DELETE FROM personal_exports
     WHERE id = $1
    """
)

PRUNE_EXPORTS: Final = command(
    """
    /* privacy.prune_exports */
    DELETE FROM personal_exports
     WHERE id IN (
           SELECT id
             FROM personal_exports
            WHERE expires_at <= (SELECT store_now())
            ORDER BY expires_at
            LIMIT $1
              FOR UPDATE SKIP LOCKED)
    """
)
