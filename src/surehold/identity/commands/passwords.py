"""Passwords: forgotten, reset by a letter, changed by whoever knows the old one."""

from __future__ import annotations

from surehold.db import Transaction, audit
from surehold.identity import rules, sql
from surehold.identity.commands import attempts, letters
from surehold.identity.commands.proving import prove_password
from surehold.identity.commands.sessions import end_all
from surehold.identity.engine import Identity
from surehold.identity.errors import InvalidCredentials, TokenInvalid
from surehold.identity.events import PASSWORD_CHANGED, fact
from surehold.identity.model import AccountKind, EndReason, LetterKind, Place, Principal
from surehold.identity.rules import Mailbox
from surehold.identity.secrets import hash_token
from surehold.identity.sql import LockedAccount, sessions
from surehold.identity.sql import letters as letter_sql
from surehold.jobs import outbox
from surehold.kernel.ids import SessionId

_LINKS = [LetterKind.RESET_PASSWORD.value, LetterKind.MAGIC_LINK.value]


async def ask_password_reset(identity: Identity, *, email: str, place: Place) -> None:
    """Write to an account's address a link that sets a new password, once.

    Whether there is an account does not show, and no hash is made either way.

    Raises:
        InvalidInput: No such address can exist.
        TooManyAttempts: Too many letters were asked for from this place.
    """
    mailbox = letters.read_mailbox(email)
    await attempts.take(identity.db, [attempts.count_of(rules.LETTERS_BY_ADDRESS, place.network)])

    async def work(tx: Transaction) -> None:
        if not await letters.may_be_written(tx, mailbox.key):
            return
        known = await tx.find(sql.LOCK_ACCOUNT_BY_KEY, mailbox.key)
        # To the address of the account, not to the spelling that was typed.
        await letters.write(
            tx,
            identity,
            kind=LetterKind.RESET_PASSWORD,
            to=mailbox if known is None else Mailbox(known.email, known.email_key),
            account_id=None if known is None else known.id,
            is_meant=known is not None and known.disabled_at is None,
            language=place.language,
        )

    await identity.db.retrying(work)


async def reset_password(identity: Identity, *, token: str, password: str) -> None:
    """Set a new password by the link of a letter, once. Every session ends, no device is known.

    A password that is refused leaves the link as it was. The second factor stays on.

    Raises:
        TokenInvalid: The link was used, is too old or is none of ours.
        InvalidInput: The password breaks a rule.
        Busy: Too many passwords are being hashed.
    """
    token_hash = hash_token(token)
    kind = LetterKind.RESET_PASSWORD.value
    async with identity.db.connection() as connection:
        meant = await connection.find(letter_sql.FIND_USABLE, token_hash, kind)
    if meant is None:
        raise TokenInvalid("Ask for another letter.")
    letters.check_password(password, key=meant.email_key)
    password_hash = await identity.passwords.hash(password)

    async def work(tx: Transaction) -> None:
        used = await tx.find(letter_sql.USE, token_hash, kind)
        if used is None or used.account_id is None:
            raise TokenInvalid("Ask for another letter.")
        account = await tx.one(sql.LOCK_ACCOUNT, used.account_id)
        if account.disabled_at is not None:
            raise TokenInvalid("Ask for another letter.")
        await tx.run(sessions.FORGET_DEVICES, account.id)
        if account.kind is not AccountKind.CUSTOMER:
            audit.change(
                tx,
                actor=f"{account.kind.value}:{account.id}",
                action="password.reset",
                subject=f"letters/{used.id}",
                before=None,
                after=None,
            )
        await _set(
            tx,
            identity,
            account,
            password_hash,
            reason=EndReason.PASSWORD_RESET,
            language=used.language,
        )

    await identity.db.retrying(work)


async def change_password(
    identity: Identity, *, principal: Principal, current: str, password: str
) -> None:
    """Set a new password for who knows the current one. Every other session ends.

    Raises:
        InvalidInput: The new password breaks a rule.
        SessionNeeded, InvalidCredentials, TooManyAttempts: As ``prove_password``.
    """
    letters.check_password(password, key=rules.read_mailbox(principal.email).key)
    kept = await prove_password(identity, principal=principal, password=current)
    password_hash = await identity.passwords.hash(password)

    async def work(tx: Transaction) -> None:
        account = await tx.one(sql.LOCK_ACCOUNT, principal.account_id)
        if account.password_hash != kept:
            raise InvalidCredentials("The password was changed meanwhile.")
        await _set(
            tx,
            identity,
            account,
            password_hash,
            reason=EndReason.PASSWORD_CHANGED,
            but=principal.session_id,
        )

    await identity.db.retrying(work)


async def _set(
    tx: Transaction,
    identity: Identity,
    account: LockedAccount,
    password_hash: str,
    *,
    reason: EndReason,
    but: SessionId | None = None,
    language: str | None = None,
) -> None:
    """A new password, with all that it ends, and a letter that says so.

    It warns, so it is in the account's language, whatever ``language`` the change came in.
    """
    await tx.run(sql.SET_PASSWORD, account.id, password_hash)
    await end_all(tx, account.id, reason, but=but)
    await tx.run(letter_sql.VOID, account.id, _LINKS, None)
    await letters.write(
        tx,
        identity,
        kind=LetterKind.PASSWORD_CHANGED,
        to=Mailbox(account.email, account.email_key),
        account_id=account.id,
        language=account.language or language,
    )
    changed = fact(PASSWORD_CHANGED, account.id, reason=reason.value)
    await outbox.record(tx, [changed], now=account.now)
