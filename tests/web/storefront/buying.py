"""What a visitor does on the way to an order, through the forms that the pages offer."""

from __future__ import annotations

from tests.web.storefront.browser import Browser, Page

#: What a buyer in Ireland types.
TYPED = {
    "email": "mara@example.com",
    "name": "Mara Quinn",
    "country": "IE",
    "line1": "12 Quay Street",
    "city": "Galway",
    "postal_code": "H91 X2KP",
}


async def add_to_cart(browser: Browser, slug: str, quantity: int = 1) -> Page:
    """Add from the product page."""
    page = await browser.get(f"/p/{slug}")
    return await browser.submit(
        page, "/cart/items", {"quantity": str(quantity)}, button="Add to cart"
    )


async def open_checkout(browser: Browser, slug: str, quantity: int = 1) -> Page:
    """Have something in the cart and open the checkout."""
    await add_to_cart(browser, slug, quantity)
    return await browser.get("/checkout")


async def place(browser: Browser, page: Page, **changes: str) -> Page:
    """Fill in the checkout and press Pay."""
    return await browser.submit(page, "/checkout", TYPED | changes, button="Pay")


async def buy(browser: Browser, slug: str, quantity: int = 1, **changes: str) -> Page:
    """The whole way from the product page to the payment page."""
    return await place(browser, await open_checkout(browser, slug, quantity), **changes)


def number_of(page: Page) -> str:
    """The order's number, from the address of its page."""
    return page.path.split("/")[2]
