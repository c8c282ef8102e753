"""Statements of what every room stands on: settings, idempotency keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from surehold.db.statement import command, query


class SettingRow(msgspec.Struct, frozen=True):
    """One stored setting; ``value`` is whatever JSON was stored."""

    key: str
    value: Any


SETTINGS: Final = query(
    """
    /* db.settings */
    SELECT key, value
      FROM settings
    """,
    SettingRow,
)

SAVE_SETTING: Final = command(
    """
    /* db.save_setting */
    WITH before AS (
        SELECT value FROM settings WHERE key = $1 FOR UPDATE
    ), saved AS (
        INSERT INTO settings (key, value, updated_by, updated_at)
        VALUES ($1, $2, $3, store_now())
        ON CONFLICT (key) DO UPDATE
           SET value = excluded.value,
               updated_by = excluded.updated_by,
               updated_at = excluded.updated_at
    )
    INSERT INTO setting_changes (id, key, before, after, changed_by, changed_at)
    VALUES ($4, $1, (SELECT value FROM before), $2, $3, store_now())
    """
)


class KeyRow(msgspec.Struct, frozen=True):
    """One idempotency key and what became of its first use."""

    scope: str
    key: str
    request_hash: bytes
    state: str
    subject_id: UUID
    status: int | None
    response: bytes | None
    expires_at: datetime


FIND_KEYS: Final = query(
    """
    /* db.find_keys */
    SELECT scope, key, request_hash, state, subject_id, status, response, expires_at
      FROM idempotency_keys
     WHERE scope = $1
       AND key = ANY($2::text[])
    """,
    KeyRow,
)

INSERT_KEYS: Final = command(
    """
    /* db.insert_keys */
    INSERT INTO idempotency_keys
           (scope, key, request_hash, state, subject_id, status, response, created_at, expires_at)
    SELECT $1, key, request_hash, CASE WHEN response IS NULL THEN 'placed' ELSE 'done' END,
           subject_id, CASE WHEN response IS NOT NULL THEN $2::smallint END, response,
           $7::timestamptz, $7::timestamptz + $8::interval
      FROM unnest($3::text[], $4::bytea[], $5::uuid[], $6::bytea[])
           AS new (key, request_hash, subject_id, response)
    """
)

# The first to finish stores the answer; everybody answers what was stored.
FINISH_KEY: Final = command(
    """
    /* db.finish_key */
    UPDATE idempotency_keys
       SET state = 'done', status = $3, response = $4
     WHERE scope = $1
       AND key = $2
       AND state = 'placed'
    """
)

PRUNE_KEYS: Final = command(
    """
    /* db.prune_keys */
    DELETE FROM idempotency_keys
     WHERE created_at < (SELECT store_now()) - interval '24 hours'
       AND expires_at <= (SELECT store_now())
    """
)


class CountedRow(msgspec.Struct, frozen=True):
    """A request that was counted."""

    requests: int


# A window begins with its first request. What is beyond its limit changes no row. $2: the limit,
# $3: how long a window is.
COUNT_REQUEST: Final = query(
    """
    /* db.count_request */
    INSERT INTO request_windows AS counted (key, requests, window_until)
    VALUES ($1, 1, store_now() + $3::interval)
        ON CONFLICT (key) DO UPDATE
       SET requests = CASE WHEN counted.window_until <= store_now() THEN 1
                           ELSE counted.requests + 1 END,
           window_until = CASE WHEN counted.window_until <= store_now()
                               THEN store_now() + $3::interval ELSE counted.window_until END
     WHERE counted.requests < $2
        OR counted.window_until <= store_now()
    RETURNING requests
    """,
    CountedRow,
)


class WindowRow(msgspec.Struct, frozen=True):
    """How long a window still lasts."""

    left: timedelta


WINDOW_LEFT: Final = query(
    """
    /* db.window_left */
    SELECT window_until - store_now() AS left
      FROM request_windows
     WHERE key = $1
    """,
    WindowRow,
)

PRUNE_WINDOWS: Final = command(
    """
    /* db.prune_windows */
    DELETE FROM request_windows
     WHERE key IN (
           SELECT key
             FROM request_windows
            WHERE window_until < (SELECT store_now()) - interval '1 hour'
            ORDER BY window_until
            LIMIT $1
              FOR UPDATE SKIP LOCKED)
    """
)


class ClockRow(msgspec.Struct, frozen=True):
    """How far a connection's deciding clock is from the server's."""

    shift: str


# Of one connection, for as long as it lives: a text like "-90000000 microseconds".
MOVE_CLOCK: Final = query(
    """
    /* db.move_clock */
    SELECT set_config('surehold.clock_shift', $1, false) AS shift
    """,
    ClockRow,
)
