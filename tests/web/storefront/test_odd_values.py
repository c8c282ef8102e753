"""L3 and L4 on the pages: odd numbers and texts in every form, refused or shown escaped."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote_plus

import pytest

from surehold.db import Database
from tests.builders.catalog import a_product
from tests.web.api.test_odd_values import TEXTS
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.buying import TYPED, add_to_cart, number_of, open_checkout, place
from tests.web.storefront.test_access import POSTS

NUMBERS = (
    *("-1", "0", "-0", "1.5", "1e3", "2147483648", "9223372036854775808", "1e308", "9" * 400),
    *("NaN", "Infinity", "true", "١", "٣", "²", "½", "1 0", "0x1", "", " ", "1\x002"),
)
#: What stands in no page as it was typed: each would be markup, or the end of an attribute.
RAW = ("<svg onload", '"><script>alert', "<%= 1234*")
#: Every page and form is asked with each of these, so they are few.
PIECES: Final = (TEXTS[2] + TEXTS[3], TEXTS[4], TEXTS[5], "\0", "\ud800", "a" * 100_000)


def check(page: Page, text: str) -> None:
    """A page of ours, without a fault of ours, in which nothing typed became markup."""
    assert page.status < 500, (page.path, text)
    assert page.headings, (page.path, text)
    for raw in RAW:
        assert raw not in page.html, (page.path, text)
    assert "x-injected" not in page.response.headers
    # Templates fill in once: what a visitor typed is not a template.
    assert "5332114" not in page.html


@pytest.mark.parametrize("number", NUMBERS, ids=ascii)
async def test_L3_an_odd_quantity_is_refused_in_words(
    browser: Browser, db: Database, number: str
) -> None:
    lamp = await a_product(db, on_hand=3)
    product = await browser.get(f"/p/{lamp.slug}")

    added = await browser.submit(
        product, "/cart/items", {"quantity": number}, button="Add to cart"
    )
    check(added, number)
    await add_to_cart(browser, lamp.slug)
    cart = await browser.get("/cart")
    form = cart.form("/cart/items/*")
    changed = await browser.post(form.action, form.fields | {"quantity": number})

    check(changed, number)
    after = await browser.get("/cart")
    if number in {"0", "-0"} and changed.status < 400:
        assert "Your cart is empty" in after.text
    else:
        assert after.form("/cart/items/*").fields["quantity"] in {"1", "2", "3"}


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
async def test_L4_an_odd_text_is_refused_or_shown_as_it_is(
    browser: Browser, db: Database, text: str
) -> None:
    lamp = await a_product(db, on_hand=50)
    form = await open_checkout(browser, lamp.slug)
    fields = form.form("/checkout").fields
    free = [name for name in ("name", "line1", "line2", "city", "phone") if name in fields]

    told = await place(browser, form, **dict.fromkeys(free, text))
    check(told, text)
    if told.status != 422:
        number = number_of(told)
        check(await browser.get(f"/orders/{number}/pay"), text)
        check(await browser.get(f"/orders/{number}"), text)
    again = await open_checkout(browser, lamp.slug)
    others = {name: text for name in fields if name not in {"csrf_token", *free}}
    check(await place(browser, again, **others), text)


@pytest.mark.parametrize("text", PIECES, ids=lambda text: ascii(text)[:40])
async def test_L4_addresses_and_small_forms_take_anything(
    browser: Browser, db: Database, text: str
) -> None:
    lamp = await a_product(db)
    await add_to_cart(browser, lamp.slug)
    typed = quote_plus(text[:3_000], errors="surrogatepass")
    for path in (
        f"/search?q={typed}",
        f"/?sort={typed}&page={typed}&cursor={typed}",
        f"/p/{lamp.slug}?size={typed}&variant={typed}",
        f"/p/{typed}",
        f"/c/{typed}",
        f"/v/{typed}",
        f"/orders/{typed}",
        f"/orders/SH-7K4M92QX?token={typed}",
        f"/track?number={typed}&email={typed}",
    ):
        check(await browser.get(path), text)
    csrf = (await browser.get("/cart")).form("/cart/items/*").fields["csrf_token"]
    names = ("variant_id", "quantity", "number", "email", "currency", "theme", "next", "return_to")
    odd: dict[str, Any] = dict.fromkeys(names, text.encode("utf-8", "surrogatepass"))
    for address in POSTS:
        page = await browser.post(address, {"csrf_token": csrf, **odd})
        check(page, text)
        assert page.url.startswith("http://shop.test/")


def test_the_typed_buyer_is_plain() -> None:
    assert not set(TYPED.values()) & set(TEXTS)
