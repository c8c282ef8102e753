-- IDM1: A key is done exactly when it has an answer to repeat.
SELECT key, scope, state, status
  FROM idempotency_keys
 WHERE (state = 'done') <> (status IS NOT NULL AND response IS NOT NULL);

-- SET1: Every setting in force is the last change that somebody wrote down.
SELECT key, value, changed.after
  FROM settings
  FULL JOIN (
        SELECT DISTINCT ON (key) key, after
          FROM setting_changes
         ORDER BY key, changed_at DESC, id DESC) AS changed
 USING (key)
 WHERE value IS DISTINCT FROM changed.after;
