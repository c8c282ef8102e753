"""Every page by itself: what it shows, what it costs, and what htmx gets of it."""

from __future__ import annotations

from typing import Any

import pytest

from surehold.db import Database
from surehold.web.storefront.samples import samples
from tests.builders.catalog import a_product, archive, change_on_hand, change_price
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser
from tests.web.storefront.buying import add_to_cart, buy, number_of, open_checkout


async def _stock(db: Database, count: int) -> None:
    for index in range(count):
        await a_product(
            db, name=f"Lamp {index}", price=1000 + index, categories=("light",), sizes=("S", "M")
        )


@pytest.mark.parametrize("count", [2, 12])
async def test_front_and_product_page_ask_little(
    browser: Browser, db: Database, statements: list[str], count: int
) -> None:
    await _stock(db, count)
    lamp = await a_product(db, categories=("light",), sizes=("S", "M", "L"))
    await add_to_cart(browser, lamp.slug)
    asked = {}

    for path in ("/", f"/p/{lamp.slug}", "/c/light", "/search?q=lamp"):
        statements.clear()
        page = await browser.get(path)
        assert page.status == 200
        asked[path] = list(statements)

    # The visitor's cart is one of them; the menu's names are read every few seconds only. A grid
    # and all its filters with their counts are two more; what is said of a product is one.
    assert {path: len(names) for path, names in asked.items()} == {
        "/": 3,
        f"/p/{lamp.slug}": 5,
        "/c/light": 3,
        "/search?q=lamp": 3,
    }

    other = await a_product(db, categories=("light",))
    statements.clear()
    await browser.get(f"/p/{other.slug}")

    # What was looked at before is one more, however much it is.
    assert sorted(statements) == sorted([*asked[f"/p/{lamp.slug}"], "inventory.list_shelf_of"])


async def test_the_grid_pages_filters_and_sorts(browser: Browser, db: Database) -> None:
    await _stock(db, 30)
    await a_product(db, name="Sold out lamp", price=10, on_hand=0, categories=("light",))

    first = await browser.get("/c/light?sort=price")
    second = await browser.get(first.links["Load more"])
    in_stock = await browser.submit(first, "/c/light", {"in_stock": "1"}, button="Apply")
    old = await browser.get("/c/light?cursor=nonsense")

    assert "31 products" in first.text
    assert "Sold out" in first.text
    assert "Showing 24 of 31" in first.text
    assert len([name for name in second.links if name.startswith("Lamp ")]) == 7
    assert "30 products" in in_stock.text
    assert "In stock only" in in_stock.text
    assert "sort=price" in str(in_stock.response.url)
    assert (old.status, old.heading) == (200, "Light")


async def test_search_finds_or_says_so(browser: Browser, db: Database) -> None:
    await _stock(db, 2)

    found = await browser.submit(await browser.get("/"), "/search", {"q": "lamp"})
    none = await browser.get("/search?q=sofa")
    bare = await browser.get("/search")
    odd = await browser.get("/search?q=%00&sort=x&category=nowhere&cursor=%FF")

    assert found.heading == "2 results for “lamp”"
    assert none.heading == "No results"
    assert "Nothing matches “sofa”" in none.text
    assert (bare.status, odd.status) == (200, 200)


async def test_a_vendor_has_a_page(browser: Browser, db: Database) -> None:
    await a_product(db, name="Pot", vendor="ashdown")
    await a_product(db, name="Lamp", vendor="kestrel")

    page = await browser.get("/v/ashdown")

    assert page.heading == "Ashdown"
    assert "Pot" in page.links
    assert "Lamp" not in page.links


async def test_options_lead_to_variants(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, sizes=("S", "M"), on_hand=9)
    await change_on_hand(db, lamp.variant_ids[0], on_hand=0)

    usual = await browser.get(f"/p/{lamp.slug}")
    small = await browser.get(usual.links["S"])

    assert usual.form("/cart/items").fields["variant_id"] == str(lamp.variant_ids[1])
    assert "S (sold out)" in usual.text
    assert "Sold out" in small.text
    assert not [form for form in small.forms if form.action == "/cart/items"]


@pytest.mark.parametrize(
    ("on_hand", "words"),
    [(9, "In stock"), (5, "Only 5 left"), (1, "Only 1 left"), (0, "Sold out")],
)
async def test_stock_is_told_as_it_is(
    browser: Browser, db: Database, on_hand: int, words: str
) -> None:
    lamp = await a_product(db, on_hand=on_hand)

    assert words in (await browser.get(f"/p/{lamp.slug}")).text


async def test_the_last_one_may_come_free(app: Any, browser: Browser, db: Database) -> None:
    lamp = await a_product(db, on_hand=1)
    await buy(browser, lamp.slug)
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE reservations SET expires_at = store_now() + interval '6 minutes'"
        )
    async with Browser(app) as other:
        page = await other.get(f"/p/{lamp.slug}")

    assert "Someone is buying the last one; it may free up in about 6 min" in page.text


async def test_a_refused_add_is_told_on_the_product_page(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", on_hand=2)
    page = await browser.get(f"/p/{lamp.slug}")
    await change_on_hand(db, lamp.variant_id, on_hand=1)

    refused = await browser.submit(page, "/cart/items", {"quantity": "2"}, button="Add to cart")
    odd = await browser.submit(page, "/cart/items", {"quantity": "-1"}, button="Add to cart")
    gone = await browser.submit(
        page, "/cart/items", {"variant_id": "nonsense"}, button="Add to cart"
    )

    assert (refused.status, refused.heading) == (409, "Trail lamp")
    assert "Only 1 is left. Nothing was added to your cart." in refused.text
    assert (odd.status, odd.heading) == (422, "Trail lamp")
    assert (gone.status, gone.heading) == (409, "Not added")
    assert await count_rows(db, ["carts", "cart_lines"]) == {}


async def test_the_cart_tells_what_changed_and_accepts_it(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Lamp", price=4200, on_hand=5)
    mug = await a_product(db, name="Mug", price=1000, on_hand=2)
    pot = await a_product(db, name="Pot", price=1000, on_hand=2)
    for product, quantity in ((lamp, 1), (mug, 2), (pot, 1)):
        await add_to_cart(browser, product.slug, quantity)
    await change_price(db, lamp.variant_id, currency="EUR", price=3900)
    await change_on_hand(db, mug.variant_id, on_hand=1)
    await archive(db, pot.product_id)

    changed = await browser.get("/cart")
    same = await browser.get("/cart")
    accepted = await browser.submit(changed, "/cart/accept")

    for page in (changed, same):
        assert "Price fell from €42.00 to €39.00" in page.text
        assert "Only 1 left" in page.text
        assert "Sold out since you added it" in page.text
        assert "Check out" not in page.links
    assert "Mug: we changed 2 to 1." in accepted.text
    assert "Price fell" not in accepted.text
    assert "Sold out since you added it" in accepted.text


async def test_removing_can_be_undone(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Lamp", on_hand=5)
    await add_to_cart(browser, lamp.slug, 2)
    cart = await browser.get("/cart")

    removed = await browser.submit(cart, "/cart/items/*/remove")
    again = await browser.submit(cart, "/cart/items/*/remove")
    back = await browser.submit(removed, "/cart/items", button="Undo")
    later = await browser.get("/cart")

    assert "Removed Lamp" in removed.text
    assert "Your cart is empty" in removed.text
    assert "That was removed already" in again.text
    assert back.path == "/cart"
    assert "2 items" in back.text
    assert "Removed Lamp" not in later.text


async def test_a_quantity_is_changed_in_place(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, on_hand=3, price=1000)
    await add_to_cart(browser, lamp.slug)
    cart = await browser.get("/cart")
    action = cart.form("/cart/items/*").action

    three = await browser.submit(cart, action, {"quantity": "3"})
    four = await browser.submit(cart, action, {"quantity": "4"})
    odd = await browser.submit(cart, action, {"quantity": "many"})
    none = await browser.submit(cart, action, {"quantity": "0"})

    assert (three.status, four.status, odd.status, none.status) == (200, 409, 422, 200)
    assert "€30.00" in three.text
    assert "Only 3 are left." in four.text
    assert "Enter a quantity from 1 to 999" in odd.text
    assert "€30.00" in odd.text
    assert "Your cart is empty" in none.text


async def test_the_currency_takes_the_cart_along(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, price={"EUR": 3900, "USD": 4200}, on_hand=5)
    euro = await a_product(db, name="Euro mug", price={"EUR": 1000}, on_hand=5)
    await add_to_cart(browser, lamp.slug)

    cart = await browser.get("/cart")
    dollars = await browser.submit(cart, "/currency", button="USD")
    home = await browser.get("/")
    await browser.submit(home, "/currency", button="EUR")
    await add_to_cart(browser, euro.slug)
    refused = await browser.submit(await browser.get("/cart"), "/currency", button="USD")
    odd = await browser.post(
        "/currency", {**cart.form("/currency").fields, "currency": "XXX", "next": "/track"}
    )

    assert dollars.path == "/cart"
    assert "US$42.00" in dollars.text
    assert "Euro mug" not in home.links
    assert "Not everything in your cart is sold in USD" in refused.text
    assert "Remove Euro mug first." in refused.text
    assert odd.path == "/track"


async def test_figures_follow_the_reader(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, price=123456)

    german = await browser.get(f"/p/{lamp.slug}", accept_language="de-AT,de;q=0.9")
    english = await browser.get(f"/p/{lamp.slug}", accept_language="en-GB")

    assert "€ 1.234,56" in german.text
    assert 'lang="de-AT"' in german.html
    assert "€1,234.56" in english.text


async def test_the_language_is_chosen_and_kept(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, price=123456)
    page = await browser.get("/cart", accept_language="en-IE")

    chosen = await browser.submit(page, "/language", button="Deutsch")
    product = await browser.get(f"/p/{lamp.slug}", accept_language="en-IE")
    odd = await browser.post("/language", {**page.form("/language").fields, "language": "xx"})

    assert chosen.path == "/cart"
    assert "Warenkorb" in chosen.text
    # The words are German, the figures those of the reader's region where the two go together.
    assert 'lang="de-IE"' in product.html
    assert "1.234,56" in product.text
    assert "Warenkorb" in odd.text


async def test_the_light_is_kept(browser: Browser) -> None:
    page = await browser.get("/track")

    dark = await browser.submit(page, "/theme", button="Dark")
    odd = await browser.post("/theme", {**page.form("/theme").fields, "theme": "pink"})

    assert 'class="dark"' in dark.html
    assert dark.path == "/track"
    assert 'class="dark"' in odd.html


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/p/nothing", 404),
        ("GET", "/c/nothing", 404),
        ("GET", "/v/nothing", 404),
        ("GET", "/p/%00", 404),
        ("GET", "/c/%00", 404),
        ("GET", "/ui/nothing", 404),
        ("GET", "/currency", 405),
        ("DELETE", "/cart", 405),
        ("POST", "/nowhere", 405),
    ],
)
async def test_errors_are_pages(browser: Browser, method: str, path: str, status: int) -> None:
    response = await browser.client.request(method, f"http://shop.test{path}")

    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["x-request-id"] in response.text
    assert response.text.count("<h1") == 1


async def test_a_fault_of_ours_is_a_page(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise ValueError("broken for a test")

    monkeypatch.setattr("surehold.inventory.queries.list_shelf", broken)
    page = await browser.get("/")

    assert page.status == 500
    assert page.heading == "Something broke on our side"
    assert "broken for a test" not in page.html


async def test_head_is_get_without_a_body(browser: Browser) -> None:
    response = await browser.client.head("http://shop.test/track")

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "text/html; charset=utf-8"


async def test_htmx_gets_blocks(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", on_hand=5)
    page = await browser.get(f"/p/{lamp.slug}")
    headers = {"hx_request": "true", "hx_request_type": "partial"}

    fields = page.form("/cart/items").fields
    drawer = await browser.post("/cart/items", fields, **headers)
    cart = await browser.get("/cart", **headers)
    whole = await browser.get("/cart", hx_request="true", hx_request_type="full")
    await change_on_hand(db, lamp.variant_id, on_hand=1)
    refused = await browser.post("/cart/items", fields, **headers)

    assert drawer.html.lstrip().startswith("<auto-dialog>")
    assert "Added to cart" in drawer.text
    assert 'id="cart-count"' in drawer.html
    assert cart.html.count("<html") == 0
    assert 'id="cart"' in cart.html
    assert "<html" in whole.html
    assert refused.status == 409
    assert "Nothing was added to your cart." in refused.text


async def test_every_page_has_one_heading(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, categories=("light",))
    waiting = await buy(browser, lamp.slug)
    number = number_of(waiting)
    form = await open_checkout(browser, lamp.slug)
    paths = (
        "/", "/c/light", "/v/northline", "/search", "/search?q=x", f"/p/{lamp.slug}", "/cart",
        "/track", f"/orders/{number}", f"/orders/{number}/pay", "/ui",
    )  # fmt: skip

    pages = [form, *[await browser.get(path) for path in paths]]

    assert [len(page.headings) for page in pages] == [1] * len(pages)
    assert [page.status for page in pages] == [200] * len(pages)


async def test_every_state_can_be_looked_at(browser: Browser) -> None:
    index = await browser.get("/ui")

    for sample in samples():
        page = await browser.get(index.links[sample.name])
        assert (page.status, len(page.headings)) == (200, 1)


async def test_the_hold_ended_and_something_is_gone(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Lamp", on_hand=3)
    number = number_of(await buy(browser, lamp.slug, 3))
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE reservations SET expires_at = store_now() - interval '1 minute'"
        )
    whole = await browser.get(f"/orders/{number}/pay")
    await change_on_hand(db, lamp.variant_id, on_hand=3)
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE reservations SET state = 'expired', ended_at = store_now(),"
            " end_reason = 'time is over'"
        )
        await connection.raw.execute("UPDATE stock_levels SET reserved = 0, on_hand = 2")
    short = await browser.get(f"/orders/{number}/pay")
    pressed = await browser.submit(whole, f"/orders/{number}/pay", button="Try again")

    assert whole.heading == short.heading == "The holding time ended"
    assert "Your items are free again" in whole.text
    assert "2 of 3 left" in short.text
    assert "Take what is left" in short.links
    assert pressed.status == 409
    assert "2 of 3 left" in pressed.text
