"""A shop and its bank in this process, and something to sell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from surehold.db import Database
from surehold.payments.providers import http as adapter
from tests.builders.catalog import a_product
from tests.support.bank import Bazaar, a_bazaar


@pytest.fixture
async def bazaar(db: Database) -> AsyncIterator[Bazaar]:
    async with a_bazaar(db) as opened:
        yield opened


@pytest.fixture
async def lamp(db: Database) -> UUID:
    return (await a_product(db, on_hand=50)).variant_id


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop waits for the bank for less than a second instead of ten."""
    monkeypatch.setattr(adapter, "READ_SECONDS", 0.6)
    monkeypatch.setattr(adapter, "CALL_SECONDS", 0.8)
