"""L10: over hundreds of requests in random order, what a handler does tells of no account.

What is compared is not the time, which is noise, but what takes it: every statement, every hash
with its parameters, and the answer. Each kind of address asks the same, from networks of its own,
in an order that a seed shuffles. All of it is determined, so the distributions must be equal.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import AsyncIterator

import httpx2
import pytest

from surehold.db import Database
from surehold.identity import commands
from surehold.identity.engine import Identity, identity_of
from surehold.identity.model import AccountKind
from surehold.identity.passwords import HashingSettings
from surehold.web.application import WebApplication, create_web
from tests.builders.accounts import HOME, PASSWORD, SHELL, Post, an_identity
from tests.support.api import Api, _router, a_config
from tests.support.counting import Counted, CountedDatabase, CountedPasswords

#: Of each kind; addresses of all kinds are equally long.
ADDRESSES = 8
KINDS = ("customer", "nobody00", "disabled", "unproven", "nopasswd", "operator")
#: Fewer than are free for one account from one network.
TRIES = 4
#: More than the letters about one address in an hour.
ASKED = 6
#: An answer about waiting says how long; nothing else in it moves.
SECONDS = re.compile(rb"\d{3}")

Work = tuple[int, bytes, tuple[str, ...], tuple[str, ...]]


class Watched:
    """The store as strangers see it, and what each request makes it do."""

    def __init__(self, web: WebApplication, passwords: CountedPasswords) -> None:
        self._web = web
        self._passwords = passwords

    async def ask(self, path: str, body: dict[str, str], network: int) -> Work:
        """What one request did: its answer, its statements, its hashes."""
        Counted.seen.clear()
        self._passwords.made.clear()
        client = (f"10.{network >> 8}.{network & 255}.1", 1234)
        transport = httpx2.ASGITransport(app=self._web, client=client)
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as http:
            answer = await http.post(
                f"/api/v1{path}", json=body, headers={"X-Request-Id": "the-same"}
            )
        return (
            answer.status_code,
            SECONDS.sub(b"###", answer.content) if answer.status_code == 429 else answer.content,
            tuple(Counted.seen),
            tuple(self._passwords.made),
        )


@pytest.fixture
async def watched(api: Api, db: Database) -> AsyncIterator[Watched]:
    async with CountedDatabase(db.settings) as counted:
        web = create_web(a_config(), api.checkout, api.inbox, router=_router())
        found = identity_of(a_config(), counted)
        passwords = CountedPasswords(HashingSettings(8, 1, 1))
        web.parts.identity = Identity(
            counted, passwords, found.access_tokens, found.seals, found.store_name
        )
        yield Watched(web, passwords)


async def _populate(db: Database) -> list[tuple[str, str]]:
    """Every kind of account there is, and none: kind and address."""
    identity = an_identity(db)
    every = [(kind, f"{kind}{n}@example.com") for kind in KINDS for n in range(ADDRESSES)]
    for number, (kind, email) in enumerate(every):
        if kind in {"customer", "disabled", "unproven"}:
            place = type(HOME)(f"192.0.2.{number}", "Firefox")
            await commands.register(
                identity, email=email, password=PASSWORD, name="Mara", place=place
            )
        elif kind in {"nopasswd", "operator"}:
            await commands.add_member(
                identity,
                principal=SHELL,
                email=email,
                name="Ines",
                kind=AccountKind.STAFF,
                roles=(),
                vendor_id=None,
                password=PASSWORD if kind == "operator" else None,
            )
    for mail in await Post(db).fetch():
        if mail.to.startswith(("customer", "disabled")):
            token = mail.text.partition("?token=")[2].split()[0]
            await commands.confirm_registration(identity, token=token)
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE accounts SET disabled_at = store_now(), disabled_by = 'test'"
            " WHERE email LIKE 'disabled%'"
        )
        kinds = await connection.raw.fetch(
            "SELECT left(email, 8) AS kind, count(*), count(password_hash) FROM accounts"
            " GROUP BY 1 ORDER BY 1"
        )
        await connection.raw.execute("DELETE FROM attempt_counts")
    assert [tuple(row) for row in kinds] == [
        ("customer", ADDRESSES, ADDRESSES),
        ("disabled", ADDRESSES, ADDRESSES),
        ("nopasswd", ADDRESSES, 0),
        ("operator", ADDRESSES, ADDRESSES),
    ]
    return every


async def _distributions(
    watched: Watched,
    every: list[tuple[str, str]],
    path: str,
    more: dict[str, str],
    *,
    times: int,
    rng: random.Random,
) -> dict[str, Counter[Work]]:
    """How often each kind of address made the store do what."""
    order = [(kind, email, number) for number, (kind, email) in enumerate(every)] * times
    rng.shuffle(order)
    found: dict[str, Counter[Work]] = {kind: Counter() for kind in KINDS}
    for kind, email, number in order:
        found[kind][await watched.ask(path, {"email": email, **more}, number)] += 1
    return found


async def test_L10_wrong_passwords_are_all_the_same_work(watched: Watched, db: Database) -> None:
    every = await _populate(db)
    rng = random.Random(41)
    path, wrong = "/auth/login", {"password": "not-the-password"}

    free = await _distributions(watched, every, path, wrong, times=TRIES, rng=rng)
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE attempt_counts SET blocked_until = store_now() + interval '900 seconds'"
        )
    locked = await _distributions(watched, every, path, wrong, times=1, rng=rng)

    for found, status, hashes, times in ((free, 401, 1, TRIES), (locked, 429, 0, 1)):
        assert found == dict.fromkeys(KINDS, found["nobody00"])
        ((work, count),) = found["nobody00"].items()
        assert (work[0], len(work[3]), count) == (status, hashes, times * ADDRESSES)


@pytest.mark.parametrize(
    ("path", "more", "hashes"),
    [
        ("/auth/password/forgot", {}, 0),
        ("/auth/magic-link", {}, 0),
        ("/auth/register", {"password": PASSWORD}, 1),
    ],
)
async def test_L10_letters_are_all_the_same_work(
    watched: Watched, db: Database, path: str, more: dict[str, str], hashes: int
) -> None:
    every = [one for one in await _populate(db) if one[1][8] < "2"]

    found = await _distributions(watched, every, path, more, times=ASKED, rng=random.Random(43))

    # Two ways through: so many letters are written in an hour, and then no more.
    assert len(found["nobody00"]) == 2
    for kind in KINDS:
        assert found[kind] == found["nobody00"], kind
    assert {work[0] for work in found["nobody00"]} == {202}
    assert {len(work[3]) for work in found["nobody00"]} == {hashes}
