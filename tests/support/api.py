"""The JSON side as a buyer's program sees it: requests in, documents out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import msgspec
from litestar import Litestar
from pydantic import SecretStr

from surehold.app import checkout_of
from surehold.checkout.commands import Inbox
from surehold.checkout.engine import Checkout
from surehold.config import Config, Mode
from surehold.db import Database
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.port import (
    Provider,
)
from surehold.payments.providers.registry import Providers
from surehold.web.application import WebApplication, create_router, create_web
from surehold.web.assets import AssetIndex

STAFF_SECRET: Final = "the-staff-secret-of-the-tests"
CRON_SECRET: Final = "the-cron-secret-of-the-tests"
STAFF: Final = {"Authorization": f"Bearer {STAFF_SECRET}"}
CRON: Final = {"Authorization": f"Bearer {CRON_SECRET}"}
#: Paths that are not under /api/v1.
OUTSIDE: Final = ("/api/", "/assets/", "/health/", "/metrics", "/cron/", "/webhooks/", "/nowhere")
NOBODY: Final = "00000000-0000-7000-8000-000000000000"
ADDRESS: Final = {
    "name": "Mara Quinn",
    "line1": "12 Quay Street",
    "city": "Galway",
    "postal_code": "H91 X2KP",
    "country": "IE",
}


def a_config(**changes: Any) -> Config:
    """Settings of a test, whatever the environment says."""
    settings: dict[str, Any] = {
        "mode": Mode.TEST,
        "base_url": "http://shop.test",
        "secret_keys": (SecretStr("a-secret-of-the-tests"),),
        "staff_secret": SecretStr(STAFF_SECRET),
        "cron_secret": SecretStr(CRON_SECRET),
        # The cheapest hashes there are: what they cost is a test's of its own.
        "argon2_memory_kib": 8,
        "argon2_passes": 1,
        **changes,
    }
    return Config(_env_file=None, **settings)


def a_key(text: str | None = None) -> dict[str, str]:
    """A header with a key, one that nobody used unless named."""
    return {"Idempotency-Key": text or uuid4().hex}


def a_body(*lines: tuple[UUID, int] | UUID, **changes: Any) -> dict[str, Any]:
    """What a buyer sends to place an order; a change to ``...`` leaves the field out."""
    wanted = [line if isinstance(line, tuple) else (line, 1) for line in lines]
    body: dict[str, Any] = {
        "lines": [{"variant_id": str(variant), "quantity": count} for variant, count in wanted],
        "email": "mara@example.com",
        "shipping_address": ADDRESS,
        "shipping_method": "standard",
        "payment_method": {"provider": "bank_transfer"},
        "currency": "EUR",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


class Answer:
    """One answer, read."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.raw: bytes = response.content
        self.type: str = response.headers.get("content-type", "")

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def code(self) -> str:
        """The problem's code; the answer must be a whole problem document."""
        assert self.type == "application/problem+json", self.raw
        problem = self.body
        assert problem["status"] == self.status
        assert problem["type"] == f"urn:surehold:problem:{problem['code']}"
        assert problem["instance"] == self.headers["x-request-id"]
        assert problem["title"]
        assert problem["detail"]
        code: str = problem["code"]
        return code

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.code

    @property
    def faults(self) -> set[tuple[str, str]]:
        """Pointer and code of every fault of the input."""
        assert self.refusal == (422, "invalid_input"), self.raw
        return {(fault["pointer"], fault["code"]) for fault in self.body["errors"]}


class Api:
    """A client that keeps no cookies: each request says who asks."""

    def __init__(self, application: WebApplication, checkout: Checkout, inbox: Inbox) -> None:
        self.application = application
        self.checkout = checkout
        self.inbox = inbox
        self.db = checkout.db
        self._client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=application), base_url="http://shop.test"
        )

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        if json is not None:
            content = msgspec.json.encode(json)
            headers = {"Content-Type": "application/json", **(headers or {})}
        where = path if path.startswith(OUTSIDE) else f"/api/v1{path}"
        response = await self._client.request(method, where, content=content, headers=headers)
        self._client.cookies.clear()
        return Answer(response)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        return await self("POST", path, json=json, **more)

    async def put(self, path: str, json: Any = None, **more: Any) -> Answer:
        return await self("PUT", path, json=json, **more)

    async def patch(self, path: str, json: Any = None, **more: Any) -> Answer:
        return await self("PATCH", path, json=json, **more)

    async def delete(self, path: str, **more: Any) -> Answer:
        return await self("DELETE", path, **more)

    async def buy(self, *lines: tuple[UUID, int] | UUID, **changes: Any) -> Any:
        """Place an order; returns the document."""
        answer = await self.post("/checkout", a_body(*lines, **changes), headers=a_key())
        assert answer.status == 201, answer.raw
        return answer.body

    async def close(self) -> None:
        await self._client.aclose()


def order_token(placed: Any) -> dict[str, str]:
    """The header that opens a placed order to its guest."""
    return {"X-Order-Token": placed["order"]["access_token"]}


@lru_cache(maxsize=1)
def _assets() -> AssetIndex:
    return AssetIndex()


@lru_cache(maxsize=1)
def _router() -> Litestar:
    """Making some hundred routes takes longer than most tests."""
    return create_router(_assets())


@asynccontextmanager
async def an_api(
    db: Database, *, providers: tuple[Provider, ...] = (BankTransfer(),), **settings: Any
) -> AsyncIterator[Api]:
    """The JSON side over an open checkout."""
    config = a_config(**settings)
    checkout = checkout_of(config, db, providers=Providers(providers))
    inbox = Inbox(checkout)
    api = Api(create_web(config, checkout, inbox, router=_router()), checkout, inbox)
    await checkout.open()
    try:
        yield api
    finally:
        await api.close()
        await inbox.close()
        await checkout.close()
