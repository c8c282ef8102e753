"""Sign-ins of whoever works here are in the audit log; nobody can flood it with failures."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pyotp
import pytest

from surehold.db import Database, audit
from surehold.identity import commands, queries
from surehold.identity.engine import Identity
from surehold.identity.errors import CodeInvalid, InvalidCredentials, TooManyAttempts
from surehold.identity.model import LetterKind, Place, Principal, SignedIn
from tests.builders.accounts import (
    HOME,
    PASSWORD,
    Post,
    a_customer,
    a_member,
    an_identity,
    sign_in,
)
from tests.support import clock

INES = "ines@example.com"


async def list_told(db: Database) -> list[tuple[str, str, str, str, Any]]:
    """What the log says of sign-ins and passwords, oldest first; the chain holds."""
    async with db.connection() as connection:
        page = await audit.list_entries(connection)
        _, _, broken = await audit.verify(connection)
    assert broken is None
    return [
        (row.actor, row.action, row.subject, row.address, row.content["after"])
        for row in reversed(page.items)
        if row.action.startswith(("sign_in", "password"))
    ]


async def rows(db: Database) -> int:
    async with db.connection() as connection:
        return int(await connection.raw.fetchval("SELECT count(*) FROM failed_sign_ins"))


async def principal_of(identity: Identity, signed_in: SignedIn) -> Principal:
    async with identity.db.connection() as connection:
        found = await queries.find_by_bearer(
            connection, identity, token=str(signed_in.access_token)
        )
    assert found is not None
    return found[0]


async def fail(identity: Identity, email: str, kind: type[Exception], **more: Any) -> None:
    with pytest.raises(kind):
        await sign_in(identity, email, **{"password": "not-the-password", **more})


async def test_a_sign_in_of_staff_is_told_and_one_of_a_buyer_is_not(db: Database) -> None:
    identity = an_identity(db)
    member = await a_member(identity)
    await a_customer(identity)

    signed_in = await sign_in(identity, INES)
    again = await sign_in(identity, INES, device=signed_in.device)
    await sign_in(identity)
    await fail(identity, "mara@example.com", InvalidCredentials)

    here = (f"staff:{member.id}", "sign_in")
    after = {"by": "password", "as": "api"}
    assert await list_told(db) == [
        (
            *here,
            f"sessions/{signed_in.session_id}",
            HOME.address,
            after | {"is_known_device": False},
        ),
        (*here, f"sessions/{again.session_id}", HOME.address, after | {"is_known_device": True}),
    ]
    assert await rows(db) == 0


async def test_failures_of_staff_are_told_by_the_worker_in_one_entry(db: Database) -> None:
    identity = an_identity(db)
    member = await a_member(identity)
    signed_in = await sign_in(identity, INES)
    begun = await commands.begin_totp(
        identity, principal=await principal_of(identity, signed_in), password=PASSWORD
    )
    async with db.connection() as connection:
        now = await connection.raw.fetchval("SELECT store_now()")
    await commands.confirm_totp(
        identity,
        principal=await principal_of(identity, signed_in),
        code=pyotp.TOTP(begun.secret).at(now),
    )
    elsewhere = Place("198.51.100.9", "")

    await fail(identity, INES, CodeInvalid, password=PASSWORD, code="000000")
    await fail(identity, INES, InvalidCredentials, place=elsewhere)
    await fail(identity, "nobody@example.com", InvalidCredentials, place=elsewhere)
    for _ in range(4):
        await fail(identity, INES, InvalidCredentials)
    async with db.connection() as connection:
        # However slow this machine is.
        await connection.raw.execute(
            "UPDATE attempt_counts SET blocked_until = store_now() + interval '1 hour'"
        )
    for _ in range(3):
        await fail(identity, INES, TooManyAttempts)
    early = await commands.tell_failures(db)
    waiting = await rows(db)
    await clock.shift(db, timedelta(seconds=61))
    told = await asyncio.gather(*(commands.tell_failures(db) for _ in range(4)))

    (*_, (actor, action, subject, address, after)) = await list_told(db)
    assert (early, waiting, sorted(told), await rows(db)) == (0, 1, [0, 0, 0, 1], 0)
    assert (actor, action) == ("nobody", "sign_in.fail")
    assert (subject, address) == (f"staff:{member.id}", HOME.address)
    assert {name: after[name] for name in ("wrong", "second_factor", "blocked")} == {
        "wrong": 5,
        "second_factor": 1,
        "blocked": 3,
    }
    assert after["first_at"] < after["last_at"]


async def test_a_flood_writes_one_row_and_holds_nobody_up(db: Database) -> None:
    identity = an_identity(db)
    await a_member(identity)
    before = len(await list_told(db))

    for number in range(60):
        place = Place(f"203.0.{number}.1", "")
        for email in (INES, f"somebody{number}@example.com"):
            try:
                await sign_in(identity, email, password="wrong", place=place)
            except (InvalidCredentials, TooManyAttempts):
                continue

    assert (await rows(db), len(await list_told(db))) == (1, before)


async def test_a_password_of_staff_that_is_reset_is_told(db: Database) -> None:
    identity, post = an_identity(db), Post(db)
    member = await a_member(identity)
    await post.fetch()
    await commands.ask_password_reset(identity, email=INES, place=HOME)
    token = await post.token(LetterKind.RESET_PASSWORD)

    await commands.reset_password(identity, token=token, password="louder-harbor-lamp-42")

    ((actor, action, *_),) = await list_told(db)
    assert (actor, action) == (f"staff:{member.id}", "password.reset")
