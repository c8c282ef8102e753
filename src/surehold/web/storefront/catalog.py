"""Finding: the front page, categories, search, and what one vendor sells."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.catalog import queries as catalog
from surehold.catalog.errors import CategoryNotFound
from surehold.db import Connection
from surehold.inventory import queries as shelf
from surehold.kernel.errors import InvalidInput
from surehold.web.storefront.filters import (
    Wanted,
    category_facets,
    chips,
    clear_url,
    further_facets,
    price_filter,
    read_wanted,
    sorts,
)
from surehold.web.storefront.parts import NO_STORE, Page, Store, category_url
from surehold.web.storefront.shown import product_card
from surehold.web.storefront.views import CatalogView, LinkView, SuggestView
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.templating import render_block
from surehold.web.translations import gettext, gettext_noop, ngettext

PAGE_SIZE: Final = 24
#: From so many letters on there are suggestions, so many products and shelves.
SUGGEST_FROM: Final = 2
SUGGESTED: Final = 6
SUGGESTED_SHELVES: Final = 3
#: What a search that finds nothing may have meant.
NEAR: Final = 3
_HEADING: Final = gettext_noop("Well-made things for home and away")
_INTRO: Final = gettext_noop(
    "Made in small runs by people we know. What you see here is really on our shelves."
)


@get("/")
async def home(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The front page."""
    visit = store.greet(request)
    async with store.open(visit) as connection:
        wanted = read_wanted(visit, "/")
        view = await _view(
            store, connection, wanted, heading=gettext(_HEADING), intro=gettext(_INTRO)
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
        wanted = read_wanted(visit, category_url(slug), category=slug)
        view = await _view(store, connection, wanted, heading=found.name, intro=found.description)
    return store.page(visit, "store/category.html", view, block="results")


@get("/v/{slug:str}")
async def vendor(
    request: StoreRequest, store: NamedDependency[Store], slug: FromPath[str]
) -> Page:
    """What one vendor sells."""
    visit = store.greet(request)
    async with store.open(visit) as connection:
        found = await catalog.get_vendor(connection, slug=slug)
        wanted = read_wanted(visit, f"/v/{quote(slug, safe='')}", vendor=slug)
        view = await _view(store, connection, wanted, heading=found.name, intro=found.description)
    return store.page(visit, "store/category.html", view, block="results")


@get("/search")
async def search(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """What was searched for; with nothing to search for, the form alone."""
    visit = store.greet(request)
    words = _words(visit)
    async with store.open(visit) as connection:
        if not words:
            view = _nothing(store, gettext("Search"), query="")
        else:
            wanted = read_wanted(visit, "/search", search=words)
            view = await _view(store, connection, wanted, heading="", intro="")
            near = () if view.total_count else await _near(connection, words)
            view = msgspec.structs.replace(
                view, heading=_heading(view.total_count, words), near=near
            )
    return store.page(visit, "store/search.html", view, block="results")


@get("/search/suggest")
async def suggest(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """What somebody may mean who has typed so far: a few products and shelves, as links.

    It reads no cart and sets nothing: it is asked while somebody types.
    """
    visit = store.greet(request)
    words = _words(visit)
    view = SuggestView(query=words)
    if len(words) >= SUGGEST_FROM:
        async with store.db.connection() as connection:
            page = await shelf.list_shelf(
                connection,
                currency=visit.currency,
                search=words,
                sort=shelf.RELEVANCE,
                limit=SUGGESTED,
            )
        shelves = [row for row in store.signs.categories if words.lower() in row.name.lower()]
        view = SuggestView(
            query=words,
            cards=tuple(product_card(store, row) for row in page.items),
            categories=tuple(
                LinkView(row.name, category_url(row.slug)) for row in shelves[:SUGGESTED_SHELVES]
            ),
        )
    html = render_block(
        store.environment,
        "store/search.html",
        "suggestions",
        page=store.shell(visit, banner=None),
        view=view,
        csrf_token="",
    )
    return store.answer(visit, html, cache=NO_STORE)


async def _near(connection: Connection, words: str) -> tuple[LinkView, ...]:
    """What somebody may have meant whose words are nowhere."""
    names = await shelf.list_near_names(connection, words=words, most=NEAR)
    return tuple(
        LinkView(name, f"/search?{urlencode({'q': name})}") for name in dict.fromkeys(names)
    )


def _words(visit: Visit) -> str:
    """What was typed, as the shelf takes it."""
    return " ".join(visit.query.get("q", "").replace("\0", " ").split())[: shelf.MAX_SEARCH]


def _heading(count: int, words: str) -> str:
    if not count:
        return gettext("No results")
    return ngettext(
        "%(num)s result for “%(query)s”", "%(num)s results for “%(query)s”", count, query=words
    )


async def _view(
    store: Store,
    connection: Connection,
    wanted: Wanted,
    *,
    heading: str,
    intro: str,
) -> CatalogView:
    """The grid. A cursor that does not fit (an old link) begins at the first page."""
    try:
        return await _read(store, connection, wanted, heading=heading, intro=intro)
    except InvalidInput:
        if wanted.cursor is None:
            raise CategoryNotFound("There is nothing like that on the shelf.") from None
    wanted = msgspec.structs.replace(wanted, cursor=None)
    return await _read(store, connection, wanted, heading=heading, intro=intro)


async def _read(
    store: Store,
    connection: Connection,
    wanted: Wanted,
    *,
    heading: str,
    intro: str,
) -> CatalogView:
    page = await shelf.list_shelf(
        connection, **wanted.filters, sort=wanted.sort, cursor=wanted.cursor, limit=PAGE_SIZE
    )
    found = await store.counts.facets(connection, **wanted.filters)
    counts = {row.facet: row.count for row in found if not row.label}
    chosen = chips(wanted, found)
    return CatalogView(
        heading=heading,
        intro=intro,
        query=wanted.search,
        action=wanted.path,
        total_count=counts["here"],
        cards=tuple(product_card(store, product) for product in page.items),
        facets=category_facets(wanted, found),
        groups=further_facets(wanted, found),
        price=price_filter(wanted),
        sorts=sorts(wanted),
        is_in_stock_only=wanted.in_stock,
        in_stock_count=counts["in_stock"],
        chips=chosen,
        clear_url=clear_url(wanted) if chosen else None,
        kept_fields=wanted.fields("in_stock", "sort", "cursor"),
        # Later pages are added to those before them, so only the first knows its number.
        shown_count=0 if wanted.cursor else len(page.items),
        next_url=None if page.next_cursor is None else wanted.url(cursor=page.next_cursor),
        suggestions=_suggestions(store),
    )


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
