"""Statements of authorizations. The locks of their payments' orders guard them."""

from __future__ import annotations

from typing import Final

from surehold.db import command, query
from surehold.payments.authorizations.model import Authorization, Held

LIST_OF_PAYMENTS: Final = query(
    """
    /* payments.list_authorizations_of_payments */
    SELECT payment_id, begun_at, capture_before, honored_until, renewal_count, told_at,
           capture_state, capture_count, capture_minor, ended_at
      FROM payment_authorizations
     WHERE payment_id = ANY($1::uuid[])
     ORDER BY payment_id
    """,
    Authorization,
)

# One statement for what is new and what is known: the order's lock keeps others out.
SAVE: Final = command(
    """
    /* payments.save_authorizations */
    INSERT INTO payment_authorizations AS held
           (payment_id, begun_at, capture_before, honored_until, renewal_count, told_at,
            capture_state, capture_count, capture_minor, ended_at)
    SELECT *
      FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::int[],
                  $6::timestamptz[], $7::text[], $8::int[], $9::bigint[], $10::timestamptz[])
        ON CONFLICT (payment_id) DO UPDATE
       SET begun_at = excluded.begun_at,
           capture_before = excluded.capture_before,
           honored_until = excluded.honored_until,
           renewal_count = excluded.renewal_count,
           told_at = excluded.told_at,
           capture_state = excluded.capture_state,
           capture_count = excluded.capture_count,
           capture_minor = excluded.capture_minor,
           ended_at = excluded.ended_at
     WHERE held.capture_count <= excluded.capture_count
       AND held.renewal_count <= excluded.renewal_count
    """
)


LIST_LAPSING: Final = query(
    """
    /* payments.list_lapsing */
    SELECT held.payment_id, payment.order_id, payment.provider, payment.currency,
           payment.authorized_minor, held.begun_at, held.capture_before, held.honored_until,
           held.capture_state, held.told_at
      FROM (SELECT *
              FROM payment_authorizations
             WHERE ended_at IS NULL
               AND capture_before < $1
               AND (capture_before, payment_id) > ($2, $3)
             ORDER BY capture_before, payment_id
             LIMIT (SELECT $4::int)) AS held
      JOIN payments AS payment ON payment.id = held.payment_id
     ORDER BY held.capture_before, held.payment_id
    """,
    Held,
)
