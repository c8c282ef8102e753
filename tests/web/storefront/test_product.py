"""The product page while it is open: stock that is told anew, and what was looked at before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from surehold.db import Database
from surehold.web.storefront import live
from tests.builders.catalog import a_product, archive, change_on_hand
from tests.web.storefront.browser import Browser, Page

UNKNOWN = "00000000-0000-7000-8000-000000000000"
POLL = {"hx_request": "true", "hx_request_type": "partial"}


def _address(page: Page) -> str:
    """Where an open page asks about its stock."""
    return page.html.partition('id="stock" hx-get="')[2].partition('"')[0].replace("&amp;", "&")


async def test_however_many_look_the_stock_is_read_once(
    app: Any, browser: Browser, db: Database, statements: list[str]
) -> None:
    lamp = await a_product(db, on_hand=9)
    mug = await a_product(db, on_hand=3)
    asked = [_address(await browser.get(f"/p/{one.slug}")) for one in (lamp, mug)]
    statements.clear()

    answers = await asyncio.gather(*(browser.get(asked[i % 2], **POLL) for i in range(40)))

    assert [page.status for page in answers] == [204] * 40
    assert {page.html for page in answers} == {""}
    # One variant was met first, the other a moment later; nobody else asked the database.
    assert statements == ["inventory.list_levels_of"] * 2


async def test_an_open_page_is_told_what_changed(
    browser: Browser, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FRESH_MS", -1)
    lamp = await a_product(db, on_hand=9)
    path = f"/p/{lamp.slug}"
    address = _address(await browser.get(path))

    await change_on_hand(db, lamp.variant_id, on_hand=2)
    few = await browser.get(address, **POLL)
    same = await browser.get(_address(few), **POLL)
    await change_on_hand(db, lamp.variant_id, on_hand=0)
    here = {"hx_current_url": f"http://shop.test{path}?variant=x#buy"}
    gone = await browser.get(_address(few), **POLL, **here)
    elsewhere = await browser.get(
        _address(few), **POLL, hx_current_url="http://evil.test/p//evil.test"
    )

    assert (few.status, few.text) == (200, "Only 2 left")
    assert "hx-select" not in few.html
    assert same.status == 204
    # The button to buy is no longer right: the page shows itself anew.
    assert gone.text == "Sold out"
    assert f'hx-get="{path}?variant=x"' in gone.html
    # Whatever the page calls itself, it asks this host.
    assert 'hx-get="/p//evil.test"' in elsewhere.html


@pytest.mark.parametrize(
    ("variant", "status"),
    [("x", 404), ("%00", 404), ("00000000-0000-7000-8000-000000000000", 200)],
)
async def test_an_odd_variant_is_refused_or_sold_out(
    browser: Browser, variant: str, status: int
) -> None:
    page = await browser.get(f"/stock/{variant}", **POLL)

    assert page.status == status
    assert status == 404 or page.text == "Sold out"


async def test_what_was_looked_at_is_shown_and_only_the_browser_knows(
    browser: Browser, db: Database
) -> None:
    made = [await a_product(db, name=f"Pot {index}", images=1) for index in range(10)]
    first = await browser.get(f"/p/{made[0].slug}")
    for one in made[1:9]:
        await browser.get(f"/p/{one.slug}")
    await archive(db, made[7].product_id)

    page = await browser.get(f"/p/{made[9].slug}")
    again = await browser.get(f"/p/{made[8].slug}")

    assert "You looked at" not in first.text
    shown = page.html.partition("You looked at")[2]
    assert [name for name in (f"Pot {i}" for i in range(10)) if f">{name}<" in shown] == [
        "Pot 5",
        "Pot 6",
        "Pot 8",
    ]
    assert "Pot 8" not in again.html.partition("You looked at")[2]
    kept = (browser.cookie("surehold_seen") or "").split(".")
    assert len(kept) == 8
    assert kept[:2] == [str(made[8].product_id), str(made[9].product_id)]
    assert "surehold_seen" not in (await browser.get("/")).response.request.headers["cookie"]


async def test_programs_read_the_price_and_the_stock(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, price={"EUR": 123400}, on_hand=2)

    page = await browser.get(f"/p/{lamp.slug}", accept_language="de-DE")

    assert 'itemtype="https://schema.org/Product"' in page.html
    assert '<meta itemprop="price" content="1234.00">' in page.html
    assert '<meta itemprop="priceCurrency" content="EUR">' in page.html
    assert 'content="https://schema.org/LimitedAvailability"' in page.html


async def test_a_picture_is_enlarged_without_scripts(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, images=2)

    page = await browser.get(f"/p/{lamp.slug}")

    assert 'href="#zoom-2"' in page.html
    assert 'id="zoom-2"' in page.html
    assert page.links["Enlarge picture 1"] == "#zoom-1"


async def test_a_photo_is_offered_in_the_sizes_that_a_screen_needs(
    browser: Browser, db: Database
) -> None:
    lamp = await a_product(db, images=2)
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE product_images SET file = 'lamp.jpg', width = 1000, height = 1250"
        )

    shown = await browser.get(f"/p/{lamp.slug}")
    listed = await browser.get("/")

    offered = (
        "/media/w160/lamp.jpg 160w, /media/w400/lamp.jpg 400w,"
        " /media/w800/lamp.jpg 800w, /media/lamp.jpg 1000w"
    )
    assert f'src="/media/lamp.jpg" srcset="{offered}" sizes="' in shown.html
    assert '<img src="/media/w160/lamp.jpg"' in shown.html
    assert f'srcset="{offered}" sizes="' in listed.html


async def test_a_drawing_is_as_large_as_anybody_needs(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, images=1)

    shown = await browser.get(f"/p/{lamp.slug}")

    assert "srcset" not in shown.html
