"""Statements of accounts. Whoever changes one locks it first; admins are locked in id order."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from surehold.db import command, query
from surehold.identity.model import Account, AccountKind
from surehold.kernel.ids import AccountId, VendorId

_ACCOUNT: Final = """accounts.id, accounts.kind, accounts.email, accounts.name,
           accounts.vendor_id, accounts.password_hash IS NOT NULL AS has_password,
           EXISTS (SELECT
                     FROM totp_factors
                    WHERE totp_factors.account_id = accounts.id
                      AND confirmed_at IS NOT NULL) AS has_totp,
           accounts.created_at, accounts.disabled_at"""


class Credentials(msgspec.Struct, frozen=True):
    """What a sign-in is checked against. Without an account all but ``now`` is null."""

    account_id: AccountId | None
    kind: AccountKind | None
    password_hash: str | None
    is_known_device: bool
    now: datetime


# One row whether there is such an account or not, so that both cost the same.
FIND_CREDENTIALS: Final = query(
    """
    /* identity.find_credentials */
    SELECT account.id AS account_id, account.kind, account.password_hash,
           EXISTS (SELECT
                     FROM known_devices
                    WHERE known_devices.token_hash = $2
                      AND known_devices.account_id = account.id) AS is_known_device,
           clock.now
      FROM (SELECT store_now() AS now) AS clock
      LEFT JOIN (SELECT id, kind, password_hash
                   FROM accounts
                  WHERE email_key = $1
                    AND disabled_at IS NULL) AS account ON true
    """,
    Credentials,
)

FIND_ACCOUNT: Final = query(
    f"""
    /* identity.find_account */
    SELECT {_ACCOUNT}
      FROM accounts
     WHERE accounts.id = $1
    """,
    Account,
)

FIND_ACCOUNT_BY_KEY: Final = query(
    f"""
    /* identity.find_account_by_key */
    SELECT {_ACCOUNT}
      FROM accounts
     WHERE accounts.email_key = $1
    """,
    Account,
)


class LockedAccount(msgspec.Struct, frozen=True):
    """An account that nobody else changes until the end of the transaction."""

    id: AccountId
    kind: AccountKind
    email: str
    email_key: str
    name: str
    password_hash: str | None
    vendor_id: VendorId | None
    disabled_at: datetime | None
    language: str | None
    now: datetime


_LOCKED: Final = """id, kind, email, email_key, name, password_hash, vendor_id, disabled_at,
           language, store_now() AS now"""

LOCK_ACCOUNT: Final = query(
    f"""
    /* identity.lock_account */
    SELECT {_LOCKED}
      FROM accounts
     WHERE id = $1
       FOR NO KEY UPDATE
    """,
    LockedAccount,
)

LOCK_ACCOUNT_BY_KEY: Final = query(
    f"""
    /* identity.lock_account_by_key */
    SELECT {_LOCKED}
      FROM accounts
     WHERE email_key = $1
       FOR NO KEY UPDATE
    """,
    LockedAccount,
)

# Two who disable each other meet here: the second one sees what the first one left.
LOCK_ADMINS: Final = query(
    f"""
    /* identity.lock_admins */
    SELECT {_LOCKED}
      FROM accounts
     WHERE kind = 'admin'
       AND disabled_at IS NULL
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    LockedAccount,
)

# Of two who confirm the same address one makes the account.
INSERT_ACCOUNT: Final = command(
    """
    /* identity.insert_account */
    INSERT INTO accounts
           (id, kind, email, email_key, name, password_hash, vendor_id, created_at, created_by,
            language)
    VALUES ($1, $2, $3, $4, $5, $6, $7, store_now(), $8, $9)
    ON CONFLICT (email_key) DO NOTHING
    """
)

SET_PASSWORD: Final = command(
    """
    /* identity.set_password */
    UPDATE accounts
       SET password_hash = $2
     WHERE id = $1
    """
)

# Only while it still is the hash that was looked at: a new password is not undone.
REHASH_PASSWORD: Final = command(
    """
    /* identity.rehash_password */
    UPDATE accounts
       SET password_hash = $3
     WHERE id = $1
       AND password_hash = $2
    """
)

SET_EMAIL: Final = command(
    """
    /* identity.set_email */
    UPDATE accounts
       SET email = $2, email_key = $3
     WHERE id = $1
    """
)

SET_NAME: Final = command(
    """
    /* identity.set_name */
    UPDATE accounts
       SET name = $2
     WHERE id = $1
    """
)

SET_LANGUAGE: Final = command(
    """
    /* identity.set_language */
    UPDATE accounts
       SET language = $2
     WHERE id = $1
       AND language IS DISTINCT FROM $2
    """
)

DISABLE: Final = command(
    """
    /* identity.disable */
    UPDATE accounts
       SET disabled_at = store_now(), disabled_by = $2
     WHERE id = $1
       AND disabled_at IS NULL
    """
)

ENABLE: Final = command(
    """
    /* identity.enable */
    UPDATE accounts
       SET disabled_at = NULL, disabled_by = NULL
     WHERE id = $1
       AND disabled_at IS NOT NULL
    """
)


class PasswordRow(msgspec.Struct, frozen=True):
    """What a password is checked against."""

    password_hash: str | None


FIND_PASSWORD: Final = query(
    """
    /* identity.find_password */
    SELECT password_hash
      FROM accounts
     WHERE id = $1
    """,
    PasswordRow,
)
