"""A buyer names another telephone while the page goes on asking whether the first confirmed."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from surehold.db import Database
from surehold.db.shop import change
from tests.builders.catalog import a_product
from tests.fakes.cbe_birr import FakeCbeBirr
from tests.sandbox.conftest import serving
from tests.support.provided import PRICES, SHIPPING, account_of
from tests.web.storefront.browsing.test_journeys import fill_checkout
from tests.web.storefront.conftest import serve_store
from tests.web.storefront.test_real_browser import pytestmark as in_a_browser

pytestmark = [*in_a_browser, pytest.mark.asyncio(loop_scope="module")]


async def test_a_number_that_is_being_typed_stays_while_the_page_asks(
    chromium: Browser, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", price=PRICES, on_hand=5, images=0)
    async with db.transaction() as tx:
        await change(tx, key="shipping_standard", value=SHIPPING, actor="test")
    bank = FakeCbeBirr()

    async with serving(bank) as url:
        provider = bank.adapter(account_of(bank, url))
        chosen = {"default_currency": "ETB", "currencies": ("ETB",)}
        async with serve_store(db, provider, **chosen) as served:
            page = await chromium.new_page(base_url=served.base_url, locale="en-IE")
            page.set_default_timeout(20_000)
            await page.goto(f"/p/{lamp.slug}")
            await page.click(".buy-now")
            await fill_checkout(page)
            await page.click("details:has([name=phone]) summary")
            await page.fill("[name=phone]", "+251 911 234 567")
            await page.click("label:has(#provider-cbe_birr)")
            await page.click(".pay-row button")
            await page.wait_for_selector("[data-state=phone_prompt]")
            await page.click("summary:has-text('Another number')")
            await page.fill("#other-number [name=phone]", "+251 911 76")
            await page.focus("#other-number [name=phone]")
            async with page.expect_response(lambda one: "pay/status" in one.url):
                pass
            async with page.expect_response(lambda one: "pay/status" in one.url):
                pass
            await page.wait_for_timeout(300)
            kept = await page.input_value("#other-number [name=phone]")
            await page.fill("#other-number [name=phone]", "+251 911 765 432")
            await page.click("text=Send to this number")
            await page.wait_for_selector("text=··· 5432")
            await page.context.close()
        await provider.close()

    assert kept == "+251 911 76"
    assert len(bank.payments) == 2
