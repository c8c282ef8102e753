"""Statements of letters. Whoever writes one holds the account, where there is one."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import command, query
from surehold.identity.model import LetterKind
from surehold.kernel.ids import AccountId, LetterId

# With $12 false it writes nothing, with the same work: there is no such account.
WRITE: Final = command(
    """
    /* identity.write_letter */
    INSERT INTO account_letters
           (id, kind, account_id, email, email_key, name, password_hash, token_hash,
            sealed_token, created_at, expires_at, language)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, clock.now, clock.now + $10::interval, $11
      FROM (SELECT store_now() AS now) AS clock
     WHERE $12::boolean
    """
)

# A later letter of the same kind makes the earlier ones void.
VOID: Final = command(
    """
    /* identity.void_letters */
    UPDATE account_letters
       SET used_at = store_now(), sealed_token = NULL
     WHERE account_id = $1
       AND kind = ANY($2::text[])
       AND used_at IS NULL
       AND token_hash IS NOT NULL
       AND id IS DISTINCT FROM $3
    """
)


class UsedLetter(msgspec.Struct, frozen=True):
    """A letter whose link was just used, for the only time."""

    id: LetterId
    kind: LetterKind
    account_id: AccountId | None
    email: str
    email_key: str
    name: str | None
    password_hash: str | None
    language: str | None


# The one place where a link is used: of two who come at once, one gets a row.
USE: Final = query(
    """
    /* identity.use_letter */
    UPDATE account_letters
       SET used_at = store_now(), sealed_token = NULL
     WHERE token_hash = $1
       AND kind = $2
       AND used_at IS NULL
       AND expires_at > store_now()
    RETURNING id, kind, account_id, email, email_key, name, password_hash, language
    """,
    UsedLetter,
)


class UsableRow(msgspec.Struct, frozen=True):
    """Whom a link that still opens something is meant for."""

    email_key: str


FIND_USABLE: Final = query(
    """
    /* identity.find_usable_letter */
    SELECT email_key
      FROM account_letters
     WHERE token_hash = $1
       AND kind = $2
       AND used_at IS NULL
       AND expires_at > store_now()
    """,
    UsableRow,
)


class LetterRow(msgspec.Struct, frozen=True):
    """A letter that is to be sent: to whom, in which language, its token as it is sealed."""

    id: LetterId
    kind: LetterKind
    email: str
    name: str
    has_link: bool
    sealed_token: str | None
    language: str
    new_email: str | None


# Where it goes is what was written down; of an account that was disabled since, nothing.
FIND: Final = query(
    """
    /* identity.find_letter */
    SELECT letters.id, letters.kind, letters.email,
           coalesce(letters.name, accounts.name, '') AS name,
           letters.token_hash IS NOT NULL AS has_link, letters.sealed_token,
           coalesce(letters.language, accounts.language, 'en') AS language,
           CASE WHEN letters.kind = 'email_changed' THEN accounts.email END AS new_email
      FROM account_letters AS letters
      LEFT JOIN accounts ON accounts.id = letters.account_id
     WHERE letters.id = $1
       AND letters.used_at IS NULL
       AND (letters.expires_at IS NULL OR letters.expires_at > store_now())
       AND accounts.disabled_at IS NULL
    """,
    LetterRow,
)

FORGET_TOKEN: Final = command(
    """
    /* identity.forget_token */
    UPDATE account_letters
       SET sealed_token = NULL
     WHERE id = $1
       AND sealed_token IS NOT NULL
    """
)

# Kept for as long as they are counted, and until they open nothing any more.
PRUNE: Final = command(
    """
    /* identity.prune_letters */
    DELETE FROM account_letters
     WHERE id IN (
           SELECT id
             FROM account_letters
            WHERE created_at < (SELECT store_now()) - interval '48 hours'
            ORDER BY created_at
            LIMIT $1
              FOR UPDATE SKIP LOCKED)
    """
)
