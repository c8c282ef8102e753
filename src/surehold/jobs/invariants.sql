-- OUT2 (Q): Every announced fact was handed on.
SELECT id, topic, subject_id, created_at
  FROM outbox
 WHERE published_at IS NULL;

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
