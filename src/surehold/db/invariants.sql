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

-- AUD11: Every entry of the audit log follows from the one before and is what was written; of the
-- newest thousands, for the log only grows. The doctor follows all of it.
SELECT seq, action, actor
  FROM (
        SELECT entry.*, lag(entry.seq) OVER chain AS before_seq,
               lag(entry.digest) OVER chain AS before_digest
          FROM audit_entries AS entry
         WHERE entry.seq > (SELECT coalesce(max(seq), 0) - 5000 FROM audit_entries)
        WINDOW chain AS (ORDER BY entry.seq)) AS entry
 WHERE digest <> audit_digest(previous, seq, id, happened_at, actor, action, subject, address,
                              request_id, content)
    OR before_seq <> seq - 1
    OR before_digest <> previous
    OR seq = 1 AND previous <> decode(repeat('00', 32), 'hex')
    OR before_seq IS NULL AND seq <> 1
       AND seq <> (SELECT max(seq) - 4999 FROM audit_entries);
