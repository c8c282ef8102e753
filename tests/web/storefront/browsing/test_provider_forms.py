"""Buyers pay in a payment service's own form within our page; nothing that they type is ours."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from surehold.db import Database
from surehold.payments.providers.port import RemoteProvider
from surehold.payments.providers.razorpay.adapter import Razorpay
from surehold.payments.providers.stripe.adapter import Stripe
from tests.builders.catalog import a_product
from tests.fakes.harness import Fake
from tests.fakes.razorpay import FakeRazorpay
from tests.fakes.stripe import FakeStripe
from tests.sandbox.conftest import serving
from tests.support.placing import counters
from tests.support.provided import account_of
from tests.web.storefront.browsing.test_journeys import fill_checkout, heading
from tests.web.storefront.conftest import serve_store
from tests.web.storefront.test_real_browser import pytestmark as in_a_browser

pytestmark = [*in_a_browser, pytest.mark.asyncio(loop_scope="module")]

PAGES = Path(__file__).parents[3] / "fakes" / "pages"
#: What is at the services' addresses: their scripts, and what those put into frames.
ELSEWHERE = {
    "https://js.stripe.com/v3/": PAGES / "stripe.js",
    "https://js.stripe.com/v3/element.html": PAGES / "stripe-element.html",
    "https://checkout.razorpay.com/v1/checkout.js": PAGES / "razorpay.js",
}


@asynccontextmanager
async def a_window(
    chromium: Browser, db: Database, fake: Fake, kind: Any, page: str, *, is_blocked: bool = False
) -> AsyncIterator[tuple[Page, list[str]]]:
    """A window on a store that takes a service's form, and what the browser refused or missed."""
    async with serving(fake) as fake_url:
        provider: RemoteProvider = kind(account_of(fake, fake_url), page=page)
        async with serve_store(db, provider) as served:
            refused: list[str] = []

            async def answer(route: Route) -> None:
                path = ELSEWHERE.get(route.request.url)
                if path is None or is_blocked:
                    await route.abort()
                    return
                text = path.read_text("utf-8").replace("__BASE__", fake_url)
                kind = "text/html" if path.suffix == ".html" else "text/javascript"
                await route.fulfill(body=text, content_type=kind)

            context = await chromium.new_context(
                base_url=served.base_url, locale="en-IE", reduced_motion="reduce"
            )
            await context.route(re.compile(r"^https:"), answer)
            context.on(
                "console", lambda said: refused.append(said.text) if said.type == "error" else None
            )
            context.on("weberror", lambda fault: refused.append(str(fault.error)))
            context.set_default_timeout(20_000)
            try:
                yield await context.new_page(), refused
            finally:
                await context.close()
                await provider.close()


async def place(page: Page, slug: str, provider: str) -> None:
    """From the product to the service's form on the payment page."""
    await page.goto(f"/p/{slug}")
    await page.click(".buy-now")
    await page.wait_for_url("**/checkout")
    await fill_checkout(page)
    await page.click(f"label:has(#provider-{provider})")
    await page.click(".pay-row button")
    await page.wait_for_selector("[data-state=form]")


async def test_a_card_in_stripes_own_field(chromium: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)
    stripe = FakeStripe()

    async with a_window(chromium, db, stripe, Stripe, "element") as (page, refused):
        await place(page, lamp.slug, "stripe")
        asked = await heading(page)
        card = page.frame_locator("provider-form iframe").get_by_label("Card number")
        await card.fill("4000 0000 0000 9995")
        await page.click("provider-form button")
        await expect(page.locator("provider-form [role=alert]")).to_have_text(
            "Your card has insufficient funds."
        )
        held = await counters(db, lamp.variant_id)
        await card.fill("4242 4242 4242 4242")
        await page.click("provider-form button")
        await page.wait_for_selector("[data-state=paid]")
        address = page.url

    assert asked == "Pay €43.90"
    assert held == (5, 0, 1)
    assert re.search(r"/orders/SH-\w{8}/pay$", address)
    assert await counters(db, lamp.variant_id) == (5, 1, 0)
    assert refused == []
    (intent,) = stripe.intents.values()
    assert intent["status"] == "succeeded"


async def test_a_form_that_does_not_load(chromium: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)

    async with a_window(chromium, db, FakeStripe(), Stripe, "element", is_blocked=True) as (
        page,
        _,
    ):
        await place(page, lamp.slug, "stripe")
        told = page.locator("provider-form [role=alert]")
        await expect(told).to_contain_text("Nothing was charged")
        await page.click("summary:has-text('Use another way to pay')")
        await page.click("label:has(#provider-bank_transfer)")
        await page.click(".pay-form button")
        await page.wait_for_selector("[data-state=bank_transfer]")

    assert await counters(db, lamp.variant_id) == (5, 0, 1)


async def test_razorpays_own_window(chromium: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)
    razorpay = FakeRazorpay()

    async with a_window(chromium, db, razorpay, Razorpay, "script") as (page, refused):
        await place(page, lamp.slug, "razorpay")
        pay = page.locator("provider-form > button")
        await pay.click()
        await page.click("text=Razorpay: close")
        await expect(pay).not_to_have_attribute("aria-disabled", "true")
        await pay.click()
        await page.click("text=Razorpay: decline")
        await expect(page.locator("provider-form [role=alert]")).to_have_text(
            "Your payment has been declined by the bank"
        )
        held = await counters(db, lamp.variant_id)
        await page.click("text=Razorpay: success")
        await page.wait_for_selector("[data-state=paid]")
        address = page.url

    assert held == (5, 0, 1)
    assert re.search(r"/orders/SH-\w{8}/pay$", address)
    assert await counters(db, lamp.variant_id) == (5, 1, 0)
    assert refused == []
