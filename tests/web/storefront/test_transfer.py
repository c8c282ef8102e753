"""Paying by transfer on the pages: the code for a bank's program, a proof, and a refusal."""

from __future__ import annotations

from surehold.checkout.commands import reject_transfer
from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.orders import queries as orders
from surehold.orders.transfers.queries import list_proofs
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF, look_at
from tests.orders.test_transfers import PDF
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.buying import buy, number_of


async def send_file(browser: Browser, page: Page, raw: bytes, *, token: str | None = None) -> Page:
    """Choose a file and press the button, as a browser without scripts does."""
    form = page.form("*/pay/proof")
    fields = {"csrf_token": form.fields["csrf_token"] if token is None else token}
    await browser.client.post(
        browser.base_url + form.action, data=fields, files={"proof": ("any.pdf", raw)}
    )
    return await browser.get(page.path)


async def test_a_proof_is_shown_once_and_says_so(
    browser: Browser, checkout: Checkout, db: Database
) -> None:
    lamp = await a_product(db, on_hand=5, images=0)
    page = await buy(browser, lamp.slug)
    async with db.connection() as connection:
        order = await orders.find_order_by_number(connection, number=number_of(page))
    assert order is not None
    payment = (await look_at(checkout, order.id)).payment
    assert payment is not None

    forged = await send_file(browser, page, PDF, token="A" * 24)
    wrong = await send_file(browser, page, b"<html>")
    kept = await send_file(browser, page, PDF)
    again = await send_file(browser, page, PDF)
    async with db.connection() as connection:
        proofs = await list_proofs(connection, payment_id=payment.id)

    assert "Scan this in your bank’s app" in page.text
    assert "Show a proof of your transfer" in forged.text
    assert "This file could not be read" in wrong.text
    assert "We have your proof" in kept.text
    assert "We have 1 file from you" in again.text
    assert [(proof.size_bytes, proof.actor) for proof in proofs] == [(len(PDF), "buyer")]


async def test_a_transfer_that_staff_could_not_match_is_not_called_a_card(
    browser: Browser, checkout: Checkout, db: Database
) -> None:
    lamp = await a_product(db, on_hand=5, images=0)
    page = await buy(browser, lamp.slug)
    async with db.connection() as connection:
        order = await orders.find_order_by_number(connection, number=number_of(page))
    assert order is not None
    payment = (await look_at(checkout, order.id)).payment
    assert payment is not None
    await reject_transfer(
        checkout, payment_id=payment.id, reason="The receipt is of another order", actor=STAFF
    )

    refused = await browser.get(page.path)

    assert refused.heading == "We could not match your transfer"
    assert "The receipt is of another order. Your items are still held." in refused.text
    assert "do not send it again" in refused.text
    assert "No money was taken" not in refused.text
