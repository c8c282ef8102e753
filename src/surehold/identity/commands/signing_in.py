"""Signing in: by a password or by a link, with a second factor where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from surehold.db import Transaction
from surehold.identity import rules, sql
from surehold.identity.commands import attempts, letters
from surehold.identity.commands.attempts import Count
from surehold.identity.commands.factors import find_proof
from surehold.identity.commands.failures import Failure, note_failure
from surehold.identity.commands.sessions import start
from surehold.identity.engine import Identity
from surehold.identity.errors import (
    CodeInvalid,
    CodeRequired,
    InvalidCredentials,
    TokenInvalid,
    TooManyAttempts,
)
from surehold.identity.model import AccountKind, LetterKind, Place, Proof, SessionKind, SignedIn
from surehold.identity.rules import Mailbox
from surehold.identity.secrets import hash_token
from surehold.identity.sql import Credentials, LockedAccount
from surehold.identity.sql import letters as letter_sql

#: What no device has.
_NO_DEVICE = bytes(32)


async def sign_in(
    identity: Identity,
    *,
    email: str,
    password: str,
    code: str | None,
    device: str | None,
    place: Place,
    kind: SessionKind,
) -> SignedIn:
    """Begin a session of whoever knows the password, and the code where there is a second factor.

    Whether there is such an account does not show: not in the answer, not in the statements, and
    one hash is made either way. ``device`` is what an earlier sign-in on this device was given.

    Raises:
        InvalidCredentials: The address and the password do not belong together.
        CodeRequired: They do, and a code is needed.
        CodeInvalid: They do, and the code is wrong or was used.
        TooManyAttempts: Too many failed before; nothing was checked.
        Busy: Too many sign in at once.
    """
    key = _key_of(email)
    async with identity.db.connection() as connection:
        found = await connection.one(
            sql.FIND_CREDENTIALS, key, hash_token(device) if device else _NO_DEVICE
        )
    counts = _counts(key, found, device, place)
    try:
        await attempts.take(identity.db, counts)
    except TooManyAttempts:
        await note_failure(identity.db, key, Failure.BLOCKED, place)
        raise
    is_right = await identity.passwords.is_right(password, found.password_hash)
    if not is_right or found.account_id is None or found.password_hash is None:
        await note_failure(identity.db, key, Failure.WRONG, place)
        raise InvalidCredentials("The address and the password do not belong together.")
    account_id, kept = found.account_id, found.password_hash

    async def work(tx: Transaction) -> SignedIn:
        account = await tx.one(sql.LOCK_ACCOUNT, account_id)
        # Who changed or lost the password meanwhile is not signed in with the old one.
        if account.disabled_at is not None or account.password_hash != kept:
            raise InvalidCredentials("The address and the password do not belong together.")
        proof = await find_proof(tx, identity, account, code) or Proof.PASSWORD
        return await start(
            tx,
            identity,
            account=account,
            kind=kind,
            proof=proof,
            place=place,
            device=device if found.is_known_device else None,
        )

    try:
        signed_in = await identity.db.retrying(work)
    except CodeRequired:
        await attempts.give_back(identity.db, counts)
        raise
    except CodeInvalid:
        await note_failure(identity.db, key, Failure.SECOND_FACTOR, place)
        raise
    await attempts.succeed(identity.db, counts)
    if identity.passwords.is_outdated(kept):
        renewed = await identity.passwords.hash(password)
        async with identity.db.connection() as connection:
            await connection.run(sql.REHASH_PASSWORD, account_id, kept, renewed)
    return signed_in


def _key_of(email: str) -> str:
    """The spelling by which accounts are found; of what is no address, one that none has."""
    try:
        return rules.read_mailbox(email).key
    except ValueError:
        return email.strip().casefold()


def _counts(key: str, found: Credentials, device: str | None, place: Place) -> Sequence[Count]:
    if found.is_known_device and device is not None:
        return (attempts.count_of(rules.BY_DEVICE, key, device),)
    return (
        attempts.count_of(rules.BY_PAIR, key, place.network),
        attempts.count_of(rules.BY_ADDRESS, place.network),
        attempts.count_of(rules.BY_ACCOUNT, key),
    )


async def ask_magic_link(identity: Identity, *, email: str, place: Place) -> None:
    """Write a buyer a link that signs in once. Whether there is an account does not show.

    Staff sign in by password and code: they are written nothing.

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
            kind=LetterKind.MAGIC_LINK,
            to=mailbox if known is None else Mailbox(known.email, known.email_key),
            account_id=None if known is None else known.id,
            is_meant=known is not None and _may_use_links(known),
            language=place.language,
        )

    await identity.db.retrying(work)


async def redeem_magic_link(
    identity: Identity, *, token: str, code: str | None, place: Place, kind: SessionKind
) -> SignedIn:
    """Begin a session by the link of a letter, once. No failed attempts of others stand before it.

    Without the code of a second factor, or with a wrong one, the link stays as it was.

    Raises:
        TokenInvalid: The link was used, is too old or is none of ours.
        CodeRequired, CodeInvalid: The account has a second factor.
        TooManyAttempts: Too many wrong codes came with this link.
    """
    counts = [attempts.count_of(rules.BY_DEVICE, "link", token)]
    if code is not None:
        await attempts.take(identity.db, counts)

    async def work(tx: Transaction) -> SignedIn:
        used = await tx.find(letter_sql.USE, hash_token(token), LetterKind.MAGIC_LINK.value)
        if used is None or used.account_id is None:
            raise TokenInvalid("Ask for another letter.")
        account = await tx.one(sql.LOCK_ACCOUNT, used.account_id)
        if not _may_use_links(account):
            raise TokenInvalid("Ask for another letter.")
        proof = await find_proof(tx, identity, account, code) or Proof.MAGIC_LINK
        return await start(
            tx, identity, account=account, kind=kind, proof=proof, place=place, device=None
        )

    signed_in = await identity.db.retrying(work)
    if code is not None:
        await attempts.succeed(identity.db, counts)
    return signed_in


def _may_use_links(account: LockedAccount) -> bool:
    return account.kind is AccountKind.CUSTOMER and account.disabled_at is None
