-- IDM2: The key of a checkout names an order, and a finished one answered that it was created.
SELECT idempotency_keys.key, idempotency_keys.state, idempotency_keys.status
  FROM idempotency_keys
  LEFT JOIN orders ON orders.id = idempotency_keys.subject_id
 WHERE idempotency_keys.scope = 'checkout'
   AND (orders.id IS NULL
        OR (idempotency_keys.state = 'done' AND idempotency_keys.status <> 201));

-- IDM3: No order was placed under two keys.
SELECT subject_id, count(*) AS keys
  FROM idempotency_keys
 WHERE scope = 'checkout'
 GROUP BY subject_id
HAVING count(*) > 1;
