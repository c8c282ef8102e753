"""Processes that live and die together: a parent that watches, children that never outlive it.

``python -m surehold.processes PARENT MODULE …`` runs a module as a child of that parent: the
system ends it as soon as the parent is gone, however that went.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from surehold.kernel import clock

POLL_SECONDS: Final = 0.1
#: Longer than any child takes to drain.
STOP_SECONDS: Final = 25
_PR_SET_PDEATHSIG: Final = 1


class Child:
    """One process that we started."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.process = process
        self.started_at = clock.monotonic_seconds()

    @property
    def age_seconds(self) -> float:
        """How long ago it was started."""
        return clock.monotonic_seconds() - self.started_at

    @property
    def exit_code(self) -> int | None:
        """How it ended; ``None`` while it lives, negative for a signal."""
        return self.process.poll()

    def stop(self, *, limit_seconds: float = STOP_SECONDS, is_hurried: Callable[[], bool]) -> None:
        """Ask it to end, wait, and after the limit or when there is a hurry, end it."""
        if self.exit_code is None:
            self.process.terminate()
        deadline = clock.monotonic_seconds() + limit_seconds
        while self.exit_code is None:
            if is_hurried() or clock.monotonic_seconds() > deadline:
                self.process.kill()
                self.process.wait()
            else:
                time.sleep(POLL_SECONDS / 5)


class Signals:
    """What we were told by signals: the first one asks to stop, the next one means now."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _: int, __: FrameType | None) -> None:
        self.count += 1

    @property
    def is_stopping(self) -> bool:
        """Whether somebody asked us to stop."""
        return self.count > 0

    @property
    def is_hurried(self) -> bool:
        """Whether somebody asked twice."""
        return self.count > 1


@contextmanager
def signals() -> Iterator[Signals]:
    """Take what asks us to stop, for the length of the block."""
    taken = Signals()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means what it says.
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, taken) for number in numbers}
    try:
        yield taken
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def start(
    name: str,
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    kept_open: Sequence[int] = (),
) -> Child:
    """Start a module of ours as a child that ends with us.

    It has a session of its own: Ctrl-C in the terminal is for the parent, which stops the
    children in its order. The files that it makes are its user's alone.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "surehold.processes", str(os.getpid()), module, *arguments],
        stdin=subprocess.DEVNULL,
        env=None if environment is None else dict(environment),
        pass_fds=kept_open,
        start_new_session=True,
        umask=0o077,
    )
    return Child(name, process)


def end_with_parent(parent: int) -> None:
    """Have the system ask this process to end when its parent is gone."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # It went before we had asked.
        sys.exit(1)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
