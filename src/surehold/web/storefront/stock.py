"""What is true of stock now: the one sentence about it, and telling it to open pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, TypeAlias

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.catalog.errors import VariantNotFound
from surehold.db import Connection, Database
from surehold.db import clock as db_clock
from surehold.inventory import queries as inventory
from surehold.inventory.model import BackorderKind, Outlook
from surehold.inventory.queries import Level
from surehold.kernel import clock
from surehold.kernel.ids import VariantId
from surehold.web.storefront.live import Answer, Feed, Streams
from surehold.web.storefront.parts import NO_STORE, Page, Store
from surehold.web.storefront.shown import FEW
from surehold.web.storefront.views import AvailabilityKind, AvailabilityView, StockView
from surehold.web.storefront.visit import StoreRequest, Visit, local_path
from surehold.web.templating import render_block
from surehold.web.validation import parse_id

#: A hold that ends later than this is no reason to wait for it.
WORTH_WAITING: Final = timedelta(hours=2)
_MINUTE: Final = timedelta(minutes=1)


class Stock(msgspec.Struct, frozen=True):
    """One variant's stock over all locations."""

    available: int = 0
    reserved: int = 0
    #: What could still be promised, back-orders included, and on which terms.
    room: int = 0
    outlook: Outlook | None = None


async def read_stock(
    connection: Connection, variant_ids: Sequence[VariantId]
) -> dict[VariantId, Stock]:
    """The stock of these variants; back-orders are asked for only where nothing is left."""
    levels = await inventory.list_levels_of(connection, variant_ids=variant_ids)
    stock = {variant_id: _sum(levels.get(variant_id, ())) for variant_id in variant_ids}
    empty = [variant_id for variant_id, row in stock.items() if row.available <= 0]
    if empty:
        rooms = await inventory.available(connection, empty)
        coming = [variant_id for variant_id in empty if rooms[variant_id] > 0]
        outlook = await inventory.find_outlook(connection, variant_ids=coming)
        for variant_id in empty:
            stock[variant_id] = msgspec.structs.replace(
                stock[variant_id], room=rooms[variant_id], outlook=outlook.get(variant_id)
            )
    return stock


def _sum(levels: Sequence[Level]) -> Stock:
    # What one location owes, another does not lack.
    available = sum(max(level.available, 0) for level in levels)
    return Stock(available, sum(level.reserved for level in levels), available)


def describe_stock(
    stock: Stock, *, today: date, ends_at: datetime | None, now: datetime | None
) -> AvailabilityView:
    """The one sentence about stock. Pure."""
    kind = AvailabilityKind
    if stock.room > 0 and stock.available <= 0:
        return _describe_outlook(stock.outlook, today=today)
    if stock.room > 0:
        if stock.available <= FEW:
            return AvailabilityView(kind.FEW_LEFT, left=stock.available)
        return AvailabilityView(kind.IN_STOCK)
    if ends_at is not None and now is not None and ends_at - now <= WORTH_WAITING:
        minutes = max(1, -((now - ends_at) // _MINUTE))
        return AvailabilityView(kind.BEING_BOUGHT, free_in_minutes=minutes)
    return AvailabilityView(kind.SOLD_OUT)


def _describe_outlook(outlook: Outlook | None, *, today: date) -> AvailabilityView:
    """What is sold before it is there. A day that has passed is promised to nobody any more."""
    day = None if outlook is None else outlook.promised_on
    is_preorder = outlook is not None and outlook.kind is BackorderKind.PREORDER
    return AvailabilityView(
        AvailabilityKind.PREORDER if is_preorder else AvailabilityKind.BACKORDER,
        ships_on=day if day is not None and day >= today else None,
    )


async def tell(connection: Connection, variant_id: VariantId, stock: Stock) -> AvailabilityView:
    """The sentence about one variant; of one that is all held, when a hold ends."""
    ends_at = now = None
    if stock.room <= 0 and stock.reserved > 0:
        ends_at = await inventory.soonest_hold_end(connection, variant_id=variant_id)
        now = await db_clock.now(connection)
    return describe_stock(stock, today=clock.now().date(), ends_at=ends_at, now=now)


def live_view(variant_id: VariantId, stock: Stock, told: AvailabilityView) -> StockView:
    """What a page shows of a variant's stock, and where it asks again."""
    can_buy = stock.room > 0
    said = f"{told.kind.value}.{told.left}.{told.free_in_minutes}.{told.ships_on or 0}"
    return StockView(
        variant_id=str(variant_id),
        availability=told,
        can_buy=can_buy,
        mark=f"{said}.{int(can_buy)}",
    )


StockFeed: TypeAlias = Feed[VariantId, StockView]


def stock_feed(db: Database) -> StockFeed:
    """The stock of everything that is looked at in one process. What is unknown is sold out."""

    async def read(variant_ids: Sequence[VariantId]) -> dict[VariantId, StockView]:
        async with db.connection() as connection:
            stock = await read_stock(connection, variant_ids)
            return {
                variant_id: live_view(variant_id, row, await tell(connection, variant_id, row))
                for variant_id, row in stock.items()
            }

    return Feed(read)


@get("/stock/{variant_id:str}")
async def show_stock(
    request: StoreRequest,
    store: NamedDependency[Store],
    feed: NamedDependency[StockFeed],
    variant_id: FromPath[str],
) -> Page:
    """The sentence about stock when another one is true now; until then a short no."""
    visit = store.greet(request)
    live = await feed.look(_known(variant_id))
    seen = visit.query.get("seen", "")
    if seen == live.mark:
        return store.answer(visit, "", status=204, cache=NO_STORE)
    if seen.rpartition(".")[2] != str(int(live.can_buy)):
        # The form appears or goes: the page shows itself anew, and keeps what was typed.
        live = msgspec.structs.replace(live, page_url=_page_of(visit))
    shell = store.shell(visit, banner=None)
    html = render_block(
        store.environment,
        "store/product.html",
        "stock",
        page=shell,
        view=live,
        csrf_token=visit.csrf_token,
    )
    return store.answer(visit, html, cache=NO_STORE)


@get("/stock/{variant_id:str}/stream")
async def follow(
    request: StoreRequest,
    store: NamedDependency[Store],
    feed: NamedDependency[StockFeed],
    streams: NamedDependency[Streams],
    variant_id: FromPath[str],
) -> Answer:
    """An event whenever another sentence about stock is true."""
    visit, known = store.greet(request), _known(variant_id)

    async def look() -> str:
        return (await feed.look(known)).mark

    return streams.follow(store, visit, look, seen=visit.query.get("seen", ""))


def _known(text: str) -> VariantId:
    """The variant that an address names.

    Raises:
        VariantNotFound: That is no id at all.
    """
    found = parse_id(text)
    if found is None:
        raise VariantNotFound("There is no such variant.")
    return VariantId(found)


def _page_of(visit: Visit) -> str | None:
    """The product page that asks, as htmx names it."""
    given = visit.headers.get(b"hx-current-url", b"").decode("latin-1")
    _, _, tail = given.partition("/p/")
    path = local_path(f"/p/{tail.partition('#')[0]}")
    return path if tail and path != "/" else None
