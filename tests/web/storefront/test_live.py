"""Streams of an open page: told of what is new, by one reading for all, in nobody's way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from surehold.checkout.commands import cancel_order
from surehold.checkout.engine import Checkout
from surehold.checkout.model import BUYER
from surehold.db import Database
from surehold.kernel.errors import Busy
from surehold.orders import queries as orders
from surehold.orders.model import CancelReason
from surehold.web.storefront import live
from tests.builders.catalog import a_product, change_on_hand
from tests.web.storefront.browser import Browser
from tests.web.storefront.buying import buy, number_of

STREAM = "text/event-stream; charset=utf-8"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FRESH_MS", 20)
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(live, "SETTLED_SECONDS", 0.02)


class Follower:
    """A browser's end of one answer that may never be over."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.said = ""
        self.is_over = False
        self._gone = asyncio.Event()
        self._news = asyncio.Condition()
        self._request = True

    async def receive(self) -> dict[str, Any]:
        if self._request:
            self._request = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        async with self._news:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            else:
                self.said += message["body"].decode()
                self.is_over = not message.get("more_body")
            self._news.notify_all()

    @property
    def events(self) -> list[str]:
        """What every event so far says, each the same as its id."""
        blocks = [block.splitlines() for block in self.said.split("\n\n")]
        events = [block for block in blocks if len(block) == 2]
        assert all(one[0].removeprefix("id: ") == one[1].removeprefix("data: ") for one in events)
        return [one[1].removeprefix("data: ") for one in events]

    async def wait_for(self, count: int) -> list[str]:
        """That many events."""
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: len(self.events) >= count)
        return self.events

    def leave(self) -> None:
        self._gone.set()


@asynccontextmanager
async def following(
    app: Any, address: str, *, method: str = "GET", cookie: str = "", **headers: str
) -> AsyncIterator[Follower]:
    """Follow a stream of an application, and leave it."""
    path, _, query = address.partition("?")
    follower = Follower()
    given = {"accept": "text/event-stream", "cookie": cookie, **headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "root_path": "", "client": ("127.0.0.1", 5000), "server": ("shop.test", 80), "state": {},
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in given.items()
        ],
    }  # fmt: skip
    task = asyncio.create_task(app(scope, follower.receive, follower.send))
    try:
        async with asyncio.timeout(5), follower._news:
            await follower._news.wait_for(lambda: follower.is_over or "retry: " in follower.said)
        yield follower
    finally:
        follower.leave()
        await asyncio.wait_for(task, timeout=5)


def stream_of(html: str) -> str:
    """Where a page is told that there is something new."""
    return html.partition('data-stream="')[2].partition('"')[0].replace("&amp;", "&")


async def test_an_open_page_is_told_once_of_each_change_of_stock(
    app: Any, browser: Browser, db: Database
) -> None:
    lamp = await a_product(db, on_hand=9)
    address = stream_of((await browser.get(f"/p/{lamp.slug}")).html)

    async with following(app, address) as page:
        await asyncio.sleep(0.1)
        before = page.events
        await change_on_hand(db, lamp.variant_id, on_hand=2)
        await page.wait_for(1)
        await change_on_hand(db, lamp.variant_id, on_hand=0)
        told = await page.wait_for(2)
        await asyncio.sleep(0.1)
        after = page.events

    assert (page.status, page.headers["content-type"]) == (200, STREAM)
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-accel-buffering"] == "no"
    assert "content-length" not in page.headers
    assert before == []
    assert after == told == ["few_left.2.0.0.1", "sold_out.0.0.0.0"]


async def test_who_comes_back_is_told_what_is_new_since_then(
    app: Any, browser: Browser, db: Database
) -> None:
    lamp = await a_product(db, on_hand=9)
    address = stream_of((await browser.get(f"/p/{lamp.slug}")).html)
    await change_on_hand(db, lamp.variant_id, on_hand=2)

    async with following(app, address, last_event_id="few_left.2.0.0.1") as knowing:
        await asyncio.sleep(0.1)
    async with following(app, address, last_event_id="few_left.3.0.0.1") as late:
        told = await late.wait_for(1)

    assert knowing.events == []
    assert told == ["few_left.2.0.0.1"]


async def test_an_order_tells_who_may_see_it(
    app: Any, browser: Browser, checkout: Checkout, db: Database, statements: list[str]
) -> None:
    lamp = await a_product(db, on_hand=9, images=0)
    number = number_of(await buy(browser, lamp.slug))
    address = stream_of((await browser.get(f"/orders/{number}")).html)
    kept = f"surehold_order={browser.client.cookies['surehold_order']}"
    async with db.connection() as connection:
        order = await orders.find_order_by_number(connection, number=number)
    assert order is not None
    statements.clear()

    async with (
        following(app, address, cookie=kept) as own,
        following(app, address, cookie="surehold_order=x") as stranger,
    ):
        await asyncio.sleep(0.1)
        before, asked = own.events, Counter(statements)
        await cancel_order(checkout, order_id=order.id, reason=CancelReason.BUYER, actor=BUYER)
        told = await own.wait_for(1)

    assert before == []
    # Each asked once whose the order is; then the pulse alone, again and again.
    assert asked.pop("orders.list_pulses") > 1
    assert asked == {"orders.find_order_by_number": 2}
    assert len(told) == 1
    assert told[0] != address.partition("seen=")[2]
    assert (stranger.status, stranger.events) == (404, [])
    # An order that is over is followed by nobody.
    assert stream_of((await browser.get(f"/orders/{number}")).html) == ""


async def test_however_many_follow_the_database_is_asked_once_for_all(
    app: Any,
    browser: Browser,
    db: Database,
    statements: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lamp = await a_product(db, on_hand=9)
    address = stream_of((await browser.get(f"/p/{lamp.slug}")).html)
    monkeypatch.setattr(live, "FRESH_MS", 60_000)
    statements.clear()

    async with asyncio.TaskGroup() as group:

        async def look() -> None:
            async with following(app, address):
                await asyncio.sleep(0.1)

        for _ in range(40):
            group.create_task(look())

    assert statements == ["inventory.list_levels_of"]


async def test_there_are_no_more_streams_than_leave_room_for_buyers(
    app: Any, browser: Browser, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAMS_MAX", 2)
    lamp = await a_product(db, on_hand=9)
    address = stream_of((await browser.get(f"/p/{lamp.slug}")).html)

    async with (
        following(app, address) as first,
        following(app, address) as second,
        following(app, address) as third,
    ):
        pass
    async with following(app, address) as later:
        pass

    assert [one.status for one in (first, second, third, later)] == [200, 200, 204, 200]
    # Browsers ask a stream that answered so no more; the page asks by itself.
    assert third.said == ""


async def test_a_stream_says_that_it_lives_and_ends_by_itself(
    app: Any, browser: Browser, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SILENCE_SECONDS", 0.02)
    monkeypatch.setattr(live, "STREAM_SECONDS", 0.2)
    lamp = await a_product(db, on_hand=9)
    address = stream_of((await browser.get(f"/p/{lamp.slug}")).html)

    async with following(app, address) as page:
        async with asyncio.timeout(5):
            while not page.is_over:
                await asyncio.sleep(0.01)

    first, *rest = page.said.removesuffix("\n\n").split("\n\n")
    name, _, wait = first.partition(": ")
    assert name == "retry"
    assert 2_000 <= int(wait) < 6_000
    assert rest
    assert set(rest) == {":"}


async def test_a_reading_that_fails_ends_the_stream_and_nothing_else(
    app: Any, browser: Browser, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp = await a_product(db, on_hand=9)
    address = stream_of((await browser.get(f"/p/{lamp.slug}")).html)

    async def refuse(*_: object) -> None:
        raise Busy("The database does not answer.")

    async with following(app, address) as page:
        monkeypatch.setattr("surehold.web.storefront.stock.read_stock", refuse)
        async with asyncio.timeout(5):
            while not page.is_over:
                await asyncio.sleep(0.01)

    assert (page.status, page.events) == (200, [])


@pytest.mark.parametrize(
    ("address", "method", "status"),
    [
        ("/stock/x/stream", "GET", 404),
        ("/stock/%00/stream", "GET", 404),
        ("/orders/SH-0000/stream", "GET", 404),
        ("/stock/00000000-0000-7000-8000-000000000000/stream", "HEAD", 405),
        ("/stock/00000000-0000-7000-8000-000000000000/stream", "POST", 405),
    ],
)
async def test_an_odd_request_is_refused(app: Any, address: str, method: str, status: int) -> None:
    async with following(app, address, method=method) as answer:
        pass

    assert answer.status == status
