"""The bench's own server, and a store that is the same at the start of every run.

Every run has a database of its own, copied from one migrated and seeded template: a thousand
products, no order, fresh statistics, a checkpoint just done.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from pydantic import SecretStr

from surehold.app import open_checkout
from surehold.checkout.commands import place_order
from surehold.checkout.model import Placement
from surehold.config import Config, Mode
from surehold.db import Connection, embedded
from surehold.db.database import prepare_connection
from surehold.db.embedded import EmbeddedPostgresFailure, RunningServer
from surehold.db.invariants import check_invariants
from surehold.db.migrate import migrate
from surehold.kernel.ids import VariantId
from surehold.orders.model import Address

T = TypeVar("T")

SQL: Final = Path(__file__).parent / "sql"
SCHEMA: Final = "store"
SKUS: Final = 1_000
SECRET: Final = "bench-secret-of-this-run-only"  # noqa: S105 - it guards invented orders
TEMPLATE: Final = "bench_template"
RUN: Final = "bench_run"

CURRENCY: Final = "EUR"
TOTAL_MINOR: Final = 12_390
EMAIL: Final = "mara.quinn@example.com"
ADDRESS: Final = Address(
    name="Mara Quinn", line1="12 Quay Street", city="Galway", country="IE", postal_code="H91 X2KP"
)

#: What one checkout writes into; ``order_events`` is written by the trigger of ``orders``.
TABLES: Final = (
    "orders",
    "order_lines",
    "order_events",
    "reservations",
    "payments",
    "outbox",
    "idempotency_keys",
)

_COUNTING: Final = {"shared_preload_libraries": "pg_stat_statements"}
_SYNC_WRITES: Final = 200
_SYNC_BYTES: Final = 8_192


class Sample(msgspec.Struct, frozen=True):
    """What one real checkout wrote, for the baseline to write values of the same size."""

    email: str
    address: str
    next_action: str
    payload: str
    request_hash: str
    response: str


class State(msgspec.Struct, frozen=True):
    """What a run left behind."""

    orders: int
    oversold: int
    broken: tuple[str, ...]


def variant_id(number: int) -> VariantId:
    """The id of a seeded variant, from 1 on."""
    return VariantId(UUID(f"018f5a02-0000-7000-8000-{100_000_000_000 + number}"))


def fill(text: str, sample: Sample) -> str:
    """A script with the values of a real checkout in place of ``{{name}}``."""
    for name, value in msgspec.structs.asdict(sample).items():
        text = text.replace("{{" + name + "}}", value)
    assert "{{" not in text, "a script names a value that no checkout has"
    return text


class Bench:
    """One server with its template; everything that the runs ask of the database."""

    def __init__(self, server: RunningServer, *, can_count: bool) -> None:
        self.server = server
        #: Whether the server counts statements.
        self.can_count = can_count
        self.sample = _now(self._prepare)

    def url(self, database: str = RUN) -> str:
        """The address of a database, by socket."""
        return self.server.url(database)

    def fresh(self, *, is_counting: bool = False) -> None:
        """Make the run's database anew, and settle the server."""
        _now(lambda: self._fresh(is_counting=is_counting))

    def state(self) -> State:
        """Check the run's database."""
        return _now(self._state)

    def wal_position(self) -> int:
        """How many bytes of WAL were ever written."""
        return int(self._ask("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))

    def count_statements(self) -> int:
        """Statements that sessions of the run's database have sent."""
        return int(
            self._ask(
                "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements"
                " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )

    def version(self) -> str:
        """The server's version."""
        return self.server.version

    def _ask(self, text: str) -> Any:
        async def ask() -> Any:
            connection = await asyncpg.connect(self.url())
            try:
                return await connection.fetchval(text)
            finally:
                await connection.close()

        return _now(ask)

    async def _prepare(self) -> Sample:
        await self._admin(f"CREATE DATABASE {TEMPLATE}")
        await make_store(self.url(TEMPLATE))
        await self._fresh(is_counting=False)
        sample = await take_sample(self.url())
        await add_function(self.url(TEMPLATE), sample)
        return sample

    async def _fresh(self, *, is_counting: bool) -> None:
        commands = [
            f"DROP DATABASE IF EXISTS {RUN} WITH (FORCE)",
            f"CREATE DATABASE {RUN} TEMPLATE {TEMPLATE}",
            "CHECKPOINT",
        ]
        if self.can_count:
            # Counting costs each statement a little, so nothing is counted while time is taken.
            commands.append(
                f"ALTER DATABASE {RUN} SET pg_stat_statements.track = "
                + ("top" if is_counting else "none")
            )
        await self._admin(*commands)
        if self.can_count:
            connection = await asyncpg.connect(self.url())
            await connection.execute(
                "CREATE EXTENSION pg_stat_statements SCHEMA public;"
                "SELECT public.pg_stat_statements_reset()"
            )
            await connection.close()

    async def _state(self) -> State:
        raw = await asyncpg.connect(self.url(), server_settings={"search_path": SCHEMA})
        try:
            await prepare_connection(raw)
            connection = Connection(raw)
            oversold = await raw.fetchval(
                "SELECT coalesce(sum(greatest(0, allocated + reserved - on_hand"
                " - backorder_limit)), 0)::bigint FROM stock_levels"
            )
            return State(
                orders=await raw.fetchval("SELECT count(*) FROM orders"),
                oversold=oversold,
                broken=tuple(await check_invariants(connection)),
            )
        finally:
            await raw.close()

    async def _admin(self, *commands: str) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            for command in commands:
                await connection.execute(command)
        finally:
            await connection.close()


async def make_store(url: str) -> None:
    """Migrate and seed an empty database."""
    await migrate(url, schema=SCHEMA)
    connection = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
    try:
        await connection.execute((SQL / "seed.sql").read_text("utf-8"))
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


async def add_function(url: str, sample: Sample) -> None:
    """Give a store the function that the baseline calls."""
    text = fill((SQL / "place.sql").read_text("utf-8"), sample)
    connection = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
    try:
        await connection.execute(text)
    finally:
        await connection.close()


async def take_sample(url: str) -> Sample:
    """Place one order through the lane and read what it wrote."""
    async with open_checkout(config_of(url), name="bench") as checkout:
        placement = Placement(
            key="0" * 32,
            request_hash=hashlib.sha256(b"bench").digest(),
            email=EMAIL,
            shipping_address=ADDRESS,
            billing_address=None,
            shipping_method="standard",
            provider="bank_transfer",
            lines=((variant_id(1), 1),),
            currency=CURRENCY,
            expected_total_minor=TOTAL_MINOR,
            expected_currency=CURRENCY,
        )
        await place_order(checkout, placement)
        async with checkout.db.connection() as connection:
            row = await connection.raw.fetchrow(
                "SELECT orders.email, orders.shipping_address::text AS address,"
                "       payments.next_action::text, outbox.payload::text,"
                "       encode(keys.request_hash, 'hex') AS request_hash,"
                "       encode(keys.response, 'hex') AS response"
                "  FROM orders, payments, outbox, idempotency_keys AS keys"
            )
    assert row is not None
    return Sample(**dict(row))


def config_of(url: str) -> Config:
    """The settings of the program under test."""
    return Config(
        mode=Mode.TEST,
        database_url=SecretStr(url),
        store=SCHEMA,
        secret_keys=(SecretStr(SECRET),),
    )


@contextmanager
def open_bench(folder: Path | None) -> Iterator[Bench]:
    """A server of our own in a new folder, gone afterwards.

    It has the settings of every embedded server: what is committed is on the disk.
    """
    with make_folder(folder) as place:
        server, can_count = _start(place / "data")
        with server:
            yield Bench(server, can_count=can_count)


@contextmanager
def make_folder(parent: Path | None) -> Iterator[Path]:
    """A new folder for a server of our own under ``data``; gone afterwards, data and all."""
    # Not where temporary files go: that is memory on many machines, and a flush costs nothing.
    where = parent or Path("/var/tmp")  # noqa: S108 - the folder is made for us alone
    place = Path(tempfile.mkdtemp(prefix="surehold-bench-", dir=where))
    place.chmod(0o711)  # As root the server runs as another account, which must be able to pass.
    try:
        yield place
    finally:
        if (place / "data").exists():
            embedded.reset(place / "data")
        shutil.rmtree(place, ignore_errors=True)


def _start(place: Path) -> tuple[RunningServer, bool]:
    try:
        return embedded.start(place, settings=_COUNTING), True
    except EmbeddedPostgresFailure:  # Some builds come without what counts statements.
        return embedded.start(place), False


def measure_fdatasync_us(folder: Path) -> float:
    """The median time in which this disk makes a page durable."""
    path = folder / "fdatasync"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    page = os.urandom(_SYNC_BYTES)
    taken = []
    try:
        for index in range(_SYNC_WRITES):
            os.pwrite(descriptor, page, index % 16 * _SYNC_BYTES)
            began = time.perf_counter()
            os.fdatasync(descriptor)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    return 1e6 * statistics.median(taken)


def environment_of(more: Mapping[str, str]) -> dict[str, str]:
    """Our environment without anybody's store in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SUREHOLD_")}
    return {**kept, **more}


def _now(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner() as runner:
        return runner.run(work())
