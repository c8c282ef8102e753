"""L10: nothing tells whether an account exists; and no secret lies readable anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
import structlog
from structlog.testing import capture_logs

from surehold.db import Database
from surehold.identity import commands, queries
from surehold.identity.engine import Identity, identity_of
from surehold.identity.errors import InvalidCredentials
from surehold.identity.model import LetterKind
from surehold.identity.passwords import HashingSettings
from tests.builders.accounts import (
    HOME,
    PASSWORD,
    Post,
    a_customer,
    an_identity,
    sign_in,
)
from tests.support import clock
from tests.support.api import Api, a_config
from tests.support.counting import Counted, CountedDatabase, CountedPasswords


@pytest.fixture
async def identity(db: Database) -> AsyncIterator[Identity]:
    async with CountedDatabase(db.settings) as counted:
        found = identity_of(a_config(), counted)
        passwords = CountedPasswords(HashingSettings(8, 1, 1))
        yield Identity(counted, passwords, found.access_tokens, found.seals, found.store_name)


async def _wrong(identity: Identity, email: str) -> None:
    with pytest.raises(InvalidCredentials):
        await sign_in(identity, email, password="not-the-password")


async def _register(identity: Identity, email: str) -> None:
    await commands.register(identity, email=email, password=PASSWORD, name="", place=HOME)


async def _forgot(identity: Identity, email: str) -> None:
    await commands.ask_password_reset(identity, email=email, place=HOME)


async def _link(identity: Identity, email: str) -> None:
    await commands.ask_magic_link(identity, email=email, place=HOME)


@pytest.mark.parametrize(
    ("ask", "hashes"), [(_wrong, 1), (_register, 1), (_forgot, 0), (_link, 0)]
)
async def test_L10_the_work_is_the_same_whether_there_is_an_account(
    identity: Identity, ask: Callable[[Identity, str], Awaitable[None]], hashes: int
) -> None:
    await a_customer(identity)
    passwords = identity.passwords
    assert isinstance(passwords, CountedPasswords)
    work = []

    for email in ("mara@example.com", "nobody@example.com"):
        Counted.seen.clear()
        passwords.made.clear()
        await ask(identity, email)
        work.append((list(Counted.seen), len(passwords.made)))

    assert work[0] == work[1]
    assert work[0][1] == hashes
    assert len(work[0][0]) >= 4


async def test_L10_answers_are_the_same_byte_for_byte(api: Api, db: Database) -> None:
    await a_customer(an_identity(db))
    routes = {
        "/auth/register": {"password": PASSWORD},
        "/auth/password/forgot": {},
        "/auth/magic-link": {},
        "/auth/login": {"password": "not-the-password"},
    }

    for path, more in routes.items():
        known, unknown = [
            await api.post(path, {"email": email, **more}, headers={"X-Request-Id": "same"})
            for email in ("mara@example.com", "nobody@example.com")
        ]

        assert (known.status, known.raw) == (unknown.status, unknown.raw), path
        assert known.headers == unknown.headers


async def test_no_token_lies_in_the_database_once_its_letter_is_sent(db: Database) -> None:
    identity = an_identity(db)
    await a_customer(identity)
    signed_in = await sign_in(identity)
    await commands.ask_magic_link(identity, email="mara@example.com", place=HOME)
    waiting = await everything(db)
    token = await Post(db).token(LetterKind.MAGIC_LINK)

    sent = await everything(db)
    async with db.connection() as connection:
        left = await connection.raw.fetchval(
            "SELECT count(*) FROM account_letters WHERE sealed_token IS NOT NULL"
        )

    for secret in (token, PASSWORD, signed_in.refresh_token, signed_in.device):
        assert secret is not None
        assert secret not in waiting + sent
    assert left == 0


async def test_no_secret_is_logged(db: Database) -> None:
    identity = an_identity(db)
    structlog.reset_defaults()

    with capture_logs() as lines:
        await a_customer(identity)
        signed_in = await sign_in(identity)
        await commands.ask_magic_link(identity, email="mara@example.com", place=HOME)
        token = await Post(db).token(LetterKind.MAGIC_LINK)
        await _wrong(identity, "mara@example.com")

    said = repr(lines)
    for secret in (token, PASSWORD, "not-the-password", signed_in.refresh_token):
        assert secret is not None
        assert secret not in said


async def test_hashes_are_renewed_when_they_cost_too_little(db: Database) -> None:
    await a_customer(an_identity(db))
    before = await password_hash(db)

    await sign_in(an_identity(db))
    same = await password_hash(db)
    await sign_in(an_identity(db, argon2_passes=2))
    after = await password_hash(db)

    assert same == before
    assert ("t=1" in before, "t=2" in after) == (True, True)
    assert await sign_in(an_identity(db))


async def test_a_session_that_is_not_used_runs_out(db: Database) -> None:
    identity = an_identity(db)
    await a_customer(identity)
    signed_in = await sign_in(identity)
    assert signed_in.access_token is not None

    found = []
    for minutes in (9, 11):
        await clock.shift(db, timedelta(minutes=minutes))
        async with db.connection() as connection:
            found.append(
                await queries.find_by_bearer(connection, identity, token=signed_in.access_token)
            )

    assert found[0] is not None
    assert found[0][1] is True
    assert found[1] is None


async def everything(db: Database) -> str:
    """Every row of every table, as text."""
    async with db.connection() as connection:
        tables = await connection.raw.fetch(
            "SELECT relname FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = 'store'::regnamespace"
        )
        rows = [
            str(await connection.raw.fetchval(f"SELECT jsonb_agg(t) FROM {row['relname']} t"))
            for row in tables
        ]
    return "\n".join(rows)


async def password_hash(db: Database) -> str:
    async with db.connection() as connection:
        found: str = await connection.raw.fetchval("SELECT password_hash FROM accounts")
    return found
