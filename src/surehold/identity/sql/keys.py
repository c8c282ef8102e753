"""Statements of API keys."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import command, query
from surehold.identity.model import AccountKind, ApiKey
from surehold.kernel.ids import AccountId, ApiKeyId, VendorId


class KeyCallerRow(msgspec.Struct, frozen=True):
    """Whose key it is, what their roles permit and what the key may."""

    account_id: AccountId
    kind: AccountKind
    email: str
    name: str
    vendor_id: VendorId | None
    key_id: ApiKeyId
    prefix: str
    scopes: list[str]
    permissions: list[str]
    is_stale: bool


FIND_CALLER: Final = query(
    """
    /* identity.find_key_caller */
    SELECT accounts.id AS account_id, accounts.kind, accounts.email, accounts.name,
           accounts.vendor_id, keys.id AS key_id, keys.prefix, keys.scopes,
           ARRAY(SELECT unnest(roles.permissions)
                   FROM account_roles
                   JOIN roles ON roles.id = account_roles.role_id
                  WHERE account_roles.account_id = accounts.id) AS permissions,
           coalesce(keys.last_used_at < store_now() - interval '1 minute', true) AS is_stale
      FROM api_keys AS keys
      JOIN accounts ON accounts.id = keys.account_id
     WHERE keys.key_hash = $1
       AND keys.revoked_at IS NULL
       AND (keys.expires_at IS NULL OR keys.expires_at > store_now())
       AND accounts.disabled_at IS NULL
    """,
    KeyCallerRow,
)

NOTE_USE: Final = command(
    """
    /* identity.note_key_use */
    UPDATE api_keys
       SET last_used_at = store_now()
     WHERE id = $1
       AND (last_used_at IS NULL OR last_used_at < store_now() - interval '1 minute')
    """
)

_KEY: Final = """id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at"""

INSERT: Final = query(
    f"""
    /* identity.insert_key */
    INSERT INTO api_keys
           (id, account_id, name, prefix, key_hash, scopes, created_at, expires_at)
    SELECT $1, $2, $3, $4, $5, $6, store_now(), $7::timestamptz
     WHERE $7 IS NULL
        OR $7 > store_now()
    RETURNING {_KEY}
    """,
    ApiKey,
)


class KeyCountRow(msgspec.Struct, frozen=True):
    """How many keys of an account open anything."""

    count: int


COUNT: Final = query(
    """
    /* identity.count_keys */
    SELECT count(*)
      FROM api_keys
     WHERE account_id = $1
       AND revoked_at IS NULL
    """,
    KeyCountRow,
)

LIST: Final = query(
    f"""
    /* identity.list_keys */
    SELECT {_KEY}
      FROM api_keys
     WHERE account_id = $1
       AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY id DESC
     LIMIT $3
    """,
    ApiKey,
)

REVOKE: Final = command(
    """
    /* identity.revoke_key */
    UPDATE api_keys
       SET revoked_at = coalesce(revoked_at, store_now()),
           revoked_by = coalesce(revoked_by, $3)
     WHERE id = $1
       AND account_id = $2
    """
)

REVOKE_ALL: Final = command(
    """
    /* identity.revoke_all_keys */
    UPDATE api_keys
       SET revoked_at = store_now(), revoked_by = $2
     WHERE account_id = $1
       AND revoked_at IS NULL
    """
)
