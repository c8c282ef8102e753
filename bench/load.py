"""The load client: a process of its own that sends prepared bytes and reads little.

``python -m bench.load`` takes its plan as JSON on standard input and writes what it saw as JSON to
standard output. Each connection asks again as soon as it is answered. Of an answer it reads the
status and the length; the rest is counted, not looked at.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import time
from array import array
from bisect import bisect_right
from collections import Counter
from typing import Final, cast

import msgspec
import uvloop

_CREATED: Final = b"201"
#: Nobody waits longer than this for the last answers.
GRACE_SECONDS: Final = 10
_KEY_BYTES: Final = 16
_LENGTH: Final = b"content-length: "
_HEAD_END: Final = b"\r\n\r\n"


class Plan(msgspec.Struct, frozen=True):
    """What to send, where to, and how long. ``bodies`` are sent in random order."""

    host: str
    port: int
    path: str
    bodies: tuple[str, ...]
    connections: int
    seconds: float
    requests_max: int = 1_000_000
    seed: int = 1


class Seen(msgspec.Struct, frozen=True):
    """What came back. Rates are answers a second; the quarters are of the time."""

    statuses: dict[str, int]
    seconds: float
    per_s: float
    first_quarter_per_s: float
    last_quarter_per_s: float
    p50_ms: float
    p99_ms: float
    client_cpu_fraction: float
    unfinished: int
    first_problem: str | None


class _Run:
    """What all connections share."""

    def __init__(self, plan: Plan) -> None:
        head = (
            f"POST {plan.path} HTTP/1.1\r\nHost: {plan.host}:{plan.port}\r\n"
            "Content-Type: application/json\r\nIdempotency-Key: "
        )
        self.head = head.encode("ascii")
        self.tails = [
            b"\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            for body in (text.encode() for text in plan.bodies)
        ]
        self.connections = plan.connections
        self.left = plan.requests_max
        self.latencies = array("d")
        self.ends = array("d")
        self.statuses: Counter[bytes] = Counter()
        self.first_problem: str | None = None
        self.deadline = float("inf")
        self.open_count = 0
        self.finished = asyncio.get_running_loop().create_future()
        self._choose = random.Random(plan.seed).choice  # noqa: S311 - it chooses a product
        self._prefix = os.urandom(_KEY_BYTES - 4).hex().encode("ascii")
        self._count = 0

    def next_request(self) -> bytes:
        """The next request, with a key that nobody has used."""
        # An odd multiplier scatters the keys, as those of strangers would be.
        self._count = (self._count + 1) & 0xFFFFFFFF
        scattered = self._count * 2_654_435_761 & 0xFFFFFFFF
        return b"%s%08x%s%s" % (self.head, scattered, self._prefix, self._choose(self.tails))

    def one_closed(self) -> None:
        """A connection has had its last answer."""
        self.open_count -= 1
        if self.open_count == 0 and not self.finished.done():
            self.finished.set_result(None)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    _transport: asyncio.Transport
    _sent_at = 0.0
    _missing = 0
    _buffer = b""
    _is_over = False

    def __init__(self, run: _Run) -> None:
        self._run = run

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._run.open_count += 1

    def ask(self) -> None:
        """Send one request."""
        run = self._run
        if run.left <= 0:
            self._end()
            return
        run.left -= 1
        request = run.next_request()
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            data = self._buffer + data if self._buffer else data
            end = data.find(_HEAD_END)
            if end < 0:
                self._buffer = data
                return
            self._buffer = b""
            status = data[9:12]
            self._run.statuses[status] += 1
            if status != _CREATED and self._run.first_problem is None:
                self._run.first_problem = data[:2_000].decode("utf-8", "replace")
            at = data.find(_LENGTH, 0, end) + len(_LENGTH)
            length = int(data[at : data.find(b"\r", at)])
            self._missing = end + len(_HEAD_END) + length - len(data)
        if self._missing == 0:
            self._answered()

    def _answered(self) -> None:
        now = time.perf_counter()
        run = self._run
        run.latencies.append(now - self._sent_at)
        run.ends.append(now)
        if now >= run.deadline:
            self._end()
        else:
            self.ask()

    def connection_lost(self, _: Exception | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._run.statuses[b"lost"] += 1
            self._run.one_closed()

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._transport.close()
            self._run.one_closed()


async def send(plan: Plan) -> Seen:
    """Carry out a plan."""
    run = _Run(plan)
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(plan.connections):
        _, connection = await loop.create_connection(
            lambda: _Connection(run), plan.host, plan.port
        )
        connections.append(connection)
    cpu, began = time.process_time(), time.perf_counter()
    run.deadline = began + plan.seconds
    for connection in connections:
        connection.ask()
    unfinished = 0
    try:
        await asyncio.wait_for(run.finished, plan.seconds + GRACE_SECONDS)
    except TimeoutError:
        unfinished = run.open_count
    return _summarize(run, began, time.process_time() - cpu, unfinished)


def _summarize(run: _Run, began: float, cpu_seconds: float, unfinished: int) -> Seen:
    ends = [end - began for end in run.ends]
    latencies = sorted(run.latencies)
    seconds = ends[-1] if ends else 0.0

    def rate(first: float, last: float) -> float:
        count = bisect_right(ends, last) - bisect_right(ends, first)
        return count / (last - first) if last > first else 0.0

    def percentile(fraction: float) -> float:
        return 1_000 * latencies[int(fraction * (len(latencies) - 1))] if latencies else 0.0

    # What arrives after the deadline is the tail of fewer and fewer connections.
    full = min(seconds, run.deadline - began)
    return Seen(
        statuses={status.decode("ascii"): count for status, count in run.statuses.items()},
        seconds=seconds,
        per_s=rate(0.0, full),
        first_quarter_per_s=rate(0.0, full / 4),
        last_quarter_per_s=rate(full * 3 / 4, full),
        p50_ms=percentile(0.50),
        p99_ms=percentile(0.99),
        client_cpu_fraction=cpu_seconds / seconds if seconds else 0.0,
        unfinished=unfinished,
        first_problem=run.first_problem,
    )


def main() -> None:
    """Read the plan, carry it out, write what was seen."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    # What is kept for the figures would make each round of the collector slower than the last.
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(send(plan))
    sys.stdout.buffer.write(msgspec.json.encode(seen))


if __name__ == "__main__":
    main()
