"""Photos of what comes back, sent from a page without scripts."""

from __future__ import annotations

from io import BytesIO
from uuid import UUID

from PIL import Image

from surehold.checkout.commands import move_return
from surehold.checkout.engine import Checkout
from surehold.checkout.model import PlacedOrder
from surehold.db import Database
from surehold.kernel.ids import ReturnId
from surehold.orders.photos.queries import list_photos
from surehold.orders.states import ReturnEvent
from surehold.web.limits import PHOTO_LIMIT_BYTES
from surehold.web.storefront import uploads
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF, ship
from tests.orders.test_photos import a_picture
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.test_aftercare import a_paid_one, deliver

Files = list[tuple[str, bytes]]


async def send(browser: Browser, page: Page, files: Files, *, token: str | None = None) -> Page:
    """Choose files and press the button, as a browser without scripts does."""
    form = page.form("*/lines/*/photos")
    fields = {"csrf_token": form.fields["csrf_token"] if token is None else token}
    response = await browser.client.post(
        browser.base_url + form.action,
        data=fields,
        files=[("photo", file) for file in files],
    )
    if response.status_code == 303:
        return await browser.get(response.headers["location"])
    return Page(response)


async def ask_for_a_return(browser: Browser, number: str, placed: PlacedOrder) -> Page:
    """One unit is damaged: the page that asks for photos."""
    (line,) = placed.lines
    page = await browser.get(f"/orders/{number}/returns/new")
    return await browser.submit(
        page,
        "*/returns",
        {f"quantity_{line.id}": "1", f"reason_{line.id}": "damaged"},
        button="Ask for the return",
    )


def pictures(count: int) -> Files:
    return [(f"lamp-{one}.jpg", a_picture(size=(40 + one, 20))) for one in range(count)]


async def test_photos_of_a_return_are_sent_shown_and_taken_away(
    browser: Browser, checkout: Checkout, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", on_hand=5, images=0)
    number, placed = await a_paid_one(browser, checkout, lamp.slug)
    await ship(checkout, placed.order.id)
    await deliver(checkout, placed.order.id)
    page = await ask_for_a_return(browser, number, placed)
    return_id = ReturnId(UUID(page.path.split("/")[4]))

    forged = await send(browser, page, pictures(1), token="A" * 24)
    nothing = await send(browser, page, [("", b"")])
    one = await send(browser, page, [("big.jpg", b"x" * (PHOTO_LIMIT_BYTES + 1))])
    large = await send(browser, page, [("big.jpg", b"x" * (uploads.FORM_LIMIT_BYTES + 99_999))])
    wrong = await send(browser, page, [*pictures(2), ("<b>.pdf", b"%PDF-1.7")])
    same = await send(browser, wrong, pictures(1))
    full = await send(browser, same, pictures(6)[2:])
    counted = await count_rows(db, ["return_photos"])
    order = await browser.get(f"/orders/{number}")
    async with db.connection() as connection:
        [first, *_] = await list_photos(connection, order_id=placed.order.id, return_id=return_id)
    shown = await browser.client.get(
        f"http://shop.test/orders/{number}/returns/{return_id}/photos/{first.id}"
    )
    gone = await browser.submit(full, f"*/photos/{first.id}/remove")
    twice = await browser.submit(full, f"*/photos/{first.id}/remove")

    assert (page.heading, "We have your request" in page.text) == ("Photos of your return", True)
    assert (forged.status, wrong.status, "Choose a photo first." in nothing.text) == (
        403,
        422,
        True,
    )
    assert (one.status, large.status) == (422, 413)
    assert "big.jpg is larger than 8 MB or 50 million pixels." in one.text
    assert "At most 24 MB at once. Nothing was kept." in large.text
    assert "&lt;b&gt;.pdf is no JPEG, PNG or WebP." in wrong.html
    assert "Up to 3 photos" in wrong.text
    assert "We have 1 photo from you" in same.text
    assert "lamp-5.jpg was one too many: at most 5." in full.text
    assert "That is as many as we take." in full.text
    assert counted == {"return_photos": 5}
    assert order.links["Photos"] == f"/orders/{number}/returns/{return_id}/photos"
    assert Image.open(BytesIO(shown.content)).format == "JPEG"
    assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "The photo is deleted" in gone.text
    assert "That was removed already" in twice.text
    assert await count_rows(db, ["return_photos"]) == {"return_photos": 4}

    await move_return(
        checkout,
        order_id=placed.order.id,
        return_id=return_id,
        event=ReturnEvent.REJECT,
        actor=STAFF,
        answer="It is not ours",
    )
    late = await send(browser, gone, pictures(1))
    over = await browser.get(page.path)
    browser.client.cookies.clear()
    await browser.get("/track")

    assert "The return has gone further meanwhile" in late.text
    assert [form.action for form in over.forms if "photos" in form.action] == []
    assert (await browser.get(page.path)).status == 404
    assert (await browser.get(f"{page.path}/{first.id}")).status == 404
    stranger = await send(browser, page, [("big.jpg", b"x" * uploads.FORM_LIMIT_BYTES)])
    assert stranger.status == 404
