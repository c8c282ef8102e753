"""Several web processes: shared socket, replaced when one dies, drained when told to stop."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from surehold import processes

ROOT = Path(__file__).parents[2]
APPLICATION = "tests.support.application:create_app"
RUN = """
import sys
from surehold import server
from surehold.config import Config
sys.exit(server.run(server.Listening("127.0.0.1", int(sys.argv[1]), int(sys.argv[2]),
                                     "tests.support.application:create_app"), Config()))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str = "/") -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def until(is_done: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2][1] != "Z"
    except OSError:
        return False


class Run:
    """A server of several processes, and what they left."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, trace: Path) -> None:
        self.process = process
        self.port = port
        self.trace = trace

    def pids(self, what: str) -> set[int]:
        found = self.trace.glob(f"{what}-*")
        return {int(path.name.partition("-")[2]) for path in found}


@contextmanager
def serving(trace: Path, *, workers: int, **more: str) -> Iterator[Run]:
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SUREHOLD_TEST_TRACE": str(trace)}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(port), str(workers)],
        env={**environment, **more},
        cwd=trace,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Run(process, port, trace)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.mark.parametrize("workers", [1, 2])
def test_c8_term_answers_what_runs_drains_and_ends_with_zero(tmp_path: Path, workers: int) -> None:
    answers: list[str | None] = []
    with serving(tmp_path, workers=workers) as run:
        until(lambda: len(run.pids("begun")) == workers)
        slow = Thread(target=lambda: answers.append(get(run.port, "/slow")))
        slow.start()
        time.sleep(0.3)
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(timeout=10) == 0
        slow.join()
        pids = run.pids("begun")

    assert run.pids("drained") == pids
    assert int(answers[0] or 0) in pids
    assert not any(is_alive(pid) for pid in pids)


def test_dead_process_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as run:
        until(lambda: len(run.pids("begun")) == 2)
        victim = min(run.pids("begun"))
        time.sleep(3.1)  # It did start: only a process that dies sooner could not.
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(run.pids("begun")) == 3)
        assert get(run.port) is not None
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(timeout=10) == 0


def test_application_that_cannot_start_ends_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2, SUREHOLD_TEST_FAILS_TO_START="1") as run:
        assert run.process.wait(timeout=15) == 3


def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as run:
        until(lambda: len(run.pids("begun")) == 2)
        pids = run.pids("begun")
        run.process.kill()
        run.process.wait()
        until(lambda: not any(is_alive(pid) for pid in pids))
        assert run.pids("drained") == pids


def test_child_that_will_not_end_is_ended(tmp_path: Path) -> None:
    stubborn = tmp_path / "stubborn.py"
    stubborn.write_text(
        "import signal, time, pathlib\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(tmp_path / 'ready')!r}).touch()\n"
        "time.sleep(60)\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT / 'src'}"}
    child = processes.start("stubborn", "stubborn", environment=environment)
    until((tmp_path / "ready").exists)

    child.stop(limit_seconds=0.3, is_hurried=lambda: False)

    assert child.exit_code == -signal.SIGKILL
