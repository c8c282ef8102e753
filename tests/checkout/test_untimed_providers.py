"""Providers that sign no time: an old message is good for ever, and silence proves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx2
import msgspec
import pytest
from pydantic import SecretStr

from surehold.app import checkout_of
from surehold.checkout.commands import Inbox, check_due_payments, place_order
from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.payments.providers.account import AccountConfig, AccountMode, WebhookSecret
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.fakes import FAKES
from tests.sandbox.conftest import CERTIFICATES, serving
from tests.support.api import a_config
from tests.support.placing import Told, a_placement, told
from tests.support.shop import make_due

NAMES: Final = ("paystack", "razorpay")


class Street(msgspec.Struct, frozen=True):
    """A checkout between its providers and its inbox; nobody delivers anything by itself."""

    db: Database
    checkout: Checkout
    inbox: Inbox
    fakes: dict[str, Any]

    async def buy(self, name: str) -> tuple[Told, str]:
        """An order that is to be paid there, and what the provider calls its payment."""
        lamp = await a_product(self.db)
        wanted = a_placement(lamp.variant_id, provider=name, currency="USD")
        placed = told(await place_order(self.checkout, wanted))
        return placed, self.fakes[name].handle_of(placed.body["payment"]["next_action"])

    async def sweep(self) -> None:
        """Whatever is waited for is due now."""
        await make_due(self.db)
        await check_due_payments(self.checkout)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.db.connection() as connection:
            return [tuple(row) for row in await connection.raw.fetch(sql)]


@pytest.fixture
async def street(db: Database) -> AsyncIterator[Street]:
    fakes = {name: FAKES[name]() for name in NAMES}
    async with AsyncExitStack() as stack:
        providers = []
        for name, fake in fakes.items():
            account = AccountConfig(
                account="main",
                mode=AccountMode.TEST,
                base_url=await stack.enter_async_context(serving(fake)) + fake.api_path,
                secret_key=SecretStr(fake.secret_key),
                webhook_secrets=(WebhookSecret("now", SecretStr(fake.secrets[0])),),
                public_key=fake.public_key,
            )
            client = httpx2.AsyncClient(verify=CERTIFICATES, trust_env=False)
            providers.append(FAKES[name].adapter(account, client))
            stack.push_async_callback(providers[-1].close)
        checkout = checkout_of(a_config(), db, providers=Providers(providers))
        await checkout.open()
        stack.push_async_callback(checkout.close)
        inbox = Inbox(checkout)
        yield Street(db, checkout, inbox, fakes)
        await inbox.close()


@pytest.mark.parametrize("name", NAMES)
async def test_a_message_that_comes_a_hundred_times_at_once_has_one_effect(
    street: Street, name: str
) -> None:
    _, payment = await street.buy(name)
    street.fakes[name].on_pay(payment)
    first, *others = street.fakes[name].messages

    counts = await asyncio.gather(
        *(
            street.inbox.receive(
                provider_name=name, raw_body=message.body, headers=message.headers
            )
            for message in (*(first,) * 100, *others)
        )
    )
    await street.inbox.close()

    assert sum(counts) == 1 + len(others)
    (seen,) = await street.rows("SELECT max(seen_count) FROM webhook_events")
    assert seen == (100,)
    assert await street.rows("SELECT status FROM orders") == [("paid",)]
    assert await street.rows(
        "SELECT kind, count(*) FROM ledger_journals GROUP BY kind ORDER BY kind"
    ) == [("capture", 1), ("sale", 1)]
    async with street.db.connection() as connection:
        assert await check_invariants(connection) == {}


@pytest.mark.parametrize(
    ("name", "after_decline"), [("paystack", "failed"), ("razorpay", "requires_action")]
)
async def test_without_any_webhook_the_end_is_learnt_by_asking(
    street: Street, name: str, after_decline: str
) -> None:
    _, declined = await street.buy(name)
    street.fakes[name].on_decline(declined)
    await street.sweep()
    states = await street.rows("SELECT state FROM payments")
    _, paid = await street.buy(name)
    street.fakes[name].on_pay(paid)
    await street.sweep()

    assert states == [(after_decline,)]
    assert await street.rows("SELECT status FROM orders ORDER BY id") == [
        ("payment_failed" if after_decline == "failed" else "pending_payment",),
        ("paid",),
    ]
