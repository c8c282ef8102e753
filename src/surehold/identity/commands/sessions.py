"""Sessions: begun by a sign-in, carried on, ended."""

from __future__ import annotations

from typing import Final

from surehold.db import Database, Transaction, audit, clock
from surehold.identity import queries, rules
from surehold.identity.commands.proving import check_is_person
from surehold.identity.engine import Identity
from surehold.identity.errors import SessionNotFound, SessionOver
from surehold.identity.events import TOKEN_REUSED, fact
from surehold.identity.model import (
    AccountKind,
    EndReason,
    Place,
    Principal,
    Proof,
    SessionKind,
    SignedIn,
)
from surehold.identity.secrets import hash_token, new_token
from surehold.identity.sql import DISABLE, SET_LANGUAGE, LockedAccount
from surehold.identity.sql import sessions as sql
from surehold.jobs import outbox
from surehold.kernel.ids import AccountId, SessionId, new_id

_BATCH: Final = 1_000
_MAX_DEVICE: Final = 200
_MAX_ADDRESS: Final = 64


async def start(
    tx: Transaction,
    identity: Identity,
    *,
    account: LockedAccount,
    kind: SessionKind,
    proof: Proof,
    place: Place,
    device: str | None,
) -> SignedIn:
    """Begin a session of an account that is locked. ``device`` is the token of a known one.

    The account's language becomes the one that is asked for here.
    """
    session_id = SessionId(new_id())
    token = new_token()
    is_browser = kind is SessionKind.BROWSER
    await tx.one(
        sql.INSERT,
        session_id,
        account.id,
        kind.value,
        hash_token(token) if is_browser else None,
        proof.value,
        _short(place.device, _MAX_DEVICE),
        _short(place.address, _MAX_ADDRESS),
        rules.idle_time(account.kind),
    )
    if not is_browser:
        await tx.run(sql.INSERT_REFRESH, hash_token(token), session_id)
    await tx.run(sql.END_OLDEST, account.id, rules.MAX_SESSIONS)
    given = device or new_token()
    await tx.run(sql.REMEMBER_DEVICE, hash_token(given), account.id)
    await tx.run(sql.FORGET_OLDEST_DEVICES, account.id, rules.MAX_DEVICES)
    if place.language is not None and place.language != account.language:
        await tx.run(SET_LANGUAGE, account.id, place.language)
    known = await queries.get_account(tx, account_id=account.id)
    if account.kind is not AccountKind.CUSTOMER:
        audit.change(
            tx,
            actor=f"{account.kind.value}:{account.id}",
            action="sign_in",
            subject=f"sessions/{session_id}",
            before=None,
            after={"by": proof.value, "as": kind.value, "is_known_device": device is not None},
            address=_short(place.address, _MAX_ADDRESS),
        )
    new_device = None if device else given
    if is_browser:
        return SignedIn(known, session_id, new_device, cookie=token)
    access = identity.access_tokens.make(
        account_id=account.id, session_id=session_id, now=account.now
    )
    return SignedIn(
        known,
        session_id,
        new_device,
        access_token=access,
        refresh_token=token,
        expires_in_seconds=rules.ACCESS_TOKEN_SECONDS,
    )


async def refresh(identity: Identity, *, token: str, place: Place) -> SignedIn:
    """Exchange a refresh token for the next one and a new access token.

    A token that comes a second time is in two hands: the whole family is ended, the live token
    with it. Of two who bring the same one at once one gets the next, and then it is over as well.

    Raises:
        SessionOver: The token is none of ours, was used, or its session has ended.
    """
    found = await identity.db.retrying(lambda tx: _rotate(tx, identity, token, place))
    if found is None:
        raise SessionOver("Sign in again.")
    return found


async def _rotate(
    tx: Transaction, identity: Identity, token: str, place: Place
) -> SignedIn | None:
    token_hash = hash_token(token)
    family = await tx.find(sql.LOCK_FAMILY, token_hash)
    if family is None:
        return None
    used = await tx.find(sql.USE_REFRESH, token_hash)
    if used is None:
        if (await tx.one(sql.FIND_REFRESH, token_hash)).is_used:
            reason = EndReason.TOKEN_REUSED.value
            if await tx.run(sql.END, family.session_id, family.account_id, reason):
                told = fact(TOKEN_REUSED, family.account_id, session_id=str(family.session_id))
                await outbox.record(tx, [told], now=await clock.now(tx))
        return None
    following = new_token()
    await tx.run(sql.INSERT_REFRESH, hash_token(following), family.session_id)
    await tx.run(
        sql.TOUCH,
        family.session_id,
        rules.idle_time(used.kind),
        _short(place.device, _MAX_DEVICE),
        _short(place.address, _MAX_ADDRESS),
    )
    return SignedIn(
        account=await queries.get_account(tx, account_id=family.account_id),
        session_id=family.session_id,
        device=None,
        access_token=identity.access_tokens.make(
            account_id=family.account_id, session_id=family.session_id, now=used.now
        ),
        refresh_token=following,
        expires_in_seconds=rules.ACCESS_TOKEN_SECONDS,
    )


async def end_session(
    db: Database,
    *,
    principal: Principal,
    session_id: SessionId,
    reason: EndReason = EndReason.REVOKED,
) -> None:
    """End one of the caller's sessions, the one that asks or another.

    Raises:
        SessionNeeded: A key asks.
        SessionNotFound: The caller has no such session, or it has ended.
    """
    check_is_person(principal)
    async with db.connection() as connection:
        ended = await connection.run(sql.END, session_id, principal.account_id, reason.value)
    if not ended:
        raise SessionNotFound("There is no such session, or it has ended.")


async def end_sessions(db: Database, *, principal: Principal) -> int:
    """End every session of the caller but the one that asks; returns how many.

    Raises:
        SessionNeeded: A key asks.
    """
    check_is_person(principal)
    async with db.connection() as connection:
        return await connection.run(
            sql.END_OTHERS, principal.account_id, principal.session_id, EndReason.REVOKED.value
        )


async def end_all(
    tx: Transaction,
    account_id: AccountId,
    reason: EndReason,
    *,
    but: SessionId | None = None,
) -> None:
    """End an account's sessions, all or all but one, with whatever ends them."""
    await tx.run(sql.END_OTHERS, account_id, but, reason.value)


async def note_session_use(db: Database, *, session_id: SessionId, kind: AccountKind) -> None:
    """Put down that a session is used, at most once a minute; it lives on from here."""
    async with db.connection() as connection:
        await connection.run(sql.NOTE_USE, session_id, rules.idle_time(kind))


async def prune_sessions(db: Database) -> int:
    """Forget sessions that ran out a month ago and devices unseen for a year; returns how many."""
    async with db.connection() as connection:
        return await connection.run(sql.PRUNE, _BATCH) + await connection.run(
            sql.PRUNE_DEVICES, _BATCH
        )


def _short(text: str, length: int) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:length]


async def close_account(tx: Transaction, *, account_id: AccountId, actor: str) -> None:
    """Close a buyer's account and end its sessions. Twice changes nothing.

    The caller has locked the account, so nobody who is signing in passes.
    """
    if await tx.run(DISABLE, account_id, actor):
        await end_all(tx, account_id, EndReason.ACCOUNT_DISABLED)
