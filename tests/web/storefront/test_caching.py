"""Pages that are asked for again: sent only when something on them changed, and to nobody else."""

from __future__ import annotations

import gzip

import pytest

from surehold.db import Database
from tests.builders.catalog import a_product, change_on_hand, change_price
from tests.web.storefront.browser import Browser
from tests.web.storefront.buying import add_to_cart

#: A page of two dozen products, all of it but pictures: see the budgets in the design.
HTML_BYTES_MAX = 12_000


async def test_a_page_is_sent_again_only_when_it_changed(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=9, categories=("light",))
    paths = (f"/p/{lamp.slug}", "/c/light", "/search?q=product", "/")
    await browser.get("/")

    async def ask(path: str, tag: str = "") -> tuple[int, str]:
        page = await browser.get(path, **({"if_none_match": tag} if tag else {}))
        assert page.status == 200 or page.html == ""
        assert page.response.headers["cache-control"] == "private, no-cache"
        return page.status, page.response.headers["etag"]

    await ask(paths[0])  # from here on the browser has looked at the lamp
    first = {path: (await ask(path))[1] for path in paths}
    same = [(await ask(path, f'"x", {tag}'))[0] for path, tag in first.items()]
    await change_price(db, lamp.variant_id, currency="EUR", price=3800)
    dearer = {path: await ask(path, tag) for path, tag in first.items()}
    await change_on_hand(db, lamp.variant_id, on_hand=2)
    fewer = {path: await ask(path, tag) for path, (_, tag) in dearer.items()}
    await add_to_cart(browser, lamp.slug)
    bought = [(await ask(path, tag))[0] for path, (_, tag) in fewer.items()]

    assert same == [304] * 4
    for changed in (dearer, fewer):
        assert [status for status, _ in changed.values()] == [200] * 4
    assert bought == [200] * 4


@pytest.mark.parametrize("path", ["/cart", "/wishlist"])
async def test_pages_of_one_person_are_kept_by_nobody(browser: Browser, path: str) -> None:
    page = await browser.get(path)

    assert page.response.headers["cache-control"] == "no-store"
    assert "etag" not in page.response.headers


async def test_a_full_page_keeps_its_budget(browser: Browser, db: Database) -> None:
    for index in range(25):
        await a_product(
            db, name=f"Lamp number {index}", categories=("light",), sizes=("S", "M", "L")
        )

    for path in ("/", "/c/light", "/search?q=lamp"):
        page = await browser.get(path)
        assert page.text.count("Lamp number") >= 24
        assert len(gzip.compress(page.html.encode(), 6)) <= HTML_BYTES_MAX
