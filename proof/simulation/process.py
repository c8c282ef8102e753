"""One process of a simulated shop: its own pool, lanes, inbox and line to the provider.

Every task begun inside it is known, so it can die like a process does: all of its connections and
tasks at once, in the middle of whatever they were doing. Nothing of it cleans up anything, since
no statement of a dead process is sent.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Final, TypeVar
from weakref import WeakSet

import asyncpg
import httpx2
import msgspec

from proof.seam import Watch
from proof.simulation.provider import HOLD, HONORED
from proof.simulation.stops import AFTER_CALL, BEATS_MAX, BEFORE_CALL, Kind, Stop
from proof.simulation.trace import Trace
from surehold.app import checkout_of
from surehold.checkout.commands import Inbox
from surehold.checkout.engine import Checkout
from surehold.config import Config
from surehold.db.database import Database, Settings
from surehold.payments.authorizations.model import AuthorizationLife
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.cash_on_delivery import CashOnDelivery
from surehold.payments.providers.registry import Providers
from surehold.payments.providers.sandbox import SandboxProvider

T = TypeVar("T")

#: Enough for what runs at once, and few enough that waiting for one happens.
POOL_MAX: Final = 8
_BURIAL_ROUNDS: Final = 300
_BURIAL_ROUND_SECONDS: Final = 0.05

_home: ContextVar[Process | None] = ContextVar("proof_process", default=None)


def follow_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Let every new task be known to the process that begins it."""

    def make(
        loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], **more: Any
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coroutine, loop=loop, **more)
        process = _home.get()
        if process is not None:
            process.tasks.add(task)
        return task

    loop.set_task_factory(make)


class Process:
    """One process of the shop. It watches its own connections (``proof.seam``)."""

    def __init__(
        self,
        name: str,
        *,
        url: str,
        config: Config,
        transport: httpx2.AsyncBaseTransport,
        admins: asyncpg.Pool[Any],
        trace: Trace,
    ) -> None:
        self.name = name
        self.is_dead = False
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        self.stopped: Counter[str] = Counter()
        self.commit_count = 0
        self.deadlock_count = 0
        self._connections: WeakSet[asyncpg.Connection[Any]] = WeakSet()
        self._numbers: dict[int, int] = {}
        self._plans: list[Stop] = []
        self._admins = admins
        self._trace = trace
        settings = Settings(url=url, pool_max=POOL_MAX, application_name=f"surehold:{name}")
        client = httpx2.AsyncClient(transport=_Line(self, transport), trust_env=False)
        provider = SandboxProvider(
            base_url=config.sandbox_url or "",
            api_key=config.sandbox_api_key.get_secret_value(),
            webhook_secrets=tuple(
                secret.get_secret_value() for secret in config.sandbox_webhook_secrets
            ),
            client=client,
        )
        provider.capabilities = msgspec.structs.replace(
            provider.capabilities, authorization=AuthorizationLife(HOLD, honored=HONORED)
        )
        database = Watch(self).database
        database.connection_class = _known(database.connection_class, self._connections)
        self.db: Database = database(settings)
        self.checkout: Checkout = checkout_of(
            config, self.db, providers=Providers([provider, BankTransfer(), CashOnDelivery()])
        )
        self.inbox = Inbox(self.checkout)

    async def open(self) -> None:
        """Begin to work."""
        await self.begin(self._open())

    async def close(self) -> None:
        """End in good order: what was begun is finished."""
        await self.begin(self._close())

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a piece of work inside this process."""
        token = _home.set(self)
        try:
            return asyncio.create_task(work)
        finally:
            _home.reset(token)

    def plan(self, stop: Stop) -> None:
        """Stop something at a beat to come."""
        self._plans.append(stop)

    def plan_nothing(self) -> None:
        """Forget the stops whose beat has not come."""
        self._plans.clear()

    def die(self) -> None:
        """Lose power: every connection and task of the process, at once."""
        self.is_dead = True
        if self.db._pool is not None:
            self.db._pool.terminate()  # Or it would replace the connections that it loses.
        for connection in list(self._connections):
            connection.terminate()
        for task in list(self.tasks):
            task.cancel()

    async def buried(self) -> None:
        """Wait until nothing of a dead process runs any more.

        Raises:
            RuntimeError: Something would not end: a task that swallows its cancellation.
        """
        for _ in range(_BURIAL_ROUNDS):
            # Again and again: a roll-back that fails takes the place of a cancellation.
            pending = {task for task in self.tasks if not task.done()}
            if not pending:
                break
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=_BURIAL_ROUND_SECONDS)
        else:
            raise RuntimeError(f"a dead process still runs {pending}")
        for connection in list(self._connections):
            connection.terminate()

    async def __call__(
        self, connection: asyncpg.Connection[Any], beat: str, carry_out: Callable[[], Awaitable[T]]
    ) -> T:
        """Carry a statement out, unless this is where something stops."""
        self._check_alive(connection)
        number = self._numbers.setdefault(id(connection), len(self._numbers) + 1)
        stop = self._take_stop(beat)
        note = f"[{stop.kind.value}]" if stop else ""
        self._trace.add(self.name, number, beat, getattr(connection, "values", ()), note)
        if stop is not None:
            await self._carry_out_stop(stop, connection)
        try:
            answer = await carry_out()
        except asyncpg.DeadlockDetectedError:
            self.deadlock_count += 1
            raise
        if beat == "COMMIT":
            self.commit_count += 1
        self._check_alive(connection)
        if stop is not None and stop.kind is Kind.LOSE_ANSWER:
            raise _lost(connection)
        return answer

    async def pass_by(self, beat: str) -> None:
        """A beat that is no statement: a call to the provider begins or has ended."""
        if self.is_dead:
            raise asyncio.CancelledError
        stop = self._take_stop(beat)
        self._trace.add(self.name, 0, beat, (), f"[{stop.kind.value}]" if stop else "")
        if stop is None:
            return
        self.stopped[stop.kind.value] += 1
        if stop.kind is Kind.POWER:
            self.die()
        elif stop.task is not None:
            stop.task.cancel()
        await asyncio.sleep(0)  # A canceled task, perhaps this one, ends here.

    async def _open(self) -> None:
        await self.db.open()
        await self.checkout.open()

    async def _close(self) -> None:
        await self.inbox.close()
        await self.checkout.close()
        await self.checkout.context.providers.close()
        await self.db.close()

    def _take_stop(self, beat: str) -> Stop | None:
        for stop in self._plans:
            if stop.is_due(beat):
                self._plans.remove(stop)
                return stop
        if self._plans and self._plans[0].age > BEATS_MAX:
            del self._plans[0]
        return None

    async def _carry_out_stop(self, stop: Stop, connection: asyncpg.Connection[Any]) -> None:
        self.stopped[stop.kind.value] += 1
        match stop.kind:
            case Kind.CANCEL:
                assert stop.task is not None
                stop.task.cancel()
            case Kind.LOSE:
                raise _lost(connection)
            case Kind.BACKEND:
                await self._admins.execute(
                    "SELECT pg_terminate_backend($1)", connection.get_server_pid()
                )
            case Kind.DEADLOCK:
                raise asyncpg.DeadlockDetectedError("the simulation says so")
            case Kind.POWER:
                self.die()
                raise _lost(connection)
            case Kind.LOSE_ANSWER:
                pass

    def _check_alive(self, connection: asyncpg.Connection[Any]) -> None:
        if self.is_dead:
            raise _lost(connection)


def _known(
    connection_class: type[asyncpg.Connection[Any]], known: WeakSet[asyncpg.Connection[Any]]
) -> type[asyncpg.Connection[Any]]:
    """A class of connections that are known from the moment they are made, idle ones too."""

    class Known(connection_class):  # type: ignore[misc, valid-type]  # asyncpg has no types
        """One connection of the process."""

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            known.add(self)

    return Known


class _Line(httpx2.AsyncBaseTransport):
    """The way of one process to the provider, with a beat at either end."""

    def __init__(self, process: Process, inner: httpx2.AsyncBaseTransport) -> None:
        self._process = process
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._process.pass_by(BEFORE_CALL)
        response = await self._inner.handle_async_request(request)
        await self._process.pass_by(AFTER_CALL)
        return response


def _lost(connection: asyncpg.Connection[Any]) -> asyncpg.ConnectionDoesNotExistError:
    """Break a connection; what the driver would raise."""
    connection.terminate()
    return asyncpg.ConnectionDoesNotExistError("the connection was lost in the simulation")


def draw_process(processes: list[Process], dice: random.Random) -> Process:
    """One of those that are alive; a dead one, which answers nobody, when there is no other."""
    alive = [process for process in processes if not process.is_dead]
    return dice.choice(alive or processes)
