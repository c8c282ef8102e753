"""Statements of fraud signals. What is read of other orders is bounded, however many there are."""

from __future__ import annotations

from typing import Final

from surehold.db import command, query
from surehold.orders.fraud.model import AssessedOrder, Past

# One round trip for every order of the batch. 100 of a kind are as good as all of them.
READ_PAST: Final = query(
    """
    /* orders.read_past_of_orders */
    SELECT placed.id AS order_id,
           mail.hour AS email_hour, mail.day AS email_day,
           goal.hour AS address_hour, goal.day AS address_day,
           net.hour AS network_hour, net.day AS network_day,
           (SELECT count(*)
              FROM payments
              JOIN payment_events ON payment_events.payment_id = payments.id
             WHERE payments.order_id = placed.id
               AND payments.provider_payment_id IS NOT NULL
               AND payment_events.to_state = 'failed') AS order_declines,
           mail.declines AS email_declines,
           NOT EXISTS (SELECT
                         FROM orders AS paid
                        WHERE buyer_of(paid.email) = buyer_of(placed.email)
                          AND paid.paid_minor > 0
                          AND paid.id <> placed.id) AS is_first,
           ARRAY(SELECT payment_id
                   FROM fraud_assessments
                  WHERE fraud_assessments.order_id = placed.id) AS judged,
           ARRAY(SELECT payment_id
                   FROM fraud_assessments
                  WHERE fraud_assessments.order_id = placed.id
                    AND fraud_assessments.is_held
                    AND NOT EXISTS (SELECT
                                      FROM payment_reviews
                                     WHERE payment_reviews.payment_id
                                           = fraud_assessments.payment_id
                                       AND payment_reviews.reason = 'fraud_signals'))
               AS undecided
      FROM orders AS placed
     CROSS JOIN LATERAL (
           SELECT count(*) AS day,
                  count(*) FILTER (
                      WHERE placed_at > (SELECT store_now()) - interval '1 hour') AS hour,
                  coalesce(sum((SELECT count(*)
                                  FROM payments
                                 WHERE payments.order_id = other.id
                                   AND payments.state = 'failed'
                                   AND payments.provider_payment_id IS NOT NULL)), 0)::bigint
                      AS declines
             FROM (SELECT id, placed_at
                     FROM orders
                    WHERE lower(email) = lower(placed.email)
                      AND placed_at > (SELECT store_now()) - interval '1 day'
                      AND id <> placed.id
                    ORDER BY placed_at DESC
                    LIMIT 100) AS other) AS mail
     CROSS JOIN LATERAL (
           SELECT count(*) AS day,
                  count(*) FILTER (
                      WHERE placed_at > (SELECT store_now()) - interval '1 hour') AS hour
             FROM (SELECT placed_at
                     FROM orders
                    WHERE address_hash = placed.address_hash
                      AND placed_at > (SELECT store_now()) - interval '1 day'
                      AND id <> placed.id
                    ORDER BY placed_at DESC
                    LIMIT 100) AS other) AS goal
     CROSS JOIN LATERAL (
           SELECT count(*) AS day,
                  count(*) FILTER (
                      WHERE placed_at > (SELECT store_now()) - interval '1 hour') AS hour
             FROM (SELECT placed_at
                     FROM orders
                    WHERE network_hash = placed.network_hash
                      AND placed_at > (SELECT store_now()) - interval '1 day'
                      AND id <> placed.id
                    ORDER BY placed_at DESC
                    LIMIT 100) AS other) AS net
     WHERE placed.id = ANY($1::uuid[])
    """,
    Past,
)

INSERT_ASSESSMENTS: Final = command(
    """
    /* orders.insert_fraud_assessments */
    INSERT INTO fraud_assessments
           (id, payment_id, order_id, score, hold_at, is_held, signals, assessed_at)
    SELECT id, payment_id, order_id, score, hold_at, is_held, signals::jsonb, $8
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::boolean[],
                  $7::text[])
           AS new (id, payment_id, order_id, score, hold_at, is_held, signals)
    """
)

_ASSESSED: Final = """assessment.id, assessment.payment_id, assessment.order_id,
           orders.number AS order_number, payment.currency,
           payment.requested_minor AS amount_minor, assessment.score, assessment.hold_at,
           assessment.is_held,
           coalesce(payment.review_reason = 'fraud_signals', false) AS is_open,
           assessment.signals, assessment.assessed_at,
           (SELECT decision
              FROM payment_reviews
             WHERE payment_reviews.payment_id = payment.id
               AND payment_reviews.reason = 'fraud_signals') AS decision"""

FIND_ASSESSMENT: Final = query(
    f"""
    /* orders.find_fraud_assessment */
    SELECT {_ASSESSED}
      FROM fraud_assessments AS assessment
      JOIN payments AS payment ON payment.id = assessment.payment_id
      JOIN orders ON orders.id = assessment.order_id
     WHERE assessment.id = $1
    """,
    AssessedOrder,
)

LIST_ASSESSMENTS: Final = query(
    f"""
    /* orders.list_fraud_assessments */
    SELECT {_ASSESSED}
      FROM fraud_assessments AS assessment
      JOIN payments AS payment ON payment.id = assessment.payment_id
      JOIN orders ON orders.id = assessment.order_id
     WHERE assessment.id < $1
     ORDER BY assessment.id DESC
     LIMIT $2
    """,
    AssessedOrder,
)

# What waits is few, and is found by their payments: whoever waits longest comes first.
LIST_OPEN: Final = query(
    f"""
    /* orders.list_open_fraud_assessments */
    SELECT {_ASSESSED}
      FROM payments AS payment
      JOIN fraud_assessments AS assessment ON assessment.payment_id = payment.id
      JOIN orders ON orders.id = payment.order_id
     WHERE payment.review_reason = 'fraud_signals'
       AND payment.id > $1
     ORDER BY payment.id
     LIMIT $2
    """,
    AssessedOrder,
)
