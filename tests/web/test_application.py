"""What belongs to whom, and what every answer carries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from litestar import Litestar

from surehold.web.application import create_web
from tests.support.api import Api, a_config


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """A stand-in for the storefront."""
    text = f"page {scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text})


@pytest.mark.parametrize(
    ("path", "is_page"),
    [
        ("/", True),
        ("/cart", True),
        ("/apis", True),
        ("/products/x", True),
        ("//api/v1/products", True),
        ("/api", False),
        ("/api/", False),
        ("/api/v1/products", False),
        ("/health/live", False),
        ("/metrics", False),
        ("/webhooks/sandbox", False),
        ("/assets/none.css", False),
    ],
)
async def test_pages_get_what_is_not_ours(api: Api, path: str, *, is_page: bool) -> None:
    web = create_web(a_config(), api.checkout, api.inbox, pages=pages)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=web), base_url="http://shop.test"
    ) as client:
        answer = await client.get(httpx2.URL("http://shop.test", raw_path=path.encode()))

    assert (answer.content == f"page {path}".encode()) is is_page
    assert ("x-request-id" in answer.headers) is not is_page


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/products"),
        ("GET", "/cart"),
        ("POST", "/checkout"),
        ("GET", "/nothing"),
        ("GET", "/health/live"),
        ("GET", "/api/docs"),
        ("GET", "/assets/none.css"),
    ],
)
async def test_every_answer_carries_the_security_headers(api: Api, method: str, path: str) -> None:
    answer = await api(method, path)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"]
    assert answer.headers["x-request-id"]


async def test_the_lifespan_opens_and_closes(api: Api) -> None:
    trace: list[str] = []

    @asynccontextmanager
    async def live(_: Litestar) -> AsyncIterator[None]:
        trace.append("opened")
        yield
        trace.append("closed")

    web = create_web(a_config(), api.checkout, api.inbox, lifespan=[live])
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await web({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    assert trace == ["opened", "closed"]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
