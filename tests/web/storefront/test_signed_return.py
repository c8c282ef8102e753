"""A provider's page sends a browser back by POST: no cookie comes along, and a proof does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx2
import msgspec
import pytest
from pydantic import SecretStr

from surehold.app import checkout_of
from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.payments.providers.account import AccountConfig, AccountMode, WebhookSecret
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.razorpay import Razorpay
from surehold.payments.providers.registry import Providers
from surehold.web.storefront.application import create_store
from tests.builders.catalog import a_product
from tests.fakes.razorpay import KEY_ID, KEY_SECRET, WEBHOOK_SECRET, FakeRazorpay
from tests.sandbox.conftest import CERTIFICATES, serving
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.buying import buy, number_of
from tests.web.storefront.conftest import asset_index, config


class Street(msgspec.Struct, frozen=True):
    """A store whose buyers pay at Razorpay; its webhooks come to nobody."""

    fake: FakeRazorpay
    fake_url: str
    checkout: Checkout
    browser: Browser
    app: Any

    async def come_back(self, page: Page, fields: dict[str, str]) -> httpx2.Response:
        """As a browser does from another site: our cookies stay at home."""
        form = page.form(f"{self.fake_url}/v1/checkout/embedded")
        async with Browser(self.app) as stranger:
            return await stranger.client.post(
                form.fields["callback_url"],
                content=urlencode(fields),
                headers={"content-type": "application/x-www-form-urlencoded"},
            )


@pytest.fixture
async def street(db: Database) -> AsyncIterator[Street]:
    fake = FakeRazorpay()
    async with serving(fake) as url:
        account = AccountConfig(
            account="main",
            mode=AccountMode.TEST,
            base_url=f"{url}/v1",
            secret_key=SecretStr(KEY_SECRET),
            webhook_secrets=(WebhookSecret("now", SecretStr(WEBHOOK_SECRET)),),
            public_key=KEY_ID,
        )
        client = httpx2.AsyncClient(verify=CERTIFICATES, trust_env=False)
        provider = Razorpay(account, client=client)
        opened = checkout_of(config(), db, providers=Providers([provider, BankTransfer()]))
        await opened.open()
        app = create_store(config(), opened, assets=asset_index())
        async with Browser(app) as browser:
            yield Street(fake, url, opened, browser, app)
        await opened.close()
        await provider.close()


async def _states(db: Database) -> list[str]:
    async with db.connection() as connection:
        return [row[0] for row in await connection.raw.fetch("SELECT state FROM payments")]


async def test_a_buyer_pays_on_razorpays_page_and_comes_back_paid(
    street: Street, db: Database
) -> None:
    lamp = await a_product(db)
    waiting = await buy(street.browser, lamp.slug, provider="razorpay")
    form = waiting.form(f"{street.fake_url}/v1/checkout/embedded")
    order, number = form.fields["order_id"], number_of(waiting)
    policy = waiting.response.headers["content-security-policy"]

    assert waiting.heading == "Confirm with your bank"
    assert (form.method.lower(), form.fields["key_id"]) == ("post", KEY_ID)
    assert form.fields["callback_url"].startswith(
        f"http://shop.test/orders/{number}/pay/return?token="
    )
    assert f"form-action 'self' https://api.razorpay.com {street.fake_url};" in policy
    assert "script-src 'self';" in policy

    street.fake.on_pay(order)
    answer = await street.come_back(waiting, street.fake.on_return(order))
    states = await _states(db)
    paid = await street.browser.get(answer.headers["location"])

    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"/orders/{number}/pay?token=")
    assert "set-cookie" not in answer.headers
    assert states == ["captured"]
    assert paid.heading == f"Thank you, Mara. Order {number.replace('-', '‑')} is confirmed"


async def test_without_proof_nobody_is_asked_and_nothing_changes(
    street: Street, db: Database
) -> None:
    lamp = await a_product(db)
    waiting = await buy(street.browser, lamp.slug, provider="razorpay")
    order = waiting.form(f"{street.fake_url}/v1/checkout/embedded").fields["order_id"]
    street.fake.on_pay(order)
    brought, before = street.fake.on_return(order), len(street.fake.calls)

    for fields in (
        {},
        {"razorpay_payment_id": brought["razorpay_payment_id"]},
        brought | {"razorpay_signature": "0" * 64},
        brought | {"razorpay_order_id": "order_other"},
    ):
        answer = await street.come_back(waiting, fields)
        assert answer.status_code == 303

    assert len(street.fake.calls) == before
    assert await _states(db) == ["requires_action"]


async def test_nobody_learns_which_orders_there_are(street: Street) -> None:
    for number in ("SH-7K4M92QX", "nothing"):
        answer = await street.browser.client.post(
            f"http://shop.test/orders/{number}/pay/return", data={"a": "1"}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, f"/orders/{number}/pay")
