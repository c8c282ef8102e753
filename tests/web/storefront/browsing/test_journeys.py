"""Chromium goes the ways of buyers: cards, banks, time, other buyers, two hands or none."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from surehold.checkout import commands
from surehold.checkout.rules.fulfilling import Parcel
from surehold.db import Database
from surehold.kernel.ids import OrderId
from surehold.orders import queries as orders
from surehold.orders.model import OrderStatus, ReturnState
from surehold.orders.states import ReturnEvent
from surehold.web.storefront import live
from tests.builders.accounts import PASSWORD, a_customer, an_identity
from tests.builders.catalog import a_product, change_on_hand
from tests.builders.orders import STAFF
from tests.support import clock
from tests.support.placing import counters
from tests.web.storefront.browsing.conftest import Visit
from tests.web.storefront.buying import TYPED
from tests.web.storefront.conftest import Served
from tests.web.storefront.test_real_browser import pytestmark as in_a_browser

pytestmark = [*in_a_browser, pytest.mark.asyncio(loop_scope="module")]

#: What buyers type at the sandbox's bank, by what its card does.
CARDS = {
    "success": "4242 4242 4242 4242",
    "challenge": "4000 0025 0000 3155",
    "insufficient_funds": "4000 0000 0000 9995",
}
#: What an order's page tells of what staff did.
TOLD = {
    OrderStatus.PROCESSING: "We began packing",
    OrderStatus.READY_FOR_SHIPMENT: "Your order was packed",
    OrderStatus.SHIPPED: "Your parcel left us",
    OrderStatus.IN_TRANSIT: "Your parcel is on its way",
    OrderStatus.DELIVERED: "Your parcel was delivered",
}


async def fill_checkout(page: Page) -> None:
    for name, value in TYPED.items():
        if name != "country":
            await page.fill(f"[name={name}]", value)


async def place(page: Page, slug: str) -> None:
    """From the product straight to the bank's page."""
    await page.goto(f"/p/{slug}")
    await page.click(".buy-now")
    await page.wait_for_url("**/checkout")
    await fill_checkout(page)
    await page.click(".pay-row button")
    await page.wait_for_url("**/pay/pay_*")


async def type_card(page: Page, card: str) -> None:
    """Pay at the bank with a card that is typed."""
    for name, value in (
        ("number", CARDS[card]),
        ("expiry", "12/39"),
        ("code", "123"),
        ("name", "Mara Quinn"),
    ):
        await page.fill(f"[name={name}]", value)
    await page.click("button.primary")


async def heading(page: Page) -> str:
    return await page.locator("h1").inner_text()


async def test_a_guest_buys_with_a_card(visit: Visit, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)

    async with visit() as page:
        await place(page, lamp.slug)
        held = await counters(db, lamp.variant_id)
        await type_card(page, "success")
        await page.wait_for_selector("[data-state=paid]")
        thanks, address = await heading(page), page.url
        await page.reload()
        again = await heading(page)
        await page.goto("/cart")
        emptied = await page.inner_text("#cart")

    assert held == (5, 0, 1)
    assert re.fullmatch(r"Thank you, Mara\. Order SH‑\w{8} is confirmed", thanks)
    assert again == thanks
    assert re.search(r"/orders/SH-\w{8}/pay$", address)
    assert "Your cart is empty" in emptied
    assert await counters(db, lamp.variant_id) == (5, 1, 0)


async def test_a_declined_buyer_pays_another_way(visit: Visit, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)

    async with visit() as page:
        await place(page, lamp.slug)
        await type_card(page, "insufficient_funds")
        await page.wait_for_selector("[data-state=declined]")
        declined = await page.inner_text("[data-state=declined]")
        number = page.url.split("/")[-2]
        held = await counters(db, lamp.variant_id)
        await page.click("label:has(#provider-bank_transfer)")
        await page.click(".pay-form button")
        await page.wait_for_selector("[data-state=bank_transfer]")
        waiting, later = await heading(page), page.url.split("/")[-2]

    assert "not enough money on this card" in declined
    assert "No money was taken. Your items are still held." in declined
    assert waiting == "Send €43.90 to finish"
    assert later == number
    assert held == await counters(db, lamp.variant_id) == (5, 0, 1)


@pytest.mark.parametrize(
    ("answer", "state", "sold"),
    [("approve", "paid", (5, 1, 0)), ("refuse", "declined", (5, 0, 1))],
)
async def test_the_bank_asks_whether_it_is_the_buyer(
    visit: Visit, db: Database, answer: str, state: str, sold: tuple[int, int, int]
) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)

    async with visit() as bank:
        await place(bank, lamp.slug)
        cookies = await bank.context.cookies()
        number = next(
            row["path"].rpartition("/")[2] for row in cookies if row["name"] == "surehold_order"
        )
        await type_card(bank, "challenge")
        await bank.wait_for_url("**/challenge")
        question = await heading(bank)
        # The store's own page, in another tab, knows that the bank is asked.
        store = await bank.context.new_page()
        await store.goto(f"/orders/{number}/pay")
        asked = await heading(store)
        await store.click("text=Open it again")
        await store.wait_for_url("**/challenge")
        await store.click(f"button[value={answer}]")
        await store.wait_for_selector(f"[data-state={state}]")
        told = await store.inner_text(".state")
        await bank.reload()
        closed = await bank.inner_text("main")

    assert question == "Is this you?"
    assert asked == "Confirm with your bank"
    assert ("No money was taken." in told) is (state == "declined")
    assert "Is this you?" not in closed
    assert await counters(db, lamp.variant_id) == sold


async def test_the_hold_ends_in_front_of_the_buyer(visit: Visit, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=1, images=0)

    async with visit() as page:
        await page.clock.install()
        await place(page, lamp.slug)
        cookies = await page.context.cookies()
        number = next(
            row["path"].rpartition("/")[2] for row in cookies if row["name"] == "surehold_order"
        )
        await page.goto(f"/orders/{number}/pay")
        timer = page.locator("hold-timer")
        calm = await timer.get_attribute("data-tone")
        is_offered = await page.locator("[data-extend]").is_visible()
        seconds = int(await timer.get_attribute("data-seconds-left") or 0)
        await page.clock.fast_forward((seconds - 118) * 1000)
        await expect(timer).to_have_attribute("data-tone", "warn")
        await expect(page.locator("[data-extend]")).to_be_visible()
        spoken = await page.text_content("[data-say]")
        await clock.shift(db, timedelta(seconds=seconds + 5))
        await page.clock.fast_forward(120_000)
        await page.wait_for_selector("[data-state=hold_ended]")
        told = await page.inner_text("[data-state=hold_ended]")
        announced = await page.text_content("#announcements")
        title = await page.title()
        await page.click(".pay-form button")
        await page.wait_for_url("**/pay/pay_*")
        await type_card(page, "success")
        await page.wait_for_selector("[data-state=paid]")

    assert (calm, is_offered) == ("info", False)
    assert spoken == "We are holding your items for 2 minutes."
    assert "Nothing was charged. Your items are free again" in told
    assert announced == "The holding time ended"
    assert title.startswith("Payment")
    assert await counters(db, lamp.variant_id) == (1, 1, 0)


async def test_two_windows_want_the_last_one(visit: Visit, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=1, images=0)

    async def fill(page: Page) -> None:
        await page.goto(f"/p/{lamp.slug}")
        await page.click(".buy-now")
        await page.wait_for_url("**/checkout")
        await fill_checkout(page)

    async def press(page: Page) -> bool:
        """Whether this one has it."""
        await page.click(".pay-row button")
        await page.wait_for_selector("#card-title, .shortages")
        return "/pay/pay_" in page.url

    async with visit(409) as one, visit(409) as two:
        await asyncio.gather(fill(one), fill(two))
        has_it = await asyncio.gather(press(one), press(two))
        winner, loser = (one, two) if has_it[0] else (two, one)
        told = await loser.inner_text(".banner:has(.shortages)")
        kept = await loser.input_value("[name=line1]")
        is_told_at_once = await loser.locator(".banner:has(.shortages)").evaluate(
            "node => node === document.activeElement"
        )
        await loser.goto(f"/p/{lamp.slug}")
        shelf = await loser.inner_text(".availability")
        await type_card(winner, "success")
        await winner.wait_for_selector("[data-state=paid]")
        await loser.reload()
        sold = await loser.inner_text(".availability")

    assert sorted(has_it) == [False, True]
    assert "Nothing was ordered and nothing was charged." in told
    assert kept == TYPED["line1"]
    assert is_told_at_once
    assert shelf.startswith("Someone is buying the last one; it may free up in about")
    assert sold == "Sold out"
    assert await counters(db, lamp.variant_id) == (1, 1, 0)


async def test_signing_in_brings_both_carts_together(visit: Visit, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=3, images=0)
    mug = await a_product(db, name="Field mug", price=1200, on_hand=5, images=0)
    await a_customer(an_identity(db), password=PASSWORD)

    async def add(page: Page, slug: str, quantity: int) -> None:
        await page.goto(f"/p/{slug}")
        await page.fill("[name=quantity]", str(quantity))
        await page.click(".buy-add")
        await page.wait_for_selector("dialog.cart-drawer[open]")

    async def sign_in(page: Page) -> None:
        await page.goto("/account/sign-in?next=/cart")
        await page.fill("[name=email]", TYPED["email"])
        await page.fill("[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#cart")

    async def lines(page: Page) -> dict[str, str]:
        rows = await page.locator(".cart-line").all()
        return {
            await row.locator(".line-name").inner_text(): await row.locator(
                ".stepper-input"
            ).input_value()
            for row in rows
        }

    async with visit() as desk, visit() as phone:
        await sign_in(desk)
        await add(desk, lamp.slug, 2)
        await add(phone, lamp.slug, 2)
        await add(phone, mug.slug, 1)
        await sign_in(phone)
        merged = await lines(phone)
        count = await phone.inner_text("#cart-count [aria-hidden]")
        await desk.goto("/cart")
        same = await lines(desk)

    # Two and two would be four: there are three.
    assert merged == same == {"Trail lamp": "3", "Field mug": "1"}
    assert count == "4"


async def test_a_parcel_is_followed_while_staff_ship_it_and_sent_back(
    visit: Visit, served: Served, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FRESH_MS", 50)
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.05)
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)
    asked: list[str] = []

    async with visit() as page:
        await place(page, lamp.slug)
        await type_card(page, "success")
        await page.wait_for_selector("[data-state=paid]")
        page.on("request", lambda one: asked.append(urlsplit(one.url).path.rpartition("/")[2]))
        await page.click("text=Track order")
        await page.wait_for_selector("#tracking")
        await page.evaluate("document.body.dataset.isSame = ''")
        order_id = await find_order(db, page.url.rpartition("/")[2])
        seen = [await list_reached(page)]
        for status in (
            OrderStatus.PROCESSING,
            OrderStatus.READY_FOR_SHIPMENT,
            OrderStatus.SHIPPED,
            OrderStatus.IN_TRANSIT,
            OrderStatus.DELIVERED,
        ):
            parcel = Parcel("dhl", "T1") if status is OrderStatus.SHIPPED else None
            await commands.reach_status(
                served.checkout, order_id=order_id, status=status, actor=STAFF, parcel=parcel
            )
            await page.wait_for_selector(f".timeline-text:has-text('{TOLD[status]}')")
            seen.append(await list_reached(page))
        looked = asked.copy()
        follow = await page.get_attribute("text=Follow at DHL", "href")
        spoken = await page.text_content("#announcements")
        is_same_page = await page.locator("body[data-is-same]").count() == 1
        await page.click("text=Start a return")
        await page.fill("[name^=quantity_]", "1")
        await page.select_option("[name^=reason_]", "changed_mind")
        await page.wait_for_selector("text=You would get back €39.00")
        await page.click("button:has-text('Ask for the return')")
        await page.wait_for_selector("text=We have your request")
        async with db.connection() as connection:
            (back,), _ = await orders.list_returns(connection, order_ids=[order_id])
        await commands.move_return(
            served.checkout,
            order_id=order_id,
            return_id=back.id,
            event=ReturnEvent.APPROVE,
            actor=STAFF,
        )
        await page.click("button:has-text('I have sent it')")
        await page.wait_for_selector("button:has-text('I have sent it')", state="detached")
        async with db.connection() as connection:
            (sent,), _ = await orders.list_returns(connection, order_ids=[order_id])

    assert seen == [
        ["Placed", "Paid"],
        ["Placed", "Paid"],
        ["Placed", "Paid", "Packed"],
        ["Placed", "Paid", "Packed", "Shipped"],
        ["Placed", "Paid", "Packed", "Shipped", "In transit"],
        ["Placed", "Paid", "Packed", "Shipped", "In transit", "Delivered"],
    ]
    # One stream told of everything: the page asked when there was something, and never else.
    assert (looked.count("stream"), looked.count("live")) == (1, 5)
    assert follow == "https://www.dhl.com/global-en/home/tracking.html?tracking-id=T1"
    assert spoken
    assert is_same_page
    assert sent.state is ReturnState.IN_TRANSIT
    assert await counters(db, lamp.variant_id) == (4, 0, 0)


async def test_an_open_product_is_told_that_the_last_one_is_gone(
    visit: Visit, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FRESH_MS", 50)
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.05)
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=1, images=0)

    async with visit() as looking, visit() as buying:
        await looking.goto(f"/p/{lamp.slug}")
        before = await looking.inner_text("#stock")
        await place(buying, lamp.slug)
        await looking.wait_for_selector("text=Someone is buying the last one")
        can_add = await looking.locator(".buy-add").count()
        await type_card(buying, "success")
        await buying.wait_for_selector("[data-state=paid]")
        await looking.wait_for_selector("text=Sold out")

    assert before.strip() == "Only 1 left"
    assert can_add == 0


async def test_a_page_that_gets_no_stream_asks_by_itself(
    visit: Visit, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAMS_MAX", 0)
    monkeypatch.setattr(live, "FRESH_MS", 50)
    lamp = await a_product(db, on_hand=9, images=0)

    async with visit() as page:
        await page.clock.install()
        async with page.expect_response(lambda one: one.url.partition("?")[0].endswith("/stream")):
            await page.goto(f"/p/{lamp.slug}")
        await change_on_hand(db, lamp.variant_id, on_hand=2)
        await page.wait_for_timeout(200)
        before = await page.inner_text("#stock")
        await page.clock.fast_forward(10_000)
        await page.wait_for_selector("text=Only 2 left")

    assert before.strip() == "In stock"


async def find_order(db: Database, number: str) -> OrderId:
    async with db.connection() as connection:
        order = await orders.find_order_by_number(connection, number=number)
    assert order is not None
    return order.id


async def list_reached(page: Page) -> list[str]:
    """The steps of the way that lie behind the order."""
    words = await page.locator(".step[data-state=done] .step-label").all_inner_texts()
    return [text.partition(":")[0].strip() for text in words]


#: Where the focus is, and whether who looks at the screen can tell. Cards are marked as a whole.
FOCUS = """
selector => {
  const node = document.activeElement;
  const isDrawn = one => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  };
  const cards = [".choice", ".product-card", ".site-search"].map(card => node.closest(card));
  const mark = [node, ...cards].find(one => one && isDrawn(one)) ?? node;
  const box = mark.getBoundingClientRect();
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return {
    isThere: node.matches(selector),
    isDrawn: isDrawn(mark),
    isOnTop: top !== null && (mark.contains(top) || top.contains(mark)),
    name: node.name || node.innerText.trim(),
    html: `${node.outerHTML.slice(0, 160)} under ${top?.outerHTML.slice(0, 80)}`,
  };
}
"""


async def tab_to(page: Page, selector: str) -> list[str]:
    """Press Tab until this has the focus; every stop on the way can be seen. Names the stops."""
    names = []
    for _ in range(40):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(FOCUS, selector)
        assert stop["isDrawn"], f"no ring: {stop['html']}"
        assert stop["isOnTop"], f"out of sight: {stop['html']}"
        names.append(stop["name"])
        if stop["isThere"]:
            return names
    pytest.fail(f"Tab does not lead to {selector}: {names}")


async def test_a_keyboard_alone_buys(visit: Visit, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)

    async with visit() as page:
        await page.goto("/")
        first = await tab_to(page, ".skip-link")
        await page.keyboard.press("Enter")
        await tab_to(page, f"a[href='/p/{lamp.slug}']")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/p/*")
        await tab_to(page, "[name=quantity]")
        await page.keyboard.press("ArrowUp")
        await tab_to(page, ".buy-add")
        await page.keyboard.press("Space")
        await page.wait_for_selector("dialog.cart-drawer[open]")
        await page.keyboard.press("Escape")
        await page.wait_for_selector("dialog.cart-drawer", state="detached")
        has_come_back = (await page.evaluate(FOCUS, ".buy-add"))["isThere"]
        await page.keyboard.press("Space")
        await page.wait_for_selector("dialog.cart-drawer[open]")
        in_drawer = await tab_to(page, "dialog a[href='/checkout']")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/checkout")
        stops = []
        for name in ("email", "country", "name", "line1", "city", "postal_code"):
            stops += await tab_to(page, f"[name={name}]")
            if name != "country":
                await page.keyboard.type(TYPED[name])
        stops += await tab_to(page, "[name=provider]")
        await page.keyboard.press("ArrowDown")
        is_other = await page.is_checked("#provider-bank_transfer")
        await page.keyboard.press("ArrowUp")
        stops += await tab_to(page, ".pay-row button")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/pay/pay_*")
        for name, value in (("number", CARDS["challenge"]), ("expiry", "12/39"), ("code", "123")):
            await tab_to(page, f"[name={name}]")
            await page.keyboard.type(value)
        await tab_to(page, "[name=name]")
        await page.keyboard.type("Mara Quinn")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/challenge")
        await tab_to(page, "button[value=approve]")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("[data-state=paid]")
        await tab_to(page, ".state a[href^='/orders/']")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#tracking")

    assert first == ["Skip to content"]
    assert has_come_back
    assert in_drawer == ["Check out"]
    assert stops == [
        "Skip to content",
        "Northline",
        "Back to cart",
        "Sign in",
        "email",
        "country",
        "name",
        "line1",
        "city",
        "postal_code",
        "Add apartment, company or phone",
        "shipping_method",
        "provider",
        "Use a gift card",
        "Add a coupon code",
        "Pay €156.00",
    ]
    assert is_other
    assert await counters(db, lamp.variant_id) == (5, 4, 0)


#: What does not fit the width, and what is too small for a finger.
FAULTS = """
() => {
  const width = document.documentElement.scrollWidth;
  const controls = "a.btn, button, summary, select, input:not([type=hidden])";
  const isSmall = node => {
    const box = (node.closest("label") ?? node).getBoundingClientRect();
    const isHidden = box.width <= 1 || node.closest(".sr-only") !== null;
    return node.checkVisibility() && !isHidden && Math.min(box.width, box.height) < 24;
  };
  const small = [...document.querySelectorAll(controls)].filter(isSmall);
  const faults = small.map(node => node.outerHTML.slice(0, 160));
  return width > innerWidth ? [`${width} px wide`, ...faults] : faults;
}
"""
#: The smallest side of what a finger presses on the way to an order.
FINGER = 44


async def tap(page: Page, selector: str) -> None:
    """Tap it, on a page that fits the phone."""
    target = page.locator(selector).first
    await target.scroll_into_view_if_needed()
    box = await target.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= FINGER, (selector, box)
    assert await page.evaluate(FAULTS) == []
    await target.tap()


async def test_a_thumb_buys_on_a_phone(visit: Visit, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, images=0)
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

    async with visit(**phone, device_scale_factor=3) as page:
        await page.goto("/")
        await tap(page, ".product-card")
        await page.wait_for_url("**/p/*")
        await tap(page, "[data-step='1']")
        await tap(page, ".buy-add")
        await page.wait_for_selector("dialog.cart-drawer[open]")
        await tap(page, "dialog a[href='/cart']")
        await page.wait_for_selector(".cart-line")
        await tap(page, "[data-step='-1']")
        await page.wait_for_selector("#cart-count:has-text('1')")
        await tap(page, "a[href='/checkout']")
        await page.wait_for_selector("#checkout")
        bar = await page.inner_text(".summary-bar-total")
        await tap(page, ".summary-bar summary")
        await page.wait_for_selector(".summary-bar-body")
        await tap(page, ".summary-bar summary")
        await fill_checkout(page)
        await tap(page, "label:has(#provider-sandbox)")
        await tap(page, ".pay-row button")
        await page.wait_for_url("**/pay/pay_*")
        await tap(page, "button[value=success]")
        await page.wait_for_selector("[data-state=paid]")
        await tap(page, "a:has-text('Track order')")
        await page.wait_for_selector("#tracking")
        faults = await page.evaluate(FAULTS)

    assert bar == "€43.90"
    assert faults == []
    assert await counters(db, lamp.variant_id) == (5, 1, 0)


#: Adds up how far things moved that nobody had touched, as browsers measure it.
SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
      const moves = list.getEntries().filter((entry) => !entry.hadRecentInput);
      window.shifted += moves.reduce((sum, entry) => sum + entry.value, 0);
    }).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("width", [390, 1280])
async def test_nothing_moves_while_a_page_is_built(visit: Visit, db: Database, width: int) -> None:
    lamps = [await a_product(db, price=3900, on_hand=5, images=2) for _ in range(8)]

    async with visit(404, viewport={"width": width, "height": 800}) as page:
        await page.add_init_script(SHIFTS)
        shifted = {}
        for path in ("/", f"/p/{lamps[0].slug}", "/search?q=product", "/track"):
            await page.goto(path, wait_until="networkidle")
            await page.mouse.wheel(0, 2_000)
            shifted[path] = await page.evaluate("window.shifted")

    assert {path: value for path, value in shifted.items() if value > 0.05} == {}
