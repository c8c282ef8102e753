-- OUT2 (Q): Every announced fact was handed on.
SELECT id, topic, subject_id, created_at
  FROM outbox
 WHERE published_at IS NULL;

-- JOB1: At most one job that is to be done or being done has a given dedupe key.
SELECT dedupe_key, count(*) AS live_jobs
  FROM pgqueuer
 WHERE status IN ('queued', 'picked')
   AND dedupe_key IS NOT NULL
 GROUP BY dedupe_key
HAVING count(*) > 1;

-- JOB2 (Q): No job and no schedule is held by a worker that has not been heard of for 5 minutes.
SELECT id, entrypoint, heartbeat
  FROM pgqueuer
 WHERE status = 'picked'
   AND heartbeat < clock_timestamp() - interval '5 minutes'
 UNION ALL
SELECT id, entrypoint, heartbeat
  FROM pgqueuer_schedules
 WHERE status = 'picked'
   AND heartbeat < clock_timestamp() - interval '5 minutes';
