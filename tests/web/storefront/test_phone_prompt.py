"""Paying on a telephone: it is asked again after a minute, and another one at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest

from surehold.app import checkout_of
from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.db.shop import change
from surehold.payments.providers.registry import Providers
from surehold.web.storefront.application import create_store
from tests.builders.catalog import a_product
from tests.fakes.awash import FakeAwash
from tests.fakes.bank_desk import FakeBank
from tests.fakes.cbe_birr import FakeCbeBirr
from tests.sandbox.conftest import serving
from tests.support.api import ADDRESS, an_api, order_token
from tests.support.provided import PRICES, SHIPPING, account_of
from tests.support.shop import make_due
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.buying import buy, number_of
from tests.web.storefront.conftest import asset_index, config

#: Where a buyer in Addis Ababa lives, and the telephone of somebody who pays for her.
HOME = {"country": "ET", "city": "Addis Ababa", "postal_code": "1000"}
OTHER = {"phone": "0911 76 54 32"}


@asynccontextmanager
async def a_store(db: Database, fake: FakeBank) -> AsyncIterator[tuple[Browser, Checkout]]:
    """A browser in a store in Addis Ababa that takes one bank's money."""
    async with db.transaction() as tx:
        await change(tx, key="shipping_standard", value=SHIPPING, actor="test")
    chosen = config(default_currency="ETB", currencies=("ETB",))
    async with serving(fake) as url:
        provider = fake.adapter(account_of(fake, url))
        checkout = checkout_of(chosen, db, providers=Providers([provider]))
        await checkout.open()
        try:
            async with Browser(create_store(chosen, checkout, assets=asset_index())) as browser:
                yield browser, checkout
        finally:
            await checkout.close()
            await provider.close()


async def buy_one(
    browser: Browser, db: Database, fake: FakeBank, phone: str = "0911234567"
) -> Page:
    lamp = await a_product(db, price=PRICES, on_hand=5, images=0)
    return await buy(browser, lamp.slug, provider=fake.name, phone=phone, **HOME)


def asked(fake: FakeBank) -> list[str]:
    """The telephones that were asked, in order."""
    word = fake.word("customer_phone")
    return [msgspec.json.decode(row["sent"])[word] for row in fake.payments.values()]


async def states(db: Database, number: str) -> list[str]:
    sql = (
        "SELECT payments.state FROM payments JOIN orders ON orders.id = payments.order_id"
        " WHERE orders.number = $1 ORDER BY payments.id"
    )
    async with db.connection() as connection:
        return [row["state"] for row in await connection.raw.fetch(sql, number)]


async def pass_a_minute(db: Database) -> None:
    """Every payment was begun a minute earlier."""
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE payments SET created_at = created_at - interval '60 seconds'"
        )


async def test_another_number_is_asked_in_place_of_the_first(db: Database) -> None:
    fake = FakeCbeBirr()

    async with a_store(db, fake) as (browser, checkout):
        page = await buy_one(browser, db, fake)
        presses = [
            browser.submit(page, page.path, OTHER, button="Send to this number") for _ in range(2)
        ]
        first, second = await asyncio.gather(*presses)
        await make_due(db)
        await commands.ask_due_operations(checkout)
        after = await states(db, number_of(page))

    assert "We sent a request to ··· 4567." in page.text
    assert "We sent a request to ··· 5432." in first.text
    assert "We sent a request to ··· 5432." in second.text
    # Two presses are one request, and nobody can confirm the first any more.
    assert asked(fake) == ["251911234567", "251911765432"]
    assert after == ["voided", "requires_action"]


async def test_a_number_is_asked_again_after_a_minute(db: Database) -> None:
    fake = FakeCbeBirr()

    async with a_store(db, fake) as (browser, _):
        page = await buy_one(browser, db, fake)
        other = await browser.submit(page, page.path, OTHER, button="Send to this number")
        again = {"again": "1", "provider": fake.name}
        soon = await browser.post(page.path, again | other.form(page.path).fields)
        await pass_a_minute(db)
        later = await browser.get(page.path)
        presses = [browser.submit(later, page.path, button="Send again") for _ in range(2)]
        await asyncio.gather(*presses)

    assert soon.status == 200
    assert "Send again" not in [button.text for form in other.forms for button in form.buttons]
    # The number that was named last stays, and twice is once.
    assert asked(fake) == ["251911234567", "251911765432", "251911765432"]


@pytest.mark.parametrize("typed", ["0911", "no number", "+353 91 1"])
async def test_what_is_no_number_is_said_beside_the_field(db: Database, typed: str) -> None:
    fake = FakeCbeBirr()

    async with a_store(db, fake) as (browser, _):
        page = await buy_one(browser, db, fake)
        wrong = await browser.submit(
            page, page.path, {"phone": typed}, button="Send to this number"
        )

    assert wrong.status == 422
    assert "No telephone has this number." in wrong.text
    assert f'value="{typed}"' in wrong.html
    assert asked(fake) == ["251911234567"]


async def test_two_telephones_that_both_confirm_pay_once(db: Database) -> None:
    fake = FakeAwash()  # nothing that it has sent can be taken back

    async with a_store(db, fake) as (browser, checkout):
        page = await buy_one(browser, db, fake)
        await browser.submit(page, page.path, OTHER, button="Send to this number")
        for reference in fake.payments:
            fake.on_pay(reference)
        for _ in range(3):
            await make_due(db)
            await commands.ask_due_operations(checkout)
            await commands.check_due_payments(checkout)
        paid = await browser.get(page.path)
        after = await states(db, number_of(page))

    assert "is confirmed" in paid.headings[0]
    assert after == ["captured", "captured"]
    assert [row["amount"] for row in fake.refunds.values()] == [Decimal("24.89")]


async def test_a_number_that_a_bank_cannot_ask_is_given_anew(db: Database) -> None:
    fake = FakeCbeBirr()

    async with a_store(db, fake) as (browser, _):
        page = await buy_one(browser, db, fake, phone="+353 91 123 456")
        asking = await browser.submit(page, page.path, OTHER, button="Try again")

    assert "We cannot reach the payment service" in page.text
    assert "Number to confirm on" in page.text
    assert "We sent a request to ··· 5432." in asking.text
    assert asked(fake) == ["251911765432"]


async def test_a_program_names_another_number(db: Database) -> None:
    fake = FakeCbeBirr()
    async with db.transaction() as tx:
        await change(tx, key="shipping_standard", value=SHIPPING, actor="test")
    lamp = await a_product(db, price=PRICES, on_hand=5, images=0)

    async with serving(fake) as url:
        provider = fake.adapter(account_of(fake, url))
        async with an_api(db, providers=(provider,)) as api:
            placed = await api.buy(
                lamp.variant_id,
                currency="ETB",
                payment_method={"provider": fake.name},
                shipping_address={**ADDRESS, **HOME, "phone": "0911234567"},
            )
            path = f"/orders/{placed['order']['id']}/retry-payment"
            said = [
                await api.post(path, {"phone": phone}, headers=order_token(placed))
                for phone in ("0911765432", "+251911765432", "+251911765432")
            ]
        await provider.close()

    assert said[0].faults == {("/phone", "invalid_format")}
    assert [answer.status for answer in said[1:]] == [200, 200]
    assert said[1].body["payment"]["next_action"]["phone"] == "251911765432"
    assert asked(fake) == ["251911234567", "251911765432"]
