"""Two at once, or twenty: a secret opens once, guesses are counted, one admin is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import msgspec
import pyotp
import pytest

from surehold.cart import commands as carts
from surehold.db import Database, clock
from surehold.identity import commands
from surehold.identity.engine import Identity
from surehold.identity.errors import (
    AddressTaken,
    CodeInvalid,
    InvalidCredentials,
    LastAdmin,
    SessionOver,
    TokenInvalid,
    TooManyAttempts,
)
from surehold.identity.model import AccountKind, LetterKind, Principal, SessionKind, SignedIn
from surehold.identity.permissions import EVERYTHING
from tests.builders.accounts import (
    HOME,
    PASSWORD,
    Post,
    a_customer,
    a_member,
    an_identity,
    sign_in,
)
from tests.builders.cart import a_cart
from tests.builders.catalog import a_product

MANY = 12


@pytest.fixture
async def identity(db: Database) -> AsyncIterator[Identity]:
    """The same database through as many connections as there are callers."""
    settings = msgspec.structs.replace(
        db.settings, pool_min=MANY, pool_max=MANY, acquire_timeout_seconds=30
    )
    async with Database(settings) as wide:
        yield an_identity(wide)


async def together(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    return await asyncio.gather(*work, return_exceptions=True)


def kinds(results: list[Any]) -> dict[str, int]:
    found = [type(one).__name__ for one in results]
    return {name: found.count(name) for name in sorted(set(found))}


async def count(db: Database, text: str) -> int:
    async with db.connection() as connection:
        found: int = await connection.raw.fetchval(text)
    return found


async def test_one_of_many_who_confirm_a_registration_makes_the_account(
    identity: Identity,
) -> None:
    post = Post(identity.db)
    tokens = []
    for _ in range(2):
        await commands.register(
            identity, email="mara@example.com", password=PASSWORD, name="", place=HOME
        )
        tokens.append(await post.token(LetterKind.CONFIRM_REGISTRATION))

    results = await together(
        *(commands.confirm_registration(identity, token=token) for token in tokens * 3)
    )

    assert kinds(results)["Account"] == 1
    assert {type(one) for one in results} - {AddressTaken, TokenInvalid} == {
        type(next(one for one in results if not isinstance(one, Exception)))
    }
    assert await count(identity.db, "SELECT count(*) FROM accounts") == 1


async def test_one_of_many_resets_with_a_link(identity: Identity) -> None:
    await a_customer(identity)
    post = Post(identity.db)
    await commands.ask_password_reset(identity, email="mara@example.com", place=HOME)
    token = await post.token(LetterKind.RESET_PASSWORD)

    results = await together(
        *(
            commands.reset_password(identity, token=token, password=f"{PASSWORD}-{index}")
            for index in range(6)
        )
    )

    assert kinds(results) == {"NoneType": 1, "TokenInvalid": 5}
    winner = next(index for index, one in enumerate(results) if one is None)
    assert await sign_in(identity, password=f"{PASSWORD}-{winner}")


async def test_one_of_many_signs_in_with_a_link(identity: Identity) -> None:
    await a_customer(identity)
    post = Post(identity.db)
    await commands.ask_magic_link(identity, email="mara@example.com", place=HOME)
    token = await post.token(LetterKind.MAGIC_LINK)

    results = await together(
        *(
            commands.redeem_magic_link(
                identity, token=token, code=None, place=HOME, kind=SessionKind.API
            )
            for _ in range(6)
        )
    )

    assert kinds(results) == {"SignedIn": 1, "TokenInvalid": 5}
    assert await count(identity.db, "SELECT count(*) FROM sessions") == 1


async def test_one_of_many_rotates_a_refresh_token_and_the_family_ends(
    identity: Identity,
) -> None:
    await a_customer(identity)
    signed_in = await sign_in(identity)
    assert signed_in.refresh_token is not None

    results = await together(
        *(commands.refresh(identity, token=signed_in.refresh_token, place=HOME) for _ in range(6))
    )

    assert kinds(results) == {"SessionOver": 5, "SignedIn": 1}
    (won,) = (one for one in results if isinstance(one, SignedIn))
    assert won.refresh_token is not None
    with pytest.raises(SessionOver):
        await commands.refresh(identity, token=won.refresh_token, place=HOME)
    assert await count(identity.db, "SELECT count(*) FROM refresh_tokens") == 2
    reused = "SELECT count(*) FROM outbox WHERE topic = 'identity.token_reused'"
    assert await count(identity.db, reused) == 1


async def test_guesses_at_the_same_moment_are_all_counted(identity: Identity) -> None:
    await a_customer(identity)

    results = await together(
        *(sign_in(identity, password=f"guess-number-{index}") for index in range(MANY))
    )

    assert kinds(results) == {"InvalidCredentials": 5, "TooManyAttempts": MANY - 5}
    waits = {one.retry_after_seconds for one in results if isinstance(one, TooManyAttempts)}
    assert waits <= {1, 2, 3, 4, 5}


async def test_one_of_many_gets_in_with_a_code(identity: Identity) -> None:
    await a_customer(identity)
    signed_in = await sign_in(identity)
    principal = person(signed_in)
    begun = await commands.begin_totp(identity, principal=principal, password=PASSWORD)
    async with identity.db.connection() as connection:
        now = await clock.now(connection)
        await connection.raw.execute("UPDATE totp_factors SET confirmed_at = store_now()")
    code = pyotp.TOTP(begun.secret).at(now)

    results = await together(*(sign_in(identity, code=code) for _ in range(4)))

    assert kinds(results) == {"CodeInvalid": 3, "SignedIn": 1}
    assert CodeInvalid.code == "code_invalid"


async def test_two_admins_who_close_each_other_leave_one(identity: Identity) -> None:
    members = [
        await a_member(identity, f"{name}@example.com", kind=AccountKind.ADMIN)
        for name in ("ada", "bob")
    ]
    admins = [
        Principal(one.id, one.kind, one.email, one.name, None, EVERYTHING) for one in members
    ]

    results = await together(
        *(
            commands.disable_member(identity, principal=mine, account_id=other.account_id)
            for mine, other in (admins, admins[::-1])
        )
    )

    assert kinds(results) == {"LastAdmin": 1, "StaffMember": 1}
    assert LastAdmin.code == "last_admin"
    open_admins = "SELECT count(*) FROM accounts WHERE disabled_at IS NULL"
    assert await count(identity.db, open_admins) == 1


async def test_a_password_that_is_reset_meanwhile_opens_nothing(identity: Identity) -> None:
    await a_customer(identity)
    post = Post(identity.db)
    await commands.ask_password_reset(identity, email="mara@example.com", place=HOME)
    token = await post.token(LetterKind.RESET_PASSWORD)

    results = await together(
        *(sign_in(identity) for _ in range(4)),
        commands.reset_password(identity, token=token, password="another-password-1"),
    )

    assert {type(one) for one in results} <= {SignedIn, InvalidCredentials, type(None)}
    live = "SELECT count(*) FROM sessions WHERE ended_at IS NULL"
    assert await count(identity.db, live) == 0


async def test_letters_about_one_address_are_bounded_however_they_are_asked_for(
    identity: Identity,
) -> None:
    await a_customer(identity)

    await together(
        *(
            commands.ask_password_reset(
                identity,
                email="mara@example.com",
                place=msgspec.structs.replace(HOME, address=f"192.0.2.{index}"),
            )
            for index in range(MANY)
        )
    )

    # The one that confirmed the registration, and four more within the hour.
    assert len(await Post(identity.db).fetch()) == 1
    assert await count(identity.db, "SELECT count(*) FROM account_letters") == 5


async def test_two_browsers_that_sign_in_at_once_leave_one_cart(identity: Identity) -> None:
    await a_customer(identity)
    account = (await sign_in(identity)).account
    lamp, mug = await a_product(identity.db), await a_product(identity.db)
    one = await a_cart(identity.db, lines=[(lamp.variant_id, 1)])
    two = await a_cart(identity.db, lines=[(mug.variant_id, 2)])

    tokens = await together(
        *(
            carts.adopt_cart(identity.db, buyer_id=account.id, token=cart.token)
            for cart in (one, two)
        )
    )

    assert all(isinstance(token, str) for token in tokens)
    last = await carts.adopt_cart(identity.db, buyer_id=account.id, token=None)
    assert last is not None
    owned = "SELECT count(*) FROM carts WHERE buyer_id IS NOT NULL"
    assert await count(identity.db, owned) == 1
    mine = (
        "SELECT sum(quantity) FROM cart_lines JOIN carts ON carts.id = cart_id "
        "WHERE buyer_id IS NOT NULL"
    )
    assert await count(identity.db, mine) == 3


def person(signed_in: SignedIn) -> Principal:
    account = signed_in.account
    return Principal(
        account.id,
        account.kind,
        account.email,
        account.name,
        None,
        frozenset(),
        session_id=signed_in.session_id,
    )
