"""Floods are answered 429, and change nothing; whoever stands elsewhere does not notice."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from surehold.config import Mode
from surehold.db import Database
from surehold.web.application import WebApplication, create_web
from surehold.web.openapi import routes_of
from surehold.web.problems import TooManyRequests
from surehold.web.rates import GUESSED_AT, GUESSES, WRITES, Rates, rate_of
from surehold.web.storefront.application import create_store
from tests.support import clock
from tests.support.api import Api, _assets, _router, a_config

LOGIN = {"email": "nobody@example.com", "password": "x"}


def a_process(api: Api, **settings: Any) -> WebApplication:
    """One of several processes of a store that limits requests."""
    config = a_config(rate_limits=True, **settings)
    return create_web(config, api.checkout, api.inbox, router=_router())


def from_(web: WebApplication, address: str = "192.0.2.1", **headers: str) -> Any:
    """A client at an address."""
    transport = httpx2.ASGITransport(app=web, client=(address, 1234))
    return httpx2.AsyncClient(transport=transport, base_url="http://shop.test", headers=headers)


async def test_processes_share_the_count_of_guesses(api: Api, db: Database) -> None:
    webs = [a_process(api, web_processes=2) for _ in range(2)]
    path = "/api/v1/auth/verify-email"

    async def ask(turn: int) -> int:
        async with from_(webs[turn % 2]) as client:
            return (await client.post(path, json={"token": "x"})).status_code

    found = await asyncio.gather(*(ask(turn) for turn in range(2 * GUESSES.per_minute)))
    async with from_(webs[0]) as client:
        refused = await client.post("/api/v1/auth/register", json={**LOGIN, "name": ""})
    async with from_(webs[0], "192.0.2.2") as client:
        neighbor = await client.post(path, json={"token": "x"})
    async with db.connection() as connection:
        letters = await connection.raw.fetchval("SELECT count(*) FROM account_letters")
        counted = await connection.raw.fetch("SELECT requests FROM request_windows")
    await clock.shift(db, timedelta(seconds=61))
    async with from_(a_process(api)) as client:
        later = await client.post(path, json={"token": "x"})

    assert sorted(found) == [404] * GUESSES.per_minute + [429] * GUESSES.per_minute
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too_many_requests"
    assert refused.json()["instance"] == refused.headers["x-request-id"]
    assert refused.headers["cache-control"] == "no-store"
    assert letters == 0
    assert sorted(row["requests"] for row in counted) == [1, GUESSES.per_minute]
    assert (neighbor.status_code, later.status_code) == (404, 404)


async def test_a_process_grants_its_part_in_memory_and_writes_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("surehold.web.rates.clock.monotonic_seconds", lambda: 100.0)
    rates = Rates(db, processes=3)
    scope: dict[str, Any] = {
        "method": "POST",
        "path": "/api/v1/cart",
        "client": ("2001:db8::1", 1),
    }
    other = {**scope, "client": ("2001:db8:0:1::1", 1)}
    passed = 0
    refused = 0
    for number in range(WRITES.per_minute):
        # One household has a /64, and as many addresses as it likes.
        mine = {**scope, "client": (f"2001:db8::{number:x}", 1)}
        try:
            await rates.check(mine)
            passed += 1
        except TooManyRequests:
            refused += 1
    await rates.check(other)
    async with db.connection() as connection:
        rows = await connection.raw.fetchval("SELECT count(*) FROM request_windows")

    assert passed == WRITES.per_minute // 3
    assert passed + refused == WRITES.per_minute
    assert rows == 0


async def test_only_our_proxies_are_believed(api: Api) -> None:
    web = a_process(api, trusted_proxies=(ipaddress.ip_network("10.0.0.0/8"),))
    for peer in ("10.0.0.9", "192.0.2.1"):
        async with from_(web, peer, **{"X-Forwarded-For": "6.6.6.6, 203.0.113.5"}) as client:
            await client.post("/api/v1/auth/login", json=LOGIN)
    async with api.db.connection() as connection:
        rows = await connection.raw.fetchval("SELECT count(*) FROM request_windows")

    # The proxy's client, and a stranger who says that it is one.
    assert rows == 2


async def test_L9_a_production_store_answers_to_its_own_name_by_https_alone(api: Api) -> None:
    web = a_process(api, mode=Mode.PRODUCTION, base_url="https://shop.test")
    async with from_(web) as client:
        own = await client.get("/api/v1/products?currency=EUR")
        foreign = await client.get("/api/v1/products", headers={"Host": "evil.example"})
        probe = await client.get("/health/live", headers={"Host": "10.0.0.3"})
    outside = await api.get("/products?currency=EUR")

    assert own.status_code == 200
    assert own.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert (foreign.status_code, foreign.json()["code"]) == (400, "bad_request")
    assert foreign.headers["strict-transport-security"]
    assert probe.status_code == 200
    assert "strict-transport-security" not in outside.headers


def test_what_is_guessed_at_is_there_and_is_a_change() -> None:
    routes = {path for path, method, _ in routes_of(_router()) if method != "GET"}
    # The storefront's own: its router is made with a checkout.
    pages = {"/account/", "/track"}

    for start in set(GUESSED_AT) - pages:
        assert [path for path in routes if path.startswith(start)], start
    assert {rate_of("POST", start) for start in GUESSED_AT} == {GUESSES}


async def test_a_browser_that_asks_too_often_is_shown_a_page(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = a_config(rate_limits=True)
    pages = create_store(config, api.checkout, assets=_assets())
    web = create_web(
        config, api.checkout, api.inbox, index=_assets(), pages=pages, router=_router()
    )

    async def check(_: Rates, scope: Any) -> None:
        raise TooManyRequests("Come back in 9 seconds.", headers={"retry-after": "9"})

    monkeypatch.setattr(Rates, "check", check)
    links = {
        "/search?q=a%22b&x=1": "/search?q=a%22b&amp;x=1",
        "//evil.test/p": "/evil.test/p",
        "/p/%22%3E%3Csvg": "/p/%22%3E%3Csvg",
    }
    async with from_(web, Accept="text/html,application/xhtml+xml") as client:
        shown = {path: await client.get(f"http://shop.test{path}") for path in links}
        sent = await client.post("/account/link", data={"email": "nobody@example.com"})
        program = await client.post("/api/v1/auth/login", json=LOGIN)
        partial = await client.get("/search/suggest", headers={"Accept": "*/*"})

    for path, link in links.items():
        assert f'<a class="btn" href="{link}">Try again</a>' in shown[path].text
    # A form is sent once more by whoever wants to, not by a link.
    assert 'href="/account/link"' not in sent.text
    for answer in (*shown.values(), sent):
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "9"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "script-src" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert "<h1>One moment, please</h1>" in answer.text
        assert "Try again in 9 seconds." in answer.text
        assert answer.headers["x-request-id"] in answer.text
    for answer in (program, partial):
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/problem+json"
