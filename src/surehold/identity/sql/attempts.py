"""Statements that count attempts. Keys come in their own order, so nobody waits in a ring."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from surehold.db import command, query


class CountedRow(msgspec.Struct, frozen=True):
    """One key that is not blocked, and was counted."""

    key: bytes


# An attempt is counted before anything is checked, so that guesses at the same moment count, too.
# Rows that are blocked are left as they are, and missing in the answer. $2: how many are free.
TAKE: Final = query(
    """
    /* identity.take_attempt */
    WITH clock AS (
        SELECT store_now() AS now
    ), wanted AS (
        SELECT key, free
          FROM unnest($1::bytea[], $2::int[]) AS wanted (key, free)
         ORDER BY key
    )
    INSERT INTO attempt_counts AS counts (key, attempts, counted_at, blocked_until)
    SELECT key, 1, now, now FROM wanted CROSS JOIN clock
        ON CONFLICT (key) DO UPDATE
       SET attempts = CASE WHEN counts.counted_at < store_now() - $3::interval THEN 1
                           ELSE counts.attempts + 1 END,
           counted_at = store_now()
     WHERE counts.blocked_until <= store_now()
    RETURNING key
    """,
    CountedRow,
)

# The rows are ours until the end of the transaction, so that what follows from the count is put
# down with it.
BLOCK: Final = command(
    """
    /* identity.block_attempts */
    UPDATE attempt_counts AS counts
       SET blocked_until = counts.counted_at
                         + least($4::interval,
                                 $3::interval * power(2, least(counts.attempts - wanted.free, 20)))
      FROM unnest($1::bytea[], $2::int[]) AS wanted (key, free)
     WHERE counts.key = wanted.key
       AND counts.attempts >= wanted.free
    """
)


# So many within an hour from the first; what is beyond is no row.
TAKE_HOURLY: Final = query(
    """
    /* identity.take_hourly */
    INSERT INTO attempt_counts AS counts (key, attempts, counted_at, blocked_until)
    VALUES ($1, 1, store_now(), store_now())
        ON CONFLICT (key) DO UPDATE
       SET attempts = CASE WHEN counts.counted_at < store_now() - interval '1 hour' THEN 1
                           ELSE counts.attempts + 1 END,
           counted_at = CASE WHEN counts.counted_at < store_now() - interval '1 hour'
                             THEN store_now() ELSE counts.counted_at END
     WHERE counts.attempts < $2
        OR counts.counted_at < store_now() - interval '1 hour'
    RETURNING key
    """,
    CountedRow,
)


class WaitRow(msgspec.Struct, frozen=True):
    """How long the longest of some blocks still lasts."""

    wait: timedelta | None


LONGEST_WAIT: Final = query(
    """
    /* identity.longest_wait */
    SELECT max(blocked_until) - store_now() AS wait
      FROM attempt_counts
     WHERE key = ANY($1::bytea[])
    """,
    WaitRow,
)

# What turned out to be no guess is not held against anybody.
GIVE_BACK: Final = command(
    """
    /* identity.give_back_attempt */
    UPDATE attempt_counts AS counts
       SET attempts = greatest(counts.attempts - 1, 0),
           blocked_until = CASE WHEN counts.attempts - 1 < wanted.free THEN counts.counted_at
                                ELSE counts.blocked_until END
      FROM unnest($1::bytea[], $2::int[]) AS wanted (key, free)
     WHERE counts.key = wanted.key
    """
)

FORGET: Final = command(
    """
    /* identity.forget_attempts */
    DELETE FROM attempt_counts
     WHERE key = ANY($1::bytea[])
    """
)

PRUNE: Final = command(
    """
    /* identity.prune_attempts */
    DELETE FROM attempt_counts
     WHERE key IN (
           SELECT key
             FROM attempt_counts
            WHERE counted_at < (SELECT store_now()) - interval '1 day'
            ORDER BY counted_at
            LIMIT $1
              FOR UPDATE SKIP LOCKED)
    """
)
