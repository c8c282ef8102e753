"""Lets one beat go at a time: a statement of some actor's, or a call to the provider.

An actor that is about to send something waits at the gate. Once nobody computes any more and every
statement under way waits for a lock, one of those at the gate is chosen by chance. PostgreSQL
itself says who waits for whom. BEGIN and COMMIT are beats, too: where a commit lies among the
others' statements is what most races are about.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextvars import Context
from typing import Any, Final, TypeVar

import asyncpg
import msgspec

T = TypeVar("T")

#: How long a statement may take before we ask PostgreSQL whether it waits for a lock.
LOOK_AFTER_SECONDS: Final = 0.002
#: How likely it is that whoever went last goes on, one of these for each schedule. By turns of
#: even chance a short command is over before a long one has come to its locks.
PERSISTENCE: Final = (0.0, 0.7, 0.95)
#: A schedule that has not ended by then hangs.
SCHEDULE_SECONDS: Final = 60
_BLOCKERS: Final = """
    /* proof.blockers */
    SELECT pid, pg_blocking_pids(pid) AS blockers FROM unnest($1::int[]) AS pid
"""


class QuietLoop(asyncio.SelectorEventLoop):
    """An event loop that knows whether anything in it still computes."""

    calls = 0

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        self.calls += 1
        return super().call_soon(callback, *args, context=context)

    async def settle(self) -> None:
        """Wait until every task waits for something outside: for the network, or for us."""
        while True:
            before = self.calls
            await asyncio.sleep(0)
            if self.calls == before + 1:  # The one call is our own turn.
                return


class Stuck(Exception):
    """Nobody can move, and no lock of PostgreSQL's explains it."""


class Interruption(msgspec.Struct, frozen=True):
    """PostgreSQL gives up on statements in the middle of transactions: from one on, so many."""

    error: type[asyncpg.PostgresError]
    #: The first statement that fails, counted from 0 over all that stand in a transaction.
    first: int
    times: int = 1


class Beat:
    """One thing that an actor wants to do. ``pid`` is its connection's, 0 at the provider."""

    def __init__(self, actor: str, name: str, pid: int, go: asyncio.Future[None]) -> None:
        self.actor = actor
        self.name = name
        self.pid = pid
        self.go = go
        self.has_waited = False
        self.is_victim = False

    def __str__(self) -> str:
        return f"{self.actor} {self.name}"


class Scheduler:
    """One schedule at a time. Without one, everything passes the gate at once."""

    def __init__(self, loop: QuietLoop, monitor: asyncpg.Connection[Any]) -> None:
        self._loop = loop
        self._monitor = monitor
        self._chance: random.Random | None = None
        self._persistence = 0.0
        self._went_last: str | None = None
        #: Connections of the actors.
        self._actors: frozenset[int] = frozenset()
        self._at_gate: list[Beat] = []
        self._under_way: list[Beat] = []
        self._ended = asyncio.Event()
        self._ended_count = 0
        #: What happened, line by line; the same seed gives the same lines.
        self.trace: list[str] = []
        self.deadlocks = 0
        self._interruption: Interruption | None = None
        #: How many statements stood in a transaction.
        self.interruptible = 0
        #: Called after every COMMIT, while everybody waits.
        self.after_commit: Callable[[], Awaitable[None]] | None = None

    def gate_of(self, actor: str) -> Gate:
        """The watcher of one actor's connections."""
        return Gate(self, actor)

    async def run(
        self,
        actors: dict[str, Awaitable[Any]],
        chance: random.Random,
        interruption: Interruption | None = None,
    ) -> list[Any]:
        """Carry actors out together; what each returned or raised, in their order.

        Raises:
            Stuck: Nobody can move. The actors are canceled.
        """
        self._chance, self.trace, self.deadlocks = chance, [], 0
        self._persistence, self._went_last = chance.choice(PERSISTENCE), None
        self._interruption, self.interruptible = interruption, 0
        tasks = [asyncio.ensure_future(work) for work in actors.values()]
        try:
            async with asyncio.timeout(SCHEDULE_SECONDS):
                while not all(task.done() for task in tasks):
                    await self._step(tasks)
                await self._come_to_rest()
        except (Stuck, TimeoutError) as error:
            raise Stuck(str(error) or "the schedule does not end") from error
        finally:
            self._chance = None
            for beat in self._at_gate:
                beat.go.cancel()
            self._at_gate.clear()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        return [task.exception() or task.result() for task in tasks]

    async def pass_gate(
        self,
        actor: str,
        name: str,
        connection: asyncpg.Connection[Any] | None,
        carry_out: Callable[[], Awaitable[T]],
    ) -> T:
        """Wait for one's turn, then do it. Without a connection it is a call to the provider."""
        if self._chance is None:
            return await carry_out()
        pid = 0 if connection is None else connection.get_server_pid()
        beat = Beat(actor, name, pid, self._loop.create_future())
        self._at_gate.append(beat)
        await beat.go
        try:
            if connection is not None and connection.is_in_transaction() and "." in name:
                self._interrupt(beat)
            return await carry_out()
        except asyncpg.QueryCanceledError as error:
            if beat.is_victim:
                raise asyncpg.DeadlockDetectedError(str(error)) from error
            raise
        finally:
            self._under_way.remove(beat)
            self._ended_count += 1
            self._ended.set()

    def _interrupt(self, beat: Beat) -> None:
        """Raise instead of carrying out, if this is to be given up on."""
        number, plan = self.interruptible, self._interruption
        self.interruptible += 1
        if plan is not None and plan.first <= number < plan.first + plan.times:
            self.trace.append(f"{beat} … {plan.error.__name__}")
            raise plan.error("planned")

    async def _step(self, tasks: Collection[asyncio.Future[Any]]) -> None:
        """Wait until nobody moves, then let one go."""
        await self._come_to_rest()
        if all(task.done() for task in tasks):
            return
        if not self._at_gate:
            await self._break_deadlock()
            return
        assert self._chance is not None
        # Sorted by what is the same in every run, and not by who happened to arrive first.
        ready = sorted(self._at_gate, key=lambda beat: (beat.actor, beat.name))
        same = [beat for beat in ready if beat.actor == self._went_last]
        goes_on = bool(same) and self._chance.random() < self._persistence
        beat = self._chance.choice(same if goes_on else ready)
        self._went_last = beat.actor
        self._at_gate.remove(beat)
        self._under_way.append(beat)
        self.trace.append(str(beat))
        beat.go.set_result(None)
        if beat.name == "COMMIT" and self.after_commit is not None:
            await self._come_to_rest()
            await self.after_commit()

    async def _come_to_rest(self) -> None:
        """Nobody computes, and whatever is under way waits for a lock that somebody here holds."""
        while True:
            await self._loop.settle()
            if not self._under_way:
                return
            self._ended.clear()
            try:
                await asyncio.wait_for(self._ended.wait(), LOOK_AFTER_SECONDS)
                continue
            except TimeoutError:
                count = self._ended_count
            waiting = await self._find_waiting()
            if len(waiting) == len(self._under_way) and self._ended_count == count:
                for beat in self._under_way:
                    if not beat.has_waited:
                        beat.has_waited = True
                        self.trace.append(f"{beat} … waits")
                return

    async def _find_waiting(self) -> dict[int, set[int]]:
        """Connections of actors that wait for a lock, and for which other actors' they wait."""
        pids = [beat.pid for beat in self._under_way]
        rows = await self._monitor.fetch(_BLOCKERS, pids)
        found = {row["pid"]: set(row["blockers"]) & self._actors for row in rows}
        return {pid: blockers for pid, blockers in found.items() if blockers}

    def know(self, pids: Iterable[int]) -> None:
        """Learn which connections belong to actors."""
        self._actors = frozenset(pids)

    async def _break_deadlock(self) -> None:
        """Choose who gives in by chance. PostgreSQL would choose by the clock."""
        waiting = await self._find_waiting()
        circle = sorted(
            (beat for beat in self._under_way if _is_in_circle(beat.pid, waiting)), key=str
        )
        if not circle:
            raise Stuck(f"nobody can move: {', '.join(map(str, self._under_way)) or 'all wait'}")
        assert self._chance is not None
        victim = self._chance.choice(circle)
        victim.is_victim = True
        self.deadlocks += 1
        self.trace.append(f"{victim} … gives in: deadlock")
        self._ended.clear()
        await self._monitor.execute("SELECT pg_cancel_backend($1)", victim.pid)
        await self._ended.wait()


class Gate:
    """The watcher of one actor: every statement waits for its turn."""

    def __init__(self, scheduler: Scheduler, actor: str) -> None:
        self._scheduler = scheduler
        self._actor = actor

    async def __call__(
        self, connection: asyncpg.Connection[Any], beat: str, carry_out: Callable[[], Awaitable[T]]
    ) -> T:
        return await self._scheduler.pass_gate(self._actor, beat, connection, carry_out)

    async def call(self, name: str, carry_out: Callable[[], Awaitable[T]]) -> T:
        """A call to the provider, which is a beat as well."""
        return await self._scheduler.pass_gate(self._actor, name, None, carry_out)


def _is_in_circle(start: int, waiting: dict[int, set[int]]) -> bool:
    reached: set[int] = set()
    ahead = set(waiting.get(start, ()))
    while ahead:
        pid = ahead.pop()
        if pid == start:
            return True
        if pid not in reached:
            reached.add(pid)
            ahead |= waiting.get(pid, set())
    return False
