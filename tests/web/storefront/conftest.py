"""The store on the test database: alone with bank transfer, or served beside a sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

import httpx2
import msgspec
import pytest

from surehold.app import checkout_of
from surehold.checkout.engine import Checkout
from surehold.config import Config
from surehold.db import Connection, Database
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.port import RemoteProvider
from surehold.payments.providers.registry import Providers
from surehold.payments.providers.sandbox import SandboxProvider
from surehold.sandbox.app import create_app
from surehold.web.assets import AssetIndex
from surehold.web.storefront.application import create_store
from tests.sandbox.conftest import CERTIFICATES, SECRETS, serving
from tests.sandbox.conftest import settings as sandbox_settings
from tests.web.storefront.browser import Browser

SECRET = "a-secret-of-the-tests"


@lru_cache(maxsize=1)
def asset_index() -> AssetIndex:
    return AssetIndex()


def config(**changes: Any) -> Config:
    values: dict[str, Any] = {
        "secret_keys": (SECRET,),
        "base_url": "http://shop.test",
        "mode": "test",
        "default_currency": "EUR",
        "currencies": ("EUR", "USD"),
        "sandbox_url": None,
        "argon2_memory_kib": 8,
        "argon2_passes": 1,
    }
    return Config(_env_file=None, **(values | changes))


@pytest.fixture
async def checkout(db: Database) -> AsyncIterator[Checkout]:
    """Both lanes, open; bank transfer is the only way to pay."""
    opened = checkout_of(config(), db, providers=Providers([BankTransfer()]))
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def app(checkout: Checkout) -> Any:
    return create_store(config(), checkout, assets=asset_index())


@pytest.fixture
async def browser(app: Any) -> AsyncIterator[Browser]:
    async with Browser(app) as opened:
        yield opened


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of every statement that is sent from here on."""
    seen: list[str] = []
    for verb in ("all", "find", "run"):
        original = getattr(Connection, verb)

        def counted(
            self: Connection, statement: Any, *values: Any, _original: Any = original
        ) -> Any:
            seen.append(statement.name)
            return _original(self, statement, *values)

        monkeypatch.setattr(Connection, verb, counted)
    return seen


class Served(msgspec.Struct, frozen=True):
    """A store and a sandbox on loopback ports."""

    base_url: str
    checkout: Checkout


class _Late:
    """An application that is made once its address is known."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self.app(scope, receive, send)


@asynccontextmanager
async def serve_store(
    db: Database, *beside: RemoteProvider, **changes: Any
) -> AsyncIterator[Served]:
    """A store with both ways to pay, and more; webhooks go nowhere, so that only asking helps."""
    late = _Late()
    sandbox = create_app(sandbox_settings())
    async with serving(sandbox) as sandbox_url, serving(late) as base_url:
        chosen = config(base_url=base_url, sandbox_url=sandbox_url, **changes)
        card = SandboxProvider(
            base_url=sandbox_url,
            api_key="sk_test",
            webhook_secrets=SECRETS,
            client=httpx2.AsyncClient(verify=CERTIFICATES, trust_env=False),
        )
        opened = checkout_of(chosen, db, providers=Providers([card, BankTransfer(), *beside]))
        await opened.open()
        late.app = create_store(chosen, opened, assets=asset_index())
        try:
            yield Served(base_url, opened)
        finally:
            await opened.close()
            await card.close()


@pytest.fixture
async def served(db: Database) -> AsyncIterator[Served]:
    async with serve_store(db) as running:
        yield running
