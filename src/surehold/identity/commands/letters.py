"""Writing letters: a row, its token sealed until it is sent, and a fact that it is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from surehold.db import Database, Transaction, clock
from surehold.identity import rules
from surehold.identity.engine import Identity
from surehold.identity.events import LETTER_WRITTEN, fact
from surehold.identity.model import LetterKind
from surehold.identity.rules import Mailbox
from surehold.identity.secrets import hash_parts, hash_token, new_token
from surehold.identity.sql import attempts, letters
from surehold.jobs import outbox
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import AccountId, LetterId, new_id

#: What a token is sealed for; the letter is its subject.
PURPOSE: Final = "letter"
_BATCH: Final = 1_000
_VALID_FOR: Final[dict[LetterKind, timedelta]] = {
    LetterKind.CONFIRM_REGISTRATION: rules.CONFIRM_FOR,
    LetterKind.CONFIRM_EMAIL: rules.CONFIRM_FOR,
    LetterKind.RESET_PASSWORD: rules.RESET_FOR,
    LetterKind.MAGIC_LINK: rules.MAGIC_LINK_FOR,
}


async def may_be_written(tx: Transaction, mailbox_key: str) -> bool:
    """Whether one more letter about an address may be asked for this hour; it is counted."""
    key = hash_parts("letters about", mailbox_key)
    return await tx.find(attempts.TAKE_HOURLY, key, rules.LETTERS_PER_HOUR) is not None


async def write(
    tx: Transaction,
    identity: Identity,
    *,
    kind: LetterKind,
    to: Mailbox,
    account_id: AccountId | None,
    is_meant: bool = True,
    name: str | None = None,
    password_hash: str | None = None,
    language: str | None = None,
) -> None:
    """Write a letter; earlier ones of its kind to the account become void.

    ``language`` is the one that it is asked for in; without, it is in the account's when sent.
    ``is_meant`` false does the same work and writes nothing: there is nobody to write to.
    """
    letter_id = LetterId(new_id())
    valid_for = _VALID_FOR.get(kind)
    token = new_token() if valid_for is not None else None
    await tx.run(
        letters.WRITE,
        letter_id,
        kind.value,
        account_id,
        to.email,
        to.key,
        name,
        password_hash,
        None if token is None else hash_token(token),
        None if token is None else identity.seals.seal(PURPOSE, letter_id, token),
        valid_for,
        language,
        is_meant,
    )
    await tx.run(letters.VOID, account_id, [kind.value], letter_id)
    await outbox.record(tx, [fact(LETTER_WRITTEN, letter_id)], now=await clock.now(tx))


async def forget_token(db: Database, *, letter_id: LetterId) -> None:
    """After a letter was sent its token is nowhere but in it. Twice changes nothing."""
    async with db.connection() as connection:
        await connection.run(letters.FORGET_TOKEN, letter_id)


async def prune_letters(db: Database) -> int:
    """Forget letters that open nothing any more; returns how many."""
    async with db.connection() as connection:
        return await connection.run(letters.PRUNE, _BATCH)


def read_mailbox(email: str, *, at: str = "/email") -> Mailbox:
    """An address as somebody typed it.

    Raises:
        InvalidInput: No such address can exist.
    """
    try:
        return rules.read_mailbox(email)
    except ValueError as error:
        raise InvalidInput((Fault(at, "invalid_email", str(error)),)) from None


def check_password(password: str, *, key: str, at: str = "/password") -> None:
    """Refuse a new password that breaks a rule.

    Raises:
        InvalidInput: Lists every rule that it breaks.
    """
    faults = tuple(rules.password_faults(password, key=key, at=at))
    if faults:
        raise InvalidInput(faults)
