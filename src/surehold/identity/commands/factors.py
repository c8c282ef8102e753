"""The second factor: codes of an authenticator, and recovery codes for when it is gone."""

from __future__ import annotations

from surehold.db import Transaction
from surehold.identity import rules, sql, totp
from surehold.identity.commands import attempts
from surehold.identity.commands.proving import check_is_person, prove_password
from surehold.identity.commands.sessions import end_all
from surehold.identity.engine import Identity
from surehold.identity.errors import CodeInvalid, CodeRequired, TotpAlreadyOn, TotpNotOn
from surehold.identity.events import FACTOR_ADDED, FACTOR_REMOVED, fact
from surehold.identity.model import EndReason, NewTotp, Principal, Proof
from surehold.identity.secrets import RECOVERY_CODES, hash_recovery_code, new_recovery_code
from surehold.identity.sql import LockedAccount, sessions
from surehold.identity.sql import factors as factor_sql
from surehold.identity.sql.factors import FactorRow
from surehold.jobs import outbox
from surehold.kernel.ids import AccountId, new_id

#: What a secret is sealed for; the factor is its subject, so a new one is sealed anew.
_PURPOSE = "totp"


async def begin_totp(identity: Identity, *, principal: Principal, password: str) -> NewTotp:
    """Make the secret of a second factor; it counts from its first code on. Again, another one.

    Raises:
        TotpAlreadyOn: One is set up.
        SessionNeeded, InvalidCredentials, TooManyAttempts: As ``prove_password``.
    """
    await prove_password(identity, principal=principal, password=password)
    factor_id, secret = new_id(), totp.new_secret()
    sealed = identity.seals.seal(_PURPOSE, factor_id, secret)
    async with identity.db.connection() as connection:
        begun = await connection.run(factor_sql.BEGIN, factor_id, principal.account_id, sealed)
    if not begun:
        raise TotpAlreadyOn("Take it off before you set up another one.")
    uri = totp.uri_of(secret, email=principal.email, store_name=identity.store_name)
    return NewTotp(secret, uri, totp.picture_of(uri))


async def confirm_totp(identity: Identity, *, principal: Principal, code: str) -> tuple[str, ...]:
    """Turn the second factor on with its first code; returns the recovery codes, this once.

    Every other session ends; the one that asks has shown the factor.

    Raises:
        SessionNeeded: A key asks.
        TotpNotOn: None waits for its first code.
        CodeInvalid: It is not the code of this time.
    """
    check_is_person(principal)
    session_id = principal.session_id

    async def work(tx: Transaction) -> tuple[str, ...]:
        account = await tx.one(sql.LOCK_ACCOUNT, principal.account_id)
        factor = await tx.find(factor_sql.FIND, account.id)
        if factor is None or factor.confirmed_at is not None:
            raise TotpNotOn("Begin to set it up first.")
        await _take_code(tx, identity, factor, code)
        codes = await _renew(tx, account.id)
        await end_all(tx, account.id, EndReason.FACTOR_CHANGED, but=session_id)
        await tx.run(sessions.PROVE, session_id, Proof.TOTP.value)
        added = fact(FACTOR_ADDED, account.id, actor=principal.label)
        await outbox.record(tx, [added], now=account.now)
        return codes

    return await identity.db.retrying(work)


async def remove_totp(
    identity: Identity, *, principal: Principal, password: str, code: str
) -> None:
    """Take the second factor off, with its recovery codes; every other session ends.

    Raises:
        TotpNotOn: There is none.
        CodeInvalid: The code is wrong, or was used.
        SessionNeeded, InvalidCredentials, TooManyAttempts: As ``prove_password``.
    """
    await prove_password(identity, principal=principal, password=password)
    # Who has a session and the password has still to guess the code, and not for long.
    counts = [attempts.count_of(rules.BY_DEVICE, "code", str(principal.account_id))]
    await attempts.take(identity.db, counts)

    async def work(tx: Transaction) -> None:
        account = await tx.one(sql.LOCK_ACCOUNT, principal.account_id)
        if await find_proof(tx, identity, account, code) is None:
            raise TotpNotOn("There is no second factor.")
        await tx.run(factor_sql.DELETE, account.id)
        await end_all(tx, account.id, EndReason.FACTOR_CHANGED, but=principal.session_id)
        removed = fact(FACTOR_REMOVED, account.id, actor=principal.label)
        await outbox.record(tx, [removed], now=account.now)

    await identity.db.retrying(work)
    await attempts.succeed(identity.db, counts)


async def renew_recovery_codes(
    identity: Identity, *, principal: Principal, password: str
) -> tuple[str, ...]:
    """Make new recovery codes and show them, this once; the old ones open nothing any more.

    Raises:
        TotpNotOn: There is no second factor.
        SessionNeeded, InvalidCredentials, TooManyAttempts: As ``prove_password``.
    """
    await prove_password(identity, principal=principal, password=password)

    async def work(tx: Transaction) -> tuple[str, ...]:
        account = await tx.one(sql.LOCK_ACCOUNT, principal.account_id)
        factor = await tx.find(factor_sql.FIND, account.id)
        if factor is None or factor.confirmed_at is None:
            raise TotpNotOn("There is no second factor.")
        return await _renew(tx, account.id)

    return await identity.db.retrying(work)


async def find_proof(
    tx: Transaction, identity: Identity, account: LockedAccount, code: str | None
) -> Proof | None:
    """What a code proves about an account that is locked; ``None`` when there is no factor.

    Raises:
        CodeRequired: There is a second factor, and no code came.
        CodeInvalid: The code is wrong, or was used.
    """
    factor = await tx.find(factor_sql.FIND, account.id)
    if factor is None or factor.confirmed_at is None:
        return None
    if code is None:
        raise CodeRequired("Send the code of your authenticator, or a recovery code.")
    recovery = hash_recovery_code(code)
    if recovery is not None:
        if not await tx.run(factor_sql.USE_CODE, account.id, recovery):
            raise CodeInvalid("This recovery code is none of yours, or was used.")
        return Proof.RECOVERY_CODE
    await _take_code(tx, identity, factor, code)
    return Proof.TOTP


async def _take_code(tx: Transaction, identity: Identity, factor: FactorRow, code: str) -> None:
    """Use a code up, for its step and all before it."""
    secret = identity.seals.find(_PURPOSE, factor.id, factor.sealed_secret)
    step = None if secret is None else totp.find_step(secret, code, factor.now)
    if step is None or not await tx.run(factor_sql.TAKE_STEP, factor.id, step):
        raise CodeInvalid("This is not the code of this moment, or it was used.")


async def _renew(tx: Transaction, account_id: AccountId) -> tuple[str, ...]:
    codes = tuple(new_recovery_code() for _ in range(RECOVERY_CODES))
    await tx.run(factor_sql.DELETE_CODES, account_id)
    await tx.run(factor_sql.INSERT_CODES, account_id, [hash_recovery_code(code) for code in codes])
    return codes
