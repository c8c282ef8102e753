"""A private PostgreSQL server, for a store that has no ``SUREHOLD_DATABASE_URL``.

It promises: one server per data folder however many processes ask for it, data that only the
server's account can read, nothing run as root, every connection behind a random password, and no
server reported that has not answered. Linux only: who a process is, is read from ``/proc``.

Whoever starts a server owns it and stops it. A server outlives an owner that was killed; whoever
attaches to it next is its owner then. As root the server runs as ``postgres``, else as ``nobody``.

``folder`` knows the data folder, ``binaries`` finds the programs, ``server`` runs them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from surehold.db.embedded import binaries, folder, server
from surehold.db.embedded.errors import (
    EmbeddedPostgresFailure,
    EmbeddedPostgresUnavailable,
    ForeignFolder,
)

__all__ = [
    "EmbeddedPostgresFailure",
    "EmbeddedPostgresUnavailable",
    "ForeignFolder",
    "RunningServer",
    "ServerStatus",
    "default_data_dir",
    "reset",
    "start",
    "status",
    "stop",
]


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """What is known about a data folder; ``version`` is the data's major one if nothing runs."""

    running: bool
    data_dir: Path
    pid: int | None = None
    port: int | None = None
    version: str | None = None
    url: str | None = field(default=None, repr=False)
    masked_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """A server that has answered. As a context manager it is stopped at the end if owned.

    ``owned`` holds for whoever started the server, or found its owner dead. ``bin_dir`` has the
    psql, pgbench and pg_dump that belong to the server.
    """

    data_dir: Path
    bin_dir: Path
    socket_dir: Path
    port: int
    pid: int
    version: str
    owned: bool
    password: str = field(repr=False)
    home: Path = field(repr=False)

    def url(self, database: str = server.DATABASE) -> str:
        """The address with the password, in the form that asyncpg and libpq both accept."""
        return server.url(self.password, self.socket_dir, self.port, database)

    def stop(self, *, timeout_seconds: float = 30.0, force: bool = False) -> bool:
        """Shut down, if owned or forced, and say whether that was done.

        Sessions are cut and what they had not committed is rolled back. After the time limit the
        server quits without a checkpoint: nothing is lost, the next start takes longer.

        Raises:
            EmbeddedPostgresFailure: The server is still there.
        """
        if not (self.owned or force):
            return False
        if not folder.is_marked(self.data_dir):  # Somebody deleted the folder, not the server.
            return server.end(self.pid, self.home, timeout_seconds)
        with folder.locked(self.data_dir):
            # It may have been stopped meanwhile, and be somebody else's by now; and a fork of the
            # owner is not the owner.
            me = folder.process(os.getpid())
            if not force and folder.load_state(self.home).owner != me:
                return False
            return server.shut_down(self.home, timeout_seconds)

    def __enter__(self) -> Self:
        """The server itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it if owned."""
        self.stop()


def default_data_dir() -> Path:
    """Where the data go unless told otherwise: the user's data folder, for root the system's."""
    if os.geteuid() == 0:
        return folder.STATE_FOLDER
    shared = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The base directory specification wants relative paths ignored.
    return (shared if shared.is_absolute() else Path.home() / ".local/share") / "surehold"


def start(
    data_dir: Path, *, settings: Mapping[str, str] | None = None, detached: bool = False
) -> RunningServer:
    """A server for this folder that answers: attach to it, or start it, or create it first.

    Args:
        data_dir: Missing, empty, or used before. Any number of processes may ask at once.
        settings: Server parameters over ``server.SETTINGS``, for this run; ignored on attaching.
        detached: Nobody is to own what is started: it runs until ``stop(data_dir)``.

    Raises:
        EmbeddedPostgresUnavailable: No binaries that run here and fit the data.
        ForeignFolder: The folder holds something else.
        EmbeddedPostgresFailure: The server did not start; the message has the end of its log.
    """
    me = folder.process(os.getpid())
    if me is None:
        raise EmbeddedPostgresUnavailable("The embedded server needs Linux, and /proc.")
    place = folder.resolve(data_dir)
    with folder.locked(place, create=True):
        home = folder.settle(place)
        account = folder.account_for(home)
        programs = binaries.find_binaries(home, account)
        state = folder.load_state(home)
        running = server.find_postmaster(home)
        is_taken = running is not None and state.is_taken()
        if not is_taken:
            state = replace(state, owner=None if detached else me)
            folder.save_state(home, state)
        if running is not None:
            found, version = server.wait_until_ready(home, programs, running.pid, state.password)
        else:
            merged = {**server.SETTINGS, **(settings or {})}
            if not (home / folder.CLUSTER).exists():
                is_durable = merged["fsync"] == "on"
                server.initialize(home, programs, account, state.password, durable=is_durable)
            found, version = server.launch(home, programs, account, state, merged)
        return RunningServer(
            data_dir=place,
            bin_dir=programs.folder,
            socket_dir=found.socket_dir,
            port=found.port,
            pid=found.pid,
            version=version,
            owned=not (is_taken or detached),
            password=state.password,
            home=home,
        )


def stop(data_dir: Path, *, timeout_seconds: float = 30.0) -> bool:
    """Shut down the server of this folder, whoever owns it; false if there was none.

    Raises:
        EmbeddedPostgresFailure: The server is still there.
    """
    place = folder.resolve(data_dir)
    if not folder.is_marked(place):
        return False
    with folder.locked(place):
        return server.shut_down(folder.home_of(place), timeout_seconds)


def status(data_dir: Path) -> ServerStatus:
    """What runs for this folder now. It waits for nobody: a server still starting is not running.

    Raises:
        EmbeddedPostgresUnavailable: There are data, and no binaries that fit them.
    """
    place = folder.resolve(data_dir)
    if not folder.is_marked(place):
        return ServerStatus(running=False, data_dir=place)
    home = folder.home_of(place)
    major = binaries.major_of(home)
    stopped = ServerStatus(
        running=False, data_dir=place, version=None if major is None else str(major)
    )
    running = server.find_postmaster(home)
    if running is None or not running.is_ready:
        return stopped
    programs = binaries.find_binaries(home, folder.account_for(home))
    password = folder.load_state(home).password
    version, _ = server.ask(home, programs, running, password)
    if version is None:
        return stopped
    return ServerStatus(
        running=True,
        data_dir=place,
        pid=running.pid,
        port=running.port,
        version=version,
        url=server.url(password, running.socket_dir, running.port, server.DATABASE),
        masked_url=server.url("***", running.socket_dir, running.port, server.DATABASE),
    )


def reset(data_dir: Path) -> bool:
    """Stop the server and delete its data; false if the folder does not exist.

    Only what is ours is deleted, and the folder itself if that was all there was in it.

    Raises:
        ForeignFolder: The folder was never used for a server.
    """
    place = folder.resolve(data_dir)
    if not place.exists():
        return False
    if not folder.is_marked(place):
        raise ForeignFolder(f"{place} has no {folder.MARKER}: it is not ours to delete.")
    with folder.locked(place):
        server.shut_down(folder.home_of(place), folder.LEAVING_LIMIT_SECONDS)
        folder.delete(place)
    return True
