"""A buyer reads French, asks from other people's machines, and is written to in what they read."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from surehold.db import Database
from surehold.identity import commands
from surehold.identity.model import LetterKind
from tests.builders.accounts import PASSWORD, SHELL, Post, a_member, an_identity
from tests.support.api import Api

EMAIL = "mara@example.com"
NEW_PASSWORD = "louder-harbor-lamp-42"


@pytest.fixture
def post(db: Database) -> Post:
    return Post(db)


async def ask(api: Api, path: str, wished: str | None, **more: Any) -> None:
    headers = {} if wished is None else {"Accept-Language": wished}
    answer = await api.post(path, {"email": EMAIL, **more}, headers=headers)
    assert answer.status in {200, 202}, answer.raw


async def subjects(post: Post) -> list[str]:
    return [mail.subject for mail in await post.fetch()]


async def an_account(api: Api, post: Post, wished: str | None) -> str:
    """Register and confirm; returns the subject of the letter."""
    await ask(api, "/auth/register", wished, password=PASSWORD, name="Mara")
    (mail,) = await post.fetch()
    token = mail.text.partition("?token=")[2].split()[0]
    # Whoever opens the link may do so anywhere: the letter says in which language it was asked.
    headers = {"Accept-Language": "hi"}
    confirmed = await api.post("/auth/verify-email", {"token": token}, headers=headers)
    assert confirmed.status == 200, confirmed.raw
    return mail.subject


async def language(db: Database) -> str | None:
    async with db.connection() as connection:
        found: str | None = await connection.raw.fetchval(
            "SELECT language FROM accounts WHERE email = $1", EMAIL
        )
    return found


async def test_a_german_browser_asks_for_a_link(api: Api, post: Post) -> None:
    await an_account(api, post, None)
    await ask(api, "/auth/magic-link", "de-AT,de;q=0.9,en;q=0.8")
    (mail,) = await post.fetch()

    assert mail.subject == "Ihr Link zum Anmelden bei Northline"
    assert mail.text.startswith("Guten Tag Mara,\n\ndieser Link meldet Sie")
    assert "\n\nAnmelden:\nhttp://shop.test/account/sign-in?token=" in mail.text
    assert '<html lang="de">' in mail.html


async def test_who_registered_in_french_asks_from_an_english_browser(
    api: Api, post: Post, db: Database
) -> None:
    registered = await an_account(api, post, "fr-CA,fr;q=0.9")
    await ask(api, "/auth/password/forgot", "ja,*;q=0.1")
    french = await subjects(post)
    await ask(api, "/auth/password/forgot", "en-GB")
    (asked,) = await post.fetch()
    await ask_new_password(api, asked.text.partition("?token=")[2].split()[0])
    warned = await subjects(post)
    before = await language(db)
    await ask(api, "/auth/login", "ja", password=NEW_PASSWORD)
    same = await language(db)
    await ask(api, "/auth/login", "en-GB", password=NEW_PASSWORD)
    await ask(api, "/auth/magic-link", None)

    assert registered == "Confirmez votre compte chez Northline"
    # Japanese is none that we write, so it is the account's.
    assert french == ["Choisissez un nouveau mot de passe chez Northline"]
    assert asked.subject == "Set a new password at Northline"
    assert warned == ["Votre mot de passe chez Northline a été modifié"]
    assert (before, same, await language(db)) == ("fr", "fr", "en")
    assert await subjects(post) == ["Your link to sign in at Northline"]


async def ask_new_password(api: Api, token: str) -> None:
    body = {"token": token, "password": NEW_PASSWORD}
    answer = await api.post("/auth/password/reset", body, headers={"Accept-Language": "de"})
    assert answer.status == 200, answer.raw


async def test_an_account_of_before_is_told_in_the_language_of_its_link(
    api: Api, post: Post, db: Database
) -> None:
    await an_account(api, post, None)
    await ask(api, "/auth/password/forgot", "am-ET")
    token = await post.token(LetterKind.RESET_PASSWORD)
    await ask_new_password(api, token)

    assert await subjects(post) == ["የNorthline የይለፍ ቃልዎ ተቀይሯል"]
    assert await language(db) is None


async def test_who_is_there_already_and_who_moves_are_told_in_theirs(
    api: Api, post: Post, db: Database
) -> None:
    await an_account(api, post, "de")
    await ask(api, "/auth/register", None, password=PASSWORD)
    known = await subjects(post)
    signed_in = await api.post("/auth/login", {"email": EMAIL, "password": PASSWORD})
    moved = await api.put(
        "/me/email",
        {"current_password": PASSWORD, "email": "m.quinn@example.com"},
        headers={
            "Authorization": f"Bearer {signed_in.body['access_token']}",
            "Accept-Language": "hi",
        },
    )
    (mail,) = await post.fetch()
    token = mail.text.partition("?token=")[2].split()[0]
    await api.post("/auth/confirm-email", {"token": token})
    (told,) = await post.fetch()

    assert known == ["Sie haben bereits ein Konto bei Northline"]
    assert moved.status == 202
    assert (mail.to, mail.subject) == (
        "m.quinn@example.com",
        "Northline पर अपने नए ईमेल पते की पुष्टि करें",
    )
    assert (told.to, told.subject) == (EMAIL, "Ihre E-Mail-Adresse bei Northline wurde geändert")
    assert "eine andere E-Mail-Adresse: m.quinn@example.com." in told.text


async def test_whom_staff_write_to_reads_their_own_language(
    api: Api, post: Post, db: Database
) -> None:
    identity = an_identity(db)
    member = await a_member(identity, EMAIL)
    await ask(api, "/auth/login", "fr", password=PASSWORD)
    await commands.reset_member(identity, principal=SHELL, account_id=member.id)

    assert await subjects(post) == ["Choisissez un nouveau mot de passe chez Northline"]


async def test_a_letter_in_a_language_that_none_is_written_in_is_english(
    api: Api, post: Post, db: Database
) -> None:
    await ask(api, "/auth/register", "de", password=PASSWORD)
    async with db.connection() as connection:
        await connection.raw.execute("UPDATE account_letters SET language = 'pt-BR'")
        for wrong in ("DE", "deutsch", "de\n", ""):
            with pytest.raises(asyncpg.CheckViolationError):
                await connection.raw.execute("UPDATE account_letters SET language = $1", wrong)
    (mail,) = await post.fetch()

    assert mail.subject == "Confirm your account at Northline"
    assert '<html lang="en">' in mail.html
