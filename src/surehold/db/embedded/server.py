"""The server of one home: created, launched, recognized, asked and ended.

Everything here but ``find_postmaster`` and ``ask`` needs the folder's lock.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from surehold.db.embedded import folder
from surehold.db.embedded.binaries import Binaries, environment, run
from surehold.db.embedded.errors import EmbeddedPostgresFailure
from surehold.db.embedded.folder import LEAVING_LIMIT_SECONDS, POLL_SECONDS, Account, State

START_LIMIT_SECONDS: Final = 300.0  # Recovery may be long, and ending it would only start it anew.
CONNECT_LIMIT_SECONDS: Final = 10
PORT_ATTEMPTS: Final = 3
LOG_LIMIT_BYTES: Final = 10_000_000
LOG_TAIL_BYTES: Final = 2_000
SOCKET_PATH_LIMIT_BYTES: Final = 107
FIRST_MAJOR_WITH_BUILTIN_LOCALE: Final = 17

# A superuser, because tests and restoring create databases and extensions. Nobody else has data in
# the cluster, and the role reaches no file that the server's account does not reach.
ROLE: Final = "surehold"
DATABASE: Final = "surehold"
SETTINGS: Final[Mapping[str, str]] = {
    "fsync": "on",
    "listen_addresses": "127.0.0.1",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    "log_min_messages": "error",
    "log_timezone": "UTC",
    "max_connections": "100",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "unix_socket_permissions": "0700",  # Root passes all the same.
    "wal_level": "replica",
}
IDENTIFY: Final = "SHOW data_directory; SHOW server_version;"
CREATE_DATABASE: Final = rf"""
    SELECT 'CREATE DATABASE {DATABASE}'
     WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}') \gexec
"""

_children: Final[dict[tuple[Path, int], subprocess.Popen[bytes]]] = {}  # Ours to reap.


@dataclass(frozen=True)
class Postmaster:
    """What ``postmaster.pid`` says, of which only the number is there from the beginning."""

    pid: int
    port: int
    socket_dir: Path
    is_ready: bool


def url(password: str, socket_dir: Path, port: int, database: str) -> str:
    """The address by socket, in the form that asyncpg and libpq both accept."""
    place = f"host={quote(str(socket_dir), safe='')}&port={port}"
    return f"postgresql://{ROLE}:{password}@/{quote(database, safe='')}?{place}"


def initialize(
    home: Path, binaries: Binaries, account: Account | None, password: str, *, durable: bool
) -> None:
    """Create the cluster: it is made beside its place and renamed when it is whole.

    Args:
        durable: Wait until it is on the disk. Later commits are worth no more than the files below
            them, so that only those may skip it who run without ``fsync`` as well.
    """
    with folder.in_use(home) as token:
        folder.clear_scrap(home)
        draft = Path(tempfile.mkdtemp(prefix=folder.SCRAP, dir=home))
        secret = draft / "password"
        secret.touch(0o600)
        secret.write_text(password, encoding="ascii")
        folder.give(account, draft, secret)
        arguments = [str(binaries.folder / "initdb"), "-D", str(draft / folder.CLUSTER)]
        arguments += [f"--username={ROLE}", f"--pwfile={secret}", "--auth=scram-sha-256"]
        arguments += ["--encoding=UTF8", *([] if durable else ["--no-sync"])]
        if binaries.major >= FIRST_MAJOR_WITH_BUILTIN_LOCALE:
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # Not every system has C.UTF-8, and what is left to the system works better with it.
        for locale in ("C.UTF-8", "C"):
            done = run([*arguments, f"--locale={locale}"], account, kept_open=[token])
            if done.returncode == 0:
                break
        else:
            raise EmbeddedPostgresFailure(
                f"initdb failed: {done.stderr[-LOG_TAIL_BYTES:].strip()}"
            )
        (draft / folder.CLUSTER).rename(home / folder.CLUSTER)
        folder.sync_folder(home)
        folder.clear_scrap(home)


def launch(
    home: Path,
    binaries: Binaries,
    account: Account | None,
    state: State,
    settings: Mapping[str, str],
) -> tuple[Postmaster, str]:
    """Start the server, at the port of last time if that is free, and wait until it answers."""
    _reap()
    for attempts_left in reversed(range(PORT_ATTEMPTS)):
        _discard_socket_dir(home)
        port = _free_port(state.port)
        socket_dir = _make_socket_dir(home, account)
        state = replace(state, port=port, socket_dir=str(socket_dir))
        folder.save_state(home, state)
        child = _spawn(home, binaries, account, state, settings)
        try:
            return wait_until_ready(home, binaries, child.pid, state.password)
        except BaseException as error:  # Ctrl-C, too, must not leave a server behind.
            end(child.pid, home, LEAVING_LIMIT_SECONDS)
            was_port_taken = _free_port(port) != port
            if not (
                isinstance(error, EmbeddedPostgresFailure) and was_port_taken and attempts_left
            ):
                raise
    raise AssertionError("the last attempt returns or raises")


def wait_until_ready(
    home: Path, binaries: Binaries, pid: int, password: str
) -> tuple[Postmaster, str]:
    """Wait for a server that starts, see that our database exists, and return its version."""
    deadline = time.monotonic() + START_LIMIT_SECONDS
    seen_ready = False
    said = "It did not become ready."
    while time.monotonic() < deadline:
        if not serves(pid, home):
            raise EmbeddedPostgresFailure(f"PostgreSQL ended. Its log: {_log_tail(home)}")
        postmaster = read_postmaster(home)
        if postmaster is not None and postmaster.pid == pid and postmaster.is_ready:
            version, said = ask(home, binaries, postmaster, password, CREATE_DATABASE + IDENTIFY)
            if version is not None:
                return postmaster, version
            if not seen_ready:  # What keeps a ready server from answering does not take long.
                seen_ready = True
                deadline = min(deadline, time.monotonic() + CONNECT_LIMIT_SECONDS)
        time.sleep(POLL_SECONDS)
    raise EmbeddedPostgresFailure(f"PostgreSQL runs but does not answer: {said}")


def ask(
    home: Path, binaries: Binaries, postmaster: Postmaster, password: str, sql: str = IDENTIFY
) -> tuple[str | None, str]:
    """Connect, and return the version if it is this home's server that answers, else why not."""
    arguments = [str(binaries.folder / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
    connection = {  # Not an argument: everybody can read those.
        "PGHOST": str(postmaster.socket_dir),
        "PGPORT": str(postmaster.port),
        "PGUSER": ROLE,
        "PGPASSWORD": password,
        "PGDATABASE": "postgres",
        "PGCONNECT_TIMEOUT": str(CONNECT_LIMIT_SECONDS),
    }
    try:
        done = subprocess.run(
            arguments,
            check=False,
            capture_output=True,
            input=sql,
            encoding="utf-8",
            errors="surrogateescape",
            cwd="/",
            env={**environment(), **connection},
            timeout=CONNECT_LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer in {CONNECT_LIMIT_SECONDS} seconds"
    if done.returncode != 0:
        return None, done.stderr.strip()
    data_directory, version = done.stdout.split("\n")[:2]
    if data_directory != str(home / folder.CLUSTER):
        return None, f"a server for {data_directory} answered"
    return version, ""


def read_postmaster(home: Path) -> Postmaster | None:
    """What ``postmaster.pid`` says, which may be about a server long gone."""
    try:
        lines = (home / folder.CLUSTER / "postmaster.pid").read_text(errors="replace").split("\n")
        lines += [""] * 8
        return Postmaster(
            pid=abs(int(lines[0])),  # Negative for a server in single-user mode.
            port=int(lines[3] or 0),
            socket_dir=Path(lines[4]),
            is_ready=lines[7].strip() == "ready",
        )
    except (FileNotFoundError, ValueError):
        return None


def find_postmaster(home: Path) -> Postmaster | None:
    """The live server of this home, ready or not."""
    postmaster = read_postmaster(home)
    return postmaster if postmaster is not None and serves(postmaster.pid, home) else None


def serves(pid: int, home: Path) -> bool:
    """Whether the process is the postmaster of this home; it is not once it has ended."""
    child = _children.get((home, pid))
    if child is not None and child.poll() is None:
        return True  # Perhaps still being loaded, when its command line is empty.
    # A fork of ours has this child in its memory, but not for a child, and is told that it ended.
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    # The other processes of a server replace their command line by a title: "postgres: …".
    if arguments[0].rpartition(b"/")[2] not in {b"postgres", b"postmaster"}:
        return False
    cluster = home / folder.CLUSTER
    if b"-D" in arguments[:-1]:
        return Path(os.fsdecode(arguments[arguments.index(b"-D") + 1])).resolve() == cluster
    # Somebody started it by hand, with the folder in its environment. Should the system not tell
    # where it works, it counts as ours: better not to start than to start a second one.
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == cluster
    except PermissionError:
        return True
    except OSError:
        return False


def shut_down(home: Path, timeout_seconds: float) -> bool:
    """End the server of this home, if there is one, and say whether there was."""
    postmaster = find_postmaster(home)
    ended = postmaster is not None and end(postmaster.pid, home, timeout_seconds)
    _discard_socket_dir(home)
    return ended


def end(pid: int, home: Path, timeout_seconds: float) -> bool:
    """End this server: cut the sessions and write everything, or after the limit just quit."""
    was_alive = serves(pid, home)
    for number, limit in (
        (signal.SIGINT, timeout_seconds),
        (signal.SIGQUIT, LEAVING_LIMIT_SECONDS),
    ):
        deadline = time.monotonic() + limit
        if serves(pid, home):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while serves(pid, home) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    if serves(pid, home):
        raise EmbeddedPostgresFailure(f"PostgreSQL, process {pid}, does not end.")
    _children.pop((home, pid), None)
    return was_alive


def _reap() -> None:
    """Forget the servers of ours that have ended by themselves."""
    for key in [key for key, child in list(_children.items()) if child.poll() is not None]:
        del _children[key]


def _spawn(
    home: Path,
    binaries: Binaries,
    account: Account | None,
    state: State,
    settings: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own: Ctrl-C in the terminal is for us, not for it."""
    log = home / folder.LOG
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(home / folder.OLD_LOG)
    socket_dir = state.socket_dir.replace('"', '""')  # It is read as a list of quoted names.
    options = {**settings, "port": str(state.port), "unix_socket_directories": f'"{socket_dir}"'}
    arguments = [str(binaries.folder / "postgres"), "-D", str(home / folder.CLUSTER)]
    for name, value in options.items():
        arguments += ["-c", f"{name}={value}"]
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    with folder.in_use(home) as token, os.fdopen(os.open(log, flags, 0o600), "ab") as output:
        # Nothing of a former server lives. What its number belongs to by now PostgreSQL would take
        # for a server, and refuse to start.
        (home / folder.CLUSTER / "postmaster.pid").unlink(missing_ok=True)
        child = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[token],
            cwd="/",
            env=environment(),
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    _children[home, child.pid] = child
    return child


def _make_socket_dir(home: Path, account: Account | None) -> Path:
    """The folder for the socket: in the home, unless no address can name it there."""
    place = home / folder.RUN
    is_short = len(os.fsencode(place / ".s.PGSQL.65535")) <= SOCKET_PATH_LIMIT_BYTES
    if is_short and "," not in str(place):  # A comma separates hosts.
        place.mkdir(mode=0o700, exist_ok=True)
    else:
        # Not TMPDIR: it may be long as well, or closed to the account.
        place = Path(tempfile.mkdtemp(prefix=_socket_dir_prefix(home), dir="/tmp"))
    folder.give(account, place)
    return place


def _discard_socket_dir(home: Path) -> None:
    """Remove the socket's folder of last time; only an end by force leaves something in it.

    What a folder remembers that was copied, or moved and made again, is not its own to remove.
    """
    if (home / folder.STATE).exists():
        place = Path(folder.load_state(home).socket_dir)
        if place == home / folder.RUN or place.name.startswith(_socket_dir_prefix(home)):
            shutil.rmtree(place, ignore_errors=True)


def _socket_dir_prefix(home: Path) -> str:
    """How the name of a socket's folder outside of this home begins."""
    return f"surehold-{folder.digest(home)}-"


def _free_port(wanted: int) -> int:
    """The wanted port if it is free, else some other."""
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            # As PostgreSQL does: connections of last time that linger do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise EmbeddedPostgresFailure("There is no free port on 127.0.0.1.")


def _log_tail(home: Path) -> str:
    """The last lines of the log."""
    with (home / folder.LOG).open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
        return log.read().decode(errors="replace").strip()
