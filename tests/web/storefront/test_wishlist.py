"""The list of wishes on the pages: kept by the browser, moved into the cart, never lost."""

from __future__ import annotations

from surehold.db import Database
from tests.builders.catalog import a_product, archive, change_on_hand
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser

TABLES = ["wishlists", "wishlist_lines", "carts", "cart_lines"]


async def test_what_is_kept_is_moved_into_the_cart(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Lamp", sizes=("S", "M"), price={"EUR": 3900})
    mug = await a_product(db, name="Mug", on_hand=1)
    empty = await browser.get("/wishlist")

    kept = await browser.submit(
        await browser.get(f"/p/{lamp.slug}?variant={lamp.skus[1]}"),
        "/wishlist/items",
        button="Keep for later",
    )
    home = await browser.get("/")
    heart = next(form for form in home.forms if form.fields.get("product") == mug.slug)
    pressed = await browser.post(
        heart.action, heart.fields, hx_request="true", hx_request_type="partial"
    )
    again = await browser.post(heart.action, heart.fields)
    listed = await browser.get("/wishlist")
    await change_on_hand(db, mug.variant_id, on_hand=0)
    refused = await browser.submit(listed, f"/wishlist/items/{mug.variant_id}/move")
    moved = await browser.submit(listed, f"/wishlist/items/{lamp.variant_ids[1]}/move")
    twice = await browser.submit(listed, f"/wishlist/items/{lamp.variant_ids[1]}/move")
    cart = await browser.get("/cart")

    assert "Nothing is kept here yet" in empty.text
    assert kept.path == f"/p/{lamp.slug}"
    assert "Kept on your wishlist" in kept.text
    assert "On your wishlist" in kept.links
    assert (pressed.links[""], "<form" in pressed.html) == ("/wishlist", False)
    assert again.path == "/"
    assert listed.html.index("Mug") < listed.html.index("Lamp")
    assert "€39.00" in listed.text
    assert "Mug is sold out It stays here." in refused.text
    assert "Mug" in refused.links
    assert "Lamp, M is in your cart" in moved.text
    assert "Lamp" not in moved.links
    assert "That was removed already" in twice.text
    assert "1 item" in cart.text
    assert await count_rows(db, TABLES) == {
        "wishlists": 1, "wishlist_lines": 1, "carts": 1, "cart_lines": 1,
    }  # fmt: skip


async def test_a_wish_is_removed_and_comes_back(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Lamp")
    pot = await a_product(db, name="Pot")
    for one in (lamp, pot):
        page = await browser.get(f"/p/{one.slug}")
        await browser.submit(page, "/wishlist/items", button="Keep for later")
    listed = await browser.get("/wishlist")

    removed = await browser.submit(listed, f"/wishlist/items/{lamp.variant_id}/remove")
    back = await browser.submit(removed, "/wishlist/items", button="Undo")
    await archive(db, pot.product_id)
    gone = await browser.get("/wishlist")
    odd = await browser.post(
        "/wishlist/items", {**page.form("/wishlist/items").fields, "variant_id": "x"}
    )
    await browser.submit(gone, f"/wishlist/items/{pot.variant_id}/remove")

    assert "Removed Lamp" in removed.text
    assert "Lamp" not in removed.links
    assert "Lamp" in back.links
    assert "Not for sale any more" in gone.text
    assert "Pot" not in gone.links
    assert "This is not for sale any more" in odd.text
    assert await count_rows(db, TABLES) == {"wishlists": 1, "wishlist_lines": 1}
