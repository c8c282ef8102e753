"""From the shelf to an order, without scripts, through the forms that the pages offer."""

from __future__ import annotations

import asyncio
import re

import pytest

from surehold.checkout.commands import confirm_payment
from surehold.checkout.engine import Checkout
from surehold.checkout.model import SYSTEM
from surehold.db import Database
from surehold.kernel.ids import PaymentId
from surehold.kernel.money import Money
from surehold.orders import queries as orders
from surehold.orders.model import OrderStatus
from surehold.payments import queries as payments
from tests.builders.catalog import a_product, change_on_hand, change_price
from tests.support.placing import counters
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.buying import (
    TYPED,
    add_to_cart,
    buy,
    number_of,
    open_checkout,
    place,
)
from tests.web.storefront.conftest import Served


async def _pay_transfer(checkout: Checkout, number: str) -> None:
    async with checkout.db.connection() as connection:
        order = await orders.find_order_by_number(connection, number=number)
        assert order is not None
        (payment,) = await payments.list_payments(connection, order_ids=[order.id])
    received = Money(order.total_minor, order.currency)
    await confirm_payment(
        checkout, payment_id=PaymentId(payment.id), received=received, actor=SYSTEM
    )


async def test_a_guest_buys_by_transfer(
    browser: Browser, checkout: Checkout, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5, categories=("light",))

    home = await browser.get("/")
    product = await browser.get(home.links["Trail lamp"])
    added = await browser.submit(product, "/cart/items", {"quantity": "2"}, button="Add to cart")
    cart = await browser.get(added.links["View cart"])
    form = await browser.get(cart.links["Check out"])
    waiting = await place(browser, form, provider="bank_transfer")
    number = number_of(waiting)

    assert (product.heading, added.heading, cart.heading) == (
        "Trail lamp", "Added to cart", "Cart",
    )  # fmt: skip
    assert form.heading == "Checkout"
    assert waiting.heading == "Send €82.90 to finish"
    assert "DE89 3704 0044 0532 0130 00" in waiting.text
    assert await counters(db, lamp.variant_id) == (5, 0, 2)

    await _pay_transfer(checkout, number)
    paid = await browser.get(f"/orders/{number}/pay")
    order = await browser.get(f"/orders/{number}")

    assert paid.heading == f"Thank you, Mara. Order {number.replace('-', '‑')} is confirmed"
    assert order.heading.startswith("Arrives ")
    assert "Payment of €82.90 received" in order.text
    assert await counters(db, lamp.variant_id) == (5, 2, 0)
    assert (await browser.get("/cart")).text.count("Your cart is empty") == 1


async def test_values_are_kept_when_something_is_wrong(browser: Browser, db: Database) -> None:
    lamp = await a_product(db)
    form = await open_checkout(browser, lamp.slug)

    wrong = await place(browser, form, email="mara.example.com", name="", postal_code="nonsense")
    again = wrong.form("/checkout").fields

    assert wrong.status == 422
    assert wrong.heading == "Checkout"
    assert "3 things need your attention" in wrong.text
    assert "Enter your full name." in wrong.text
    assert "An Eircode in Ireland looks like A65 F4E2." in wrong.text
    assert again["email"] == "mara.example.com"
    assert again["line1"] == TYPED["line1"]
    assert await browser.submit(wrong, "/checkout", TYPED, button="Pay")


async def test_a_country_brings_its_own_fields(browser: Browser, db: Database) -> None:
    lamp = await a_product(db)
    form = await open_checkout(browser, lamp.slug)

    american = await browser.submit(
        form, "/checkout", TYPED | {"country": "US"}, button="Update for this country"
    )
    refused = await place(browser, american, country="US", postal_code="94103", region="")
    fields = refused.form("/checkout")

    assert (american.status, american.path) == (200, "/checkout/quote")
    assert "California" in american.text
    assert american.form("/checkout").fields["name"] == "Mara Quinn"
    assert refused.status == 422
    assert "Addresses in the United States name the state, such as AL (Alabama)." in refused.text
    assert "CA" in fields.choices["region"]


async def test_a_short_stock_offers_what_is_left(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=1000, on_hand=3)
    form = await open_checkout(browser, lamp.slug, 3)
    await change_on_hand(db, lamp.variant_id, on_hand=2)

    short = await place(browser, form)
    taken = await browser.submit(short, "/checkout", button="Take the 2 left")
    placed = await browser.submit(taken, "/checkout", button="Pay")

    assert short.status == 409
    assert "2 of 3 left" in short.text
    assert short.form("/checkout").fields["email"] == TYPED["email"]
    assert taken.form("/checkout").fields["email"] == TYPED["email"]
    assert placed.heading == "Send €24.90 to finish"
    assert await counters(db, lamp.variant_id) == (2, 0, 2)


async def test_removing_the_last_line_leads_to_the_cart(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, on_hand=1)
    form = await open_checkout(browser, lamp.slug)
    await change_on_hand(db, lamp.variant_id, on_hand=0)

    short = await place(browser, form)
    emptied = await browser.submit(short, "/checkout", button="Remove")

    assert short.status == 409
    assert (emptied.status, emptied.path) == (200, "/cart")
    assert "Your cart is empty" in emptied.text


async def test_a_changed_price_is_shown_and_accepted(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5)
    form = await open_checkout(browser, lamp.slug)
    await change_price(db, lamp.variant_id, currency="EUR", price=4200)

    stopped = await place(browser, form)
    before = await counters(db, lamp.variant_id)
    placed = await browser.submit(stopped, "/checkout", button="Accept €46.90 and pay")

    assert stopped.status == 409
    assert "A price changed while you were here" in stopped.text
    assert re.search(r"Trail lamp €39\.00 €42\.00 Total €43\.90 €46\.90", stopped.text)
    assert before == (5, 0, 0)
    assert placed.heading == "Send €46.90 to finish"


async def test_two_presses_are_one_order(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, on_hand=5)
    form = await open_checkout(browser, lamp.slug)

    one, two = await asyncio.gather(place(browser, form), place(browser, form))
    third = await place(browser, form)

    assert number_of(one) == number_of(two) == number_of(third)
    assert await counters(db, lamp.variant_id) == (5, 0, 1)


async def test_an_edited_form_that_was_sent_is_told_so(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, on_hand=5)
    form = await open_checkout(browser, lamp.slug)
    placed = await place(browser, form)

    edited = await place(browser, form, line1="13 Quay Street")
    another = await browser.submit(edited, "/checkout", button="Pay")

    assert edited.status == 409
    assert f"It is order {number_of(placed)}" in edited.text
    assert edited.form("/checkout").fields["line1"] == "13 Quay Street"
    assert number_of(another) != number_of(placed)


async def test_an_order_can_be_canceled_once(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, on_hand=5)
    number = number_of(await buy(browser, lamp.slug))
    order = await browser.get(f"/orders/{number}")

    canceled = await browser.submit(order, f"/orders/{number}/cancel")
    again = await browser.submit(order, f"/orders/{number}/cancel")
    pay = await browser.get(f"/orders/{number}/pay")

    assert canceled.heading == again.heading == "This order is canceled"
    assert "You canceled it." in canceled.text
    assert pay.heading == "This order is canceled"
    assert await counters(db, lamp.variant_id) == (5, 0, 0)


async def test_an_empty_cart_has_no_checkout(browser: Browser, db: Database) -> None:
    assert (await browser.get("/checkout")).path == "/cart"


# --- With a provider ----------------------------------------------------------------------------


async def _press_card(browser: Browser, page: Page, card: str) -> Page:
    form = next(row for row in page.forms if any(b.value == card for b in row.buttons))
    assert form
    return await browser.post(f"{page.url.split('/pay/')[0]}{form.action}", {"test_card": card})


async def test_a_card_pays_before_any_webhook(served: Served, db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5)
    async with Browser(None, base_url=served.base_url, is_served=True) as browser:
        hosted = await buy(browser, lamp.slug, provider="sandbox")
        paid = await _press_card(browser, hosted, "success")

    assert hosted.heading == "Pay by card"
    assert paid.heading.startswith("Thank you, Mara.")
    assert "token=" not in paid.url
    assert await counters(db, lamp.variant_id) == (5, 1, 0)


async def test_a_declined_card_is_tried_again(served: Served, db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5)
    async with Browser(None, base_url=served.base_url, is_served=True) as browser:
        hosted = await buy(browser, lamp.slug, provider="sandbox")
        declined = await _press_card(browser, hosted, "insufficient_funds")
        number = number_of(declined)
        second = await browser.submit(declined, f"/orders/{number}/pay", button="Pay €43.90")
        paid = await _press_card(browser, second, "success")

    assert declined.heading == "Your bank declined the card"
    assert "not enough money on this card" in declined.text
    assert "No money was taken." in declined.text
    assert second.heading == "Pay by card"
    assert second.url != hosted.url
    assert paid.heading.startswith("Thank you, Mara.")
    assert await counters(db, lamp.variant_id) == (5, 1, 0)


async def test_a_buyer_who_gives_up_at_the_bank_pays_by_transfer(
    served: Served, db: Database
) -> None:
    lamp = await a_product(db, price=3900, on_hand=5)
    async with Browser(None, base_url=served.base_url, is_served=True) as browser:
        hosted = await buy(browser, lamp.slug, provider="sandbox")
        back = await browser.submit(hosted, "/pay/*/cancel", button="Cancel and go back")
        number = number_of(back)
        waiting = await browser.submit(
            back, f"/orders/{number}/pay", {"provider": "bank_transfer"}, button="Pay"
        )

    assert back.heading == "The payment was not finished"
    assert waiting.heading == "Send €43.90 to finish"
    assert await counters(db, lamp.variant_id) == (5, 0, 1)


async def test_a_slow_bank_is_waited_for(served: Served, db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5)
    async with Browser(None, base_url=served.base_url, is_served=True) as browser:
        hosted = await buy(browser, lamp.slug, provider="sandbox")
        waiting = await _press_card(browser, hosted, "slow_bank")
        number = number_of(waiting)
        async with asyncio.timeout(10):
            while True:
                part = await browser.get(f"/orders/{number}/pay/status?asked=1", hx_request="true")
                if "We are waiting" not in part.text:
                    break
                await asyncio.sleep(0.05)

    assert waiting.heading == "We are waiting for your bank"
    assert f"/orders/{number}/pay/status?asked=1" in waiting.html
    assert "delay:2s" in waiting.html
    assert part.heading.startswith("Thank you, Mara.")
    assert "<html" not in part.html


@pytest.mark.parametrize("card", ["one_short"])
async def test_a_wrong_amount_is_looked_at(served: Served, db: Database, card: str) -> None:
    lamp = await a_product(db, price=3900, on_hand=5)
    async with Browser(None, base_url=served.base_url, is_served=True) as browser:
        hosted = await buy(browser, lamp.slug, provider="sandbox")
        review = await _press_card(browser, hosted, card)
        async with served.checkout.db.connection() as connection:
            order = await orders.find_order_by_number(connection, number=number_of(review))

    assert review.heading == "We are looking at your payment"
    assert order is not None
    assert order.status is OrderStatus.PENDING_PAYMENT


async def test_more_time_is_given_as_often_as_allowed(served: Served, db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5)
    async with Browser(None, base_url=served.base_url, is_served=True) as browser:
        hosted = await buy(browser, lamp.slug, provider="sandbox")
        number = next(
            row.path.rpartition("/")[2]
            for row in browser.client.cookies.jar
            if row.name == "surehold_order"
        )
        assert hosted.status == 200
        page = await browser.get(f"/orders/{number}/pay")
        for _ in range(3):
            page = await browser.submit(page, f"/orders/{number}/extend")
        token = page.form("/orders/*").fields["csrf_token"]
        refused = await browser.post(f"/orders/{number}/extend", {"csrf_token": token})

    assert page.status == 200
    assert "Need more time?" not in page.text
    assert refused.status == 409


async def test_asking_for_time_twice_with_one_button_counts_once(
    served: Served, db: Database
) -> None:
    lamp = await a_product(db, price=3900, on_hand=5)
    async with Browser(None, base_url=served.base_url, is_served=True) as browser:
        await buy(browser, lamp.slug, provider="sandbox")
        number = next(
            row.path.rpartition("/")[2]
            for row in browser.client.cookies.jar
            if row.name == "surehold_order"
        )
        page = await browser.get(f"/orders/{number}/pay")
        await browser.submit(page, f"/orders/{number}/extend")
        again = await browser.submit(page, f"/orders/{number}/extend")
    async with db.connection() as connection:
        used = await connection.raw.fetchval("SELECT extensions_used FROM orders")

    assert again.status == 200
    assert used == 1


async def test_add_to_cart_twice_adds_up(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, on_hand=9)

    await add_to_cart(browser, lamp.slug, 2)
    added = await add_to_cart(browser, lamp.slug, 3)
    reloaded = await browser.get(added.url)

    assert "5 items" in added.text
    assert "5 items" in reloaded.text
