"""What other rooms may read: the terms of sale, quotes, coupons, and what staff have entered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from surehold.db import Connection, Statement
from surehold.db.shop import DEFAULTS, ShopSettings
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import OrderId, QuoteId
from surehold.kernel.page import DEFAULT_LIMIT, MAX_LIMIT, Page, decode_cursor, encode_cursor
from surehold.pricing import rules, sql
from surehold.pricing.errors import EntryNotFound
from surehold.pricing.model import (
    Coupon,
    Entry,
    PriceBook,
    Promotion,
    Quote,
    Redemption,
    ShippingMethod,
    ShippingZone,
    SpecialPrice,
    TaxRate,
)
from surehold.pricing.sql import entries

E = TypeVar("E", bound=Entry)

_LISTS: Final[Mapping[type[Any], Statement[Any]]] = MappingProxyType(
    {
        SpecialPrice: entries.LIST_SPECIAL_PRICES,
        TaxRate: entries.LIST_TAX_RATES,
        ShippingZone: entries.LIST_SHIPPING_ZONES,
        ShippingMethod: entries.LIST_SHIPPING_METHODS,
        Promotion: entries.LIST_PROMOTIONS,
        Coupon: entries.LIST_COUPONS,
    }
)


class Books:
    """The price book of one store as one process knows it.

    Every use asks the database which version is in force, in the trip that reads the settings, so
    a change holds for whatever is priced after it was committed.
    """

    def __init__(self) -> None:
        self._stored: dict[str, Any] = {}
        self._terms = rules.Terms(DEFAULTS)

    async def load(self, connection: Connection) -> tuple[rules.Terms, datetime]:
        """The terms in force, and the instant by which windows are judged."""
        row = await connection.one(sql.READ_TERMS)
        terms, stored = self._terms, self._stored
        if row.version != terms.book.version or row.settings != stored:
            book, settings = terms.book, terms.settings
            if row.version != book.version:
                book = await _load_book(connection)
            if row.settings != stored:
                settings = msgspec.convert(row.settings, ShopSettings)
            # Together: another task may be loading at the same moment.
            terms = rules.Terms(settings, book)
            self._terms, self._stored = terms, row.settings
        return terms, row.now


async def _load_book(connection: Connection) -> PriceBook:
    row = await connection.one(sql.LOAD_BOOK)
    return rules.bind_book(
        row.version,
        prices=row.prices,
        tax_rates=row.tax_rates,
        zones=row.zones,
        methods=row.methods,
        promotions=row.promotions,
    )


async def find_quotes(connection: Connection, *, ids: Sequence[QuoteId]) -> dict[QuoteId, Quote]:
    """The quotes among these that still hold."""
    return {row.id: row.quote for row in await connection.all(sql.FIND_QUOTES, list(ids))}


async def find_coupons(connection: Connection, *, codes: Iterable[str]) -> dict[str, Coupon]:
    """The coupons with these codes (normalized), by code; the unknown ones are left out."""
    return {row.code: row for row in await connection.all(sql.FIND_COUPONS, list(codes))}


async def list_redemptions(
    connection: Connection, *, order_ids: Sequence[OrderId]
) -> tuple[Redemption, ...]:
    """Every use of a coupon by these orders, the ended ones included, oldest first."""
    return tuple(await connection.all(sql.LIST_REDEMPTIONS, list(order_ids)))


async def get_entry(connection: Connection, kind: type[E], *, id: UUID) -> E:  # noqa: A002 - what the caller calls it
    """One entry of the price book.

    Raises:
        EntryNotFound: There is none of this kind with this id.
    """
    found = await connection.find(_LISTS[kind], None, id, 1)
    if found is None:
        raise EntryNotFound("There is no such entry in the price book.")
    entry: E = found
    return entry


async def list_entries(
    connection: Connection, kind: type[E], *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[E]:
    """One page of the entries of a kind, the oldest first.

    Raises:
        InvalidInput: The cursor was not made here.
    """
    limit = min(limit, MAX_LIMIT)
    rows = await connection.all(_LISTS[kind], _read_cursor(cursor), None, limit + 1)
    items = tuple(rows[:limit])
    return Page(items, encode_cursor(str(items[-1].id)) if len(rows) > limit else None)


def _read_cursor(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    keys = decode_cursor(cursor, count=1)
    try:
        return UUID(keys[0] if keys else "")
    except ValueError:
        raise InvalidInput(
            (Fault("/cursor", "invalid_cursor", "Not the cursor of an earlier page."),)
        ) from None
