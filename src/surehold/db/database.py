"""The pool and the two scopes: ``Database`` opens transactions, ``Transaction`` joins one.

READ COMMITTED everywhere; the safety is in the statements and the constraints. Every wait is
bounded. A task that has a transaction open is marked, so that the HTTP client can refuse to send.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, ClassVar, Final, Self, TypeVar, cast

import asyncpg
import msgspec

from surehold.db import audit
from surehold.db.statement import Statement
from surehold.kernel.errors import Busy

R = TypeVar("R")
T = TypeVar("T")

#: Failures after which the same command may simply run again: nothing of it was kept.
RETRYABLE: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
ATTEMPTS: Final = 3
#: What the server says or does when it, or the way to it, is gone.
CONNECTION_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the driver says of a connection that ended under its feet
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    OSError,
)
#: Servers before PostgreSQL 17 have no such setting, and are left as they are.
_LIMIT_TRANSACTIONS: Final = """
    /* db.limit_transactions */
    SELECT set_config(name, $1, $2)
      FROM pg_settings
     WHERE name = 'transaction_timeout'
"""
#: What passes by itself, and tells nothing about whoever met it.
PASSING: Final = (
    *CONNECTION_LOST,
    *RETRYABLE,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TooManyConnectionsError,
    Busy,
)

_open: ContextVar[bool] = ContextVar("surehold_transaction_open", default=False)
_urgent: ContextVar[bool] = ContextVar("surehold_urgent", default=False)


class NestedTransaction(RuntimeError):
    """A transaction was opened inside another one in the same task. Pass ``tx`` on instead."""


def is_transaction_open() -> bool:
    """Whether the current task holds a transaction: then nothing may leave the building."""
    return _open.get()


@contextmanager
def urgent() -> Iterator[None]:
    """Let what is done in this block, and the tasks it begins, take the pool's reserve, too.

    For what must go on while everything else waits: orders, and what providers tell us.
    """
    token = _urgent.set(True)
    try:
        yield
    finally:
        _urgent.reset(token)


class Connection:
    """One connection; rows come back as the statement's own type."""

    __slots__ = ("raw",)

    def __init__(self, raw: asyncpg.Connection[asyncpg.Record]) -> None:
        self.raw = raw

    async def all(self, statement: Statement[R], *values: Any) -> list[R]:
        """Every row."""
        return [statement.read(record) for record in await self.raw.fetch(statement.text, *values)]

    async def find(self, statement: Statement[R], *values: Any) -> R | None:
        """The first row, or ``None``."""
        record = await self.raw.fetchrow(statement.text, *values)
        return None if record is None else statement.read(record)

    async def one(self, statement: Statement[R], *values: Any) -> R:
        """The row that must be there."""
        row = await self.find(statement, *values)
        if row is None:
            raise LookupError(f"{statement.name} returned no row")
        return row

    async def run(self, statement: Statement[Any], *values: Any) -> int:
        """Carry out; the number of rows that were touched."""
        tag = await self.raw.execute(statement.text, *values)
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0


class Transaction(Connection):
    """A connection inside a transaction. Commands that take one join their caller's."""

    __slots__ = ("asked", "entries", "links")

    def __init__(self, raw: asyncpg.Connection[asyncpg.Record]) -> None:
        super().__init__(raw)
        #: What the audit log is told with the commit: see ``audit``.
        self.entries: list[audit.NewEntry] = []
        self.asked: list[audit.Asked] = []
        #: Place and digest of what it wrote there.
        self.links: list[tuple[int, bytes]] = []


class Settings(msgspec.Struct, frozen=True):
    """How to reach the database. ``schema`` is the store: one store, one schema."""

    url: str
    schema: str = "store"
    pool_min: int = 1
    pool_max: int = 10
    #: Connections of the pool that only urgent work may take.
    pool_reserve: int = 0
    statement_timeout_ms: int = 5_000
    lock_timeout_ms: int = 3_000
    idle_in_transaction_timeout_ms: int = 10_000
    transaction_timeout_ms: int = 20_000
    acquire_timeout_seconds: int = 3
    connect_timeout_seconds: int = 5
    #: Shift of the deciding clock, for tests and the demo's simulator.
    clock_shift: timedelta = timedelta(0)
    application_name: str = "surehold"


class Database:
    """The pool of one store. Lanes and listeners take connections of their own."""

    #: What every connection is made of; the proof puts its own here, to stop between statements.
    connection_class: ClassVar[type[asyncpg.Connection[Any]]] = asyncpg.Connection

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._ordinary = asyncio.Semaphore(max(1, settings.pool_max - settings.pool_reserve))

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect the pool.

        Raises:
            OSError, asyncpg.PostgresError: The server cannot be reached or refuses us.
        """
        self._pool = await asyncpg.create_pool(
            self.settings.url,
            connection_class=self.connection_class,
            min_size=self.settings.pool_min,
            max_size=self.settings.pool_max,
            server_settings=self._server_settings(),
            init=self._prepare,
            reset=_keep_session,
            timeout=self.settings.connect_timeout_seconds,
            command_timeout=self.settings.statement_timeout_ms / 1000 + 1,
        )

    async def close(self) -> None:
        """Give every connection back to the server."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), timeout=5)
            except TimeoutError:
                pool.terminate()

    @property
    def pool_sizes(self) -> tuple[int, int]:
        """Connections of the pool that are idle, and that are in use."""
        if self._pool is None:
            return 0, 0
        idle = self._pool.get_idle_size()
        return idle, self._pool.get_size() - idle

    @property
    def is_exhausted(self) -> bool:
        """Whether whoever asks for a connection now, without being urgent, must wait for it."""
        return self._ordinary.locked()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction, for single reads.

        Raises:
            Busy: No connection became free in time.
        """
        async with self._acquire() as raw:
            yield Connection(raw)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            NestedTransaction: The task already has one open.
            Busy: No connection became free in time.
        """
        if _open.get():
            raise NestedTransaction("a transaction is open in this task; pass it on")
        async with self._acquire() as raw:
            token = _open.set(True)
            try:
                async with raw.transaction():
                    tx = Transaction(raw)
                    yield tx
                    await audit.write(tx)
                audit.committed(tx)
            finally:
                _open.reset(token)

    async def retrying(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a command in a transaction, again after a deadlock, three times at most."""
        for _ in range(ATTEMPTS - 1):
            try:
                async with self.transaction() as tx:
                    return await work(tx)
            except RETRYABLE:
                continue
        async with self.transaction() as tx:
            return await work(tx)

    async def dedicated(self, *, name: str, **server_settings: str) -> asyncpg.Connection[Any]:
        """A connection outside the pool, owned by the caller: lanes, listeners, the worker."""
        raw = await asyncpg.connect(
            self.settings.url,
            connection_class=self.connection_class,
            server_settings=self._server_settings(
                application_name=f"{self.settings.application_name}:{name}", **server_settings
            ),
            timeout=self.settings.connect_timeout_seconds,
            command_timeout=self.settings.statement_timeout_ms / 1000 + 1,
        )
        try:
            await self._prepare(raw)
        except BaseException:
            raw.terminate()
            raise
        return raw

    async def _prepare(self, raw: asyncpg.Connection[Any]) -> None:
        await prepare_connection(raw)
        await limit_transactions(raw, self.settings.transaction_timeout_ms)

    @asynccontextmanager
    async def _acquire(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        if _urgent.get():
            async with self._lent() as raw:
                yield raw
            return
        if self._ordinary.locked():
            try:
                async with asyncio.timeout(self.settings.acquire_timeout_seconds):
                    await self._ordinary.acquire()
            except TimeoutError:
                raise _all_in_use() from None
        else:
            await self._ordinary.acquire()
        try:
            async with self._lent() as raw:
                yield raw
        finally:
            self._ordinary.release()

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        if self._pool is None:
            raise RuntimeError("the database is not open")
        try:
            raw = await self._pool.acquire(timeout=self.settings.acquire_timeout_seconds)
        except TimeoutError:
            raise _all_in_use() from None
        try:
            yield cast("asyncpg.Connection[asyncpg.Record]", raw)
        finally:
            await self._pool.release(raw)

    def _server_settings(self, **more: str) -> dict[str, str]:
        settings = self.settings
        return {
            "application_name": settings.application_name,
            "search_path": settings.schema,
            "timezone": "UTC",
            # A page is asked for beside many others. Starting helpers for one takes longer than it
            # does alone, and so does compiling it: a search of 100,000 products took 4 ms for 1.
            "max_parallel_workers_per_gather": "0",
            "jit": "off",
            "statement_timeout": str(settings.statement_timeout_ms),
            "lock_timeout": str(settings.lock_timeout_ms),
            "idle_in_transaction_session_timeout": str(settings.idle_in_transaction_timeout_ms),
            "surehold.clock_shift": f"{int(settings.clock_shift.total_seconds())} seconds",
            **more,
        }


def _all_in_use() -> Busy:
    return Busy("Every database connection is in use; try again.")


@asynccontextmanager
async def transaction_on(raw: asyncpg.Connection[Any]) -> AsyncIterator[Transaction]:
    """One transaction on a connection that the caller owns; closed if none can begin on it."""
    if _open.get():
        raise NestedTransaction("a transaction is open in this task; pass it on")
    token = _open.set(True)
    is_begun = False
    try:
        async with raw.transaction():
            is_begun = True
            tx = Transaction(raw)
            yield tx
            await audit.write(tx)
        audit.committed(tx)
    finally:
        _open.reset(token)
        if not is_begun:
            # asyncpg takes a transaction that could not begin for the outermost one from then on,
            # and would only set savepoints in it. A pool mends that; an owner must connect anew.
            raw.terminate()


async def limit_transactions(
    raw: asyncpg.Connection[Any], milliseconds: int, *, is_local: bool = False
) -> None:
    """Have the server end transactions that last longer; 0 lets them. PostgreSQL 17 and newer.

    For a process that stands still after the first message of a statement and before the last:
    it keeps its locks, and to the server it is neither idle nor at work. ``is_local``: only the
    transaction under way.
    """
    await raw.execute(_LIMIT_TRANSACTIONS, str(milliseconds), is_local)


async def prepare_connection(raw: asyncpg.Connection[Any]) -> None:
    """Teach a connection our types: ``jsonb`` is msgspec both ways."""
    await raw.set_type_codec(
        "jsonb",
        encoder=_encode_jsonb,
        decoder=_decode_jsonb,
        schema="pg_catalog",
        format="binary",
    )


async def _keep_session(_: asyncpg.Connection[Any]) -> None:
    """Nothing here changes a session for good, so a returned connection needs no RESET trip."""


_JSONB_VERSION: Final = b"\x01"


def _encode_jsonb(value: Any) -> bytes:
    return _JSONB_VERSION + msgspec.json.encode(value)


def _decode_jsonb(value: bytes) -> Any:
    return msgspec.json.decode(value[1:])


def values_of(rows: Sequence[msgspec.Struct]) -> tuple[list[Any], ...]:
    """Turn rows into columns, for ``unnest``: one list per field, in field order."""
    if not rows:
        raise ValueError("no rows to turn into columns")
    fields = type(rows[0]).__struct_fields__
    return tuple([getattr(row, field) for row in rows] for field in fields)
