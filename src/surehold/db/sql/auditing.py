"""Statements of the audit log."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db.model import AuditEntry
from surehold.db.statement import Statement, query


class LockedRow(msgspec.Struct, frozen=True):
    """The log is this transaction's until it ends."""

    is_locked: bool


# A transaction that wrote nothing has nothing to tell, and does not wait. The lock is the table's,
# so stores that share a database do not meet in it.
LOCK_LOG: Final = query(
    """
    /* db.lock_audit_log */
    SELECT pg_advisory_xact_lock('audit_entries'::regclass::oid::bigint) IS NOT NULL AS is_locked
     WHERE pg_current_xact_id_if_assigned() IS NOT NULL
    """,
    LockedRow,
)

LOCK_LOG_ANYWAY: Final = query(
    """
    /* db.lock_audit_log_anyway */
    SELECT pg_advisory_xact_lock('audit_entries'::regclass::oid::bigint) IS NOT NULL AS is_locked
    """,
    LockedRow,
)


class LinkRow(msgspec.Struct, frozen=True):
    """One entry's place in the chain."""

    seq: int
    digest: bytes


# The log is locked: the last entry is the one that this one follows.
APPEND: Final = query(
    """
    /* db.append_audit_entry */
    WITH entry AS (
        SELECT coalesce(last.seq, 0) + 1 AS seq, $1::uuid AS id, store_now() AS happened_at,
               $2::text AS actor, $3::text AS action, $4::text AS subject, $5::text AS address,
               $6::text AS request_id, $7::jsonb AS content,
               coalesce(last.digest, decode(repeat('00', 32), 'hex')) AS previous
          FROM (SELECT) AS one
          LEFT JOIN (
                SELECT seq, digest
                  FROM audit_entries
                 ORDER BY seq DESC
                 LIMIT 1) AS last
            ON true
    )
    INSERT INTO audit_entries
           (seq, id, happened_at, actor, action, subject, address, request_id, content, previous,
            digest)
    SELECT seq, id, happened_at, actor, action, subject, address, request_id, content, previous,
           audit_digest(previous, seq, id, happened_at, actor, action, subject, address,
                        request_id, content)
      FROM entry
    RETURNING seq, digest
    """,
    LinkRow,
)


_BEFORE: Final = """least(
           coalesce($5::bigint, 9223372036854775807),
           (SELECT seq
              FROM audit_entries
             WHERE happened_at >= $4::timestamptz
             ORDER BY happened_at, seq
             LIMIT 1))"""
_FROM: Final = """coalesce(
           (SELECT seq
              FROM audit_entries
             WHERE happened_at >= $3::timestamptz
             ORDER BY happened_at, seq
             LIMIT 1),
           CASE WHEN $3 IS NULL THEN 0 ELSE 9223372036854775807 END)"""
#: What bounds a list, and its order. Rows are compared, so that each has one index to begin at.
_STARTS: Final = {
    "newest": (f"seq < {_BEFORE}\n       AND seq >= {_FROM}", "seq DESC"),
    "actor": (
        f"(actor, seq) < ($1::text, {_BEFORE})\n       AND (actor, seq) >= ($1, {_FROM})",
        "actor DESC, seq DESC",
    ),
    "action": (
        f"(action, seq) < ($2::text, {_BEFORE})\n       AND (action, seq) >= ($2, {_FROM})",
        "action DESC, seq DESC",
    ),
}


def _listing(start: str) -> Statement[AuditEntry]:
    """$1 an actor, $2 an action, $3 and $4 from and until when, $5 the last seen, $6 how many."""
    within, order = _STARTS[start]
    return query(
        f"""
    /* db.list_audit_entries_by_{start} */
    SELECT seq, happened_at, actor, action, subject, address, request_id, content, digest
      FROM audit_entries
     WHERE {within}
       AND ($1::text IS NULL OR actor = $1)
       AND ($2::text IS NULL OR action = $2)
     ORDER BY {order}
     LIMIT (SELECT $6::int)
    """,
        AuditEntry,
    )


LIST: Final = {start: _listing(start) for start in _STARTS}


class FollowedRow(msgspec.Struct, frozen=True):
    """One entry, as it says it is chained and as it should be."""

    seq: int
    previous: bytes
    digest: bytes
    computed: bytes


FOLLOW: Final = query(
    """
    /* db.follow_audit_entries */
    SELECT seq, previous, digest,
           audit_digest(previous, seq, id, happened_at, actor, action, subject, address,
                        request_id, content) AS computed
      FROM audit_entries
     WHERE seq > $1
     ORDER BY seq
     LIMIT $2
    """,
    FollowedRow,
)
