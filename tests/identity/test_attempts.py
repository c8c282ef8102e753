"""Guessers wait longer and longer; whoever has a known device, or a letter, does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from surehold.db import Database
from surehold.identity import commands, rules
from surehold.identity.engine import Identity
from surehold.identity.errors import InvalidCredentials, TooManyAttempts
from surehold.identity.model import LetterKind, Place, SessionKind
from tests.builders.accounts import HOME, Post, a_customer, an_identity, sign_in
from tests.support import clock
from tests.support.api import Api

ELSEWHERE = Place("198.51.100.9", "curl")
#: What is left of five seconds when a busy machine has taken some of them.
ABOUT_5 = {4, 5}


@pytest.fixture
async def identity(db: Database) -> Identity:
    found = an_identity(db)
    await a_customer(found)
    return found


async def guess(identity: Identity, times: int, *, place: Place = HOME, **more: str) -> None:
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            await sign_in(identity, password="not-the-password", place=place, **more)


async def wait_of(identity: Identity, **more: object) -> int:
    with pytest.raises(TooManyAttempts) as refused:
        await sign_in(identity, **more)
    return refused.value.retry_after_seconds


async def test_each_further_guess_waits_twice_as_long_even_for_the_right_password(
    identity: Identity,
) -> None:
    await guess(identity, 5)
    first = await wait_of(identity)
    await clock.shift(identity.db, timedelta(seconds=6))
    await guess(identity, 1)
    second = await wait_of(identity)
    await clock.shift(identity.db, timedelta(seconds=18))

    assert (first in ABOUT_5, second in {9, 10}) == (True, True)
    assert (await sign_in(identity)).account.email == "mara@example.com"
    # What was right forgets what was wrong.
    await guess(identity, 4)
    assert await sign_in(identity)


async def test_a_refused_attempt_is_not_counted(identity: Identity) -> None:
    await guess(identity, 5)

    waits = [await wait_of(identity) for _ in range(10)]

    assert sorted(waits, reverse=True) == waits
    assert set(waits) <= {3, *ABOUT_5}


async def test_guesses_from_one_place_do_not_hold_up_another(identity: Identity) -> None:
    await guess(identity, 5, place=ELSEWHERE)

    assert await wait_of(identity, place=ELSEWHERE) in ABOUT_5
    assert await sign_in(identity)


async def test_guesses_from_everywhere_hold_up_strangers_but_no_known_device_and_no_letter(
    identity: Identity,
) -> None:
    device = (await sign_in(identity)).device
    async with identity.db.connection() as connection:
        # Forty-nine of the fifty that are free, from as many places.
        await connection.raw.execute(
            "UPDATE attempt_counts SET attempts = 49 WHERE key = $1",
            commands.attempts.count_of(rules.BY_ACCOUNT, "mara@example.com").key,
        )
    await guess(identity, 1, place=ELSEWHERE)

    assert await wait_of(identity) in ABOUT_5
    known = await sign_in(identity, device=device)
    assert known.device is None
    post = Post(identity.db)
    await commands.ask_magic_link(identity, email="mara@example.com", place=HOME)
    token = await post.token(LetterKind.MAGIC_LINK)
    linked = await commands.redeem_magic_link(
        identity, token=token, code=None, place=HOME, kind=SessionKind.API
    )
    assert linked.account.email == "mara@example.com"


async def test_guesses_on_a_known_device_are_counted_too(identity: Identity) -> None:
    device = (await sign_in(identity)).device
    assert device is not None
    await guess(identity, 5, device=device)

    assert await wait_of(identity, device=device) in ABOUT_5
    # Without it the same person is a stranger, who has not tried yet.
    assert await sign_in(identity)


async def test_one_place_that_tries_many_accounts_waits(identity: Identity) -> None:
    for index in range(rules.BY_ADDRESS.free):
        await guess(identity, 1, email=f"somebody{index}@example.com")

    assert await wait_of(identity) in ABOUT_5
    assert await sign_in(identity, place=ELSEWHERE)


async def test_a_whole_network_of_addresses_is_one_place() -> None:
    assert Place("2001:db8::1").network == Place("2001:db8::ffff:1").network
    assert Place("2001:db8::1").network != Place("2001:db8:0:1::1").network
    assert Place("::ffff:192.0.2.7").network == "192.0.2.7"
    assert Place("unix").network == "unix"


async def test_who_must_wait_is_told_how_long(api: Api, db: Database) -> None:
    body = {"email": "mara@example.com", "password": "not-the-password"}
    for _ in range(5):
        assert (await api.post("/auth/login", body)).refusal == (401, "invalid_credentials")

    refused = await api.post("/auth/login", body)

    assert refused.refusal == (429, "too_many_attempts")
    assert refused.headers["retry-after"] == str(refused.body["retry_after_seconds"])
    assert refused.body["retry_after_seconds"] in ABOUT_5


async def test_letters_are_bounded_by_place_and_hour(identity: Identity) -> None:
    post = Post(identity.db)
    for _ in range(6):
        await commands.ask_password_reset(identity, email="mara@example.com", place=HOME)
    # Five an hour, the one that confirmed the registration among them; each voids the last.
    assert [mail.kind for mail in await post.fetch()] == ["reset_password"]
    await clock.shift(identity.db, timedelta(minutes=61))
    await commands.ask_password_reset(identity, email="mara@example.com", place=HOME)
    assert [mail.kind for mail in await post.fetch()] == ["reset_password"]

    for index in range(19):
        await commands.ask_magic_link(identity, email=f"x{index}@example.com", place=ELSEWHERE)
    await commands.ask_magic_link(identity, email="x@example.com", place=ELSEWHERE)
    with pytest.raises(TooManyAttempts):
        await commands.ask_magic_link(identity, email="y@example.com", place=ELSEWHERE)
