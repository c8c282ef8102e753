"""Statements of second factors and recovery codes."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query


class FactorRow(msgspec.Struct, frozen=True):
    """An account's second factor as it is kept, and what time it is."""

    id: UUID
    sealed_secret: str
    confirmed_at: datetime | None
    now: datetime


FIND: Final = query(
    """
    /* identity.find_factor */
    SELECT id, sealed_secret, confirmed_at, store_now() AS now
      FROM totp_factors
     WHERE account_id = $1
    """,
    FactorRow,
)

# One that waits to be confirmed gives way; one that was confirmed does not.
BEGIN: Final = command(
    """
    /* identity.begin_factor */
    INSERT INTO totp_factors AS factor (id, account_id, sealed_secret, created_at)
    VALUES ($1, $2, $3, store_now())
        ON CONFLICT (account_id) DO UPDATE
       SET id = excluded.id,
           sealed_secret = excluded.sealed_secret,
           last_step = 0,
           created_at = excluded.created_at
     WHERE factor.confirmed_at IS NULL
    """
)

# A code is of one step of 30 seconds. Of two who bring the same code one gets in.
TAKE_STEP: Final = command(
    """
    /* identity.take_step */
    UPDATE totp_factors
       SET last_step = $2, confirmed_at = coalesce(confirmed_at, store_now())
     WHERE id = $1
       AND last_step < $2
    """
)

DELETE: Final = command(
    """
    /* identity.delete_factor */
    WITH codes AS (
        DELETE FROM recovery_codes WHERE account_id = $1
    )
    DELETE FROM totp_factors
     WHERE account_id = $1
    """
)

DELETE_CODES: Final = command(
    """
    /* identity.delete_codes */
    DELETE FROM recovery_codes
     WHERE account_id = $1
    """
)

INSERT_CODES: Final = command(
    """
    /* identity.insert_codes */
    INSERT INTO recovery_codes (account_id, code_hash)
    SELECT $1, code_hash FROM unnest($2::bytea[]) AS new (code_hash)
    """
)

USE_CODE: Final = command(
    """
    /* identity.use_code */
    UPDATE recovery_codes
       SET used_at = store_now()
     WHERE account_id = $1
       AND code_hash = $2
       AND used_at IS NULL
    """
)


class LeftRow(msgspec.Struct, frozen=True):
    """How many codes are left."""

    count: int


COUNT_CODES: Final = query(
    """
    /* identity.count_codes */
    SELECT count(*)
      FROM recovery_codes
     WHERE account_id = $1
       AND used_at IS NULL
    """,
    LeftRow,
)
