-- The life of an authorization: until when a bank holds the money of a payment that is captured
-- later, what was done about it in time, and what was asked to be captured of it.
CREATE TABLE payment_authorizations (
    payment_id     uuid PRIMARY KEY REFERENCES payments,
    begun_at       timestamptz NOT NULL,
    -- When the hold lapses: as the provider says, or as it documents.
    capture_before timestamptz NOT NULL,
    -- Until when the money is sure to be there, where it may be authorized again afterwards.
    honored_until  timestamptz,
    renewal_count  int NOT NULL DEFAULT 0 CHECK (renewal_count >= 0),
    -- When staff were told that it comes to its end.
    told_at        timestamptz,
    capture_state  text NOT NULL DEFAULT 'none' CHECK (capture_state IN ('none', 'asked', 'refused')),
    capture_count  int NOT NULL DEFAULT 0 CHECK (capture_count >= 0),
    -- What was asked for last; the rest of the authorization is let go.
    capture_minor  bigint CHECK (capture_minor > 0),
    ended_at       timestamptz,
    CHECK (capture_state = 'none' OR capture_count > 0),
    CHECK ((capture_count > 0) = (capture_minor IS NOT NULL))
) WITH (fillfactor = 85);
-- What lapses next, of those that live.
CREATE INDEX payment_authorizations_lapsing ON payment_authorizations (capture_before, payment_id)
    WHERE ended_at IS NULL;

-- What was authorized before anybody kept this: the shortest life that cards have, from its last move.
INSERT INTO payment_authorizations
       (payment_id, begun_at, capture_before, capture_state, capture_count, capture_minor, ended_at)
SELECT payment.id, payment.updated_at, payment.updated_at + interval '7 days',
       CASE WHEN asked.state IS NULL THEN 'none'
            WHEN asked.state = 'declined' THEN 'refused'
            ELSE 'asked' END,
       CASE WHEN asked.state IS NULL THEN 0 ELSE 1 END,
       CASE WHEN asked.state IS NOT NULL THEN payment.requested_minor END,
       CASE WHEN payment.state <> 'authorized' THEN payment.updated_at END
  FROM payments AS payment
  LEFT JOIN LATERAL (
        SELECT operation.state
          FROM payment_operations AS operation
         WHERE operation.payment_id = payment.id
           AND operation.kind = 'capture'
         ORDER BY operation.id DESC
         LIMIT 1) AS asked ON true
 WHERE payment.terms = 'on_shipment'
   AND (payment.state = 'authorized' OR asked.state IS NOT NULL);

ALTER TABLE payment_operations
    DROP CONSTRAINT payment_operations_kind_check,
    ADD CONSTRAINT payment_operations_kind_check
        CHECK (kind IN ('create', 'capture', 'void', 'refund', 'answer_dispute', 'reauthorize'));
