"""A shop of real processes whose providers are fakes on loopback ports: HTTP both ways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from pydantic import SecretStr

from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.shop import change
from surehold.payments.providers.account import AccountConfig, AccountMode, WebhookSecret
from tests.builders.catalog import a_product
from tests.fakes import FAKES
from tests.fakes.harness import Fake
from tests.sandbox.conftest import serving
from tests.support.shop import SECRETS, Shop, a_body, a_key, a_shop, make_due

PRICES: Final = {"EUR": 1999, "USD": 1999, "ETB": 1999}
SHIPPING: Final = dict.fromkeys(PRICES, 490)


def settings_of(fake: Fake, base_url: str) -> dict[str, str]:
    """The settings block that switches a provider on, at its fake."""
    prefix = f"SUREHOLD_{fake.name.upper()}_"
    values = {
        "MODE": "test",
        "SECRET_KEY": fake.secret_key,
        "PUBLIC_KEY": fake.public_key,
        "WEBHOOK_SECRETS": json.dumps({"now": fake.told(fake.secrets[0])}),
        "BASE_URL": base_url + fake.api_path,
        **fake.settings(base_url),
    }
    return {prefix + name: value for name, value in values.items()}


def account_of(fake: Fake, base_url: str) -> AccountConfig:
    """The account of a shop at a fake, for adapters that no settings are read for."""
    return AccountConfig(
        account="main",
        mode=AccountMode.TEST,
        base_url=base_url + fake.api_path,
        secret_key=SecretStr(fake.secret_key),
        webhook_secrets=(WebhookSecret("now", SecretStr(fake.secrets[0])),),
        public_key=fake.public_key,
    )


class Counter:
    """A shop, its providers, and the buyers at the counter."""

    def __init__(self, shop: Shop, db: Database, fakes: dict[str, Any]) -> None:
        self.shop = shop
        self.db = db
        self.fakes = fakes

    async def call(self, method: str, path: str, **more: Any) -> Any:
        answer = await self.shop.client.request(
            method, f"{self.shop.base_url}/api/v1{path}", **more
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def buy(self, name: str) -> Any:
        """Place an order for one lamp; returns the document."""
        currency = self.fakes[name].currency
        product = await a_product(self.db, price=PRICES, on_hand=5)
        body = a_body(
            (str(product.variant_id), 1),
            provider=name,
            currency=currency if currency in PRICES else "USD",
        )
        body["shipping_address"]["phone"] = "+251911234567"  # some ask the buyer's telephone
        return await self.call("POST", "/checkout", json=body, headers=a_key())

    def handle(self, payment: Any) -> str:
        """What its fake calls a payment."""
        handle: str = self.fakes[payment["provider"]].handle_of(payment["next_action"])
        return handle

    async def read(self, placed: Any) -> Any:
        headers = {"X-Order-Token": placed["order"]["access_token"]}
        return await self.call("GET", f"/orders/{placed['order']['id']}", headers=headers)

    async def wait_for(self, placed: Any, status: str) -> Any:
        """Until the order says so; nobody sweeps meanwhile."""
        async with asyncio.timeout(20):
            while (found := await self.read(placed))["status"] != status:
                await asyncio.sleep(0.05)
        return found

    async def list_payments(self, placed: Any) -> list[tuple[Any, ...]]:
        """State, captured, refunded and why a person must look, of every payment of an order."""
        sql = (
            "SELECT state, captured_minor, refunded_minor, review_reason FROM payments"
            " WHERE order_id = $1 ORDER BY id"
        )
        async with self.db.connection() as connection:
            rows = await connection.raw.fetch(sql, placed["order"]["id"])
        return [tuple(row) for row in rows]

    async def wait_for_review(self, placed: Any) -> None:
        """Until a payment of the order waits for a person."""
        async with asyncio.timeout(20):
            while not any(row[3] for row in await self.list_payments(placed)):
                await asyncio.sleep(0.05)

    async def pay_again(self, placed: Any) -> Any:
        """Go on with the payment, or begin another where the first came to nothing."""
        headers = {"X-Order-Token": placed["order"]["access_token"], **a_key()}
        path = f"/orders/{placed['order']['id']}/retry-payment"
        return await self.call("POST", path, json={}, headers=headers)

    async def sweep(self) -> None:
        """Whatever is waited for is due now."""
        await make_due(self.db)
        await self.shop.cleanup()

    async def refund(self, placed: Any, minor: int) -> None:
        """Staff give some of it back, and the worker asks the provider."""
        headers = {"Authorization": f"Bearer {SECRETS['SUREHOLD_STAFF_SECRET']}", **a_key()}
        amount = {"amount": minor, "currency": placed["order"]["total"]["currency"]}
        path = f"/orders/{placed['order']['id']}/refunds"
        await self.call("POST", path, json={"amount": amount, "reason": "late"}, headers=headers)
        await self.sweep()


@asynccontextmanager
async def a_counter(url: str, *names: str) -> AsyncIterator[Counter]:
    """Everything running, and nothing of it left afterwards."""
    fakes: dict[str, Fake] = {name: FAKES[name]() for name in names}
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(a_shop(url))
        db = await stack.enter_async_context(Database(Settings(url=url)))
        for name, fake in fakes.items():
            shop.settings |= settings_of(fake, await stack.enter_async_context(serving(fake)))
            fake.notify_url = f"{shop.base_url}/webhooks/{name}"
        async with db.transaction() as tx:
            await change(tx, key="shipping_standard", value=SHIPPING, actor="test")
        await shop.start_web()
        yield Counter(shop, db, fakes)
