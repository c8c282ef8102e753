"""A gift card on the pages: typed at the checkout, shown with what it leaves to pay."""

from __future__ import annotations

from surehold.db import Database
from tests.builders.catalog import a_product
from tests.builders.gift_cards import a_gift_card, balance_of
from tests.web.storefront.browser import Browser
from tests.web.storefront.buying import buy, number_of, open_checkout, place


async def test_a_gift_card_leaves_less_to_send(browser: Browser, db: Database) -> None:
    await a_product(db, slug="trail-lamp", price=3900, categories=("light",))
    card = await a_gift_card(db, 1_000)

    waiting = await buy(browser, "trail-lamp", provider="bank_transfer", gift_card=card.code)
    order = await browser.get(f"/orders/{number_of(waiting)}")

    assert waiting.heading == "Send €33.90 to finish"
    for page in (waiting, order):
        assert f"ending in {card.code[-4:]}" in page.text
        assert "− €10.00" in page.text
        assert "Left to pay" in page.text
    assert await balance_of(db, card) == 0


async def test_a_gift_card_that_has_enough_pays_all_of_it(browser: Browser, db: Database) -> None:
    await a_product(db, slug="trail-lamp", price=3900, categories=("light",))
    card = await a_gift_card(db, 5_000)

    paid = await buy(browser, "trail-lamp", provider="bank_transfer", gift_card=card.code)
    order = await browser.get(f"/orders/{number_of(paid)}")

    assert paid.heading.startswith("Thank you, Mara.")
    assert "gift card" in order.text
    assert "Left to pay" not in order.text
    assert await balance_of(db, card) == 5_000 - 4_390


async def test_a_code_that_does_not_pay_is_said_at_its_field(
    browser: Browser, db: Database
) -> None:
    await a_product(db, slug="trail-lamp", price=3900, categories=("light",))
    form = await open_checkout(browser, "trail-lamp")

    typo = await place(browser, form, provider="bank_transfer", gift_card="7K4M")
    unknown = await place(browser, typo, provider="bank_transfer", gift_card="0" * 20)

    assert "Enter the 20 letters and digits of the card" in typo.text
    assert "This gift card cannot be used here. Nothing was ordered." in unknown.text
    assert (typo.status, unknown.status) == (422, 422)
