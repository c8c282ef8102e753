"""What a buyer sees and does after the order: parcels, live steps, returns, changes, refunds."""

from __future__ import annotations

from surehold.checkout import commands
from surehold.checkout.commands import move_fulfillment
from surehold.checkout.engine import Checkout
from surehold.checkout.model import PlacedOrder
from surehold.checkout.rules.changing import ChangeWish
from surehold.db import Database
from surehold.kernel.ids import OrderChangeId, OrderId, new_id
from surehold.orders import queries as orders
from surehold.orders.states import FulfillmentEvent, ReturnEvent
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF, look_at, pay, ship
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.buying import buy, number_of


async def a_paid_one(
    browser: Browser, checkout: Checkout, slug: str, quantity: int = 1
) -> tuple[str, PlacedOrder]:
    """An order of this browser whose transfer has come."""
    number = number_of(await buy(browser, slug, quantity))
    async with checkout.db.connection() as connection:
        order = await orders.find_order_by_number(connection, number=number)
    assert order is not None
    placed = await look_at(checkout, order.id)
    await pay(checkout, placed)
    return number, await look_at(checkout, order.id)


async def deliver(checkout: Checkout, order_id: OrderId) -> None:
    for parcel in (await look_at(checkout, order_id)).fulfillments:
        await move_fulfillment(
            checkout,
            fulfillment_id=parcel.id,
            event=FulfillmentEvent.DELIVER,
            actor=STAFF,
        )


async def live(browser: Browser, page: Page) -> Page:
    """What the open page asks for every few seconds."""
    address = page.html.partition('hx-get="/orders/')[2].partition('"')[0].replace("&amp;", "&")
    return await browser.get(f"/orders/{address}", hx_request="true")


async def test_an_order_is_tracked_while_staff_ship_it(
    browser: Browser, checkout: Checkout, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", on_hand=5, images=0)
    number, placed = await a_paid_one(browser, checkout, lamp.slug, 2)
    page = await browser.get(f"/orders/{number}")

    quiet = await live(browser, page)
    await ship(checkout, placed.order.id)
    shipped = await live(browser, page)
    still = await live(browser, shipped)
    await deliver(checkout, placed.order.id)
    delivered = await live(browser, shipped)

    assert (quiet.status, quiet.html) == (204, "")
    assert (shipped.status, still.status) == (200, 204)
    assert "<html" not in shipped.html
    assert "Inside 2 × Trail lamp" in shipped.text
    assert "https://www.dhl.com/global-en/home/tracking.html?tracking-id=T1" in shipped.html
    assert "It was delivered" in delivered.text
    assert "hx-trigger" not in delivered.html


async def test_a_return_is_asked_for_agreed_and_sent(
    browser: Browser, checkout: Checkout, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3000, on_hand=5, images=0)
    number, placed = await a_paid_one(browser, checkout, lamp.slug, 2)
    before = await browser.get(f"/orders/{number}/returns/new")
    await ship(checkout, placed.order.id)
    await deliver(checkout, placed.order.id)
    order = await browser.get(f"/orders/{number}")
    page = await browser.get(order.links["Start a return"])
    (line,) = placed.lines
    what = {f"quantity_{line.id}": "1", f"reason_{line.id}": "does_not_fit"}

    unsaid = await browser.submit(
        page, "*/returns", {f"quantity_{line.id}": "1"}, button="Ask for the return"
    )
    many = await browser.submit(
        page, "*/returns", {**what, f"quantity_{line.id}": "3"}, button="Ask for the return"
    )
    estimated = await browser.submit(page, "*/returns", what, button="What would I get back?")
    asked = await browser.submit(estimated, "*/returns", button="Ask for the return")
    twice = await browser.submit(estimated, "*/returns", button="Ask for the return")
    counted = await count_rows(db, ["returns", "return_lines"])
    async with db.connection() as connection:
        [back], _ = await orders.list_returns(connection, order_ids=[placed.order.id])
    await commands.move_return(
        checkout,
        order_id=placed.order.id,
        return_id=back.id,
        event=ReturnEvent.APPROVE,
        actor=STAFF,
        answer="Send it to our warehouse",
    )
    agreed = await browser.get(f"/orders/{number}")
    sent = await browser.submit(agreed, f"*/returns/{back.id}/send")
    late = await browser.submit(agreed, f"*/returns/{back.id}/cancel")

    assert before.path == f"/orders/{number}"
    assert (unsaid.status, "Tell us why it comes back." in unsaid.text) == (422, True)
    assert (many.status, "A number from 0 to 2." in many.text) == (422, True)
    assert "You would get back €30.00" in estimated.text
    assert "We have your request" in asked.text
    assert "We have your request" in twice.text
    assert counted == {"returns": 1, "return_lines": 1}
    assert "Send it to our warehouse" in agreed.text
    assert "Coming back" in sent.text
    assert "The return has gone further meanwhile" in late.text
    again = await browser.get(f"/orders/{number}/returns/new")
    assert "How many of 1" in again.text


async def test_changes_and_refunds_are_told_with_what_they_come_to(
    browser: Browser, checkout: Checkout, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3000, on_hand=5, images=0)
    mug = await a_product(db, name="Mug", price=2000, on_hand=5, images=0)
    number, placed = await a_paid_one(browser, checkout, lamp.slug, 2)
    (line,) = placed.lines
    await commands.change_order(
        checkout,
        order_id=placed.order.id,
        change_id=OrderChangeId(new_id()),
        wish=ChangeWish(give_up=((line.id, 1),), add=((mug.variant_id, 1),)),
        reason="A mug instead, by telephone",
        actor=STAFF,
    )

    page = await browser.get(f"/orders/{number}")

    assert "Added 1 × Mug Given up 1 × Trail lamp Difference −€10.00" in page.text
    assert "A mug instead, by telephone" in page.text
    assert "1 of 2 given up" in page.text
    assert "Added afterwards €20.00 Given up − €30.00 Total now €54.90" in page.text
    assert "Subtotal 2 items €60.00" in page.text
    assert "Refund of €10.00" in page.text
    assert "order_changed" not in page.text
    assert "We refund €54.90" in page.text
    assert "On its way to Bank transfer, expected by" in page.text


async def test_nobody_else_asks_for_a_return(
    browser: Browser, checkout: Checkout, db: Database
) -> None:
    lamp = await a_product(db, on_hand=5, images=0)
    number, _ = await a_paid_one(browser, checkout, lamp.slug)
    browser.client.cookies.clear()
    await browser.get("/track")

    pages = [
        await browser.get(f"/orders/{number}/returns/new"),
        await browser.get(f"/orders/{number}/live", hx_request="true"),
    ]

    assert [page.status for page in pages] == [404, 404]
