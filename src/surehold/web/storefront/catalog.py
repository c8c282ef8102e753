"""Finding: the front page, categories, search, and what one vendor sells."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.catalog import queries as catalog
from surehold.catalog.errors import CategoryNotFound
from surehold.catalog.model import CategoryCount
from surehold.db import Connection
from surehold.inventory import queries as shelf
from surehold.kernel.errors import InvalidInput
from surehold.web.storefront.parts import Page, Store, category_url
from surehold.web.storefront.shown import product_card
from surehold.web.storefront.views import (
    CatalogView,
    ChipView,
    FacetView,
    LinkView,
    SortChoice,
)
from surehold.web.storefront.visit import StoreRequest, Visit

PAGE_SIZE: Final = 24
_HEADING: Final = "Well-made things for home and away"
_INTRO: Final = "Made in small runs by people we know. What you see here is really on our shelves."
_SORTS: Final = MappingProxyType(
    {
        shelf.NEWEST: "Newest",
        "price": "Price, low to high",
        "-price": "Price, high to low",
        "name": "Name",
    }
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What of the shelf a page shows: fixed by the page, then chosen by the visitor."""

    path: str
    category: str | None = None
    vendor: str | None = None
    search: str | None = None
    in_stock: bool = False
    sort: str = shelf.NEWEST
    cursor: str | None = None

    def url(self, **changes: str | bool | None) -> str:
        """The address of this page with other choices; a new choice begins at the first page."""
        wanted = msgspec.structs.replace(self, **{"cursor": None, **changes})
        pairs = [
            ("q", wanted.search or ""),
            ("category", (wanted.category or "") if not wanted.path.startswith("/c/") else ""),
            ("in_stock", "1" if wanted.in_stock else ""),
            ("sort", wanted.sort if wanted.sort != wanted.usual_sort else ""),
            ("cursor", wanted.cursor or ""),
        ]
        kept = [(name, value) for name, value in pairs if value]
        return f"{wanted.path}?{urlencode(kept)}" if kept else wanted.path

    @property
    def usual_sort(self) -> str:
        """How the page is sorted when nothing is chosen."""
        return shelf.NEWEST if self.search is None else shelf.RELEVANCE


@get("/")
async def home(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The front page."""
    visit = store.greet(request)
    async with store.open(visit) as connection:
        view = await _view(
            store, connection, visit, _wanted(visit, "/"), heading=_HEADING, intro=_INTRO
        )
    view = msgspec.structs.replace(view, is_home=True)
    return store.page(visit, "store/home.html", view, block="results")


@get("/c/{slug:str}")
async def category(
    request: StoreRequest, store: NamedDependency[Store], slug: FromPath[str]
) -> Page:
    """One category, with what is in those below it."""
    visit = store.greet(request)
    async with store.open(visit) as connection:
        found = next((row for row in store.signs.categories if row.slug == slug), None)
        if found is None:
            found = await catalog.get_category(connection, slug=slug)
        wanted = _wanted(visit, category_url(slug), category=slug)
        view = await _view(
            store, connection, visit, wanted, heading=found.name, intro=found.description
        )
    return store.page(visit, "store/category.html", view, block="results")


@get("/v/{slug:str}")
async def vendor(
    request: StoreRequest, store: NamedDependency[Store], slug: FromPath[str]
) -> Page:
    """What one vendor sells."""
    visit = store.greet(request)
    async with store.open(visit) as connection:
        found = await catalog.get_vendor(connection, slug=slug)
        wanted = _wanted(
            visit, visit.path, vendor=slug, category=visit.query.get("category") or None
        )
        view = await _view(
            store, connection, visit, wanted, heading=found.name, intro=found.description
        )
    return store.page(visit, "store/category.html", view, block="results")


@get("/search")
async def search(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """What was searched for; with nothing to search for, the form alone."""
    visit = store.greet(request)
    words = " ".join(visit.query.get("q", "").replace("\0", " ").split())[: shelf.MAX_SEARCH]
    async with store.open(visit) as connection:
        if not words:
            view = _nothing(store, "Search", query="")
        else:
            wanted = _wanted(
                visit, "/search", search=words, category=visit.query.get("category") or None
            )
            view = await _view(store, connection, visit, wanted, heading="", intro="")
            view = msgspec.structs.replace(view, heading=_heading(view.total_count, words))
    return store.page(visit, "store/search.html", view, block="results")


def _heading(count: int, words: str) -> str:
    if not count:
        return "No results"
    return f"{count} result{'' if count == 1 else 's'} for “{words}”"


def _wanted(
    visit: Visit,
    path: str,
    *,
    category: str | None = None,
    vendor: str | None = None,
    search: str | None = None,
) -> Wanted:
    usual = shelf.NEWEST if search is None else shelf.RELEVANCE
    sort = visit.query.get("sort", usual)
    return Wanted(
        path=path,
        category=category,
        vendor=vendor,
        search=search,
        in_stock=visit.query.get("in_stock") == "1",
        sort=sort if sort in _SORTS else usual,
        cursor=visit.query.get("cursor") or None,
    )


async def _view(
    store: Store,
    connection: Connection,
    visit: Visit,
    wanted: Wanted,
    *,
    heading: str,
    intro: str,
) -> CatalogView:
    """The grid. A cursor that does not fit (an old link) begins at the first page."""
    try:
        return await _read(store, connection, visit, wanted, heading=heading, intro=intro)
    except InvalidInput:
        if wanted.cursor is None:
            raise CategoryNotFound("There is nothing like that on the shelf.") from None
    wanted = msgspec.structs.replace(wanted, cursor=None)
    return await _read(store, connection, visit, wanted, heading=heading, intro=intro)


async def _read(
    store: Store,
    connection: Connection,
    visit: Visit,
    wanted: Wanted,
    *,
    heading: str,
    intro: str,
) -> CatalogView:
    page = await shelf.list_shelf(
        connection,
        currency=visit.currency,
        search=wanted.search,
        category=wanted.category,
        vendor=wanted.vendor,
        in_stock=wanted.in_stock,
        sort=wanted.sort,
        cursor=wanted.cursor,
        limit=PAGE_SIZE,
    )
    filters: dict[str, Any] = {
        "currency": visit.currency,
        "search": wanted.search,
        "vendor": wanted.vendor,
        "in_stock": wanted.in_stock,
    }
    everything = await store.counts.total(connection, **filters)
    counts = await store.counts.categories(connection, **filters)
    here = next((row.count for row in counts if row.slug == wanted.category), everything)
    chips = _chips(wanted, counts)
    return CatalogView(
        heading=heading,
        intro=intro,
        query=wanted.search,
        action=wanted.path,
        total_count=here,
        cards=tuple(product_card(store, product) for product in page.items),
        facets=_facets(wanted, counts, everything),
        sorts=_sorts(wanted),
        is_in_stock_only=wanted.in_stock,
        chips=chips,
        clear_url=wanted.url(in_stock=False, category=None) if chips else None,
        kept_fields=_kept(wanted),
        # Later pages are added to those before them, so only the first knows its number.
        shown_count=0 if wanted.cursor else len(page.items),
        next_url=None if page.next_cursor is None else wanted.url(cursor=page.next_cursor),
        suggestions=_suggestions(store),
    )


def _facets(
    wanted: Wanted, counts: tuple[CategoryCount, ...], everything: int
) -> tuple[FacetView, ...]:
    """The shelves of the store, and those below the one that is shown."""
    is_page_of_its_own = wanted.search is None and wanted.vendor is None
    parents = {row.slug: row.parent_slug for row in counts}
    opened = {wanted.category, parents.get(wanted.category or "")} - {None}

    def url(slug: str | None) -> str:
        if not is_page_of_its_own:
            return wanted.url(category=slug)
        path = "/" if slug is None else category_url(slug)
        return wanted.url(path=path, category=slug)

    shown = [row for row in counts if row.parent_slug is None or row.parent_slug in opened]
    facets = [
        FacetView(row.name, url(row.slug), row.count, row.slug == wanted.category)
        for row in shown
        if row.count or row.slug == wanted.category
    ]
    return (FacetView("All", url(None), everything, wanted.category is None), *facets)


def _sorts(wanted: Wanted) -> tuple[SortChoice, ...]:
    choices = dict(_SORTS)
    if wanted.search is not None:
        choices = {shelf.RELEVANCE: "Best match", **choices}
    return tuple(
        SortChoice(value, label, value == wanted.sort) for value, label in choices.items()
    )


def _chips(wanted: Wanted, counts: tuple[CategoryCount, ...]) -> tuple[ChipView, ...]:
    chips = []
    if wanted.category is not None and not wanted.path.startswith("/c/"):
        name = next((row.name for row in counts if row.slug == wanted.category), wanted.category)
        chips.append(ChipView(name, wanted.url(category=None)))
    if wanted.in_stock:
        chips.append(ChipView("In stock only", wanted.url(in_stock=False)))
    return tuple(chips)


def _kept(wanted: Wanted) -> tuple[tuple[str, str], ...]:
    """What the filter form sends along unseen."""
    category = None if wanted.path.startswith("/c/") else wanted.category
    pairs = (("q", wanted.search), ("category", category))
    return tuple((name, value) for name, value in pairs if value)


def _suggestions(store: Store) -> tuple[LinkView, ...]:
    top = [row for row in store.signs.categories if row.parent_slug is None]
    return tuple(LinkView(row.name, category_url(row.slug)) for row in top[:4])


def _nothing(store: Store, heading: str, *, query: str) -> CatalogView:
    return CatalogView(
        heading=heading,
        query=query,
        action="/search",
        total_count=0,
        cards=(),
        facets=(),
        sorts=(),
        suggestions=_suggestions(store),
    )
