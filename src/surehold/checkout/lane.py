"""A lane gathers what arrives at once and carries it out in one transaction.

Self-clocked: while one batch is in the database the next one gathers, so an idle store waits for
nothing and a flash sale batches by itself. No timer.

A lane has one runner (a task and a connection) or two. With two, the next batch begins when the
work of the one before says that it may: this process reads and prices while the server writes.

A batch that was second with a key or with a lock, or that lost its connection, is run again as it
is, once. A connection lost around COMMIT leaves the outcome unknown; running again finds what was
kept, because every member looks for its own trace first. A batch that fails otherwise is run again
member by member, so that only the guilty fails.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import asyncpg
import msgspec
import structlog

from surehold.db import Database, audit
from surehold.db.database import ATTEMPTS, CONNECTION_LOST, RETRYABLE
from surehold.kernel import clock
from surehold.kernel.errors import Busy, DomainError

Request = TypeVar("Request")
Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)

#: Somebody else was first, with a key or with a lock: whoever runs again finds what they did.
TAKEN_FIRST: Final = (*RETRYABLE, asyncpg.UniqueViolationError)


def _busy() -> Busy:
    return Busy(
        "Many people are buying right now; nothing was taken. Try again shortly.",
        retry_after_seconds=1,
    )


def _unreachable() -> Busy:
    return Busy(
        "We cannot tell yet whether this was carried out. Ask again, with the same key if it has"
        " one, and you will be told.",
        retry_after_seconds=2,
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
    __slots__ = ("answer", "asked", "request", "since")

    def __init__(self, request: Request, answer: asyncio.Future[Answer], since: float) -> None:
        self.request = request
        #: What staff ask for by it, for the audit log.
        self.asked = audit.find_asked()
        self.answer = answer
        self.since = since


#: Said by a batch, once at most, when the next one may begin beside it.
LetNext = Callable[[], None]

#: Carries out a batch on a runner's connection; one answer or one refusal per request, in order.
Work = Callable[
    ["asyncpg.Connection[Any]", Sequence[Request], LetNext],
    Awaitable[Sequence["Answer | DomainError"]],
]


class _Runner:
    """One task of a lane with a connection of its own."""

    def __init__(self, db: Database, *, name: str) -> None:
        self._db = db
        self._name = name
        self._connection: asyncpg.Connection[Any] | None = None
        self._alarm: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Whether its task runs."""
        return self.task is not None and not self.task.done()

    @property
    def is_asleep(self) -> bool:
        """Whether ``wake`` would do anything."""
        return self._alarm is not None

    async def sleep(self) -> None:
        """Do nothing until ``wake``."""
        self._alarm = asyncio.get_running_loop().create_future()
        await self._alarm

    def wake(self) -> None:
        """Go on, if it sleeps."""
        alarm, self._alarm = self._alarm, None
        if alarm is not None and not alarm.done():
            alarm.set_result(None)

    async def connect(self) -> asyncpg.Connection[Any]:
        """The connection, made anew when it was lost."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._db.dedicated(name=f"lane-{self._name}", **PLANNING)
        return self._connection

    async def disconnect(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=2)
        except CONNECTION_LOST:
            connection.terminate()


class Lane(Generic[Request, Answer]):
    """One lane of one process. ``submit`` from anywhere; ``close`` drains it."""

    def __init__(
        self,
        db: Database,
        *,
        name: str,
        work: Work[Request, Answer],
        settings: LaneSettings | None = None,
        runners: int = 1,
    ) -> None:
        self.name = name
        self.settings = settings or LaneSettings()
        self.figures = LaneFigures(batch_limit=self.settings.batch_max // 4)
        self._work = work
        self._runners = tuple(_Runner(db, name=name) for _ in range(runners))
        self._waiting: deque[_Waiter[Request, Answer]] = deque()
        self._is_closing = False
        #: The running batch that has not let the next one begin.
        self._barring: object | None = None
        self._last_ended = clock.monotonic_seconds()

    async def open(self) -> None:
        """Connect and begin to work.

        Raises:
            OSError, asyncpg.PostgresError: The server cannot be reached.
        """
        try:
            for runner in self._runners:
                await runner.connect()
        except BaseException:
            for runner in self._runners:
                await runner.disconnect()
            raise
        for runner in self._runners:
            runner.task = asyncio.create_task(self._run(runner), name=f"lane:{self.name}")

    async def close(self) -> None:
        """Take no more, answer everybody who waits, and let go of the connections."""
        self._is_closing = True
        for runner in self._runners:
            runner.wake()
        tasks = {runner.task for runner in self._runners if runner.task is not None}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.settings.drain_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        while self._waiting:
            self._refuse(self._waiting.popleft())
        for runner in self._runners:
            runner.task = None
            await runner.disconnect()

    @property
    def is_open(self) -> bool:
        """Whether it takes requests and works on them."""
        return not self._is_closing and all(runner.is_alive for runner in self._runners)

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
        self._wake_one()
        return await answer

    @property
    def _may_begin(self) -> bool:
        return bool(self._waiting) and self._barring is None

    def _wake_one(self) -> None:
        if self._may_begin:
            for runner in self._runners:
                if runner.is_asleep:
                    runner.wake()
                    return

    async def _run(self, runner: _Runner) -> None:
        while not (self._is_closing and not self._waiting):
            if not self._may_begin:
                await runner.sleep()
                continue
            batch = self._take()
            if batch:
                await self._carry_out(runner, batch)
        for other in self._runners:
            other.wake()  # to end as well

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

    async def _carry_out(self, runner: _Runner, batch: list[_Waiter[Request, Answer]]) -> None:
        began = clock.monotonic_seconds()
        self.figures.batches += 1
        self.figures.requests += len(batch)
        self.figures.largest_batch = max(self.figures.largest_batch, len(batch))
        self._barring = bar = object()

        def let_next() -> None:
            if self._barring is bar:
                self._barring = None
                self._wake_one()

        try:
            await self._answer(runner, batch, let_next)
        finally:
            for waiter in batch:  # Whatever ended it: nobody is left without an answer.
                _deliver(waiter, _unreachable())
            let_next()
        ended = clock.monotonic_seconds()
        # What it waited for the batch before it says nothing about its size.
        self._adapt(len(batch), ended - max(began, self._last_ended))
        self._last_ended = ended

    async def _answer(
        self, runner: _Runner, batch: list[_Waiter[Request, Answer]], let_next: LetNext
    ) -> None:
        try:
            answers = await self._attempt_batch(runner, batch, let_next)
        except CONNECTION_LOST as error:
            log.warning("lane_database_gone", lane=self.name, size=len(batch), error=repr(error))
        except Exception as error:  # noqa: BLE001 - told to each member, once it ran alone
            log.warning("lane_batch_failed", lane=self.name, size=len(batch), error=repr(error))
            for waiter in batch:
                await self._answer_alone(runner, waiter)
        else:
            for waiter, answer in zip(batch, answers, strict=True):
                _deliver(waiter, answer)

    async def _attempt_batch(
        self, runner: _Runner, batch: Sequence[_Waiter[Request, Answer]], let_next: LetNext
    ) -> Sequence[Answer | DomainError]:
        """Carry out a batch, again as it is when the connection was lost or somebody was first."""
        try:
            return await self._attempt(runner, batch, let_next)
        except (*TAKEN_FIRST, *CONNECTION_LOST):
            return await self._attempt(runner, batch, let_next)

    async def _answer_alone(self, runner: _Runner, waiter: _Waiter[Request, Answer]) -> None:
        self.figures.reruns += 1
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answers = await self._attempt(runner, [waiter], _nothing)
            except CONNECTION_LOST as error:
                if attempt == ATTEMPTS:
                    log.warning("lane_database_gone", lane=self.name, size=1, error=repr(error))
                    _deliver(waiter, _unreachable())
            except (*TAKEN_FIRST, asyncpg.LockNotAvailableError) as e:
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

    async def _attempt(
        self, runner: _Runner, batch: Sequence[_Waiter[Request, Answer]], let_next: LetNext
    ) -> Sequence[Answer | DomainError]:
        requests = [waiter.request for waiter in batch]
        try:
            with audit.batch([waiter.asked for waiter in batch]):
                return await self._work(await runner.connect(), requests, let_next)
        except CONNECTION_LOST:
            await runner.disconnect()
            raise

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


def _nothing() -> None:
    pass


def _deliver(waiter: _Waiter[Request, Answer], answer: Answer | DomainError) -> None:
    if waiter.answer.done():
        return  # whoever asked has gone; what was done stays done, and a retry finds it
    if isinstance(answer, DomainError):
        waiter.answer.set_exception(answer)
    else:
        waiter.answer.set_result(answer)
