"""Inside the process that is to die: writes down every place that it reaches, and dies at one.

It dies by its own SIGKILL, as by a power cut: nothing is cleaned up, no socket is closed politely.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import asyncpg
import httpx2
import msgspec
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from proof.crashes.points import Point, Side
from proof.seam import everywhere

T = TypeVar("T")

_ID: Final = re.compile(r"/(?=[^/]*[0-9])[A-Za-z0-9_-]{8,}(?=/|$)")


class Orders(msgspec.Struct, frozen=True):
    """What a process under watch is told: where to write, when to begin, and where to die.

    Places count while the file ``counts_while`` is there: setting the scene is not the journey.
    """

    trace: str
    counts_while: str
    dies_at: Point | None = None
    #: SIGKILL, or SIGSTOP: then it is as good as dead until somebody wakes it.
    dies_of: int = signal.SIGKILL


class Tripwire:
    """Counts the places that this process reaches, and ends it at the one it was told."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._counts: Counter[tuple[Side, str]] = Counter()
        self._latest: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._output = os.open(orders.trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    async def __call__(
        self, connection: asyncpg.Connection[Any], beat: str, carry_out: Callable[[], Awaitable[T]]
    ) -> T:
        """A statement passes."""
        place = self._place(connection, beat)
        self.reach("before", place)
        answer = await carry_out()
        self.reach("after", place)
        return answer

    def reach(self, side: Side, beat: str) -> None:
        """Be at a place; perhaps nothing comes after it."""
        if not Path(self._orders.counts_while).exists():
            return
        self._counts[side, beat] += 1
        os.write(self._output, f"{side} {beat}\n".encode())
        dies_at = self._orders.dies_at
        if (
            dies_at is not None
            and (dies_at.side, dies_at.beat) == (side, beat)
            and dies_at.occurrence == self._counts[side, beat]
        ):
            os.kill(os.getpid(), self._orders.dies_of)

    def _place(self, connection: asyncpg.Connection[Any], beat: str) -> str:
        """A statement by its name; one without a name by what its connection did before it."""
        if "." in beat:
            self._latest[connection] = beat
            return beat
        return f"{beat} ({self._latest.get(connection, 'first')})"


@contextmanager
def watched(orders: Orders) -> Iterator[None]:
    """Watch every statement, every outgoing call and every answer of this process."""
    wire = Tripwire(orders)
    call, answer = httpx2.AsyncHTTPTransport.handle_async_request, RequestResponseCycle.send

    async def handle(
        transport: httpx2.AsyncHTTPTransport, request: httpx2.Request
    ) -> httpx2.Response:
        beat = f"call {request.method} {_ID.sub('/…', request.url.path)}"
        wire.reach("before", beat)
        response = await call(transport, request)
        wire.reach("after", beat)
        return response

    async def send(cycle: RequestResponseCycle, message: Any) -> None:
        if message["type"] == "http.response.start":
            wire.reach("before", f"answer {cycle.scope['method']}")
        await answer(cycle, message)
        if cycle.response_complete:
            wire.reach("after", f"answer {cycle.scope['method']}")

    with everywhere(wire):
        httpx2.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]
        RequestResponseCycle.send = send  # type: ignore[method-assign]
        try:
            yield
        finally:
            httpx2.AsyncHTTPTransport.handle_async_request = call  # type: ignore[method-assign]
            RequestResponseCycle.send = answer  # type: ignore[method-assign]
