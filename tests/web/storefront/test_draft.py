"""The page of a payment link: what staff wrote, what they left open, and one order of it."""

from __future__ import annotations

from datetime import date

from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.inventory.commands import BackorderWish, set_backorders
from surehold.inventory.model import BackorderKind
from surehold.orders.drafts import commands as drafts
from surehold.orders.drafts.model import DraftLine
from tests.builders.catalog import a_product, change_on_hand, change_price
from tests.builders.drafts import a_sent_draft
from tests.support.placing import count_rows, counters
from tests.web.storefront.browser import Browser
from tests.web.storefront.buying import TYPED, number_of


async def test_a_buyer_pays_what_staff_wrote(browser: Browser, app: object, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=5)
    sent = await a_sent_draft(
        db,
        (lamp.variant_id, 2),
        lines=(DraftLine(lamp.variant_id, 2, 3000, "As on the flyer"),),
        discount_minor=500,
        discount_reason="Sorry for the wait",
    )
    path = f"/draft/{sent.token}"

    page = await browser.get(path)
    tab = await browser.get(path)
    waiting = await browser.submit(page, path, {"provider": "bank_transfer"}, button="Pay")
    late = await browser.submit(tab, path, {"provider": "bank_transfer"}, button="Pay")

    # 2 x 30.00 less 5.00, and 4.90 to send them.
    assert "Pay €59.90" in page.text
    assert "mara@example.com" in page.text
    assert "12 Quay Street" in page.text
    assert "email" not in page.form(path).fields
    assert page.response.headers["x-robots-tag"] == "noindex"
    assert waiting.heading == "Send €59.90 to finish"
    assert late.path == waiting.path == f"/orders/{number_of(waiting)}/pay"
    assert (await count_rows(db, ["orders"])) == {"orders": 1}
    assert await counters(db, lamp.variant_id) == (5, 0, 2)
    async with Browser(app) as other:
        assert (await other.get(path)).path == waiting.path


async def test_what_staff_left_open_is_asked_for(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5)
    sent = await a_sent_draft(
        db, (lamp.variant_id, 1), email=None, shipping_address=None, shipping_method=None
    )
    path = f"/draft/{sent.token}"

    page = await browser.get(path)
    american = await browser.submit(
        page, path, TYPED | {"country": "US"}, button="Update for this country"
    )
    empty = await browser.submit(page, path, button="Pay")
    waiting = await browser.submit(page, path, TYPED, button="Pay")

    assert "California" in american.text
    assert american.form(path).fields["name"] == "Mara Quinn"
    assert empty.status == 422
    assert "4 things need your attention" in empty.text
    assert waiting.heading == "Send €43.90 to finish"


async def test_what_changed_meanwhile_is_shown_before_anything_is_placed(
    browser: Browser, checkout: Checkout, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", price=3900, on_hand=2)
    sent = await a_sent_draft(db, (lamp.variant_id, 2))
    path = f"/draft/{sent.token}"
    page = await browser.get(path)

    await change_price(db, lamp.variant_id, currency="EUR", price=4000)
    dearer = await browser.submit(page, path, button="Pay")
    await change_on_hand(db, lamp.variant_id, on_hand=1)
    short = await browser.submit(dearer, path, button="Accept")
    await change_on_hand(db, lamp.variant_id, on_hand=2)
    content = sent.draft.content
    await drafts.change_draft(
        checkout.db,
        draft_id=sent.draft.id,
        version=2,
        content=type(content)(
            currency="EUR",
            lines=(DraftLine(lamp.variant_id, 1),),
            email=content.email,
            shipping_address=content.shipping_address,
        ),
        actor="test",
    )
    changed = await browser.submit(short, path, button="Pay")
    waiting = await browser.submit(changed, path, button="Pay")

    assert dearer.status == 409
    assert "A price changed while you were here" in dearer.text
    assert "Accept €84.90 and pay" in dearer.text
    assert short.status == 409
    assert "1 of 2 left" in short.text
    assert changed.status == 409
    assert "The store has changed this order" in changed.text
    assert waiting.heading == "Send €44.90 to finish"


async def test_a_link_that_leads_nowhere_says_so(browser: Browser, db: Database) -> None:
    lamp = await a_product(db)
    canceled = await a_sent_draft(db, (lamp.variant_id, 1))
    await drafts.cancel_draft(db, draft_id=canceled.draft.id, actor="test")
    over = await a_sent_draft(db, (lamp.variant_id, 1))
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE draft_orders SET link_expires_at = store_now() WHERE id = $1", over.draft.id
        )

    pages = [
        await browser.get(f"/draft/{token}")
        for token in (canceled.token, over.token, "nothing", "x" * 201)
    ]

    assert [page.status for page in pages] == [409, 409, 404, 404]
    assert "The store has taken this order back." in pages[0].text
    assert "The link has expired. Ask the store for another." in pages[1].text
    assert await count_rows(db, ["orders"]) == {}


async def test_what_is_not_there_yet_is_said_before_it_is_paid(
    browser: Browser, db: Database
) -> None:
    lamp = await a_product(db, price=3900, on_hand=1)
    wish = BackorderWish(BackorderKind.PREORDER, 5, promised_on=date(2100, 12, 12))
    await set_backorders(db, variant_id=lamp.variant_id, wish=wish, actor="test")
    sent = await a_sent_draft(
        db, (lamp.variant_id, 3), lines=(DraftLine(lamp.variant_id, 3, 3000, "As on the flyer"),)
    )

    page = await browser.get(f"/draft/{sent.token}")

    assert "2 of 3 ship on" in page.text
    assert "Arrives" not in page.text
