"""A sandbox on a loopback port, and a receiver for its webhooks: real HTTP both ways."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx2
import msgspec
import pytest
import uvicorn

from surehold.sandbox.app import Sandbox, create_app
from surehold.sandbox.settings import Settings

API_KEY, CONTROL_KEY = "sk_test", "ck_test"
SECRETS = ("whsec_one",)
# Reading the certificates takes longer than most tests; no test uses them.
CERTIFICATES = ssl.create_default_context()


class _QuickServer(uvicorn.Server):
    """uvicorn looks only ten times a second whether it should stop; tests cannot wait for that."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    async def main_loop(self) -> None:
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        assert sockets, "tests listen on a socket of their own"
        for server in self.servers:
            server.close()
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        await self.lifespan.shutdown()


@contextlib.asynccontextmanager
async def serving(app: Any, *, port: int = 0) -> AsyncIterator[str]:
    """Run an ASGI application on a loopback port, a free one unless it is named."""
    # The protocol is named, because asyncio turns Nagle's delay off only where it is.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        server = _QuickServer(uvicorn.Config(app, log_level="error", ws="none"))
        task = asyncio.create_task(server._serve(sockets=[listener]))
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.002)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop.set()
            await task


class Inbox:
    """What the shop's webhook address received; ``answers`` are statuses to give, then 200."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.arrived = asyncio.Event()

    @property
    def types(self) -> list[str]:
        return [msgspec.json.decode(body)["type"] for _, body in self.received]

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.received.append((headers, body))
        self.arrived.set()
        status = self.answers.pop(0) if self.answers else 200
        location = [(b"location", b"/elsewhere")] if status == 302 else []
        await send({"type": "http.response.start", "status": status, "headers": location})
        await send({"type": "http.response.body", "body": b""})

    async def wait_for(self, count: int, *, seconds: float = 5) -> list[str]:
        """Wait until so many arrived, and a moment more, so that one too many shows."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self.received) < count:
                    self.arrived.clear()
                    await self.arrived.wait()
        await asyncio.sleep(0.08)
        return self.types


class Shop:
    """What a shop and its buyers do at the sandbox, and what the control API does to it."""

    def __init__(self, client: httpx2.AsyncClient, app: Sandbox | None, notify_url: str) -> None:
        self.client = client
        self.app = app
        self.notify_url = notify_url
        self._count = 0

    def payload(self, **changes: Any) -> dict[str, Any]:
        self._count += 1
        return {
            "amount": 11840,
            "currency": "EUR",
            "merchant_reference": f"SH{self._count:026d}",
            "customer": {"email": "mara@example.test", "name": "Mara"},
            "return_url": "http://shop.test/back?order=7",
            "cancel_url": "http://shop.test/canceled",
            "notify_url": self.notify_url,
            "expires_at": int(time.time()) + 1800,
            "description": "Order SH-7K4M92QX",
            **changes,
        }

    async def post(
        self, path: str, value: Any = None, *, key: str | None = None, raw: bytes | None = None
    ) -> httpx2.Response:
        self._count += 1
        return await self.client.post(
            path,
            content=msgspec.json.encode({} if value is None else value) if raw is None else raw,
            headers={
                "authorization": f"Bearer {API_KEY}",
                "idempotency-key": key or f"key-{self._count}",
            },
        )

    async def get(self, path: str) -> httpx2.Response:
        return await self.client.get(path, headers={"authorization": f"Bearer {API_KEY}"})

    async def control(self, path: str, value: Any = None) -> httpx2.Response:
        response = await self.client.post(
            f"/control/{path}",
            json={} if value is None else value,
            headers={"authorization": f"Bearer {CONTROL_KEY}"},
        )
        assert response.status_code < 300, response.text
        return response

    async def misbehave(self, **conduct: Any) -> None:
        await self.control("misbehave", conduct)

    async def deliveries(self) -> list[dict[str, Any]]:
        response = await self.client.get(
            "/control/deliveries", headers={"authorization": f"Bearer {CONTROL_KEY}"}
        )
        rows: list[dict[str, Any]] = response.json()["data"]
        return rows

    async def create(self, **changes: Any) -> dict[str, Any]:
        response = await self.post("/v1/payments", self.payload(**changes))
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created

    async def payment(self, payment_id: str) -> dict[str, Any]:
        response = await self.get(f"/v1/payments/{payment_id}")
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def press(self, payment_id: str, card: str) -> httpx2.Response:
        """Press a test card's button on the hosted page."""
        return await self.client.post(f"/pay/{payment_id}", data={"test_card": card})

    async def paid(self, card: str = "success", **changes: Any) -> dict[str, Any]:
        created = await self.create(**changes)
        assert (await self.press(created["id"], card)).status_code == 303
        return await self.payment(created["id"])

    async def refund(
        self, payment_id: str, amount: Any, *, reference: str | None = None, key: str | None = None
    ) -> httpx2.Response:
        self._count += 1
        value = {
            "payment": payment_id,
            "amount": amount,
            "refund_reference": reference or f"RF{self._count}",
            "reason": "returned",
        }
        return await self.post("/v1/refunds", value, key=key)


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "api_key": API_KEY,
        "control_key": CONTROL_KEY,
        "webhook_secrets": SECRETS,
        "retry_factor": 0.01,
        "slow_bank_seconds": 0.2,
        "refund_seconds": 0.0,
        "tick_seconds": 0.02,
    }
    return Settings(**(values | changes))


@contextlib.asynccontextmanager
async def opened(notify_url: str, **changes: Any) -> AsyncIterator[Shop]:
    app = create_app(settings(**changes))
    async with (
        serving(app) as base_url,
        httpx2.AsyncClient(
            base_url=base_url, verify=CERTIFICATES, trust_env=False, timeout=8
        ) as client,
    ):
        yield Shop(client, app, notify_url)


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    receiver = Inbox()
    async with serving(receiver) as base_url:
        receiver.url = f"{base_url}/webhooks/sandbox"
        yield receiver


@pytest.fixture
async def shop(inbox: Inbox) -> AsyncIterator[Shop]:
    async with opened(inbox.url) as running:
        yield running


@pytest.fixture
def open_shop(inbox: Inbox) -> Callable[..., contextlib.AbstractAsyncContextManager[Shop]]:
    """A sandbox with other settings."""
    return lambda **changes: opened(inbox.url, **changes)
