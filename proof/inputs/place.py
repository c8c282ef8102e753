"""Where the harnesses work: a migrated database of their own, and a loop to start processes in."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from tests.support import server
from tests.support.shop import Process, Shop, free_port


@contextmanager
def a_database(given: str | None = None) -> Iterator[str]:
    """The address of a migrated and empty database: the given one, else one of a server of ours.

    Not to be called inside a running loop.
    """
    if given is not None:
        yield given
        return
    run = server.new_run()
    try:
        yield server.clone(run, "proof")
    finally:
        server.end_run(run)


class ProofShop(Shop):
    """A shop of which each server may be given secrets of its own."""

    _secrets: tuple[str, ...] = ()

    def environment(self, **more: str) -> dict[str, str]:
        """As in every test, with the webhook secrets of the server that is being started."""
        if self._secrets:
            secrets = msgspec.json.encode(self._secrets).decode()
            more = {"SUREHOLD_SANDBOX_WEBHOOK_SECRETS": secrets, **more}
        return super().environment(**more)

    async def start_web(
        self, *, port: int | None = None, secrets: tuple[str, ...] = ()
    ) -> Process:
        """A web server that takes webhooks signed with any of these secrets."""
        self._secrets = secrets
        try:
            return await super().start_web(port=port)
        finally:
            self._secrets = ()

    def use_another_port(self) -> int:
        """The next server listens there; the ones before go on."""
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        return self.port


class Stage:
    """A shop, its database, and the loop that both live in; driven from synchronous code."""

    def __init__(self, runner: asyncio.Runner, shop: ProofShop, db: Database) -> None:
        self.run = runner.run
        self.shop = shop
        self.db = db

    async def count(self, text: str) -> int:
        """The one number that a query comes to."""
        async with self.db.connection() as connection:
            return int(await connection.raw.fetchval(text))

    async def broken(self) -> list[str]:
        """Codes of the invariants that do not hold."""
        async with self.db.connection() as connection:
            return sorted(await check_invariants(connection))


@contextmanager
def a_stage(given: str | None = None) -> Iterator[Stage]:
    """A stage with nothing started yet."""
    with a_database(given) as url, asyncio.Runner() as runner:
        opening = _opened(url)
        shop, db = runner.run(anext(opening))
        try:
            yield Stage(runner, shop, db)
        finally:
            runner.run(_end(opening))


async def _opened(url: str) -> AsyncIterator[tuple[ProofShop, Database]]:
    with tempfile.TemporaryDirectory(prefix="surehold-proof-") as folder:
        shop = ProofShop(url, Path(folder))
        async with Database(Settings(url=url)) as db:
            try:
                yield shop, db
            finally:
                await shop.close()


async def _end(opening: AsyncIterator[tuple[ProofShop, Database]]) -> None:
    async for _ in opening:
        pass
