"""One Chromium for all journeys of a module; each visitor has a window and cookies of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest_asyncio
from playwright.async_api import Browser, Page, Request, async_playwright

from surehold.db import Database
from surehold.db.database import Settings
from tests.support import database
from tests.web.storefront.conftest import Served, serve_store
from tests.web.storefront.test_real_browser import ARGUMENTS, CHROMIUM

#: Opens a window: ``async with visit() as page``. What it takes is in ``_visit``.
Visit: TypeAlias = Callable[..., AbstractAsyncContextManager[Page]]

#: Names lead nowhere, so that not even a request that we miss can leave the machine.
NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


# A browser lives in the loop that started it, so these tests share one, and what they touch too.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=[*ARGUMENTS, NOWHERE]
        )
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="module")
async def db(url: str) -> AsyncIterator[Database]:
    async with Database(Settings(url=url)) as opened:
        yield opened
    await database.empty(url)


@pytest_asyncio.fixture(loop_scope="module")
async def served(db: Database) -> AsyncIterator[Served]:
    async with serve_store(db) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def visit(chromium: Browser, served: Served) -> Visit:
    @asynccontextmanager
    async def open_window(*refusals: int, **options: Any) -> AsyncIterator[Page]:
        """A window. It may be refused with these statuses; no other complaint is let pass."""
        complaints: list[str] = []
        strangers: list[str] = []

        def note(request: Request) -> None:
            address = urlsplit(request.url)
            if address.scheme != "data" and address.hostname != "127.0.0.1":
                strangers.append(request.url)

        context = await chromium.new_context(
            **{"base_url": served.base_url, "locale": "en-IE", "reduced_motion": "reduce"}
            | options
        )
        context.on("request", note)
        context.on(
            "console", lambda said: complaints.append(said.text) if said.type == "error" else None
        )
        context.on("weberror", lambda fault: complaints.append(str(fault.error)))
        context.set_default_timeout(20_000)
        try:
            yield await context.new_page()
        finally:
            await context.close()
        assert strangers == []
        expected = [f"status of {status} " for status in refusals]
        assert [one for one in complaints if not any(word in one for word in expected)] == []

    return open_window
