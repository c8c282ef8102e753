"""What a listing shows in all: exact where it is counted at once, kept where that takes long."""

from __future__ import annotations

import pytest

from surehold.db import Database
from surehold.inventory.queries import ShelfCounts, counts
from surehold.kernel import clock
from tests.builders.catalog import a_product


async def _total(db: Database, kept: ShelfCounts, **filters: str) -> int:
    async with db.connection() as connection:
        return await kept.total(connection, currency="EUR", **filters)


async def test_a_small_shop_is_counted_anew_for_everybody(db: Database) -> None:
    kept = ShelfCounts()
    await a_product(db)
    assert await _total(db, kept) == 1

    await a_product(db)

    assert await _total(db, kept) == 2


async def test_what_takes_long_to_count_is_kept_for_twenty_times_as_long(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    count = counts.count_shelf

    async def slowly(*args: object, **filters: object) -> int:
        now[0] += 2
        return await count(*args, **filters)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(clock, "monotonic_seconds", lambda: now[0])
    monkeypatch.setattr(counts, "count_shelf", slowly)
    kept = ShelfCounts()
    await a_product(db)
    assert await _total(db, kept) == 1
    await a_product(db)

    now[0] = 141.9
    assert await _total(db, kept) == 1
    assert await _total(db, kept, search="nothing") == 0
    now[0] = 142.0
    assert await _total(db, kept) == 2


async def test_while_one_counts_anew_the_others_are_told_what_is_there(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    kept = ShelfCounts()
    others: list[int] = []
    count = counts.count_shelf

    async def slowly(*args: object, **filters: object) -> int:
        if now[0] > 102:
            others.append(await _total(db, kept))
        now[0] += 2
        return await count(*args, **filters)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(clock, "monotonic_seconds", lambda: now[0])
    monkeypatch.setattr(counts, "count_shelf", slowly)
    await a_product(db)
    await _total(db, kept)
    await a_product(db)
    now[0] = 200.0

    assert await _total(db, kept) == 2
    assert others == [1]
