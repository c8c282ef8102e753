"""A shop of forked processes, one of them under watch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx2

from proof.crashes.ground import Forked, Ground, command
from proof.crashes.process import Wanted
from proof.crashes.tripwire import Orders
from tests.support.shop import Shop

KILLED: Final = -9
#: How long anything may take that takes milliseconds on a quiet machine.
PATIENCE_SECONDS: Final = 60


class Violation(AssertionError):
    """The shop did what it must not, or was not what it said."""


class Store(Shop):
    """A shop whose processes are forked, one of them under watch."""

    def __init__(self, url: str, folder: Path, ground: Ground) -> None:
        super().__init__(url, folder)
        self._ground = ground
        # A connection that is kept open would be the dead server's.
        self.client = httpx2.AsyncClient(
            timeout=PATIENCE_SECONDS,
            trust_env=False,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def start_web(self, orders: Orders | None = None, **environment: str) -> Forked:
        """A web server that is ready, unless it died on the way."""
        process = self._fork(
            ("serve", "--port", str(self.port)), self.environment(**environment), "web", orders
        )
        await self._wait(f"{self.base_url}/health/ready", process)
        return process

    async def start_worker(self, orders: Orders | None = None) -> Forked:
        """A worker."""
        return self._fork(("worker",), self.environment(), "worker", orders)

    def _start(self, arguments: list[str], environment: Mapping[str, str], name: str) -> Forked:
        return self._fork(command(arguments), environment, name, None)

    def _fork(
        self,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        name: str,
        orders: Orders | None,
    ) -> Forked:
        path = self.folder / f"{name}-{len(self.processes)}"
        wanted = Wanted(arguments, dict(environment), f"{path}.log", f"{path}.exit", orders)
        process = self._ground.nursery.start(wanted)
        self.processes.append(process)  # type: ignore[arg-type]  # does all that a Process does
        return process

    async def _wait(self, url: str, process: Any) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while process.exit_code != KILLED:
                if process.exit_code is not None:
                    raise Violation(f"a process ended at once:\n{process.log()}")
                try:
                    if (await self.client.get(url)).status_code < 500:
                        return
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(0.01)
