"""A shop of real processes: web servers, workers and the sandbox provider, on loopback ports.

Every process is ours to kill. What they share is the database and the sandbox's book, as in life.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx2

from surehold.db import Database

SECRETS: Final = {
    "SUREHOLD_SECRET_KEYS": '["a-secret-of-the-tests"]',
    "SUREHOLD_STAFF_SECRET": "staff-secret-of-the-tests",
    "SUREHOLD_CRON_SECRET": "cron-secret-of-the-tests",
    "SUREHOLD_SANDBOX_API_KEY": "sk_test",
    "SUREHOLD_SANDBOX_CONTROL_KEY": "ck_test",
}
WEBHOOK_SECRET: Final = "whsec_test"
START_SECONDS: Final = 30


#: Below the ports that systems give to whoever asks for any, for each process of tests elsewhere.
_PORTS: Final = itertools.count(10_000 + os.getpid() * 131 % 20_000)


def free_port() -> int:
    """A port that nobody listens on now, and that nobody is given before it is listened on."""
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Process:
    """One process of the shop."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env={**os.environ, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(timeout=10)

    def stop(self) -> int:
        """Ask it to end, and wait."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30)

    async def wait_dead(self, seconds: float = 20) -> int:
        """Wait until it has died by itself."""
        async with asyncio.timeout(seconds):
            while (code := self._process.poll()) is None:
                await asyncio.sleep(0.02)
        return code

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")


class Shop:
    """One store and its processes."""

    def __init__(self, url: str, folder: Path) -> None:
        self.database_url = url
        self.folder = folder
        self.port = free_port()
        self.sandbox_port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.processes: list[Process] = []
        #: Settings of this shop alone.
        self.settings: dict[str, str] = {}
        self.client = httpx2.AsyncClient(timeout=20, trust_env=False)

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **SECRETS,
            "SUREHOLD_MODE": "test",
            "SUREHOLD_CASH_ON_DELIVERY": "true",
            "SUREHOLD_DATABASE_URL": self.database_url,
            "SUREHOLD_BASE_URL": self.base_url,
            "SUREHOLD_SANDBOX_URL": self.sandbox_url,
            "SUREHOLD_SANDBOX_WEBHOOK_SECRETS": f'["{WEBHOOK_SECRET}"]',
            **self.settings,
            **more,
        }

    async def start_sandbox(self, **settings: str) -> Process:
        """The imaginary provider, with a book that survives it."""
        process = self._start(
            [
                "surehold.sandbox",
                *("--port", str(self.sandbox_port)),
                *("--book", str(self.folder / "book.sqlite")),
            ],
            self.environment(
                **{
                    "SUREHOLD_SANDBOX_WEBHOOK_SECRETS": WEBHOOK_SECRET,
                    "SUREHOLD_SANDBOX_RETRY_FACTOR": "0.02",
                    "SUREHOLD_SANDBOX_REFUND_SECONDS": "0",
                    **settings,
                }
            ),
            "sandbox",
        )
        await self._wait(f"{self.sandbox_url}/health", process)
        return process

    async def start_web(self, *, port: int | None = None) -> Process:
        """A web server."""
        process = self._start(
            ["surehold.cli", "serve", "--port", str(port or self.port)],
            self.environment(),
            "web",
        )
        await self._wait(f"http://127.0.0.1:{port or self.port}/health/ready", process)
        return process

    async def cleanup(self, *, port: int | None = None) -> dict[str, Any]:
        """Sweep once, as the worker does."""
        answer = await self.client.post(
            f"http://127.0.0.1:{port or self.port}/cron/cleanup",
            headers={"Authorization": f"Bearer {SECRETS['SUREHOLD_CRON_SECRET']}"},
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def control(self, path: str, **body: Any) -> dict[str, Any]:
        """Ask the sandbox for something that a provider's staff or the weather would do."""
        answer = await self.client.post(
            f"{self.sandbox_url}/control/{path}",
            json=body,
            headers={"Authorization": f"Bearer {SECRETS['SUREHOLD_SANDBOX_CONTROL_KEY']}"},
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def sandbox_report(self) -> list[dict[str, Any]]:
        """Every movement of money in the provider's own book."""
        answer = await self.client.get(
            f"{self.sandbox_url}/v1/report",
            headers={"Authorization": f"Bearer {SECRETS['SUREHOLD_SANDBOX_API_KEY']}"},
        )
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["lines"]
        return found

    async def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
        await self.client.aclose()

    def _start(self, arguments: list[str], environment: Mapping[str, str], name: str) -> Process:
        log = self.folder / f"{name}-{len(self.processes)}.log"
        process = Process(arguments, environment, log)
        self.processes.append(process)
        return process

    async def _wait(self, url: str, process: Process) -> None:
        async with asyncio.timeout(START_SECONDS):
            while True:
                if process.exit_code is not None:
                    raise AssertionError(f"a process ended at once:\n{process.log()}")
                try:
                    answer = await self.client.get(url)
                except httpx2.TransportError:
                    await asyncio.sleep(0.05)
                    continue
                if answer.status_code < 500:
                    return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def a_shop(url: str) -> AsyncIterator[Shop]:
    """A shop on a migrated database; nothing of it is left running."""
    with tempfile.TemporaryDirectory(prefix="surehold-shop-") as folder:
        shop = Shop(url, Path(folder))
        try:
            yield shop
        finally:
            await shop.close()


async def make_due(db: Database) -> None:
    """Let every lease run out now instead of in some seconds."""
    async with db.connection() as connection:
        for table, column in (
            ("payment_operations", "next_attempt_at"),
            ("webhook_events", "next_attempt_at"),
            ("payments", "next_check_at"),
        ):
            await connection.raw.execute(
                f"UPDATE {table} SET {column} = store_now() WHERE {column} IS NOT NULL"
            )


def a_body(*lines: tuple[str, int], provider: str = "sandbox", **more: Any) -> dict[str, Any]:
    """What a buyer sends to place an order."""
    return {
        "lines": [{"variant_id": variant_id, "quantity": count} for variant_id, count in lines],
        "email": "mara@example.com",
        "shipping_address": {
            "name": "Mara Quinn",
            "line1": "12 Quay Street",
            "city": "Galway",
            "postal_code": "H91 X2KP",
            "country": "IE",
        },
        "shipping_method": "standard",
        "payment_method": {"provider": provider},
        "currency": "EUR",
        **more,
    }


def a_key() -> dict[str, str]:
    """A header with a key that nobody used."""
    return {"Idempotency-Key": uuid4().hex}
