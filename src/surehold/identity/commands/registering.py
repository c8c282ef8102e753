"""From an address that somebody claims to an account that has it."""

from __future__ import annotations

import asyncpg

from surehold.db import Transaction, clock
from surehold.identity import queries, rules, sql
from surehold.identity.commands import attempts, letters
from surehold.identity.commands.proving import prove_password
from surehold.identity.commands.sessions import end_all
from surehold.identity.engine import Identity
from surehold.identity.errors import AddressTaken, TokenInvalid
from surehold.identity.events import EMAIL_CHANGED, EMAIL_VERIFIED, fact
from surehold.identity.model import (
    Account,
    AccountKind,
    EndReason,
    LetterKind,
    Place,
    Principal,
)
from surehold.identity.rules import Mailbox
from surehold.identity.secrets import hash_token
from surehold.identity.sql import letters as letter_sql
from surehold.jobs import outbox
from surehold.kernel.ids import AccountId, new_id


async def register(
    identity: Identity, *, email: str, password: str, name: str, place: Place
) -> None:
    """Write to an address that somebody wants an account for; confirming it makes the account.

    The name and the password wait in the letter, so that a stranger's never come into an account
    that the owner of the address confirms. Who has an account already is written that, instead;
    the answer and the work are the same.

    Raises:
        InvalidInput: No such address can exist, or the password breaks a rule.
        TooManyAttempts: Too many letters were asked for from this place.
    """
    mailbox = letters.read_mailbox(email)
    letters.check_password(password, key=mailbox.key)
    await attempts.take(identity.db, [attempts.count_of(rules.LETTERS_BY_ADDRESS, place.network)])
    password_hash = await identity.passwords.hash(password)

    async def work(tx: Transaction) -> None:
        if not await letters.may_be_written(tx, mailbox.key):
            return
        known = await tx.find(sql.LOCK_ACCOUNT_BY_KEY, mailbox.key)
        if known is None:
            await letters.write(
                tx,
                identity,
                kind=LetterKind.CONFIRM_REGISTRATION,
                to=mailbox,
                account_id=None,
                name=name,
                password_hash=password_hash,
                language=place.language,
            )
        else:
            await letters.write(
                tx,
                identity,
                kind=LetterKind.ALREADY_REGISTERED,
                to=Mailbox(known.email, known.email_key),
                account_id=known.id,
                language=place.language,
            )

    await identity.db.retrying(work)


async def confirm_registration(identity: Identity, *, token: str) -> Account:
    """Make the account that a letter offered. Of two links to one address the first makes it.

    Raises:
        TokenInvalid: The link was used, is too old or is none of ours.
        AddressTaken: There is an account of this address by now; the link stays as it is.
    """

    async def work(tx: Transaction) -> Account:
        used = await tx.find(
            letter_sql.USE, hash_token(token), LetterKind.CONFIRM_REGISTRATION.value
        )
        if used is None:
            raise TokenInvalid("Ask for another letter.")
        account_id = AccountId(new_id())
        made = await tx.run(
            sql.INSERT_ACCOUNT,
            account_id,
            AccountKind.CUSTOMER.value,
            used.email,
            used.email_key,
            used.name,
            used.password_hash,
            None,
            "registration",
            used.language,
        )
        if not made:
            raise AddressTaken("There is an account of this address: sign in.")
        verified = fact(EMAIL_VERIFIED, account_id)
        await outbox.record(tx, [verified], now=await clock.now(tx))
        return await queries.get_account(tx, account_id=account_id)

    return await identity.db.retrying(work)


async def add_buyer(
    identity: Identity,
    *,
    email: str,
    name: str,
    password: str,
    by: str,
    language: str | None = None,
) -> Account:
    """Make a buyer's account without a letter: whoever asks knows whose the address is.

    Raises:
        InvalidInput: No such address can exist, or the password breaks a rule.
        AddressTaken: There is an account of this address.
    """
    mailbox = letters.read_mailbox(email)
    letters.check_password(password, key=mailbox.key)
    password_hash = await identity.passwords.hash(password)
    account_id = AccountId(new_id())

    async def work(tx: Transaction) -> Account:
        made = await tx.run(
            sql.INSERT_ACCOUNT,
            account_id,
            AccountKind.CUSTOMER.value,
            mailbox.email,
            mailbox.key,
            name,
            password_hash,
            None,
            by,
            language,
        )
        if not made:
            raise AddressTaken("There is an account of this address.")
        verified = fact(EMAIL_VERIFIED, account_id)
        await outbox.record(tx, [verified], now=await clock.now(tx))
        return await queries.get_account(tx, account_id=account_id)

    return await identity.db.retrying(work)


async def change_email(
    identity: Identity,
    *,
    principal: Principal,
    password: str,
    email: str,
    language: str | None = None,
) -> None:
    """Write to a new address; the account keeps the old one until that letter was answered.

    Whether another account has the address is not told here: then nothing is written.

    Raises:
        InvalidInput: No such address can exist.
        InvalidCredentials, TooManyAttempts, SessionNeeded: As ``prove_password``.
    """
    mailbox = letters.read_mailbox(email)
    await prove_password(identity, principal=principal, password=password)

    async def work(tx: Transaction) -> None:
        if not await letters.may_be_written(tx, mailbox.key):
            return
        taken = await tx.find(sql.LOCK_ACCOUNT_BY_KEY, mailbox.key)
        await letters.write(
            tx,
            identity,
            kind=LetterKind.CONFIRM_EMAIL,
            to=mailbox,
            account_id=principal.account_id,
            is_meant=taken is None or taken.id == principal.account_id,
            language=language,
        )

    await identity.db.retrying(work)


async def confirm_email(identity: Identity, *, token: str) -> Account:
    """Give an account the address that its link was sent to; ends every session of it.

    The old address is told. Links to it open nothing any more.

    Raises:
        TokenInvalid: The link was used, is too old or is none of ours.
        AddressTaken: Another account has the address by now.
    """

    async def work(tx: Transaction) -> Account:
        used = await tx.find(letter_sql.USE, hash_token(token), LetterKind.CONFIRM_EMAIL.value)
        if used is None or used.account_id is None:
            raise TokenInvalid("Ask for another letter.")
        before = await tx.one(sql.LOCK_ACCOUNT, used.account_id)
        if before.disabled_at is not None:
            raise TokenInvalid("Ask for another letter.")
        await tx.run(sql.SET_EMAIL, before.id, used.email, used.email_key)
        await end_all(tx, before.id, EndReason.EMAIL_CHANGED)
        await tx.run(
            letter_sql.VOID,
            before.id,
            [LetterKind.RESET_PASSWORD.value, LetterKind.MAGIC_LINK.value],
            used.id,
        )
        await letters.write(
            tx,
            identity,
            kind=LetterKind.EMAIL_CHANGED,
            to=Mailbox(before.email, before.email_key),
            account_id=before.id,
            language=before.language or used.language,
        )
        changed = fact(EMAIL_CHANGED, before.id, actor=f"{before.kind.value}:{before.id}")
        await outbox.record(tx, [changed], now=before.now)
        return await queries.get_account(tx, account_id=before.id)

    try:
        return await identity.db.retrying(work)
    except asyncpg.UniqueViolationError:
        raise AddressTaken("Another account has this address by now.") from None
