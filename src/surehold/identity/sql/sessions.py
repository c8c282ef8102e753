"""Statements of sessions, refresh tokens and known devices."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from surehold.db import command, query
from surehold.identity.model import AccountKind, Proof, Session
from surehold.kernel.ids import AccountId, SessionId, VendorId


class CallerRow(msgspec.Struct, frozen=True):
    """Whose session it is, and what their roles permit.

    ``is_stale``: its use is worth noting. ``is_totp_required``: admins show a second factor here.
    """

    account_id: AccountId
    kind: AccountKind
    email: str
    name: str
    vendor_id: VendorId | None
    session_id: SessionId
    proof: Proof
    permissions: list[str]
    is_stale: bool
    is_totp_required: bool


# One statement says everything of whoever asks; a setting that was never changed is off.
_CALLER: Final = """accounts.id AS account_id, accounts.kind, accounts.email, accounts.name,
           accounts.vendor_id, sessions.id AS session_id, sessions.proof,
           ARRAY(SELECT unnest(roles.permissions)
                   FROM account_roles
                   JOIN roles ON roles.id = account_roles.role_id
                  WHERE account_roles.account_id = accounts.id) AS permissions,
           sessions.last_used_at < store_now() - interval '1 minute' AS is_stale,
           EXISTS (SELECT
                     FROM settings
                    WHERE key = 'is_totp_required_for_admins'
                      AND value = 'true'::jsonb) AS is_totp_required
      FROM sessions
      JOIN accounts ON accounts.id = sessions.account_id"""
_LIVE: Final = """sessions.ended_at IS NULL
       AND sessions.expires_at > store_now()
       AND accounts.disabled_at IS NULL"""

# $2: until when the signed token is believed.
FIND_BY_ID: Final = query(
    f"""
    /* identity.find_session_by_id */
    SELECT {_CALLER}
     WHERE sessions.id = $1
       AND sessions.kind = 'api'
       AND $2::timestamptz > store_now()
       AND {_LIVE}
    """,
    CallerRow,
)

FIND_BY_TOKEN: Final = query(
    f"""
    /* identity.find_session_by_token */
    SELECT {_CALLER}
     WHERE sessions.token_hash = $1
       AND {_LIVE}
    """,
    CallerRow,
)

# At most once a minute, however often it is used; an unused session runs out.
NOTE_USE: Final = command(
    """
    /* identity.note_session_use */
    UPDATE sessions
       SET last_used_at = store_now(), expires_at = store_now() + $2::interval
     WHERE id = $1
       AND ended_at IS NULL
       AND last_used_at < store_now() - interval '1 minute'
    """
)


class StartedRow(msgspec.Struct, frozen=True):
    """When a session began."""

    created_at: datetime


INSERT: Final = query(
    """
    /* identity.insert_session */
    WITH clock AS (
        SELECT store_now() AS now
    )
    INSERT INTO sessions
           (id, account_id, kind, token_hash, proof, device, address, created_at, last_used_at,
            expires_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, now, now, now + $8::interval FROM clock
    RETURNING created_at
    """,
    StartedRow,
)

INSERT_REFRESH: Final = command(
    """
    /* identity.insert_refresh_token */
    INSERT INTO refresh_tokens (token_hash, session_id, created_at)
    VALUES ($1, $2, store_now())
    """
)


class FamilyRow(msgspec.Struct, frozen=True):
    """The session that a refresh token belongs to."""

    session_id: SessionId
    account_id: AccountId


# The family first, then its tokens: whoever rotates or ends it takes turns here.
LOCK_FAMILY: Final = query(
    """
    /* identity.lock_family */
    SELECT sessions.id AS session_id, sessions.account_id
      FROM sessions
     WHERE sessions.id = (
           SELECT session_id FROM refresh_tokens WHERE token_hash = $1)
       FOR NO KEY UPDATE
    """,
    FamilyRow,
)


class RotatedRow(msgspec.Struct, frozen=True):
    """A refresh token that was just used, for the only time, and its live session."""

    kind: AccountKind
    now: datetime


USE_REFRESH: Final = query(
    """
    /* identity.use_refresh_token */
    UPDATE refresh_tokens
       SET used_at = store_now()
      FROM sessions
      JOIN accounts ON accounts.id = sessions.account_id
     WHERE refresh_tokens.token_hash = $1
       AND refresh_tokens.used_at IS NULL
       AND sessions.id = refresh_tokens.session_id
       AND sessions.ended_at IS NULL
       AND sessions.expires_at > store_now()
       AND accounts.disabled_at IS NULL
    RETURNING accounts.kind, store_now() AS now
    """,
    RotatedRow,
)


class ReusedRow(msgspec.Struct, frozen=True):
    """Whether a refresh token had been used before."""

    is_used: bool


FIND_REFRESH: Final = query(
    """
    /* identity.find_refresh_token */
    SELECT used_at IS NOT NULL AS is_used
      FROM refresh_tokens
     WHERE token_hash = $1
    """,
    ReusedRow,
)

TOUCH: Final = command(
    """
    /* identity.touch_session */
    UPDATE sessions
       SET last_used_at = store_now(), expires_at = store_now() + $2::interval,
           device = $3, address = $4
     WHERE id = $1
    """
)

END: Final = command(
    """
    /* identity.end_session */
    UPDATE sessions
       SET ended_at = store_now(), end_reason = $3
     WHERE id = $1
       AND account_id = $2
       AND ended_at IS NULL
    """
)

# All but one; with none to spare, all.
END_OTHERS: Final = command(
    """
    /* identity.end_other_sessions */
    UPDATE sessions
       SET ended_at = store_now(), end_reason = $3
     WHERE account_id = $1
       AND id IS DISTINCT FROM $2
       AND ended_at IS NULL
    """
)

LIST: Final = query(
    """
    /* identity.list_sessions */
    SELECT id, kind, proof, device, address, created_at, last_used_at, expires_at
      FROM sessions
     WHERE account_id = $1
       AND ended_at IS NULL
       AND expires_at > store_now()
     ORDER BY id DESC
     LIMIT 100
    """,
    Session,
)

# Who signs in for the hundred-and-first time loses the oldest.
END_OLDEST: Final = command(
    """
    /* identity.end_oldest_sessions */
    UPDATE sessions
       SET ended_at = store_now(), end_reason = 'revoked'
     WHERE id IN (
           SELECT id
             FROM sessions
            WHERE account_id = $1
              AND ended_at IS NULL
            ORDER BY id DESC
           OFFSET $2)
    """
)

REMEMBER_DEVICE: Final = command(
    """
    /* identity.remember_device */
    INSERT INTO known_devices (token_hash, account_id, created_at, last_used_at)
    VALUES ($1, $2, store_now(), store_now())
    ON CONFLICT (token_hash) DO UPDATE
       SET last_used_at = excluded.last_used_at
    """
)

FORGET_OLDEST_DEVICES: Final = command(
    """
    /* identity.forget_oldest_devices */
    DELETE FROM known_devices
     WHERE token_hash IN (
           SELECT token_hash
             FROM known_devices
            WHERE account_id = $1
            ORDER BY last_used_at DESC
           OFFSET $2)
    """
)

FORGET_DEVICES: Final = command(
    """
    /* identity.forget_devices */
    DELETE FROM known_devices
     WHERE account_id = $1
    """
)

PRUNE: Final = command(
    """
    /* identity.prune_sessions */
    DELETE FROM sessions
     WHERE id IN (
           SELECT id
             FROM sessions
            WHERE expires_at < (SELECT store_now()) - interval '30 days'
            ORDER BY expires_at
            LIMIT $1
              FOR UPDATE SKIP LOCKED)
    """
)

PRUNE_DEVICES: Final = command(
    """
    /* identity.prune_devices */
    DELETE FROM known_devices
     WHERE token_hash IN (
           SELECT token_hash
             FROM known_devices
            WHERE last_used_at < (SELECT store_now()) - interval '365 days'
            ORDER BY last_used_at
            LIMIT $1
              FOR UPDATE SKIP LOCKED)
    """
)

# The session has shown a second factor since it began.
PROVE: Final = command(
    """
    /* identity.prove_session */
    UPDATE sessions
       SET proof = $2
     WHERE id = $1
    """
)
