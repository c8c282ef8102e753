"""An instant is RFC 3339 with its offset, and has an hour in UTC; all else is told of by name."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from surehold.db import Database
from tests.support.api import STAFF, an_api

ODD = (
    *("yesterday", "", "2026-12-01", "2026-12-01T00:00:00", "2026-02-30T00:00:00Z"),
    # There is no such hour in UTC: these were once answered with 500.
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
)


@pytest.mark.parametrize("text", ODD)
async def test_an_odd_instant_is_refused_by_name(db: Database, text: str) -> None:
    async with an_api(db) as api:
        found = await api.get(f"/payments?lapses_before={quote(text)}", headers=STAFF)
        body = {"code": "odd", "name": "Odd", "effect": "percent", "starts_at": text}
        promotion = await api.post("/pricing/promotions", body, headers=STAFF)

    assert found.status == promotion.status == 422
    assert found.faults <= {
        ("/lapses_before", "invalid_instant"),
        ("/lapses_before", "invalid_format"),
    }
    assert found.faults
    assert "/starts_at" in {pointer for pointer, _ in promotion.faults}
