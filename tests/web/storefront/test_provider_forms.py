"""The payment page with a service's own form: where its script may run, and what it is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

import msgspec

from surehold.app import checkout_of
from surehold.db import Database
from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.port import RemoteProvider
from surehold.payments.providers.razorpay.adapter import Razorpay
from surehold.payments.providers.registry import Providers
from surehold.payments.providers.stripe.adapter import Stripe
from surehold.web.storefront.application import create_store
from tests.builders.catalog import a_product
from tests.fakes.harness import Fake
from tests.fakes.razorpay import FakeRazorpay
from tests.fakes.stripe import FakeStripe
from tests.sandbox.conftest import serving
from tests.support.provided import account_of
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.buying import buy
from tests.web.storefront.conftest import asset_index, config


@asynccontextmanager
async def a_store(
    db: Database, fake: Fake, kind: Any
) -> AsyncIterator[tuple[Browser, RemoteProvider]]:
    """A browser in a store that takes one service's form, and the service as the store has it."""
    async with serving(fake) as url:
        provider: RemoteProvider = kind(account_of(fake, url))
        checkout = checkout_of(config(), db, providers=Providers([provider]))
        await checkout.open()
        try:
            async with Browser(create_store(config(), checkout, assets=asset_index())) as browser:
                yield browser, provider
        finally:
            await checkout.close()
            await provider.close()


def with_element(account: AccountConfig) -> Stripe:
    return Stripe(account, page="element")


def with_window(account: AccountConfig) -> Razorpay:
    return Razorpay(account, page="script")


def directives(page: Page) -> dict[str, set[str]]:
    rows = [row.split() for row in page.response.headers["content-security-policy"].split(";")]
    return {name: set(values) for name, *values in rows}


def options(page: Page) -> dict[str, Any]:
    found = page.html.split('data-options="', 1)[1].split('"', 1)[0]
    told: dict[str, Any] = json.loads(unescape(found))
    return told


async def test_only_the_open_payment_lets_the_services_script_run(db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5, images=0)
    stripe = FakeStripe()

    async with a_store(db, stripe, with_element) as (browser, _):
        before = directives(await browser.get("/"))
        paying = await buy(browser, lamp.slug, provider="stripe")
        (intent,) = stripe.intents.values()
        stripe.on_pay(intent["id"])
        paid = directives(await browser.get(paying.path))

    policy = directives(paying)
    assert policy["script-src"] == {"'self'", "https://js.stripe.com", "https://*.js.stripe.com"}
    assert "https://hooks.stripe.com" in policy["frame-src"]
    assert "https://api.stripe.com" in policy["connect-src"]
    assert policy["style-src"] == {"'self'"}
    assert paying.response.headers["cross-origin-opener-policy"] == "same-origin-allow-popups"
    assert paying.response.headers["cache-control"] == "no-store"
    assert before["script-src"] == paid["script-src"] == {"'self'"}
    assert "frame-src" not in before
    assert "frame-src" not in paid


async def test_stripe_is_told_its_own_key_and_secret(db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5, images=0)
    stripe = FakeStripe()

    async with a_store(db, stripe, with_element) as (browser, _):
        paying = await buy(browser, lamp.slug, provider="stripe")

    (intent,) = stripe.intents.values()
    assert options(paying) == {
        "key": stripe.public_key,
        "secret": intent["client_secret"],
        "language": "en",
        "then": paying.path,
    }
    assert stripe.secret_key not in paying.html


async def test_razorpay_is_told_its_order_and_who_pays(db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5, images=0)
    razorpay = FakeRazorpay()

    async with a_store(db, razorpay, with_window) as (browser, _):
        paying = await buy(browser, lamp.slug, provider="razorpay")

    (order,) = razorpay.orders.values()
    assert options(paying) == {
        "key": razorpay.public_key,
        "order_id": order["id"],
        "amount": order["amount"],
        "currency": order["currency"],
        "name": config().store_name,
        "description": paying.path.split("/")[2],
        "prefill": {"name": "Mara Quinn", "email": "mara@example.com"},
        "then": f"{paying.path}/return",
    }


async def test_a_secret_in_the_address_is_not_kept(db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5, images=0)

    async with a_store(db, FakeStripe(), with_element) as (browser, _):
        paying = await buy(browser, lamp.slug, provider="stripe")
        back = await browser.get(
            f"{paying.path}?payment_intent=pi_1&payment_intent_client_secret=x&redirect_status=y"
        )

    assert str(back.response.url).endswith(paying.path)


async def test_a_part_of_a_page_leads_to_the_page_that_may_load_the_script(db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5, images=0)

    async with a_store(db, FakeStripe(), with_element) as (browser, _):
        paying = await buy(browser, lamp.slug, provider="stripe")
        part = await browser.get(f"{paying.path}/status", HX_Request="true")

    assert part.response.headers["hx-redirect"] == paying.path


async def test_a_form_that_the_shop_no_longer_has_is_somewhere_else(db: Database) -> None:
    lamp = await a_product(db, price=3900, on_hand=5, images=0)

    async with a_store(db, FakeStripe(), with_element) as (browser, provider):
        paying = await buy(browser, lamp.slug, provider="stripe")
        provider.capabilities = msgspec.structs.replace(provider.capabilities, page_script=None)
        after = await browser.get(paying.path)

    assert 'data-state="elsewhere"' in after.html
    assert "client_secret" not in after.html
    assert directives(after)["script-src"] == {"'self'"}
