"""What a buyer sees of their own data: a copy of it once, and the end of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from surehold.db import Database
from surehold.privacy import commands
from tests.builders.accounts import PASSWORD, Post
from tests.builders.catalog import a_product
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser
from tests.web.storefront.buying import buy, number_of
from tests.web.storefront.test_account import EMAIL, register, sign_in

EXPORT, FETCH = "/account/data/export", "/account/data/export/fetch"
ERASE = "/account/data/erase"


@pytest.fixture
def post(db: Database) -> Post:
    return Post(db)


@pytest.fixture
async def other(app: Any) -> AsyncIterator[Browser]:
    """The same person's telephone, or somebody else."""
    async with Browser(app) as opened:
        yield opened


async def test_a_copy_is_asked_for_waited_for_and_taken_once(
    browser: Browser, other: Browser, post: Post, db: Database
) -> None:
    await register(browser, post)
    await sign_in(browser)
    await sign_in(other)
    page = await browser.get("/account/data")
    wrong = await browser.submit(page, EXPORT, {"export_password": "not-the-password"})
    waiting = await browser.submit(page, EXPORT, {"export_password": PASSWORD})
    assert await commands.make_export(db) == 1
    ready = await browser.get("/account/data")
    telephone = await other.get("/account/data")
    taken = await browser.submit(ready, FETCH)
    again = await browser.submit(ready, FETCH)

    assert (wrong.status, page.heading) == (422, "My data")
    assert "This is not the password of your account." in wrong.text
    assert "We are making your copy." in waiting.text
    assert 'hx-get="/account/data"' in waiting.html
    assert "Your copy is ready." in ready.text
    assert "Your copy is ready." not in telephone.text
    assert (taken.status, json.loads(taken.html)["about"]) == (200, EMAIL)
    assert taken.response.headers["cache-control"] == "no-store"
    assert taken.response.headers["content-disposition"].startswith("attachment;")
    assert "There is no such copy any more" in again.text
    assert await count_rows(db, ["personal_exports"]) == {}


async def test_a_copy_opens_for_the_account_that_it_is_of_alone(
    browser: Browser, post: Post, db: Database
) -> None:
    await register(browser, post)
    await sign_in(browser)
    page = await browser.get("/account/data")
    page = await browser.submit(page, EXPORT, {"export_password": PASSWORD})
    await commands.make_export(db)
    page = await browser.submit(page, "/account/sign-out")
    await register(browser, post, "eve@example.com")
    await sign_in(browser, "eve@example.com")
    shown = await browser.get("/account/data")
    taken = await browser.post(FETCH, {"csrf_token": shown.form(EXPORT).fields["csrf_token"]})

    assert "Your copy is ready." not in shown.text
    assert "There is no such copy any more" in taken.text
    assert await count_rows(db, ["personal_exports"]) == {"personal_exports": 1}


async def test_erasing_waits_for_what_is_open_then_signs_out_everywhere(
    browser: Browser, other: Browser, post: Post, db: Database
) -> None:
    lamp = await a_product(db, on_hand=5, images=0)
    number = number_of(await buy(other, lamp.slug, email=EMAIL))
    await register(browser, post)
    await sign_in(browser)
    await sign_in(other)
    page = await browser.get("/account/data")
    wrong = await browser.submit(page, ERASE, {"erase_password": "not-the-password"})
    refused = await browser.submit(page, ERASE, {"erase_password": PASSWORD})
    counted = await count_rows(db, ["erasures", "erasure_orders"])
    still_in = await other.get("/account")
    await other.submit(await other.get(f"/orders/{number}"), f"/orders/{number}/cancel")
    page = await browser.get("/account/data")
    closed = await browser.submit(page, ERASE, {"erase_password": PASSWORD})

    assert "Invoices and credit notes as they are, for 10 years" in page.text
    assert (wrong.status, refused.status, still_in.status) == (422, 409, 200)
    assert f"Order {number} is not finished" in refused.text
    assert refused.links[f"Order {number} is not finished"] == f"/orders/{number}"
    assert counted == {}
    assert "Your account is closed" in closed.text
    assert await count_rows(db, ["erasures"]) == {"erasures": 1}
    for visitor in (browser, other):
        assert (await visitor.get("/account")).path == "/account/sign-in"
    assert (await sign_in(browser)).status == 422
