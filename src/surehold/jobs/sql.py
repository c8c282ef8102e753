"""Statements of the jobs room."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from surehold.db import command, query

RECORD: Final = command(
    """
    /* jobs.record */
    INSERT INTO outbox (id, topic, subject_id, payload, created_at)
    SELECT id, topic, subject_id, payload, $5
      FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::jsonb[])
           AS new (id, topic, subject_id, payload)
    """
)


class OutboxRow(msgspec.Struct, frozen=True):
    """One announced fact."""

    id: UUID
    topic: str
    subject_id: UUID
    payload: Any
    created_at: datetime


TAKE: Final = query(
    """
    /* jobs.take */
    SELECT id, topic, subject_id, payload, created_at
      FROM outbox
     WHERE published_at IS NULL
     ORDER BY id
     LIMIT (SELECT $1::int)
       FOR UPDATE SKIP LOCKED
    """,
    OutboxRow,
)

PUBLISHED: Final = command(
    """
    /* jobs.published */
    UPDATE outbox
       SET published_at = store_now()
     WHERE id = ANY($1::uuid[])
    """
)

PRUNE_OUTBOX: Final = command(
    """
    /* jobs.prune_outbox */
    DELETE FROM outbox
     WHERE created_at < (SELECT store_now()) - interval '30 days'
       AND published_at < (SELECT store_now()) - interval '30 days'
    """
)


class SilenceRow(msgspec.Struct, frozen=True):
    """Since when no schedule was run."""

    silence: timedelta | None


WORKER_SILENCE: Final = query(
    """
    /* jobs.worker_silence */
    SELECT store_now() - max(last_run) AS silence
      FROM pgqueuer_schedules
    """,
    SilenceRow,
)
