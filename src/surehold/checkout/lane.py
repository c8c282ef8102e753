"""A lane gathers what arrives at once and carries it out in one transaction.

Self-clocked: while one batch is in the database the next one gathers, so an idle store waits for
nothing and a flash sale batches by itself. One task, one connection, no timer.

A batch that fails is run again member by member, so that only the guilty fails. A connection lost
around COMMIT leaves the outcome unknown; running the members again finds what was kept, because
every member looks for its own trace first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import asyncpg
import msgspec
import structlog

from surehold.db import Database
from surehold.db.database import ATTEMPTS, RETRYABLE
from surehold.kernel import clock
from surehold.kernel.errors import Busy, DomainError

Request = TypeVar("Request")
Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)

#: What the server says or does when it, or the way to it, is gone.
CONNECTION_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    OSError,
)


def _busy(retry_after_seconds: int = 1) -> Busy:
    return Busy(
        "Many people are buying right now; nothing was taken. Try again shortly.",
        retry_after_seconds=retry_after_seconds,
    )


#: Every statement of a lane looks rows up by key, so there is one right plan, whatever the tables
#: hold: index look-ups in a nested loop. It is made once. Left to itself the planner keeps a plan
#: that was right for an empty store (its checks of foreign keys, too), and the lane slows down as
#: the store fills; planning each time instead costs about a third of its time.
PLANNING: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}


class LaneSettings(msgspec.Struct, frozen=True):
    """Limits of one lane."""

    batch_min: int = 32
    batch_max: int = 256
    #: A batch that takes longer than this makes the next one smaller.
    cycle_target_ms: int = 100
    #: A request that waited longer than this is told to come back.
    wait_max_ms: int = 5_000
    waiting_max: int = 4_096
    drain_seconds: int = 10


class LaneFigures(msgspec.Struct):
    """What a lane has done, for metrics."""

    batches: int = 0
    requests: int = 0
    refused_busy: int = 0
    reruns: int = 0
    batch_limit: int = 0
    largest_batch: int = 0


class _Waiter(Generic[Request, Answer]):
    __slots__ = ("answer", "request", "since")

    def __init__(self, request: Request, answer: asyncio.Future[Answer], since: float) -> None:
        self.request = request
        self.answer = answer
        self.since = since


#: Carries out a batch on the lane's connection; one answer or one refusal per request, in order.
Work = Callable[
    ["asyncpg.Connection[Any]", Sequence[Request]], Awaitable[Sequence["Answer | DomainError"]]
]


class Lane(Generic[Request, Answer]):
    """One lane of one process. ``submit`` from anywhere; ``close`` drains it."""

    def __init__(
        self,
        db: Database,
        *,
        name: str,
        work: Work[Request, Answer],
        settings: LaneSettings | None = None,
    ) -> None:
        self.name = name
        self.settings = settings or LaneSettings()
        self.figures = LaneFigures(batch_limit=self.settings.batch_max // 4)
        self._db = db
        self._work = work
        self._connection: asyncpg.Connection[Any] | None = None
        self._waiting: deque[_Waiter[Request, Answer]] = deque()
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._runner: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and begin to work.

        Raises:
            OSError, asyncpg.PostgresError: The server cannot be reached.
        """
        await self._connect()
        self._runner = asyncio.create_task(self._run(), name=f"lane:{self.name}")

    async def close(self) -> None:
        """Take no more, answer everybody who waits, and let go of the connection."""
        self._is_closing = True
        self._arrived.set()
        if self._runner is not None:
            done, _ = await asyncio.wait({self._runner}, timeout=self.settings.drain_seconds)
            if not done:
                self._runner.cancel()
                await asyncio.wait({self._runner})
            self._runner = None
        while self._waiting:
            self._refuse(self._waiting.popleft())
        await self._disconnect()

    @property
    def is_open(self) -> bool:
        """Whether it takes requests and works on them."""
        return not self._is_closing and self._runner is not None and not self._runner.done()

    @property
    def waiting_count(self) -> int:
        """How many wait for the next batch."""
        return len(self._waiting)

    async def submit(self, request: Request) -> Answer:
        """Have a request carried out with whatever else arrives now.

        Raises:
            Busy: The queue is full, the wait was too long, or the process is stopping.
            DomainError: What the work refused it for.
        """
        if self._is_closing or len(self._waiting) >= self.settings.waiting_max:
            self.figures.refused_busy += 1
            raise _busy()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Waiter(request, answer, clock.monotonic_seconds()))
        self._arrived.set()
        return await answer

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                if self._is_closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                continue
            batch = self._take()
            if batch:
                await self._carry_out(batch)

    def _take(self) -> list[_Waiter[Request, Answer]]:
        oldest_allowed = clock.monotonic_seconds() - self.settings.wait_max_ms / 1000
        batch: list[_Waiter[Request, Answer]] = []
        while self._waiting and len(batch) < self.figures.batch_limit:
            waiter = self._waiting.popleft()
            if waiter.answer.done():
                continue  # whoever asked has gone; nothing was begun
            if waiter.since < oldest_allowed:
                self._refuse(waiter)
                continue
            batch.append(waiter)
        return batch

    async def _carry_out(self, batch: list[_Waiter[Request, Answer]]) -> None:
        began = clock.monotonic_seconds()
        self.figures.batches += 1
        self.figures.requests += len(batch)
        self.figures.largest_batch = max(self.figures.largest_batch, len(batch))
        try:
            answers = await self._attempt([waiter.request for waiter in batch])
        except Exception as error:  # noqa: BLE001 - told to each member, once it ran alone
            log.warning("lane_batch_failed", lane=self.name, size=len(batch), error=repr(error))
            for waiter in batch:
                await self._carry_out_alone(waiter)
        else:
            for waiter, answer in zip(batch, answers, strict=True):
                _deliver(waiter, answer)
        self._adapt(len(batch), clock.monotonic_seconds() - began)

    async def _carry_out_alone(self, waiter: _Waiter[Request, Answer]) -> None:
        self.figures.reruns += 1
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answers = await self._attempt([waiter.request])
            except CONNECTION_LOST as error:
                if attempt == ATTEMPTS:
                    log.warning("lane_database_gone", lane=self.name, error=repr(error))
                    _deliver(waiter, _busy(retry_after_seconds=2))
            except (*RETRYABLE, asyncpg.UniqueViolationError, asyncpg.LockNotAvailableError) as e:
                if attempt == ATTEMPTS:
                    log.warning("lane_gave_up", lane=self.name, error=repr(e))
                    _deliver(waiter, _busy())
            except Exception as error:  # noqa: BLE001 - raised where it was asked for
                if not waiter.answer.done():
                    waiter.answer.set_exception(error)
                return
            else:
                _deliver(waiter, answers[0])
                return

    async def _attempt(self, requests: list[Request]) -> Sequence[Answer | DomainError]:
        try:
            connection = await self._connect()
            return await self._work(connection, requests)
        except (*CONNECTION_LOST, TimeoutError):
            await self._disconnect()
            raise

    async def _connect(self) -> asyncpg.Connection[Any]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._db.dedicated(name=f"lane-{self.name}", **PLANNING)
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=2)
        except (*CONNECTION_LOST, TimeoutError):
            connection.terminate()

    def _adapt(self, size: int, seconds: float) -> None:
        settings = self.settings
        limit = self.figures.batch_limit
        if seconds * 1000 > settings.cycle_target_ms:
            limit = max(settings.batch_min, min(limit, size) * 3 // 4)
        elif size >= limit:
            limit = min(settings.batch_max, limit * 5 // 4 + 1)
        self.figures.batch_limit = limit

    def _refuse(self, waiter: _Waiter[Request, Answer]) -> None:
        self.figures.refused_busy += 1
        _deliver(waiter, _busy())


def _deliver(waiter: _Waiter[Request, Answer], answer: Answer | DomainError) -> None:
    if waiter.answer.done():
        return  # whoever asked has gone; what was done stays done, and a retry finds it
    if isinstance(answer, DomainError):
        waiter.answer.set_exception(answer)
    else:
        waiter.answer.set_result(answer)
