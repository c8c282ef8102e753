"""The JSON side over ASGI, on the test database, with the provider that needs no network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from uuid import uuid4

import httpx2
import msgspec
import pytest
from pydantic import SecretStr

from surehold.app import checkout_of
from surehold.checkout.commands import Inbox
from surehold.checkout.engine import Checkout
from surehold.config import Config, Mode
from surehold.db import Database
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.registry import Providers
from surehold.web.application import WebApplication, create_web

STAFF_SECRET: Final = "the-staff-secret-of-the-tests"
CRON_SECRET: Final = "the-cron-secret-of-the-tests"
STAFF: Final = {"Authorization": f"Bearer {STAFF_SECRET}"}
CRON: Final = {"Authorization": f"Bearer {CRON_SECRET}"}

CONFIG: Final = Config(
    _env_file=None,
    mode=Mode.TEST,
    base_url="http://shop.test",
    secret_keys=(SecretStr("a-secret-of-the-tests"),),
    staff_secret=SecretStr(STAFF_SECRET),
    cron_secret=SecretStr(CRON_SECRET),
)
