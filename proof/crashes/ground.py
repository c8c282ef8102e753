"""What all runs share: a server with a stocked store to copy, and processes ready to be forked."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from proof.crashes.process import Wanted
from proof.report import FOLDER
from surehold.db import Database
from surehold.db.database import Settings
from tests.builders.catalog import a_product
from tests.support import server

ON_HAND: Final = 20
_STOP_SECONDS: Final = 30


class Forked:
    """A process of the shop. It dies by itself, by ``kill``, or when its parent does."""

    def __init__(self, pid: int, wanted: Wanted) -> None:
        self.pid = pid
        self._wanted = wanted

    @property
    def exit_code(self) -> int | None:
        """How it ended; minus the number of the signal that killed it."""
        path = Path(self._wanted.exit_code)
        return int(path.read_text("ascii")) if path.exists() else None

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped by a signal, and not woken yet."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text("ascii", "replace")
        except (FileNotFoundError, ProcessLookupError):
            return False  # it has ended, and its parent is about to say so
        return state.rpartition(")")[2].split()[0] == "T"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.exit_code is None:
            with suppress(ProcessLookupError):  # it ended a moment ago
                os.kill(self.pid, number)

    def kill(self) -> int:
        """End it as a power cut would; returns how it ended, which may be long ago."""
        self.signal(signal.SIGKILL)
        return self._wait()

    def stop(self) -> int:
        """Ask it to end, and wait."""
        self.signal(signal.SIGTERM)
        return self._wait()

    async def wait_dead(self, seconds: float = 20) -> int:
        """Wait until it has ended.

        Raises:
            TimeoutError: It lives on.
        """
        async with asyncio.timeout(seconds):
            while (code := self.exit_code) is None:  # noqa: ASYNC110 - a file sets no event
                await asyncio.sleep(0.005)
        return code

    def log(self) -> str:
        """What it said."""
        return Path(self._wanted.log).read_text("utf-8", "replace")

    def _wait(self) -> int:
        deadline = time.monotonic() + _STOP_SECONDS
        while (code := self.exit_code) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} does not end")
            time.sleep(0.005)
        return code


class Nursery:
    """The one process that forks all others of its kind."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "proof.crashes.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=FOLDER.parent,
            start_new_session=True,
        )
        self._is_ready = False

    def start(self, wanted: Wanted) -> Forked:
        """Fork a process of the shop."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._is_ready:
            assert self._process.stdout.readline() == b"ready\n"
            self._is_ready = True
        self._process.stdin.write(msgspec.json.encode(wanted) + b"\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()), wanted)

    def close(self) -> None:
        """End it, and whatever it has forked."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(_STOP_SECONDS)
        self._process.stdout.close()


class Ground:
    """Where runs take place. ``variant_id`` is on sale in every copy, ``ON_HAND`` units of it."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.nursery = Nursery()
        self.variant_id = UUID(int=0)
        self._template = ""
        self._numbers = itertools.count(1)
        self._names: dict[str, str] = {}  # of the copies, by address

    async def open(self) -> None:
        """Stock the store that the others are copies of."""
        name = f"crashes_{uuid4().hex[:8]}"
        url = await asyncio.to_thread(server.clone, self.run, name)
        self._template = server.prefix_of(self.run) + name
        async with Database(Settings(url=url)) as db:
            product = await a_product(db, on_hand=ON_HAND)
        self.variant_id = product.variant_id

    async def copy(self) -> str:
        """The address of a new store."""
        name = f"{self._template}_{next(self._numbers)}"
        await self._execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{self._template}" STRATEGY file_copy'
        )
        url = server.server_url(self.run, name)
        self._names[url] = name
        return url

    async def drop(self, url: str) -> None:
        """Give a store back, whoever is still connected to it."""
        name = self._names.pop(url)
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def close(self) -> None:
        """End every process and drop the template."""
        self.nursery.close()
        if self._template:
            await self._execute(f'DROP DATABASE IF EXISTS "{self._template}" WITH (FORCE)')

    async def _execute(self, *texts: str) -> None:
        connection = await asyncpg.connect(server.server_url(self.run, "postgres"))
        try:
            for text in texts:
                await connection.execute(text)
        finally:
            await connection.close()


@asynccontextmanager
async def a_ground(run: Path | None = None) -> AsyncIterator[Ground]:
    """Ground to run on: of a server of its own, or of the tests' one."""
    folder = run or await asyncio.to_thread(server.new_run)
    ground = Ground(folder)
    try:
        await ground.open()
        yield ground
    finally:
        await ground.close()
        if run is None:
            await asyncio.to_thread(server.end_run, folder)


def command(arguments: Sequence[str]) -> tuple[str, ...]:
    """What ``python -m …`` would be told, as the nursery understands it."""
    program, *rest = arguments
    return ("sandbox", *rest) if program == "surehold.sandbox" else tuple(rest)
