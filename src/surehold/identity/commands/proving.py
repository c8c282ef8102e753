"""Asking somebody who is signed in for the password once more, before what matters."""

from __future__ import annotations

from surehold.identity import rules, sql
from surehold.identity.commands import attempts
from surehold.identity.engine import Identity
from surehold.identity.errors import InvalidCredentials, SessionNeeded
from surehold.identity.model import Principal


def check_is_person(principal: Principal) -> None:
    """Let only a session pass: a program's key changes nothing about the account that it is of.

    Raises:
        SessionNeeded: It is a key.
    """
    if principal.session_id is None:
        raise SessionNeeded("Sign in as a person to do this.")


async def prove_password(identity: Identity, *, principal: Principal, password: str) -> str:
    """Check the password of whoever is signed in; returns its hash, to be compared under a lock.

    Raises:
        SessionNeeded: A key asks.
        InvalidCredentials: It is another password, or the account has none.
        TooManyAttempts: Too many wrong ones came before.
    """
    check_is_person(principal)
    async with identity.db.connection() as connection:
        kept = await connection.one(sql.FIND_PASSWORD, principal.account_id)
    counts = [attempts.count_of(rules.BY_DEVICE, "signed in", str(principal.account_id))]
    await attempts.take(identity.db, counts)
    if not await identity.passwords.is_right(password, kept.password_hash):
        raise InvalidCredentials("This is not the password.")
    await attempts.succeed(identity.db, counts)
    assert kept.password_hash is not None
    return kept.password_hash
