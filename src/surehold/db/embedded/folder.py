"""The data folder: whose it is, where it is, who may change it, and what it remembers.

A data folder holds:

    .surehold-embedded   says that the folder is ours, and is the lock around every change
    cluster/             PostgreSQL's own folder, 0700; made beside and renamed, so never half-made
    run/                 the socket; a folder in /tmp instead when this path is too long for one
    state.json           password, port and owner, 0600
    postgres.log         moved to postgres.log.1 by a start that finds it large
    in-use               locked by the processes of the server for as long as one of them lives
    moved-to             as root only: the home of all of the above but the marker, when the
                         server's account could not get here

As root, only ``cluster`` and ``run`` belong to the server's account, so that root never follows a
path laid out by it; what surrounds them is root's, and 0711 to be passed through.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from surehold.db.embedded.errors import (
    EmbeddedPostgresFailure,
    EmbeddedPostgresUnavailable,
    ForeignFolder,
)

LOCK_LIMIT_SECONDS: Final = 330.0  # Longer than a start may take.
LEAVING_LIMIT_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.01

STATE_FOLDER: Path = Path("/var/lib/surehold")
CLUSTERS: Final = "clusters"
COPIES: Final = "postgres"
CLUSTER: Final = "cluster"
MARKER: Final = ".surehold-embedded"
POINTER: Final = "moved-to"
LOG: Final = "postgres.log"
OLD_LOG: Final = "postgres.log.1"
IN_USE: Final = "in-use"
STATE: Final = "state.json"
SCRAP: Final = "scrap-"
RUN: Final = "run"


@dataclass(frozen=True)
class Account:
    """Whom the server runs as when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started_ticks: int


@dataclass(frozen=True)
class State:
    """What is remembered between starts; nobody owns a detached server."""

    password: str
    port: int = 0
    socket_dir: str = ""
    owner: Process | None = None

    def is_taken(self) -> bool:
        """Whether the server is to be left to its owner, or to run until told to stop."""
        return self.owner is None or self.owner == process(self.owner.pid)


def process(pid: int) -> Process | None:
    """The process with this number; ``None`` if it has ended, reaped by its parent or not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # The command before it may hold spaces.
    return None if fields[0] in "XZ" else Process(pid, int(fields[19]))


def resolve(data_dir: Path) -> Path:
    """The one spelling of a data folder."""
    return data_dir.expanduser().resolve()


def is_marked(folder: Path) -> bool:
    """Whether the folder is ours."""
    try:
        return (folder / MARKER).exists()
    except PermissionError as error:
        raise EmbeddedPostgresFailure(f"{folder} is closed to this user: {error}.") from error


@contextmanager
def locked(folder: Path, *, create: bool = False) -> Iterator[None]:
    """Hold the folder's lock; threads exclude each other just as processes do."""
    deadline = time.monotonic() + LOCK_LIMIT_SECONDS
    flags = os.O_RDWR | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
    while True:
        try:
            if create:
                _claim(folder)
            lock = os.open(folder / MARKER, flags, 0o600)
        except (FileNotFoundError, PermissionError) as error:
            raise EmbeddedPostgresFailure(f"{folder} is gone or closed to us: {error}.") from error
        try:
            if os.fstat(lock).st_uid != os.geteuid():
                raise EmbeddedPostgresFailure(
                    f"{folder} belongs to another user: run as that one."
                )
            if try_lock(lock) and _is_still(lock, folder / MARKER):
                yield
                return
        finally:
            os.close(lock)
        if time.monotonic() > deadline:
            raise EmbeddedPostgresFailure(f"{folder} was locked by somebody else for too long.")
        time.sleep(POLL_SECONDS)


def try_lock(file: int) -> bool:
    """Lock an open file unless somebody else has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def in_use(home: Path) -> Iterator[int]:
    """Wait until nothing works on the data, and get a token for programs to inherit that will.

    They hold it as long as any process of theirs lives. Numbers of processes say nothing about a
    server in another container, a session that outlives its killed server, or what goes on after
    somebody killed us; and two at work on the same files would destroy them.
    """
    token = os.open(home / IN_USE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + LEAVING_LIMIT_SECONDS
        while not try_lock(token):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresFailure(f"A server that is not to be seen works in {home}.")
            time.sleep(POLL_SECONDS)
        yield token
    finally:
        os.close(token)


def home_of(folder: Path) -> Path:
    """Where the data of this folder are: in it, or where it points to."""
    try:
        home = Path((folder / POINTER).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return folder
    # Root deletes what it finds there: so it may not be anywhere, nor another folder's.
    clusters = STATE_FOLDER.resolve() / CLUSTERS
    if home.parent != clusters or not home.name.startswith(f"{digest(folder)}-"):
        message = (
            f"{folder} was copied or moved as root. Its data are in {home}, for the old path."
        )
        raise ForeignFolder(message)
    return home


def settle(folder: Path) -> Path:
    """Decide where the data of this folder are to be, the first time; needs the lock."""
    home = home_of(folder)
    if (home / STATE).exists() or (home != folder and home.is_dir()):
        return home
    account = account_for(folder)
    if account is None:
        folder.chmod(0o700)
        return folder
    if _can_enter(account, folder.parent):
        folder.chmod(0o711)
        return folder
    # Never the same home twice: an old one whose pointer was deleted may hold somebody's data.
    clusters = make_state_folder(CLUSTERS)
    home = Path(tempfile.mkdtemp(prefix=f"{digest(folder)}-", dir=clusters))
    home.chmod(0o711)
    _write(folder / POINTER, str(home))
    return home


def digest(path: Path) -> str:
    """A short name for a path."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def make_state_folder(name: str) -> Path:
    """A folder in the system's state folder that every account can pass through."""
    base = STATE_FOLDER.resolve()
    base.mkdir(parents=True, exist_ok=True)
    base.chmod(0o711)
    (base / name).mkdir(exist_ok=True)
    (base / name).chmod(0o711)
    return base / name


def account_for(home: Path) -> Account | None:
    """Whom the server must run as: ``None`` for ourselves, which will not do for root."""
    if os.geteuid() != 0:
        return None
    with suppress(FileNotFoundError):
        facts = (home / CLUSTER).stat()
        return Account(facts.st_uid, facts.st_gid)
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresUnavailable("PostgreSQL will not run as root, and there is no 'nobody'.")


def give(account: Account | None, *paths: Path) -> None:
    """Make the account the owner."""
    if account is not None:
        for path in paths:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def load_state(home: Path) -> State:
    """What was saved last, or a new state with a new password when there are no data yet."""
    try:
        values = json.loads((home / STATE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if (home / CLUSTER).exists():
            message = f"{home / STATE} is missing, and the password with it. Restore it, or reset."
            raise EmbeddedPostgresFailure(message) from error
        return State(password=secrets.token_urlsafe(24))
    owner = values.pop("owner")
    return State(**values, owner=None if owner is None else Process(**owner))


def save_state(home: Path, state: State) -> None:
    """Replace what was saved, as a whole or not at all."""
    _write(home / STATE, json.dumps(asdict(state)))


def clear_scrap(home: Path) -> None:
    """Delete what was never finished, or never quite deleted; needs the lock."""
    for scrap in home.glob(f"{SCRAP}*"):
        shutil.rmtree(scrap)


def delete(folder: Path) -> None:
    """Delete what is ours, and the folder if that was all; needs the lock and no server."""
    home = home_of(folder)
    if home.exists():
        with in_use(home), suppress(FileNotFoundError):
            # Half-deleted, it must not pass for a whole cluster.
            (home / CLUSTER).rename(home / f"{SCRAP}{secrets.token_hex(4)}")
        clear_scrap(home)
        shutil.rmtree(home / RUN, ignore_errors=True)
        for name in (STATE, IN_USE, LOG, OLD_LOG):
            (home / name).unlink(missing_ok=True)
    if home != folder:
        with suppress(FileNotFoundError):
            home.rmdir()
        (folder / POINTER).unlink()
    (folder / MARKER).unlink()
    with suppress(OSError):  # There is something in it that is not ours.
        folder.rmdir()


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _claim(folder: Path) -> None:
    """Make the folder, unless it is there and ours, or empty."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    if MARKER in names:
        return
    if folder == STATE_FOLDER.resolve():
        names -= {CLUSTERS, COPIES}
    if names:
        message = f"{folder} holds something else ({min(names)}). Choose an empty folder."
        raise ForeignFolder(message)


def _is_still(file: int, path: Path) -> bool:
    """Whether the open file is the one at this path: a reset may have come between."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _can_enter(account: Account, folder: Path) -> bool:
    """Whether the account can pass through; asked of the kernel, which knows of ACLs too."""
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)],
            check=False,
            capture_output=True,
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )
    except OSError as error:
        message = "As root without the right to become another user, PostgreSQL cannot be started."
        raise EmbeddedPostgresUnavailable(message) from error
    return done.returncode == 0


def _write(path: Path, text: str) -> None:
    """Write a private file so that it is there as a whole or not at all, also after a crash."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)
