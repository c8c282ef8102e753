"""The same work over HTTP: one web process of the real application, and the load client."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from bench import load
from bench.store import (
    ADDRESS,
    CURRENCY,
    EMAIL,
    SCHEMA,
    SECRET,
    TOTAL_MINOR,
    Bench,
    State,
    environment_of,
    variant_id,
)
from surehold import processes, server
from surehold.config import Mode

HOST: Final = "127.0.0.1"
PATH: Final = "/api/v1/checkout"
#: Buyers are not database clients: of them a server takes many more.
CONNECTIONS: Final = (1, 16, 64, 256)
READY_SECONDS: Final = 30
STATS_VARIABLE: Final = "SUREHOLD_BENCH_STATS"
_PROFILED: Final = "bench.profiled"

_LANE: Final = re.compile(
    r'^surehold_lane_(batches|requests|reruns)_total{lane="placing"} ([0-9.e+]+)$', re.MULTILINE
)


class HttpFailed(RuntimeError):
    """The server did not start, or did not answer as it should."""


class HttpRun(msgspec.Struct, frozen=True):
    """One run of the load client."""

    connections: int
    seen: load.Seen
    state: State
    wal_bytes_per_checkout: float
    mean_batch: float | None
    statements_per_checkout: float | None = None


def bodies(skus: int) -> tuple[str, ...]:
    """One checkout of each variant."""
    address = {
        name: value for name, value in msgspec.to_builtins(ADDRESS).items() if value is not None
    }
    return tuple(
        msgspec.json.encode(
            {
                "lines": [{"variant_id": str(variant_id(number)), "quantity": 1}],
                "email": EMAIL,
                "shipping_address": address,
                "shipping_method": "standard",
                "payment_method": {"provider": "bank_transfer"},
                "currency": CURRENCY,
                "expected_total": {"amount": TOTAL_MINOR, "currency": CURRENCY},
            }
        ).decode()
        for number in range(1, skus + 1)
    )


def measure(
    bench: Bench, *, connections: int, skus: int, seconds: float, is_counting: bool = False
) -> HttpRun:
    """Start the application on a fresh, empty store and buy from it.

    Raises:
        HttpFailed: It did not start, or answered anything but 201.
    """
    bench.fresh(is_counting=is_counting)
    with serving(bench) as port:
        began = bench.wal_position()
        sent = bench.count_statements() if is_counting else 0
        seen = send(plan_of(port, skus=skus, connections=connections, seconds=seconds))
        count = seen.statuses.get("201", 0)
        if set(seen.statuses) != {"201"} or seen.unfinished:
            raise HttpFailed(f"{seen.statuses}, {seen.unfinished} open: {seen.first_problem}")
        written = bench.wal_position() - began
        statements = bench.count_statements() - sent if is_counting else None
        figures = lane_figures(port)
    state = bench.state()
    if state.orders != count:
        raise HttpFailed(f"{count} answers said 201, and there are {state.orders} orders")
    return HttpRun(
        connections=connections,
        seen=seen,
        state=state,
        wal_bytes_per_checkout=written / count,
        mean_batch=figures["requests"] / figures["batches"] if figures.get("batches") else None,
        statements_per_checkout=None if statements is None else statements / count,
    )


def plan_of(port: int, *, skus: int, connections: int, seconds: float) -> load.Plan:
    """Checkouts of one unit of random variants."""
    return load.Plan(HOST, port, PATH, bodies(skus), connections, seconds)


def send(plan: load.Plan) -> load.Seen:
    """Have the load client, in a process of its own, carry out a plan.

    Raises:
        HttpFailed: It failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.json.encode(plan),
        capture_output=True,
        check=False,
        timeout=plan.seconds + 3 * load.GRACE_SECONDS,
    )
    if done.returncode != 0:
        raise HttpFailed(f"The load client failed: {done.stderr[-2_000:].decode()}")
    return msgspec.json.decode(done.stdout, type=load.Seen)


@contextmanager
def serving(
    bench: Bench,
    *,
    more: Mapping[str, str] | None = None,
    stats: Path | None = None,
    port: int = 0,
) -> Iterator[int]:
    """The application in one web process; yields its port. With ``stats`` it is profiled.

    Raises:
        HttpFailed: It did not start.
    """
    with server.bind(HOST, port) as listener:
        address = f"{HOST}:{listener.getsockname()[1]}"
        environment = {
            "SUREHOLD_MODE": Mode.TEST.value,
            "SUREHOLD_DATABASE_URL": bench.url(),
            "SUREHOLD_STORE": SCHEMA,
            "SUREHOLD_SECRET_KEYS": f'["{SECRET}"]',
            "SUREHOLD_BASE_URL": f"http://{address}",
            "SUREHOLD_LOG_LEVEL": "error",
            **(more or {}),
        }
        if stats is not None:
            environment[STATS_VARIABLE] = str(stats)
        child = processes.start(
            "web",
            "surehold.server" if stats is None else _PROFILED,
            str(listener.fileno()),
            environment=environment_of(environment),
            kept_open=(listener.fileno(),),
        )
        port = listener.getsockname()[1]
        try:
            wait_until_ready(child, port)
            yield port
        finally:
            child.stop(is_hurried=lambda: False)


def wait_until_ready(child: processes.Child, port: int, path: str = "/health/live") -> None:
    """Wait until a server answers.

    Raises:
        HttpFailed: It ended, or does not answer.
    """
    while True:
        if child.exit_code is not None:
            raise HttpFailed(f"The {child.name} process ended with {child.exit_code}.")
        try:
            if fetch(port, path)[0] == http.HTTPStatus.OK:
                return
        except OSError:
            pass
        if child.age_seconds > READY_SECONDS:
            raise HttpFailed(f"The {child.name} process does not answer.")
        time.sleep(processes.POLL_SECONDS / 2)


def fetch(port: int, path: str) -> tuple[int, bytes]:
    """GET something."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def lane_figures(port: int) -> dict[str, float]:
    """What the placing lane has done, if the application tells; else nothing."""
    status, text = fetch(port, "/metrics")
    if status != http.HTTPStatus.OK:
        return {}
    return {name: float(value) for name, value in _LANE.findall(text.decode())}
