"""Chromium buys a lamp: once with scripts off, once with them on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, async_playwright

from surehold.db import Database
from surehold.orders import queries as orders
from surehold.web import assets, templating
from surehold.web.storefront import samples
from tests.builders.accounts import PASSWORD, a_customer, an_identity
from tests.builders.catalog import a_product
from tests.builders.orders import look_at, pay, ship
from tests.support.placing import counters
from tests.web.storefront.buying import TYPED
from tests.web.storefront.conftest import Served

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
    # The driver's pipes are closed by its own process a moment after the test.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@asynccontextmanager
async def open_page(served: Served, *, has_scripts: bool) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page, and what its console complained of."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        context = await chromium.new_context(
            base_url=served.base_url, java_script_enabled=has_scripts, locale="en-IE"
        )
        complaints: list[str] = []
        page = await context.new_page()
        page.on(
            "console", lambda said: complaints.append(said.text) if said.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        try:
            yield page, complaints
        finally:
            await chromium.close()


async def _fill(page: Page) -> None:
    for name, value in TYPED.items():
        if name != "country":
            await page.fill(f"[name={name}]", value)


async def test_without_scripts(served: Served, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)

    async with open_page(served, has_scripts=False) as (page, complaints):
        await page.goto("/")
        await page.click("text=Trail lamp")
        await page.click("button:has-text('Add to cart')")
        added = await page.inner_text("h1")
        await page.click("a:has-text('Check out')")
        await _fill(page)
        await page.click(".pay-row button")
        await page.wait_for_url("**/pay/pay_*")
        await page.click("button[value=success]")
        await page.wait_for_url("**/orders/**")
        paid = await page.inner_text("h1")

    assert added == "Added to cart"
    assert paid.startswith("Thank you, Mara.")
    assert complaints == []
    assert await counters(db, lamp.variant_id) == (5, 1, 0)


async def test_with_scripts(served: Served, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)

    async with open_page(served, has_scripts=True) as (page, complaints):
        await page.goto(f"/p/{lamp.slug}")
        await page.click(".buy-add")
        await page.wait_for_selector("dialog.cart-drawer[open]")
        count = await page.locator("#cart-count").evaluate(
            "node => node.firstElementChild.textContent"
        )
        address = page.url
        await page.keyboard.press("Escape")
        await page.goto("/cart")
        await page.click("[data-step='1']")
        await page.wait_for_selector("#cart-count:has-text('2')")
        await page.goto("/checkout")
        await _fill(page)
        await page.select_option("[name=country]", "US")
        await page.wait_for_selector("select[name=region]")
        name = await page.input_value("[name=name]")
        await page.select_option("[name=country]", "IE")
        await page.wait_for_selector("select[name=region]", state="detached")
        await page.fill("[name=postal_code]", TYPED["postal_code"])
        await page.dblclick(".pay-row button")
        await page.wait_for_url("**/pay/pay_*")
        await page.click("button[value=slow_bank]")
        await page.wait_for_url("**/orders/**")
        await page.wait_for_selector("[data-state=paid]", timeout=20_000)
        title = await page.title()

    assert count == "1"
    assert address.endswith(f"/p/{lamp.slug}")
    assert name == TYPED["name"]
    assert title.startswith("Confirmed")
    assert complaints == []
    assert await counters(db, lamp.variant_id) == (5, 2, 0)


class _Marked:
    """A language in which every message stands in brackets."""

    def gettext(self, message: str) -> str:
        return f"[{message}]"

    def ngettext(self, one: str, many: str, number: int) -> str:
        return f"[{one if number == 1 else many}]"


async def _answer(html: str, route: Route) -> None:
    await route.fulfill(body=html, content_type="text/html; charset=utf-8")


async def test_scripts_speak_in_the_words_of_the_page(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templating, "in_language", lambda _: _Marked())
    environment = templating.build_environment(assets.AssetIndex().url)
    pages = {
        sample.name: templating.render_page(
            environment, sample.template, page=sample.shell, view=sample.view, csrf_token=""
        )
        for sample in samples.samples()
        if sample.name in {"pay-redirect", "checkout-busy"}
    }

    async with open_page(served, has_scripts=True) as (page, complaints):
        for name, html in pages.items():
            await page.route(f"**/{name}", partial(_answer, html))
        await page.goto("/pay-redirect")
        await page.wait_for_selector("[data-counting]:visible")
        line = await page.inner_text(".hold-line")
        held = await page.text_content("[data-say]")
        await page.goto("/checkout-busy")
        await page.wait_for_selector("[data-retry-text]:has-text('by ourselves')")
        again = await page.text_content("[data-retry-text]")

    assert line.endswith("[We are holding your items.]")
    assert held == "[We are holding your items for 15 minutes.]"
    assert again == "[We try again by ourselves in 5 s.]"
    # The pictures of samples are served by nobody.
    assert [one for one in complaints if "404" not in one] == []


async def test_whoever_is_signed_in_buys_by_keyboard_and_follows_the_parcel_live(
    served: Served, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)
    await a_customer(an_identity(db), password=PASSWORD)

    async with open_page(served, has_scripts=True) as (page, complaints):
        await page.goto(f"/p/{lamp.slug}")
        await page.click(".buy-add")
        await page.wait_for_selector("dialog.cart-drawer[open]")
        await page.goto("/account/sign-in?next=/checkout")
        await page.fill("[name=email]", TYPED["email"])
        await page.fill("[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/checkout")
        for name in ("name", "line1", "city", "postal_code"):
            await page.fill(f"[name={name}]", TYPED[name])
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/pay/pay_*")
        await page.click("button[value=insufficient_funds]")
        await page.wait_for_selector("[data-state=declined]")
        await page.click("#provider-bank_transfer")
        await page.click(".pay-form button")
        await page.wait_for_selector("[data-state=bank_transfer]")
        code = await page.locator(".transfer-code-picture svg").bounding_box()
        await page.goto("/account")
        await page.click(".own-order-number")
        await page.wait_for_selector("#tracking")
        number = page.url.rpartition("/")[2]
        await _pay_and_ship(served, db, number)
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await page.wait_for_selector("text=It left us")
        spoken = await page.inner_text("#announcements")
        await page.click("text=Start a return")
        await page.fill("[name^=quantity_]", "1")
        await page.select_option("[name^=reason_]", "changed_mind")
        await page.wait_for_selector("text=You would get back")
        await page.click("button:has-text('Ask for the return')")
        await page.wait_for_selector("text=We have your request")

    assert code is not None
    assert code["width"] == pytest.approx(code["height"])
    assert spoken
    # The one complaint is the declined payment's own status.
    assert complaints == []
    assert await counters(db, lamp.variant_id) == (4, 0, 0)


async def _pay_and_ship(served: Served, db: Database, number: str) -> None:
    async with db.connection() as connection:
        order = await orders.find_order_by_number(connection, number=number)
    assert order is not None
    await pay(served.checkout, await look_at(served.checkout, order.id))
    await ship(served.checkout, order.id)
