"""The list of wishes on the pages: kept by the browser, moved into the cart, never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from surehold.cart import rules
from surehold.cart.commands import add_wish, adopt_wishlist, create_wishlist
from surehold.cart.queries import get_wishlist
from surehold.db import Database
from tests.builders.accounts import Post
from tests.builders.catalog import a_product, archive, change_on_hand
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser
from tests.web.storefront.test_account import register, sign_in

TABLES = ["wishlists", "wishlist_lines", "carts", "cart_lines"]


async def test_what_is_kept_is_moved_into_the_cart(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Lamp", sizes=("S", "M"), price={"EUR": 3900})
    mug = await a_product(db, name="Mug", on_hand=1)
    empty = await browser.get("/wishlist")

    kept = await browser.submit(
        await browser.get(f"/p/{lamp.slug}?variant={lamp.skus[1]}"),
        "/wishlist/items",
        button="Keep for later",
    )
    home = await browser.get("/")
    heart = next(form for form in home.forms if form.fields.get("product") == mug.slug)
    pressed = await browser.post(
        heart.action, heart.fields, hx_request="true", hx_request_type="partial"
    )
    again = await browser.post(heart.action, heart.fields)
    listed = await browser.get("/wishlist")
    await change_on_hand(db, mug.variant_id, on_hand=0)
    refused = await browser.submit(listed, f"/wishlist/items/{mug.variant_id}/move")
    moved = await browser.submit(listed, f"/wishlist/items/{lamp.variant_ids[1]}/move")
    twice = await browser.submit(listed, f"/wishlist/items/{lamp.variant_ids[1]}/move")
    cart = await browser.get("/cart")

    assert "Nothing is kept here yet" in empty.text
    assert kept.path == f"/p/{lamp.slug}"
    assert "Kept on your wishlist" in kept.text
    assert "On your wishlist" in kept.links
    assert (pressed.links[""], "<form" in pressed.html) == ("/wishlist", False)
    assert again.path == "/"
    assert listed.html.index("Mug") < listed.html.index("Lamp")
    assert "€39.00" in listed.text
    assert "Mug is sold out It stays here." in refused.text
    assert "Mug" in refused.links
    assert "Lamp, M is in your cart" in moved.text
    assert "Lamp" not in moved.links
    assert "That was removed already" in twice.text
    assert "1 item" in cart.text
    assert await count_rows(db, TABLES) == {
        "wishlists": 1, "wishlist_lines": 1, "carts": 1, "cart_lines": 1,
    }  # fmt: skip


async def test_a_wish_is_removed_and_comes_back(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Lamp")
    pot = await a_product(db, name="Pot")
    for one in (lamp, pot):
        page = await browser.get(f"/p/{one.slug}")
        await browser.submit(page, "/wishlist/items", button="Keep for later")
    listed = await browser.get("/wishlist")

    removed = await browser.submit(listed, f"/wishlist/items/{lamp.variant_id}/remove")
    back = await browser.submit(removed, "/wishlist/items", button="Undo")
    await archive(db, pot.product_id)
    gone = await browser.get("/wishlist")
    odd = await browser.post(
        "/wishlist/items", {**page.form("/wishlist/items").fields, "variant_id": "x"}
    )
    await browser.submit(gone, f"/wishlist/items/{pot.variant_id}/remove")

    assert "Removed Lamp" in removed.text
    assert "Lamp" not in removed.links
    assert "Lamp" in back.links
    assert "Not for sale any more" in gone.text
    assert "Pot" not in gone.links
    assert "This is not for sale any more" in odd.text
    assert await count_rows(db, TABLES) == {"wishlists": 1, "wishlist_lines": 1}


@pytest.fixture
async def other(app: Any) -> AsyncIterator[Browser]:
    """The same person's telephone."""
    async with Browser(app) as opened:
        yield opened


async def keep(browser: Browser, slug: str) -> None:
    page = await browser.get(f"/p/{slug}")
    await browser.submit(page, "/wishlist/items", button="Keep for later")


async def test_signing_in_brings_the_wishes_together_and_out_hides_them(
    browser: Browser, other: Browser, db: Database
) -> None:
    lamp, mug, bowl = [
        await a_product(db, name=name, images=0) for name in ("Trail lamp", "Mug", "Bowl")
    ]
    await register(browser, Post(db))
    await keep(browser, lamp.slug)
    await sign_in(browser)
    await keep(other, mug.slug)
    await keep(other, lamp.slug)
    await sign_in(other)
    telephone = await other.get("/wishlist")
    desk = await browser.get("/wishlist")
    await other.submit(await other.get("/account"), "/account/sign-out")
    hidden = await other.get("/wishlist")
    await keep(other, bowl.slug)
    await sign_in(other)
    back = await other.get("/wishlist")

    for page in (telephone, desk, back):
        assert [name for name in ("Trail lamp", "Mug") if name in page.text] == [
            "Trail lamp",
            "Mug",
        ]
    assert "Nothing is kept here yet" in hidden.text
    assert "Bowl" in back.text
    assert await count_rows(db, ["wishlists", "wishlist_lines"]) == {
        "wishlists": 1, "wishlist_lines": 3,
    }  # fmt: skip


async def test_two_browsers_at_once_make_one_list_with_what_both_had(db: Database) -> None:
    made = await a_product(db, sizes=[str(one) for one in range(4)], images=0)
    buyer_id = UUID(int=7)
    lists = [await create_wishlist(db, variant_id=one) for one in made.variant_ids]

    given = await asyncio.gather(
        *(adopt_wishlist(db, buyer_id=buyer_id, token=token) for _, token in lists)
    )
    strangers = await adopt_wishlist(db, buyer_id=UUID(int=8), token=given[0])
    async with db.connection() as connection:
        seen = [
            {line.variant_id for line in (await get_wishlist(connection, token=token)).lines}
            for token in given
            if token is not None
        ]

    assert seen == [set(made.variant_ids)] * 4
    assert strangers is None
    assert await count_rows(db, ["wishlists"]) == {"wishlists": 1}


async def test_a_full_list_takes_no_more_than_there_is_room_for(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_WISHES", 3)
    made = await a_product(db, sizes=[str(one) for one in range(4)], images=0)
    first, *others = made.variant_ids
    _, mine = await create_wishlist(db, variant_id=first)
    await adopt_wishlist(db, buyer_id=UUID(int=7), token=mine)
    _, other = await create_wishlist(db, variant_id=others[0])
    for variant_id in others[1:]:
        await add_wish(db, token=other, variant_id=variant_id)

    given = await adopt_wishlist(db, buyer_id=UUID(int=7), token=other)
    async with db.connection() as connection:
        lines = (await get_wishlist(connection, token=given or "")).lines

    assert [line.variant_id for line in lines] == [first, *others[:2]]
