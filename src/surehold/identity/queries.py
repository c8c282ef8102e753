"""What others may read of accounts: who asks, what they have, who works here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from surehold.db import Connection
from surehold.identity import sql
from surehold.identity.engine import Identity
from surehold.identity.errors import AccountNotFound, RoleNotFound, SavedAddressNotFound
from surehold.identity.model import (
    SECOND_FACTORS,
    Account,
    AccountKind,
    ApiKey,
    Letter,
    Principal,
    Proof,
    Role,
    SavedAddress,
    Session,
    StaffMember,
)
from surehold.identity.permissions import EVERYTHING, FOR_VENDORS, Permission, known
from surehold.identity.secrets import hash_token, is_api_key
from surehold.identity.sql import factors, keys, letters, saved, sessions, staff
from surehold.identity.sql.sessions import CallerRow
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import AccountId, LetterId, SavedAddressId
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor

#: What the token of a letter is sealed for.
_LETTER: Final = "letter"
_INVALID_CURSOR: Final = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")


async def find_by_bearer(
    connection: Connection, identity: Identity, *, token: str
) -> tuple[Principal, bool] | None:
    """Who shows an access token or an API key, and whether its use is worth noting.

    Nothing is asked of the database about what cannot be one of ours.
    """
    if is_api_key(token):
        row = await connection.find(keys.FIND_CALLER, hash_token(token))
        if row is None:
            return None
        scopes = known(row.scopes)
        principal = Principal(
            row.account_id,
            row.kind,
            row.email,
            row.name,
            row.vendor_id,
            _permissions(row.kind, row.permissions) & scopes,
            key_id=row.key_id,
            key_prefix=row.prefix,
        )
        return principal, row.is_stale
    claim = identity.access_tokens.find(token)
    if claim is None:
        return None
    found = await connection.find(sessions.FIND_BY_ID, claim.session_id, claim.expires_at)
    return None if found is None else _caller(found)


async def find_by_cookie(connection: Connection, *, token: str) -> tuple[Principal, bool] | None:
    """Who shows a browser's session, and whether its use is worth noting."""
    found = await connection.find(sessions.FIND_BY_TOKEN, hash_token(token))
    return None if found is None else _caller(found)


def _caller(row: CallerRow) -> tuple[Principal, bool]:
    has_second = row.kind is not AccountKind.ADMIN or row.proof in SECOND_FACTORS
    principal = Principal(
        row.account_id,
        row.kind,
        row.email,
        row.name,
        row.vendor_id,
        _permissions(row.kind, row.permissions),
        session_id=row.session_id,
        proof=Proof(row.proof),
        needs_totp=row.is_totp_required and not has_second,
    )
    return principal, row.is_stale


def _permissions(kind: AccountKind, names: Iterable[str]) -> frozenset[Permission]:
    if kind is AccountKind.ADMIN:
        return EVERYTHING
    return known(names) & FOR_VENDORS if kind is AccountKind.VENDOR else known(names)


async def get_account(connection: Connection, *, account_id: AccountId) -> Account:
    """One account.

    Raises:
        AccountNotFound: There is none.
    """
    account = await connection.find(sql.FIND_ACCOUNT, account_id)
    if account is None:
        raise AccountNotFound("There is no such account.")
    return account


async def list_sessions(connection: Connection, *, account_id: AccountId) -> tuple[Session, ...]:
    """An account's sessions that have not ended, newest first; at most a hundred."""
    return tuple(await connection.all(sessions.LIST, account_id))


async def list_keys(
    connection: Connection,
    *,
    account_id: AccountId,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[ApiKey]:
    """An account's keys, newest first, revoked ones too.

    Raises:
        InvalidInput: The cursor is not one.
    """
    rows = await connection.all(keys.LIST, account_id, _read_id(cursor), limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].id)))


async def count_recovery_codes(connection: Connection, *, account_id: AccountId) -> int:
    """How many recovery codes are left."""
    return (await connection.one(factors.COUNT_CODES, account_id)).count


async def get_member(connection: Connection, *, account_id: AccountId) -> StaffMember:
    """Somebody who works here.

    Raises:
        AccountNotFound: There is no such member.
    """
    member = await connection.find(staff.FIND_MEMBER, account_id)
    if member is None:
        raise AccountNotFound("There is no such member of staff.")
    return member


async def find_account_by_email(connection: Connection, *, key: str) -> Account | None:
    """The account of an address in its one spelling."""
    return await connection.find(sql.FIND_ACCOUNT_BY_KEY, key)


async def list_members(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[StaffMember]:
    """Everybody who works here, by address.

    Raises:
        InvalidInput: The cursor is not one.
    """
    rows = await connection.all(staff.LIST_MEMBERS, _read_text(cursor), limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    last = await connection.one(staff.MEMBER_KEY, rows[limit - 1].id)
    return Page(tuple(rows[:limit]), encode_cursor(last.email_key))


async def get_role(connection: Connection, *, code: str) -> Role:
    """One role.

    Raises:
        RoleNotFound: There is none of this code.
    """
    role = await connection.find(staff.FIND_ROLE, code)
    if role is None:
        raise RoleNotFound("There is no role of this code.")
    return role


async def list_roles(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Role]:
    """Every role, by code.

    Raises:
        InvalidInput: The cursor is not one.
    """
    rows = await connection.all(staff.LIST_ROLES, _read_text(cursor), limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(rows[limit - 1].code))


async def list_addresses(
    connection: Connection, *, account_id: AccountId
) -> tuple[SavedAddress, ...]:
    """A buyer's addresses, the default first."""
    return tuple(await connection.all(saved.LIST_ADDRESSES, account_id))


async def get_address(
    connection: Connection, *, account_id: AccountId, address_id: SavedAddressId
) -> SavedAddress:
    """One of a buyer's addresses.

    Raises:
        SavedAddressNotFound: The account has no such address.
    """
    found = await connection.find(saved.FIND_ADDRESS, account_id, address_id)
    if found is None:
        raise SavedAddressNotFound("There is no such address.")
    return found


async def is_own_order(connection: Connection, *, account_id: AccountId, order_id: UUID) -> bool:
    """Whether an order is the account's own."""
    return (await connection.one(saved.IS_OWN, order_id, account_id)).is_own


async def find_letter(
    connection: Connection, identity: Identity, *, letter_id: LetterId
) -> Letter | None:
    """A letter as it is to be sent; ``None`` when there is none, or it would open nothing."""
    row = await connection.find(letters.FIND, letter_id)
    if row is None:
        return None
    token = None
    if row.sealed_token is not None:
        token = identity.seals.find(_LETTER, row.id, row.sealed_token)
    if row.has_link and token is None:
        return None  # sent already, or sealed by a secret that is gone
    return Letter(row.kind, row.email, row.name, token, row.language, row.new_email)


def _read_text(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    keys_in = decode_cursor(cursor, count=1)
    if keys_in is None or "\0" in keys_in[0]:
        raise InvalidInput((_INVALID_CURSOR,))
    return keys_in[0]


def _read_id(cursor: str | None) -> UUID | None:
    text = _read_text(cursor)
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise InvalidInput((_INVALID_CURSOR,)) from None
