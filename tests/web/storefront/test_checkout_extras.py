"""What a buyer brings to the checkout: saved addresses, a coupon, a gift card."""

from __future__ import annotations

from surehold.db import Database
from tests.builders.accounts import Post
from tests.builders.catalog import a_product
from tests.builders.gift_cards import a_gift_card, balance_of
from tests.builders.pricing import a_coupon
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.buying import TYPED, number_of, open_checkout
from tests.web.storefront.test_account import register, sign_in

DUBLIN = {"line1": "2 Dock", "city": "Dublin"}


async def keep_address(browser: Browser, **fields: str) -> Page:
    page = await browser.get("/account/addresses/new")
    return await browser.submit(page, "/account/addresses", fields, button="Save")


async def test_whoever_is_signed_in_chooses_one_of_their_addresses(
    browser: Browser, db: Database
) -> None:
    lamp = await a_product(db, on_hand=5, images=0)
    await register(browser, Post(db))
    await sign_in(browser)
    await keep_address(browser, line1="1 Quay", city="Galway")
    await keep_address(browser, **DUBLIN)

    page = await open_checkout(browser, lamp.slug)
    form = page.form("/checkout")
    typed = await browser.submit(page, "/checkout", {"saved": "new"}, button="Update")
    missing = await browser.submit(typed, "/checkout", button="Pay")
    back = await browser.submit(
        missing, "/checkout", {"saved": form.choices["saved"][1]}, button="Update"
    )
    placed = await browser.submit(back, "/checkout", button="Pay")
    order = await browser.get(f"/orders/{number_of(placed)}")
    listed = await browser.get("/account")

    assert "line1" not in form.fields
    assert "email" not in form.fields
    assert len(form.choices["saved"]) == 3
    assert "1 Quay" not in typed.form("/checkout").fields["line1"]
    assert (missing.status, "Enter the town or city." in missing.text) == (422, True)
    assert "Mara Quinn 2 Dock Dublin Ireland" in order.text
    assert "mara@example.com" in order.text
    assert f"Order {number_of(placed)}" in listed.text


async def test_an_address_that_is_gone_is_asked_for_and_never_exchanged(
    browser: Browser, db: Database
) -> None:
    lamp = await a_product(db, on_hand=5, images=0)
    await register(browser, Post(db))
    await sign_in(browser)
    await keep_address(browser, line1="1 Quay", city="Galway")
    kept = await keep_address(browser, **DUBLIN)
    page = await open_checkout(browser, lamp.slug)
    default = page.form("/checkout").fields["saved"]
    await browser.submit(kept, f"/account/addresses/{default}/delete")

    refused = await browser.submit(page, "/checkout", button="Pay")

    assert refused.status == 422
    assert refused.form("/checkout").fields["saved"] == "new"
    assert (await count_rows(db, ["orders"])) == {}


async def test_a_coupon_shows_its_effect_or_why_it_has_none(
    browser: Browser, db: Database
) -> None:
    lamp = await a_product(db, price=3000, on_hand=5, images=0)
    await a_coupon(db)
    page = await open_checkout(browser, lamp.slug)

    unknown = await browser.submit(page, "/checkout", {"coupon": "nothing-1"}, button="Use this")
    # Typed and not used: Pay does not go past it.
    used = await browser.submit(page, "/checkout", TYPED | {"coupon": "spring-10"}, button="Pay")
    without = await browser.submit(used, "/checkout", button="Remove the coupon")
    placed = await browser.submit(used, "/checkout", button="Pay")

    assert unknown.status == 422
    assert unknown.form("/checkout").fields["coupon"] == "NOTHING-1"
    assert "There is no such coupon" in unknown.text
    assert "Coupon SPRING-10 saves you €3.00 ." in used.text
    assert "Pay €31.90" in used.text
    assert used.form("/checkout").fields["line1"] == TYPED["line1"]
    assert "Pay €34.90" in without.text
    assert placed.status == 409  # the coupon was taken off in another tab: €34.90 now
    assert (await count_rows(db, ["orders"])) == {}


async def test_a_gift_card_shows_what_it_pays_before_anything_is_ordered(
    browser: Browser, db: Database
) -> None:
    lamp = await a_product(db, price=3000, on_hand=5, images=0)
    card = await a_gift_card(db, 1_000)
    page = await open_checkout(browser, lamp.slug)

    shown = await browser.submit(
        page, "/checkout", {"gift_card": card.code}, button="Show what it pays"
    )
    wrong = await browser.submit(
        page, "/checkout", {"gift_card": "0" * 20}, button="Show what it pays"
    )

    assert f"ending in {card.code[-4:]} − €10.00 Left to pay €24.90" in shown.text
    assert "Pay €24.90" in shown.text
    assert "This gift card cannot be used here." in wrong.text
    assert await balance_of(db, card) == 1_000
