"""Statements of mails."""

from __future__ import annotations

from typing import Final

from surehold.db import command, query
from surehold.notifications.model import DueMail

# A fact may be told of twice; its mail is one.
INSERT: Final = command(
    """
    /* notifications.insert_mail */
    WITH clock AS (
        SELECT store_now() AS now
    )
    INSERT INTO mails (id, topic, subject_id, state, attempts, next_attempt_at, created_at)
    SELECT $1, $2, $3, 'waiting', 0, now, now FROM clock
        ON CONFLICT (topic, subject_id) DO NOTHING
    """
)

# Taken for two minutes at least: a worker that dies in the middle is followed by another one.
CLAIM: Final = query(
    """
    /* notifications.claim_mails */
    UPDATE mails
       SET attempts = attempts + 1,
           next_attempt_at = store_now() + interval '1 minute' * power(2, least(attempts + 1, 9))
     WHERE id IN (
           SELECT id
             FROM mails
            WHERE state = 'waiting'
              AND next_attempt_at <= (SELECT store_now())
            ORDER BY next_attempt_at
            LIMIT $1
              FOR UPDATE SKIP LOCKED)
    RETURNING id, topic, subject_id, attempts
    """,
    DueMail,
)

END: Final = command(
    """
    /* notifications.end_mail */
    UPDATE mails
       SET state = $2, last_error = $3, ended_at = store_now()
     WHERE id = $1
       AND state = 'waiting'
    """
)

NOTE_FAILURE: Final = command(
    """
    /* notifications.note_failure */
    UPDATE mails
       SET last_error = $2
     WHERE id = $1
       AND state = 'waiting'
    """
)

PRUNE: Final = command(
    """
    /* notifications.prune_mails */
    DELETE FROM mails
     WHERE id IN (
           SELECT id
             FROM mails
            WHERE created_at < (SELECT store_now()) - interval '30 days'
              AND ended_at IS NOT NULL
            ORDER BY created_at
            LIMIT $1
              FOR UPDATE SKIP LOCKED)
    """
)
