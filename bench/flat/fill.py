"""Two stores on one server, one ten times as large as the other, filled set by set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from bench.store import SCHEMA, SQL, make_folder
from surehold.db import embedded
from surehold.db.embedded import RunningServer
from surehold.db.migrate import migrate

#: Blocks of the script are filled one after the other, statements of a block so many at a time.
AT_ONCE: Final = 2
_BLOCK: Final = "--------\n"
#: Nothing of a store that is being filled has to survive a loss of power.
_FILLING: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "16GB",
    "shared_buffers": "1GB",
    "autovacuum": "off",
}
_MEASURED: Final = {"shared_preload_libraries": "pg_stat_statements"}


class Size(msgspec.Struct, frozen=True):
    """How much there is in a store. ``open``: orders not paid yet, each with a unit reserved."""

    products: int
    orders: int
    open: int

    def times(self, factor: int) -> Size:
        """A store so many times as large."""
        return Size(self.products * factor, self.orders * factor, self.open * factor)


#: The smaller store; the other one is so many times as large.
SMALL: Final = Size(products=10_000, orders=100_000, open=10_000)
FACTOR: Final = 10


@contextmanager
def open_stores(folder: Path | None, sizes: dict[str, Size]) -> Iterator[RunningServer]:
    """A server of our own with a filled store in a database each, by name; gone afterwards.

    It is filled without flushes and measured with the settings of every embedded server.
    """
    with make_folder(folder) as place:
        with embedded.start(place / "data", settings=_FILLING) as server:
            for name, size in sizes.items():
                with asyncio.Runner() as runner:
                    runner.run(_make(server.url("postgres"), server.url(name), name, size))
        with embedded.start(place / "data", settings=_MEASURED) as server:
            yield server


async def _make(admin: str, url: str, name: str, size: Size) -> None:
    connection = await asyncpg.connect(admin)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    await migrate(url, schema=SCHEMA)
    await fill(url, size)


async def fill(url: str, size: Size) -> None:
    """Fill an empty store, and let the server look at what it has now."""
    text = (SQL / "flat.sql").read_text("utf-8")
    for name, value in msgspec.structs.asdict(size).items():
        text = text.replace("{{" + name + "}}", str(value))
    gate = asyncio.Semaphore(AT_ONCE)

    async def run(statement: str) -> None:
        async with gate:
            connection = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
            try:
                await connection.execute("SET session_replication_role = replica")
                await connection.execute(statement)
            finally:
                await connection.close()

    for block in text.split(_BLOCK):
        statements = [one for one in block.split(";\n") if one.strip()]
        if "INSERT" not in block:
            await run(block)
        else:
            async with asyncio.TaskGroup() as group:
                for statement in statements:
                    group.create_task(run(statement))
    await run("VACUUM (ANALYZE)")
    await run("CHECKPOINT")
