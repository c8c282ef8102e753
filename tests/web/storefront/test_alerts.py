"""Being written to when something is back, from the product's page."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from surehold.cart.commands import prune_alerts, tell_back_in_stock
from surehold.cart.commands.alerts import ALERTS_PER_ADDRESS, ask_alert
from surehold.db import Database
from surehold.inventory import commands as inventory
from surehold.kernel.ids import VariantId
from tests.builders.accounts import Post
from tests.builders.catalog import a_product
from tests.support import clock
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.test_account import EMAIL, register, sign_in


async def ask(browser: Browser, slug: str, email: str | None = None) -> Page:
    page = await browser.get(f"/p/{slug}")
    return await browser.submit(page, "*/alerts", {} if email is None else {"email": email})


async def waiting(db: Database) -> list[str]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT email FROM stock_alerts WHERE told_at IS NULL ORDER BY email"
        )
    return [row["email"] for row in rows]


async def counters(db: Database) -> list[tuple[int, ...]]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT on_hand, allocated, reserved FROM stock_levels ORDER BY variant_id"
        )
    return [tuple(row) for row in rows]


async def bring(db: Database, variant_id: VariantId) -> None:
    """A delivery of one unit."""
    async with db.connection() as connection:
        place = await connection.raw.fetchval("SELECT id FROM locations")
    arrivals = (inventory.Arrival(variant_id, place, 1),)
    await inventory.receive_stock(db, arrivals=arrivals, reference="D1", actor="test")


async def test_who_waits_is_written_to_once_and_forgotten(browser: Browser, db: Database) -> None:
    post = Post(db)
    lamp = await a_product(db, name="Trail lamp", slug="lamp", on_hand=0, images=0)
    mug = await a_product(db, name="Mug", slug="mug", on_hand=0, images=0)
    before = await counters(db)

    wrong = await ask(browser, lamp.slug, "mara@")
    told = await ask(browser, lamp.slug, "Mara@Example.com")
    again = await ask(browser, lamp.slug, "mara@example.com")
    await ask(browser, mug.slug, "mara@example.com")
    stranger = await browser.post(
        "/p/lamp/alerts",
        {"csrf_token": told.form("*/alerts").fields["csrf_token"], "sku": "NO", "email": EMAIL},
    )
    assert await tell_back_in_stock(db) == 0
    assert await counters(db) == before
    await bring(db, lamp.variant_id)
    after = await counters(db)
    assert await tell_back_in_stock(db) == 1
    assert await tell_back_in_stock(db) == 0
    (mail,) = await post.fetch()
    _, stop = [line for line in mail.text.splitlines() if line.startswith("http")]
    opened = await browser.get(stop)
    kept = await waiting(db)
    done = await browser.submit(opened, "/alerts/stop")

    assert (wrong.status, wrong.form("*/alerts").fields["email"]) == (422, "mara@")
    assert "Enter an address such as name@example.com." in wrong.text
    assert "We write to you when it is back" in told.text
    assert again.text == told.text.replace("Mara@Example.com", "mara@example.com")
    assert stranger.status == 404
    assert (mail.to, mail.subject) == ("Mara@example.com", "Trail lamp is back at Northline")
    assert f"http://shop.test/p/lamp?variant={lamp.sku}" in mail.text
    assert stop in mail.html
    assert kept == ["mara@example.com"]
    assert done.heading == "We write to you no more"
    assert await count_rows(db, ["stock_alerts"]) == {}
    assert (await browser.get(stop[:-3] + "AAA")).status == 404
    assert await post.fetch() == []
    assert await counters(db) == after


async def test_who_reads_amharic_is_told_in_amharic(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, name="Trail lamp", slug="lamp", on_hand=0, images=0)
    page = await browser.get("/p/lamp")
    await browser.submit(page, "/language", button="አማርኛ")
    await ask(browser, lamp.slug, EMAIL)
    # The first who asks for an address decides, as with everything about an alert.
    english = await browser.submit(await browser.get("/p/lamp"), "/language", button="English")
    await browser.submit(english, "*/alerts", {"email": EMAIL})
    await bring(db, lamp.variant_id)
    assert await tell_back_in_stock(db) == 1
    (mail,) = await Post(db).fetch()

    assert mail.subject == "Trail lamp ወደ Northline ተመልሷል"
    assert mail.text.startswith("ሰላም፣\n\nአሁን Trail lamp እንደገና መግዛት ይቻላል።")
    assert '<html lang="am">' in mail.html


async def test_who_is_signed_in_presses_one_button(browser: Browser, db: Database) -> None:
    lamp = await a_product(db, on_hand=0, images=0)
    await register(browser, Post(db))
    await sign_in(browser)

    await ask(browser, lamp.slug)
    found = await waiting(db)
    await clock.shift(db, timedelta(days=181))
    async with db.transaction() as tx:
        pruned = await prune_alerts(tx)

    assert (found, pruned) == ([EMAIL], 1)


async def test_at_once_one_row_and_one_letter_and_never_too_many(db: Database) -> None:
    sizes = [str(size) for size in range(ALERTS_PER_ADDRESS + 2)]
    boots = await a_product(db, sizes=sizes, on_hand=1, images=0)

    async def one(variant_id: VariantId) -> None:
        await ask_alert(db, variant_id=variant_id, email=EMAIL, email_key=EMAIL, language="en")

    await asyncio.gather(*(one(boots.variant_ids[0]) for _ in range(4)))
    for variant_id in boots.variant_ids:
        await one(variant_id)
    counted = await count_rows(db, ["stock_alerts"])
    told = await asyncio.gather(*(tell_back_in_stock(db) for _ in range(4)))
    async with db.connection() as connection:
        facts = await connection.raw.fetchval(
            "SELECT count(DISTINCT subject_id) = count(*) AND count(*) = $1 FROM outbox"
            " WHERE topic = 'cart.back_in_stock'",
            ALERTS_PER_ADDRESS,
        )
    later = "later@example.com"
    await ask_alert(db, variant_id=boots.variant_id, email=later, email_key=later, language="en")
    # Those who were told before stand beside, until their letters are sent.
    again = await tell_back_in_stock(db)

    assert again == 1
    assert counted == {"stock_alerts": ALERTS_PER_ADDRESS}
    assert (sum(told), facts) == (ALERTS_PER_ADDRESS, True)
