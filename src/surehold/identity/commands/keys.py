"""Keys of programs: shown once, kept as hashes, never more than who made them may."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from surehold.db import Database, Transaction, audit
from surehold.identity import rules, sql
from surehold.identity.commands.proving import check_is_person
from surehold.identity.errors import ApiKeyNotFound, SessionOver, TooManyKept, TotpRequired
from surehold.identity.events import KEY_CREATED, KEY_REVOKED, fact
from surehold.identity.model import ApiKey, Principal
from surehold.identity.permissions import Permission, check_grant
from surehold.identity.secrets import new_api_key
from surehold.identity.sql import keys as key_sql
from surehold.jobs import outbox
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import ApiKeyId, new_id


async def create_key(
    db: Database,
    *,
    principal: Principal,
    name: str,
    scopes: Sequence[Permission],
    expires_at: datetime | None,
) -> tuple[ApiKey, str]:
    """Make a key and return it, this once. It may what is in its scopes, while its maker may.

    Raises:
        SessionNeeded: A key asks: keys make no keys.
        SessionOver: The account was closed meanwhile.
        TotpRequired: The shop wants a second factor of the caller first.
        GrantTooWide: A scope is more than the caller may.
        InvalidInput: It would be over before it began.
        TooManyKept: The account has as many as it may have.
    """
    check_is_person(principal)
    if principal.needs_totp:
        raise TotpRequired("Set up a second factor, and sign in with it.")
    check_grant(principal, scopes)
    new = new_api_key()
    values = sorted({scope.value for scope in scopes})

    async def work(tx: Transaction) -> ApiKey:
        account = await tx.one(sql.LOCK_ACCOUNT, principal.account_id)
        if account.disabled_at is not None:
            raise SessionOver("The account was closed meanwhile.")
        if (await tx.one(key_sql.COUNT, account.id)).count >= rules.MAX_API_KEYS:
            raise TooManyKept("Revoke a key first.", limit=rules.MAX_API_KEYS)
        made = await tx.find(
            key_sql.INSERT,
            ApiKeyId(new_id()),
            account.id,
            name,
            new.prefix,
            new.key_hash,
            values,
            expires_at,
        )
        if made is None:
            raise InvalidInput((Fault("/expires_at", "in_the_past", "A time to come."),))
        audit.change(
            tx,
            actor=principal.label,
            action="key.add",
            subject=f"keys/{made.prefix}",
            before=None,
            after={"scopes": values, "expires_at": _instant(expires_at)},
        )
        created = fact(KEY_CREATED, made.id, actor=principal.label, scopes=values)
        await outbox.record(tx, [created], now=account.now)
        return made

    return await db.retrying(work), new.key


async def revoke_key(db: Database, *, principal: Principal, key_id: ApiKeyId) -> None:
    """End a key of the caller's, at once. A second time changes nothing.

    Raises:
        SessionNeeded: A key asks.
        ApiKeyNotFound: The caller has no such key.
    """
    check_is_person(principal)

    async def work(tx: Transaction) -> None:
        account = await tx.one(sql.LOCK_ACCOUNT, principal.account_id)
        if not await tx.run(key_sql.REVOKE, key_id, account.id, principal.label):
            raise ApiKeyNotFound("There is no such key.")
        audit.change(
            tx,
            actor=principal.label,
            action="key.revoke",
            subject=f"keys/{key_id}",
            before={"is_revoked": False},
            after={"is_revoked": True},
        )
        revoked = fact(KEY_REVOKED, key_id, actor=principal.label)
        await outbox.record(tx, [revoked], now=account.now)

    await db.retrying(work)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


async def note_key_use(db: Database, *, key_id: ApiKeyId) -> None:
    """Put down that a key is used, at most once a minute."""
    async with db.connection() as connection:
        await connection.run(key_sql.NOTE_USE, key_id)
