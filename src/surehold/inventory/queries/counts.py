"""How much a listing shows in all, kept for a while where counting it takes long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, TypeVar

import msgspec

from surehold.catalog.model import CategoryCount, FacetCount
from surehold.db import Connection
from surehold.inventory.queries.shelf import (
    count_shelf,
    count_shelf_categories,
    count_shelf_facets,
)
from surehold.kernel import clock

T = TypeVar("T")

#: What is counted faster is counted anew for everybody, and exact.
LONG_MS: Final = 250
#: A count rests so many times as long as it took: 5 % of one connection's time, at the most.
RESTS: Final = 20
#: Listings whose counts are kept; the one that was counted first makes room.
KEPT_MAX: Final = 500


class _Kept(msgspec.Struct):
    value: Any
    until_ms: int


class ShelfCounts:
    """The counts of one process. In a small shop they are exact; in a large one, a minute old.

    While somebody counts anew, everybody else is told the count that is there.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, _Kept] = {}

    async def total(self, connection: Connection, **filters: Any) -> int:
        """How many products ``list_shelf`` finds under these filters: see ``count_shelf``."""
        return await self._count("total", filters, lambda: count_shelf(connection, **filters))

    async def categories(
        self, connection: Connection, **filters: Any
    ) -> tuple[CategoryCount, ...]:
        """How many products each category would show: see ``count_shelf_categories``."""
        return await self._count(
            "categories", filters, lambda: count_shelf_categories(connection, **filters)
        )

    async def facets(self, connection: Connection, **filters: Any) -> tuple[FacetCount, ...]:
        """How many products each further filter would leave: see ``count_shelf_facets``."""
        return await self._count(
            "facets", filters, lambda: count_shelf_facets(connection, **filters)
        )

    async def _count(
        self, what: str, filters: dict[str, Any], count: Callable[[], Awaitable[T]]
    ) -> T:
        key = (what, *sorted((name, _hashable(value)) for name, value in filters.items()))
        began = _now_ms()
        kept = self._kept.get(key)
        if kept is not None and began < kept.until_ms:
            value: T = kept.value
            return value
        if kept is not None:
            kept.until_ms = began + RESTS * LONG_MS
        value = await count()
        took = _now_ms() - began
        self._kept.pop(key, None)
        if took > LONG_MS:
            if len(self._kept) >= KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _Kept(value, began + took * (1 + RESTS))
        return value


def _hashable(value: Any) -> Hashable:
    """Options come as a mapping, all else as it is."""
    return tuple(sorted(value.items())) if isinstance(value, dict) else value


def _now_ms() -> int:
    return round(1000 * clock.monotonic_seconds())
