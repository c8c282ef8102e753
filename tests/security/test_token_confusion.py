"""Token confusion and replay: every secret that we hand out, at every door that takes one.

The class of Saleor CVE-2026-35407 (a token of one user taken for another's), EverShop
CVE-2026-28213 (a reset token in an answer) and Shopware CVE-2026-31889 (no proof asked again).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from surehold.db import Database
from surehold.identity.model import AccountKind, LetterKind
from surehold.privacy.commands import make_export
from tests.builders.accounts import (
    PASSWORD,
    Post,
    a_customer,
    a_member,
    an_identity,
    sign_in,
)
from tests.builders.catalog import a_product
from tests.builders.drafts import a_sent_draft
from tests.support import clock
from tests.support.api import CRON, NOBODY, STAFF, Answer, Api

NEW_PASSWORD = "louder-harbor-lamp-42"
MARA, OTTO = "mara@example.com", "otto@example.com"
#: What lets nobody in, or says that there is nothing, or that no secret of ours looks like this.
CLOSED = frozenset({401, 403, 404, 422})
#: Whose reminders are refused: the hash of an address.
REFUSED_SUBJECT = bytes(32)
Door = Callable[[str], Awaitable[Answer]]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def doors(api: Api, order_id: str) -> dict[str, Door]:
    """Everything that takes a secret, by name."""

    def sends(path: str, name: str = "token", **more: str) -> Door:
        return lambda token: api.post(path, {name: token, **more})

    def shows(path: str, header: str, before: str = "") -> Door:
        return lambda token: api.get(path, headers={header: before + token})

    return {
        "registration": sends("/auth/verify-email"),
        "new_email": sends("/auth/confirm-email"),
        "reset": sends("/auth/password/reset", password=NEW_PASSWORD),
        "magic_link": sends("/auth/magic-link/redeem"),
        "refresh": sends("/auth/refresh", "refresh_token"),
        "export": sends("/account/export/fetch"),
        "cart_restore": sends("/cart/restore"),
        "refuse_reminders": sends("/cart/refuse-reminders"),
        "bearer": shows("/auth/me", "Authorization", "Bearer "),
        "staff": shows("/orders", "Authorization", "Bearer "),
        "cron": shows("/cron/cleanup", "Authorization", "Bearer "),
        "cookie": shows("/auth/me", "Cookie", "surehold_session="),
        "order": shows(f"/orders/{order_id}", "X-Order-Token"),
        "order_link": lambda token: api.get(f"/orders/{order_id}?token={token}"),
        "cart": shows("/cart", "X-Cart-Token"),
        "wishlist": shows("/wishlist", "X-Wishlist-Token"),
        "draft": shows("/draft-orders/by-token", "X-Draft-Token"),
    }


#: Which doors a secret opens; whatever is not here opens its namesake alone.
OPENS = {
    "access": {"bearer"},
    "key": {"bearer", "staff"},
    "operator": {"staff"},
    "order": {"order", "order_link"},
    "device": set[str](),
    "cart_id": set[str](),
    "session_id": set[str](),
}
#: Opens once.
ONCE = ("registration", "new_email", "reset", "magic_link", "refresh", "export")


async def _secrets(api: Api, db: Database) -> tuple[dict[str, str], str]:
    """One of each, and the id of the order that one of them opens."""
    identity, post = an_identity(db), Post(db)
    lamp = await a_product(db, on_hand=50)
    for email in (MARA, OTTO):
        await a_customer(identity, email)
    await a_member(identity, "ada@example.com", kind=AccountKind.ADMIN)
    admin = bearer(str((await sign_in(identity, "ada@example.com")).access_token))
    scopes = {"name": "Sync", "scopes": ["orders.read"], "expires_at": None}
    key = (await api.post("/me/api-keys", scopes, headers=admin)).body["key"]
    login = {"email": MARA, "password": PASSWORD}
    program = (await api.post("/auth/login", login)).body
    browser = await api.post("/auth/login", {**login, "session": "cookie"})
    cookie = browser.headers.get_list("set-cookie")[0].partition(";")[0].partition("=")[2]
    mara = bearer(program["access_token"])
    found: dict[str, str] = {}
    asked = (
        ("registration", "/auth/register", {"email": "new@example.com", "password": PASSWORD}),
        ("reset", "/auth/password/forgot", {"email": MARA}),
        ("magic_link", "/auth/magic-link", {"email": MARA}),
    )
    kinds = {
        "registration": LetterKind.CONFIRM_REGISTRATION,
        "reset": LetterKind.RESET_PASSWORD,
        "magic_link": LetterKind.MAGIC_LINK,
    }
    for name, path, body in asked:
        answer = await api.post(path, body)
        # Whoever asks is told nothing but that they asked: the secret is in the letter alone.
        assert answer.body == {"status": "accepted"}
        found[name] = await post.token(kinds[name])
    change = {"email": "mara.quinn@example.com", "current_password": PASSWORD}
    assert (await api.put("/me/email", change, headers=mara)).status == 202
    found["new_email"] = await post.token(LetterKind.CONFIRM_EMAIL)
    line = {"variant_id": str(lamp.variant_id)}
    cart = (await api.post("/cart", line)).body
    placed = await api.buy(lamp.variant_id)
    export = await api.post("/account/export", {"password": PASSWORD}, headers=mara)
    assert await make_export(db) == 1
    links = api.application.parts.links
    subject = UUID(cart["id"]).bytes
    found |= {
        "export": export.body["token"],
        "cart_restore": links.make("cart-restore", subject),
        "refuse_reminders": links.make("cart-refuse", REFUSED_SUBJECT),
        "access": program["access_token"],
        "refresh": program["refresh_token"],
        "session_id": program["session_id"],
        "device": program["device"],
        "cookie": cookie,
        "key": key,
        "operator": STAFF["Authorization"].partition(" ")[2],
        "cron": CRON["Authorization"].partition(" ")[2],
        "order": placed["order"]["access_token"],
        "cart": cart["token"],
        "cart_id": cart["id"],
        "wishlist": (await api.post("/wishlist", line)).body["token"],
        "draft": str((await a_sent_draft(db, (lamp.variant_id, 1))).token),
    }
    return found, placed["order"]["id"]


async def test_token_confusion_replay(
    api: Api, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The client that asks here tells its log each address, and one door takes its secret there.
    monkeypatch.setattr(logging.getLogger("httpx2"), "disabled", True)
    secrets, order_id = await _secrets(api, db)
    every = doors(api, order_id)
    assert len(secrets) * len(every) > 300

    wrong: dict[tuple[str, str], Any] = {}
    for name, secret in secrets.items():
        for door, ask in every.items():
            if door not in OPENS.get(name, {name}):
                answer = await ask(secret)
                if answer.status not in CLOSED:
                    wrong[name, door] = answer.status, answer.raw
    assert wrong == {}

    # Nothing was used up, or opened, by having been shown where it does not belong.
    right = {
        (name, door): (await every[door](secrets[name])).status
        for name, door in _in_order(every, secrets)
    }
    again = {name: (await every[name](secrets[name])).status for name in ONCE}
    others = await api.post("/auth/login", {"email": OTTO, "password": PASSWORD})
    both = [
        (await api.post("/auth/login", {"email": email, "password": password})).status
        for email in (MARA, "mara.quinn@example.com")
        for password in (PASSWORD, NEW_PASSWORD)
    ]

    assert {name: status for name, status in right.items() if status != 200} == {}
    assert {name: status for name, status in again.items() if status not in CLOSED} == {}
    # The link of one user changed nothing of another's.
    assert others.status == 200
    assert both == [401, 401, 401, 200]


def _in_order(every: dict[str, Door], secrets: dict[str, str]) -> list[tuple[str, str]]:
    """What opens what; a new password and a new address end what else the account has, so last."""
    pairs = [(name, door) for name in secrets for door in every if door in OPENS.get(name, {name})]
    last = ("refresh", "magic_link", "reset", "new_email")
    return sorted(pairs, key=lambda pair: last.index(pair[0]) if pair[0] in last else -1)


@pytest.mark.parametrize("how", ["too old", "a later letter came", "of a closed account"])
async def test_token_confusion_by_state(api: Api, db: Database, how: str) -> None:
    post = Post(db)
    await a_customer(an_identity(db), MARA)
    found: dict[str, str] = {}
    for name, path, kind in (
        ("reset", "/auth/password/forgot", LetterKind.RESET_PASSWORD),
        ("magic_link", "/auth/magic-link", LetterKind.MAGIC_LINK),
    ):
        await api.post(path, {"email": MARA})
        found[name] = await post.token(kind)
        if how == "a later letter came":
            await api.post(path, {"email": MARA})
            await post.fetch()
    if how == "too old":
        await clock.shift(db, timedelta(minutes=31))
    elif how == "of a closed account":
        async with db.connection() as connection:
            await connection.raw.execute(
                "UPDATE accounts SET disabled_at = store_now(), disabled_by = 'test'"
            )

    every = doors(api, NOBODY)
    answers = {name: (await every[name](token)).refusal for name, token in found.items()}

    assert answers == dict.fromkeys(found, (404, "token_invalid"))
