"""The shelf: products listed with what is left of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from surehold.catalog.model import CategoryCount, FacetCount, ProductSummary
from surehold.db import Connection
from surehold.inventory.queries.paging import (
    INVALID_CURSOR,
    decode,
    is_storable,
    limit_faults,
    page_of,
    read_text,
)
from surehold.inventory.sql import shelf
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import ProductId
from surehold.kernel.money import MAX_MINOR
from surehold.kernel.page import DEFAULT_LIMIT, Page

#: Longer than any search that a person types, and far below what PostgreSQL can take in.
MAX_SEARCH: Final = 200
MAX_SLUG: Final = 200
#: More options than any product has.
MAX_OPTIONS: Final = 5

NEWEST: Final = "newest"
RELEVANCE: Final = "relevance"
#: What a listing may be sorted by, as callers write it, and as the statements are called.
SORTS: Final = {
    NEWEST: "newest",
    "price": "price_up",
    "-price": "price_down",
    "name": "name",
    RELEVANCE: "relevance",
}


async def list_shelf(
    connection: Connection,
    *,
    currency: str,
    search: str | None = None,
    category: str | None = None,
    in_stock: bool = False,
    vendor: str | None = None,
    min_price_minor: int | None = None,
    max_price_minor: int | None = None,
    options: Mapping[str, str] | None = None,
    sort: str = NEWEST,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[ProductSummary]:
    """The products that are for sale in a currency, with what is available of each.

    ``category`` (a slug) includes its children, ``vendor`` is a slug. Prices and ``options``
    (values by name) ask for one variant that fits them all. ``search`` finds every word, the last
    one also when it is unfinished; quotes, OR and - mean what they mean to search engines. Sorting
    by relevance needs a search, else it is the newest first.

    Raises:
        InvalidInput: Lists what is wrong with the filters, the sort, the cursor or the limit.
    """
    faults = _sort_faults(sort) + limit_faults(limit)
    filters = _filters(
        currency,
        search,
        category,
        vendor,
        in_stock,
        min_price_minor,
        max_price_minor,
        options,
        faults,
    )
    order = SORTS[NEWEST if sort == RELEVANCE and filters.search is None else sort]
    if order in {"price_up", "price_down"} and filters.is_whole:
        order += "_of_all"
    statement = shelf.LISTINGS[filters.verb, filters.place][order]
    name, key, product_id = decode(cursor, (read_text, _KEY_READERS[order], UUID))
    if name not in {None, order}:
        raise InvalidInput((INVALID_CURSOR,))
    rows = await connection.all(
        statement, *msgspec.structs.astuple(filters), key, product_id, limit + 1
    )
    page = page_of(rows, limit, lambda row: (order, row.key, str(row.id)))
    return Page(tuple(_summary(row) for row in page.items), page.next_cursor)


async def list_shelf_of(
    connection: Connection, *, currency: str, product_ids: Sequence[ProductId]
) -> tuple[ProductSummary, ...]:
    """These products as a listing shows them, in this order; what is not for sale is left out."""
    rows = await connection.all(shelf.LIST_OF, currency, list(product_ids))
    return tuple(_summary(row) for row in rows)


async def list_near_names(connection: Connection, *, words: str, most: int) -> tuple[str, ...]:
    """Names of products that look like these words, the nearest first.

    None where the server has no ``pg_trgm``, or does not let the store use it.
    """
    return tuple(row.name for row in await connection.all(shelf.LIST_NEAR_NAMES, words, most))


async def count_shelf(
    connection: Connection,
    *,
    currency: str,
    search: str | None = None,
    category: str | None = None,
    in_stock: bool = False,
    vendor: str | None = None,
    min_price_minor: int | None = None,
    max_price_minor: int | None = None,
    options: Mapping[str, str] | None = None,
) -> int:
    """How many products ``list_shelf`` finds on all its pages.

    Raises:
        InvalidInput: Lists what is wrong with the filters.
    """
    filters = _filters(
        currency, search, category, vendor, in_stock, min_price_minor, max_price_minor, options, []
    )
    statement = shelf.TOTALS[filters.verb, filters.place]
    return (await connection.one(statement, *msgspec.structs.astuple(filters))).count


async def count_shelf_categories(
    connection: Connection,
    *,
    currency: str,
    search: str | None = None,
    in_stock: bool = False,
    vendor: str | None = None,
    min_price_minor: int | None = None,
    max_price_minor: int | None = None,
    options: Mapping[str, str] | None = None,
) -> tuple[CategoryCount, ...]:
    """How many products each category would show under these filters, in the store's order.

    A product counts once in each of its categories and in every category above. Categories with
    nothing to show are listed with 0.

    Raises:
        InvalidInput: Lists what is wrong with the filters.
    """
    filters = _filters(
        currency, search, None, vendor, in_stock, min_price_minor, max_price_minor, options, []
    )
    statement = shelf.CATEGORIES[filters.verb]
    return tuple(await connection.all(statement, *msgspec.structs.astuple(filters)))


async def count_shelf_facets(
    connection: Connection,
    *,
    currency: str,
    search: str | None = None,
    category: str | None = None,
    in_stock: bool = False,
    vendor: str | None = None,
    min_price_minor: int | None = None,
    max_price_minor: int | None = None,
    options: Mapping[str, str] | None = None,
) -> tuple[FacetCount, ...]:
    """What ``list_shelf`` finds in all, and what it would find with each further filter.

    Every facet counts under all filters but its own, so that the others of a kind can be chosen
    instead. Options are counted once a search, a category or a vendor is chosen.

    Raises:
        InvalidInput: Lists what is wrong with the filters.
    """
    filters = _filters(
        currency, search, category, vendor, in_stock, min_price_minor, max_price_minor, options, []
    )
    statement = shelf.FACETS[filters.verb]
    return tuple(await connection.all(statement, *msgspec.structs.astuple(filters)))


class _Filters(msgspec.Struct, frozen=True):
    """The parameters $1 to $8 of every statement of the shelf."""

    currency: str
    search: str | None
    category: str | None
    vendor: str | None
    in_stock: bool
    min_price_minor: int | None
    max_price_minor: int | None
    options: dict[str, str] | None

    @property
    def verb(self) -> str:
        return "list" if self.search is None else "search"

    @property
    def place(self) -> str:
        return "shelf" if self.category is None else "aisle"

    @property
    def is_whole(self) -> bool:
        """Whether they leave (nearly) the whole catalog."""
        narrowing = (self.search, self.category, self.vendor)
        limits = (self.min_price_minor, self.max_price_minor, self.options)
        return narrowing == (None, None, None) and limits == (None, None, None)


def _filters(  # noqa: PLR0917 - private, and called with the names themselves
    currency: str,
    search: str | None,
    category: str | None,
    vendor: str | None,
    in_stock: bool,  # noqa: FBT001 - as above
    min_price_minor: int | None,
    max_price_minor: int | None,
    options: Mapping[str, str] | None,
    faults: list[Fault],
) -> _Filters:
    """Check what came from outside; raises every fault, the given ones included."""
    if search is not None and len(search) > MAX_SEARCH:
        faults.append(Fault("/search", "too_long", f"At most {MAX_SEARCH} characters."))
    texts = {"currency": currency, "search": search, "category": category, "vendor": vendor}
    for name, text in texts.items():
        if text is not None and not is_storable(text):
            faults.append(Fault(f"/{name}", "invalid_text", "It has characters that no text has."))
    if options and (
        len(options) > MAX_OPTIONS
        or not all(is_storable(text) for pair in options.items() for text in pair)
    ):
        faults.append(Fault("/options", "invalid_options", f"At most {MAX_OPTIONS} of them."))
    for name, slug in (("category", category), ("vendor", vendor)):
        if slug is not None and len(slug) > MAX_SLUG:
            faults.append(Fault(f"/{name}", "too_long", f"At most {MAX_SLUG} characters."))
    for name, price in (("min_price", min_price_minor), ("max_price", max_price_minor)):
        if price is not None and not 0 <= price <= MAX_MINOR:
            faults.append(Fault(f"/{name}", "out_of_range", f"From 0 to {MAX_MINOR}."))
    if faults:
        raise InvalidInput(tuple(faults))
    words = search.strip() if search is not None else None
    return _Filters(
        currency,
        words or None,
        category,
        vendor,
        in_stock,
        min_price_minor,
        max_price_minor,
        dict(options) if options else None,
    )


def _sort_faults(sort: str) -> list[Fault]:
    if sort in SORTS:
        return []
    return [Fault("/sort", "unknown_sort", f"One of {', '.join(SORTS)}.")]


def _read_count(key: str) -> int:
    value = int(key)
    if not 0 <= value <= MAX_MINOR:
        raise ValueError("out of range")
    return value


def _read_rank(key: str) -> int:
    value = int(key)
    if not 0 <= value < 1 << 31:
        raise ValueError("out of range")
    return value


_KEY_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "newest": UUID,
    "price_up": _read_count,
    "price_down": _read_count,
    "price_up_of_all": _read_count,
    "price_down_of_all": _read_count,
    "name": read_text,
    "relevance": _read_rank,
}


def _summary(row: shelf.ShelfRow) -> ProductSummary:
    fields = ProductSummary.__struct_fields__
    return ProductSummary(*(getattr(row, field) for field in fields))
