"""kill -9 of PostgreSQL under buyers: a session of the shop's, the checkpointer, the postmaster.

A server of our own, with ``synchronous_commit`` on: what it acknowledged survives its processes,
if not a loss of power. The buyers keep their own list of what they were told, and that is what
the tables are compared with.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx2
import msgspec

from surehold.db import Database, embedded
from surehold.db.database import Settings
from surehold.db.embedded import EmbeddedPostgresFailure
from surehold.db.invariants import check_invariants
from surehold.db.migrate import migrate
from tests.builders.catalog import a_product
from tests.support.shop import Shop, a_body, a_shop

BACKEND: Final = "a session of the shop"
CHECKPOINTER: Final = "the checkpointer"
POSTMASTER: Final = "the postmaster"
KINDS: Final = (BACKEND, CHECKPOINTER, POSTMASTER)

BUYERS: Final = 6
#: How long buyers buy undisturbed before each kill.
CALM_SECONDS: Final = 1.0
RECOVERY_SECONDS: Final = 30
#: An order that is still refused after so many times is given up, and looked for at the end.
TRIES_MAX: Final = 200
_SETTINGS: Final = {"fsync": "off", "full_page_writes": "on", "synchronous_commit": "on"}
_FIND: Final = {
    BACKEND: "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'surehold:web%'"
    " ORDER BY backend_start, pid",
    CHECKPOINTER: "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'",
}


class Killed(msgspec.Struct):
    """What a run of kills came to."""

    seed: int
    kills: Counter[str] = msgspec.field(default_factory=Counter)
    statuses: Counter[str] = msgspec.field(default_factory=Counter)
    acknowledged: int = 0
    lost: int = 0
    recovery_seconds: list[float] = []
    violations: list[str] = []


class Server:
    """A PostgreSQL server of our own, at one port for all its lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = embedded.start(folder, settings=_SETTINGS)
        self._port = self._running.port

    @property
    def url(self) -> str:
        """By port: the socket's folder is another one after each start."""
        return f"postgresql://surehold:{self._running.password}@127.0.0.1:{self._port}/surehold"

    def kill(self) -> None:
        """End the postmaster as a power cut would; its children notice by themselves."""
        os.kill(self._running.pid, signal.SIGKILL)

    def start_again(self) -> None:
        """Start it after it died. What its children still hold is waited for."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            try:
                self._running = embedded.start(self._folder, settings=_SETTINGS)
            except EmbeddedPostgresFailure:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                assert self._running.port == self._port, "somebody took the server's port"
                return

    def stop(self) -> None:
        """Stop it for good."""
        self._running.stop(force=True)


@contextmanager
def _a_server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="surehold-kills-") as folder:
        Path(folder).chmod(0o711)  # The server may run as another account.
        server = Server(Path(folder, "data"))
        try:
            yield server
        finally:
            server.stop()


class Crowd:
    """Buyers who each buy one thing after another, and repeat until they know."""

    def __init__(self, shop: Shop, variant_id: str, found: Killed) -> None:
        self._shop = shop
        self._variant_id = variant_id
        self._found = found
        #: Order by key, as it was told.
        self.told: dict[str, str] = {}
        self.last_told_at = 0.0
        self.is_over = False

    async def buy(self) -> None:
        """One buyer's day."""
        while not self.is_over:
            await self._buy_one(uuid4().hex)

    async def _buy_one(self, key: str) -> None:
        body = a_body((self._variant_id, 1), provider="bank_transfer")
        for _ in range(TRIES_MAX):
            try:
                answer = await self._shop.client.post(
                    f"{self._shop.base_url}/api/v1/checkout",
                    json=body,
                    headers={"Idempotency-Key": key},
                )
            except httpx2.TransportError as error:
                self._found.violations.append(f"the shop hung up: {error!r}")
                return
            self._found.statuses[str(answer.status_code)] += 1
            if answer.status_code == 201:
                self.told[key] = answer.json()["order"]["id"]
                self.last_told_at = time.monotonic()
                return
            if answer.status_code != 503 or "retry-after" not in answer.headers:
                self._found.violations.append(f"a buyer heard {answer.status_code} {answer.text}")
                return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _crowd(shop: Shop, variant_id: str, found: Killed) -> AsyncIterator[Crowd]:
    crowd = Crowd(shop, variant_id, found)
    buyers = [asyncio.create_task(crowd.buy()) for _ in range(BUYERS)]
    try:
        yield crowd
    finally:
        crowd.is_over = True
        await asyncio.gather(*buyers)


async def _kill(server: Server, kind: str, chance: random.Random) -> None:
    if kind == POSTMASTER:
        server.kill()
        await asyncio.to_thread(server.start_again)
        return
    async with Database(Settings(url=server.url, application_name="killer")) as db:
        async with db.connection() as connection:
            rows = await connection.raw.fetch(_FIND[kind])
        if rows:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(rows)["pid"], signal.SIGKILL)
        # The postmaster ends everybody then, and this connection with them.


async def _recover(crowd: Crowd, found: Killed, kind: str, began: float) -> None:
    """Wait for an order that was acknowledged after the kill had begun and the crash was over."""
    over = time.monotonic()
    while crowd.last_told_at < over:
        if time.monotonic() - over > RECOVERY_SECONDS:
            found.violations.append(
                f"no order for {RECOVERY_SECONDS} s after killing {kind} (seed {found.seed})"
            )
            return
        await asyncio.sleep(0.02)
    found.recovery_seconds.append(time.monotonic() - began)


async def _compare(server: Server, crowd: Crowd, variant_id: str, found: Killed) -> None:
    """The buyers' list against the tables."""
    async with Database(Settings(url=server.url)) as db, db.connection() as connection:
        rows = await connection.raw.fetch("SELECT key, subject_id FROM idempotency_keys")
        orders = {str(row["id"]) for row in await connection.raw.fetch("SELECT id FROM orders")}
        reserved = await connection.raw.fetchval(
            "SELECT sum(reserved)::int FROM stock_levels WHERE variant_id = $1", variant_id
        )
        broken = await check_invariants(connection)
    kept = {row["key"]: str(row["subject_id"]) for row in rows}
    found.acknowledged = len(crowd.told)
    for key, order_id in crowd.told.items():
        if order_id not in orders or kept.get(key) != order_id:
            found.lost += 1
            found.violations.append(f"order {order_id} was acknowledged and is lost")
    if len(orders) != len(kept) or reserved != len(orders):
        found.violations.append(f"{len(orders)} orders of {len(kept)} keys hold {reserved} units")
    found.violations += [f"{code} is broken: {rows}" for code, rows in broken.items()]


async def kill_often(count: int, *, seed: int = 0) -> Killed:
    """C7: so many kills, each kind in turn, under a crowd of buyers."""
    found, chance = Killed(seed), random.Random(seed)
    turns = [KINDS[-1 - number % len(KINDS)] for number in range(count)]
    with _a_server() as server:
        await migrate(server.url, schema="store")
        async with Database(Settings(url=server.url)) as db:
            variant_id = (await a_product(db, on_hand=1_000_000)).variant_id
        async with a_shop(server.url) as shop:
            await shop.start_web()
            async with _crowd(shop, str(variant_id), found) as crowd:
                for kind in turns:
                    await asyncio.sleep(CALM_SECONDS * chance.uniform(0.5, 1.5))
                    began = time.monotonic()
                    await _kill(server, kind, chance)
                    found.kills[kind] += 1
                    await _recover(crowd, found, kind, began)
            await _compare(server, crowd, str(variant_id), found)
    return found
