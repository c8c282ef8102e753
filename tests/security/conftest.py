"""The JSON side, for replays of what happened to other stores."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from surehold.db import Database
from tests.support.api import Api, an_api


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    """Both lanes, open; bank transfer is the only way to pay."""
    async with an_api(db) as opened:
        yield opened
