-- Which answer to a dispute is the latest: what its provider says of an earlier one, late or twice,
-- is not about it. The number ends the answer's key; keys ended with the dispute's version before.
ALTER TABLE disputes ADD COLUMN answer_count int NOT NULL DEFAULT 0 CHECK (answer_count >= 0);
UPDATE disputes
   SET answer_count = asked.latest
  FROM (SELECT substring(idempotency_key FROM 'dispute-(.{36})-')::uuid AS dispute_id,
               max(substring(idempotency_key FROM '[0-9]+$')::int) AS latest
          FROM payment_operations
         WHERE kind = 'answer_dispute'
         GROUP BY 1) AS asked
 WHERE disputes.id = asked.dispute_id;
