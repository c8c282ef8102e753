"""What is sold before it is there: every page says so, and until when."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from surehold.db import Database
from surehold.inventory import commands as inventory
from surehold.inventory.model import BackorderKind
from tests.builders.catalog import a_product
from tests.web.storefront.browser import Browser
from tests.web.storefront.buying import number_of, place

DAY = date(2100, 12, 12)


async def sell_ahead(db: Database, product: Any, **changes: Any) -> None:
    wish = {"kind": BackorderKind.PREORDER, "limit": 9, "promised_on": DAY, **changes}
    await inventory.set_backorders(
        db, variant_id=product.variant_id, wish=inventory.BackorderWish(**wish), actor="test"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Pre-order, ships Sun 12 Dec"),
        ({"promised_on": None}, "Pre-order, ships as soon as it arrives"),
        ({"kind": BackorderKind.BACKORDER}, "Order today, ships Sun 12 Dec"),
    ],
)
async def test_the_product_page_says_when_it_ships(
    browser: Browser, db: Database, changes: dict[str, Any], words: str
) -> None:
    lamp = await a_product(db, on_hand=0)
    await sell_ahead(db, lamp, **changes)

    page = await browser.get(f"/p/{lamp.slug}")

    assert words in page.text
    assert "Arrives" not in page.text


async def test_cart_checkout_and_order_say_what_waits(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, on_hand=1)
    await sell_ahead(db, lamp)
    words = "2 of 3 ship on Sun 12 Dec"
    page = await browser.get(f"/p/{lamp.slug}")
    assert "Only 1 left" in page.text
    # The page offers what is there; the cart takes what can be had.
    await browser.submit(page, "/cart/items", {"quantity": "3"}, button="Add to cart")

    cart, checkout = await browser.get("/cart"), await browser.get("/checkout")
    pay = await place(browser, checkout)
    order = await browser.get(f"/orders/{number_of(pay)}")

    for shown in (cart, checkout, pay, order):
        assert words in shown.text
        assert "Arrives" not in shown.text
    assert "Each item ships as soon as it is there" in checkout.text
