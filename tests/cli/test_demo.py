"""The demo: everything starts, one at a time per folder, and nothing is ever left running."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from surehold.db import embedded

START_SECONDS = 40


class Demo:
    """A demo that was started, in a session of its own as in a terminal."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        # What a child of it is known by, however far down.
        self.mark = f"TEST_MARK={os.getpid()}-{self.port}"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            self.command(self.port, *more),
            env={**os.environ, "SUREHOLD_MODE": "demo", name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said = ""

    def command(self, port: int, *more: str) -> list[str]:
        base = [sys.executable, "-m", "surehold.cli", "demo", f"--data={self.folder}"]
        return [*base, f"--port={port}", "--orders=0", *more]

    def wait_until_open(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if "Ctrl-C stops" in line:
                return
        pytest.fail(f"the demo did not open: {self.said}")

    def pids(self) -> dict[int, str]:
        """Every process of the demo with its command line, the database's included."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (path / "environ").read_bytes().split(b"\0"):
                    found[int(path.name)] = (path / "cmdline").read_bytes().decode()
            except OSError:
                continue
        status = embedded.status(self.folder / "database")
        if status.pid is not None:
            found[status.pid] = "postgres"
        return found

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def end(self) -> None:
        """Leave nothing, whatever the test left; the database alone survives being left."""
        for pid, command in self.pids().items():
            if command != "postgres":
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def wait(self) -> int:
        said, _ = self.process.communicate(timeout=30)
        self.said += said
        return self.process.returncode


@contextmanager
def opened(folder: Path, *more: str) -> Iterator[Demo]:
    demo = Demo(folder, *more)
    try:
        demo.wait_until_open()
        yield demo
    finally:
        demo.end()
        assert demo.process.stdout is not None
        demo.process.stdout.close()


def until(is_done: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def test_demo_opens_once_and_ctrl_c_leaves_nothing(data_dir: Path) -> None:
    with opened(data_dir, "--orders=8") as demo:
        secrets = json.loads((data_dir / "demo.json").read_text(encoding="utf-8"))
        assert (data_dir / "demo.json").stat().st_mode & 0o777 == 0o600
        assert secrets["staff_secret"] in demo.said
        assert all(
            value.startswith("demo-") for name, value in secrets.items() if name != "sandbox_port"
        )
        assert demo.get("/health/live") == 200
        assert f"mara@buyers.example  password {secrets['buyer_password']}" in demo.said
        assert "Its last 90 days are being filled in: 8 orders" in demo.said
        assert any("--history" in command for command in demo.pids().values())
        # The worker begins when the past is there, and the shop goes on without who filled it in.
        until(lambda: any("worker" in command for command in demo.pids().values()), seconds=60)
        assert not any("--history" in command for command in demo.pids().values())
        kinds = " ".join(demo.pids().values())
        assert all(part in kinds for part in ("surehold.sandbox", "worker", "serve", "postgres"))

        second = subprocess.run(
            demo.command(demo.port + 1), check=False, capture_output=True, text=True, timeout=20
        )
        assert second.returncode == 3
        assert f"A demo is running on {data_dir} already" in second.stderr
        assert f"process {demo.process.pid}" in second.stderr

        os.killpg(demo.process.pid, signal.SIGINT)  # The terminal tells the whole group.
        assert demo.wait() == 0
        assert demo.pids() == {}
        assert "Traceback" not in demo.said
        assert "The last 90 days have 8 orders" in demo.said

    with opened(data_dir, "--orders=8") as again:
        assert "filled in" not in again.said
        assert json.loads((data_dir / "demo.json").read_text(encoding="utf-8")) == secrets
        again.process.send_signal(signal.SIGTERM)
        assert again.wait() == 0
        assert again.pids() == {}


@pytest.mark.parametrize("victim", ["surehold.sandbox", "worker"])
def test_death_of_one_child_stops_the_rest(data_dir: Path, victim: str) -> None:
    with opened(data_dir) as demo:
        (pid,) = (pid for pid, command in demo.pids().items() if victim in command.split("\0"))

        os.kill(pid, signal.SIGKILL)

        assert demo.wait() == 1
        assert re.search(r"The .+ ended by itself \(exit code -9\)", demo.said)
        assert demo.pids() == {}


def test_children_end_when_the_parent_is_killed(data_dir: Path) -> None:
    with opened(data_dir) as demo:
        demo.process.kill()

        # The database outlives an owner that was killed; the next demo takes it over.
        until(lambda: set(demo.pids().values()) <= {"postgres"})

    with opened(data_dir) as again:
        again.process.send_signal(signal.SIGTERM)
        assert again.wait() == 0
        assert again.pids() == {}


def test_taken_port_is_said_and_nothing_is_started(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "surehold.cli", "demo", f"--data={data_dir}", f"--port={port}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
            env={**os.environ, "SUREHOLD_MODE": "demo"},
        )

    assert ended.returncode == 3
    assert f"Cannot listen on 127.0.0.1 port {port}" in ended.stderr
    assert not embedded.status(data_dir / "database").running


def test_ctrl_c_while_starting_leaves_nothing(data_dir: Path) -> None:
    demo = Demo(data_dir)
    try:
        until(lambda: any("surehold.sandbox" in command for command in demo.pids().values()))
        os.killpg(demo.process.pid, signal.SIGINT)
        assert demo.wait() == 0
        assert demo.pids() == {}
        assert "Traceback" not in demo.said
    finally:
        demo.end()
