"""A working checkout on the test database, with a provider that needs no network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from surehold.app import checkout_of
from surehold.checkout.engine import Checkout
from surehold.config import Config
from surehold.db import Database
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.registry import Providers

CONFIG = Config(secret_keys=("a-secret-of-the-tests",), base_url="http://shop.test")


@pytest.fixture
async def checkout(db: Database) -> AsyncIterator[Checkout]:
    """Both lanes, open; bank transfer is the only way to pay."""
    opened = checkout_of(CONFIG, db, providers=Providers([BankTransfer()]))
    await opened.open()
    yield opened
    await opened.close()
