"""Reviews on the pages: read by everybody, written once by who is signed in, shown escaped."""

from __future__ import annotations

from surehold.db import Database
from surehold.identity.model import SessionKind
from surehold.kernel.ids import ReviewId
from surehold.reviews import commands
from tests.builders.accounts import a_customer, an_identity, sign_in
from tests.builders.catalog import a_product
from tests.web.storefront.browser import Browser

SAID = {"stars": "4", "title": "Bright <b>enough", "body": "One.\n\nTwo.", "author": "Mara"}


async def _sign_in(browser: Browser, db: Database) -> None:
    """The cookie that signing in gives a browser."""
    identity = an_identity(db)
    await a_customer(identity)
    signed_in = await sign_in(identity, kind=SessionKind.BROWSER)
    assert signed_in.cookie is not None
    browser.client.cookies.set("surehold_session", signed_in.cookie, domain="shop.test")


async def test_a_review_is_written_once_and_read_when_published(
    browser: Browser, db: Database
) -> None:
    lamp = await a_product(db, name="Lamp")
    address = f"/p/{lamp.slug}/reviews"
    before = await browser.get(f"/p/{lamp.slug}")
    await _sign_in(browser, db)
    page = await browser.get(address)

    refused = await browser.submit(page, address, {"title": " ", "body": "x"})
    written = await browser.submit(refused, address, SAID)
    again = await browser.post(address, page.form(address).fields | SAID)
    async with db.connection() as connection:
        rows = await connection.raw.fetch("SELECT id FROM reviews")
    waiting = await browser.get(f"/p/{lamp.slug}")
    await commands.publish_review(db, review_id=ReviewId(rows[0]["id"]), actor="staff")
    published = await browser.get(f"/p/{lamp.slug}")

    assert "Nobody has reviewed this yet." in before.text
    assert before.links["Write the first one"] == address
    assert page.form(address).fields["author"] == "Mara"
    assert refused.status == 422
    assert "2 things need your attention" in refused.text
    assert "Choose from 1 to 5 stars" in refused.text
    assert refused.form(address).fields["author"] == "Mara"
    assert written.path == address
    assert "Thank you for your review" in written.text
    assert "yours is next" in written.text
    assert not [form for form in written.forms if form.action == address]
    assert "You have reviewed this product" in again.text
    assert len(rows) == 1
    assert "Bright" not in waiting.text
    assert "Bright <b>enough" in published.text
    assert "<b>enough" not in published.html
    assert 'itemprop="ratingValue">4.0<' in published.html
    assert "Verified buyer" not in published.text


async def test_a_guest_reads_and_cannot_write(browser: Browser, db: Database) -> None:
    lamp = await a_product(db)
    address = f"/p/{lamp.slug}/reviews"
    page = await browser.get(f"{address}?cursor=nonsense")
    token = page.form("/theme").fields["csrf_token"]

    sent = await browser.post(address, {**SAID, "csrf_token": token})
    foreign = await browser.post(address, SAID)

    assert page.status == 200
    assert "No reviews yet" in page.text
    assert not [form for form in page.forms if form.action == address]
    assert (sent.status, foreign.status) == (401, 403)
    async with db.connection() as connection:
        assert await connection.raw.fetchval("SELECT count(*) FROM reviews") == 0
