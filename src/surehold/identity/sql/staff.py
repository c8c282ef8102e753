"""Statements of roles, and of who has them."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.identity.model import Role, StaffMember

_ROLE: Final = "code, name, permissions, changed_by, changed_at"

LIST_ROLES: Final = query(
    f"""
    /* identity.list_roles */
    SELECT {_ROLE}
      FROM roles
     WHERE code > coalesce($1::text, '')
     ORDER BY code
     LIMIT $2
    """,
    Role,
)

INSERT_ROLE: Final = command(
    """
    /* identity.insert_role */
    INSERT INTO roles (id, code, name, permissions, changed_by, changed_at)
    VALUES ($1, $2, $3, $4, $5, store_now())
    ON CONFLICT (code) DO NOTHING
    """
)


class LockedRole(msgspec.Struct, frozen=True):
    """A role that nobody else changes until the end of the transaction."""

    id: UUID
    code: str
    permissions: list[str]


# For no less than sharing: what is granted is what was looked at.
LOCK_ROLES: Final = query(
    """
    /* identity.lock_roles */
    SELECT id, code, permissions
      FROM roles
     WHERE code = ANY($1::text[])
     ORDER BY id
       FOR SHARE
    """,
    LockedRole,
)

LOCK_ROLE: Final = query(
    """
    /* identity.lock_role */
    SELECT id, code, permissions
      FROM roles
     WHERE code = $1
       FOR UPDATE
    """,
    LockedRole,
)

CHANGE_ROLE: Final = command(
    """
    /* identity.change_role */
    UPDATE roles
       SET name = $2, permissions = $3, changed_by = $4, changed_at = store_now()
     WHERE id = $1
    """
)

FIND_ROLE: Final = query(
    f"""
    /* identity.find_role */
    SELECT {_ROLE}
      FROM roles
     WHERE code = $1
    """,
    Role,
)

ROLES_OF: Final = query(
    """
    /* identity.roles_of */
    SELECT roles.id, roles.code, roles.permissions
      FROM account_roles
      JOIN roles ON roles.id = account_roles.role_id
     WHERE account_roles.account_id = $1
     ORDER BY roles.id
    """,
    LockedRole,
)

# Roles that stay keep who granted them.
SET_ROLES: Final = command(
    """
    /* identity.set_roles */
    WITH taken AS (
        DELETE FROM account_roles
         WHERE account_id = $1
           AND role_id <> ALL ($2::uuid[])
    )
    INSERT INTO account_roles (account_id, role_id, granted_by, granted_at)
    SELECT $1, role_id, $3, store_now() FROM unnest($2::uuid[]) AS new (role_id)
        ON CONFLICT (account_id, role_id) DO NOTHING
    """
)

_MEMBER: Final = """accounts.id, accounts.kind, accounts.email, accounts.name,
           accounts.vendor_id,
           ARRAY(SELECT roles.code
                   FROM account_roles
                   JOIN roles ON roles.id = account_roles.role_id
                  WHERE account_roles.account_id = accounts.id
                  ORDER BY roles.code) AS roles,
           EXISTS (SELECT
                     FROM totp_factors
                    WHERE totp_factors.account_id = accounts.id
                      AND confirmed_at IS NOT NULL) AS has_totp,
           accounts.created_at, accounts.disabled_at
      FROM accounts"""

FIND_MEMBER: Final = query(
    f"""
    /* identity.find_member */
    SELECT {_MEMBER}
     WHERE accounts.id = $1
       AND accounts.kind <> 'customer'
    """,
    StaffMember,
)

LIST_MEMBERS: Final = query(
    f"""
    /* identity.list_members */
    SELECT {_MEMBER}
     WHERE accounts.kind <> 'customer'
       AND accounts.email_key > coalesce($1::text, '')
     ORDER BY accounts.email_key
     LIMIT $2
    """,
    StaffMember,
)


class MemberKeyRow(msgspec.Struct, frozen=True):
    """By what members are listed."""

    email_key: str


MEMBER_KEY: Final = query(
    """
    /* identity.member_key */
    SELECT email_key
      FROM accounts
     WHERE id = $1
    """,
    MemberKeyRow,
)
