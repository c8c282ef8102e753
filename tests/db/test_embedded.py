"""The embedded server: one per folder, private, and never left behind by accident.

The servers are real. As root, the cases that only root has run too; as anybody else they skip.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from surehold.db import embedded
from surehold.db.embedded import RunningServer, binaries, folder, server

FAST = {"fsync": "off", "shared_buffers": "16MB"}
IS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not IS_ROOT, reason="root has this case alone")
ELSEWHERE = Path("/tmp")  # noqa: S108 - that is where it goes, whatever TMPDIR says.
SOURCE = Path(embedded.__file__).parents[3]
CHILD = """
import os, signal, sys, threading
from pathlib import Path
from surehold.db import embedded
from surehold.db.embedded import folder, server
folder.STATE_FOLDER = Path(sys.argv[1])
data, FAST = Path(sys.argv[2]), {"fsync": "off", "shared_buffers": "16MB"}
"""


@contextmanager
def make_open_folder() -> Iterator[Path]:
    """A folder that every account can pass through, unlike pytest's own."""
    place = Path(tempfile.mkdtemp(prefix="surehold-test-", dir=ELSEWHERE))
    place.chmod(0o711)
    yield place
    for marker in place.glob(f"*/{folder.MARKER}"):
        embedded.reset(marker.parent)
    shutil.rmtree(place)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with make_open_folder() as place:
        yield place


@pytest.fixture(scope="module")
def initialized() -> Iterator[Path]:
    """A data folder that tests take turns with: making one takes longer than all they do."""
    with make_open_folder() as place:
        embedded.start(place / "data", settings=FAST).stop()
        yield place / "data"


@pytest.fixture
def used(initialized: Path) -> Iterator[Path]:
    """A data folder from earlier, with nothing running."""
    yield initialized
    embedded.stop(initialized)


@pytest.fixture(autouse=True)
def state_folder(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Root's clusters of the test, apart from those of the machine."""
    monkeypatch.setattr(folder, "STATE_FOLDER", open_folder / "state")
    return open_folder / "state"


@pytest.fixture
def data(tmp_path: Path, state_folder: Path) -> Iterator[Path]:
    """A data folder that does not exist yet, as root below one that is closed to the server."""
    place = tmp_path / "private" / "data"
    place.parent.mkdir(mode=0o700)
    yield place
    embedded.reset(place)
    if state_folder.exists() and (state_folder / folder.CLUSTERS).exists():
        assert list((state_folder / folder.CLUSTERS).iterdir()) == []


def query(running: RunningServer, sql: str, url: str | None = None) -> str:
    done = subprocess.run(
        [running.bin_dir / "psql", url or running.url(), "-X", "-q", "-A", "-t", "-c", sql],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    return done.stdout.strip()


def keep_a_row(running: RunningServer) -> None:
    query(running, "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 1 AS one")


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run_child(script: str, data: Path) -> subprocess.Popen[str]:
    """A Python of its own, ready to `start(data)` in the same state folder."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + script, str(folder.STATE_FOLDER), str(data)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_first_start_creates_a_database_that_is_closed_to_others(data: Path) -> None:
    with embedded.start(data) as running:
        assert running.owned
        assert running.data_dir == data.resolve()
        facts = query(
            running,
            "SELECT current_database(), pg_get_userbyid(datdba), lower('ÜBER'),"
            " current_setting('fsync'), current_setting('timezone'),"
            " current_setting('listen_addresses')"
            " FROM pg_database WHERE datname = current_database()",
        )
        assert facts == "surehold|surehold|über|on|UTC|127.0.0.1"
        assert query(running, "SHOW server_version") == running.version
        assert os.getsid(running.pid) == running.pid  # Ctrl-C in our terminal passes it by.
        account = Path(f"/proc/{running.pid}").stat().st_uid
        assert account != 0
        assert (running.home / "cluster").stat().st_uid == account
        private = (running.home / "cluster", running.socket_dir, running.home / "state.json")
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (*private, data, data.parent)]
        assert modes == [0o700, 0o700, 0o600, 0o700, 0o700]

    assert not is_there(running.pid)


def test_address_suits_asyncpg_and_pgbench_and_the_password_is_needed_on_the_port(
    used: Path,
) -> None:
    async def ask(password: str | None) -> str:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=running.port,
            user="surehold",
            password=password,
            database="surehold",
        )
        await connection.close()
        return "welcome"

    async def ask_by_address() -> int:
        connection = await asyncpg.connect(running.url("postgres"))
        try:
            return int(await connection.fetchval("SELECT 7"))
        finally:
            await connection.close()

    with embedded.start(used, settings=FAST) as running:
        assert asyncio.run(ask_by_address()) == 7
        assert asyncio.run(ask(running.password)) == "welcome"
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(ask("guess"))
        pgbench = [running.bin_dir / "pgbench", "-i", "-q", running.url()]
        assert subprocess.run(pgbench, capture_output=True, check=False).returncode == 0


def test_second_start_attaches_and_does_not_own(used: Path) -> None:
    with embedded.start(used, settings=FAST) as first:
        keep_a_row(first)

        with embedded.start(used) as second:
            assert not second.owned
            assert (second.pid, second.url()) == (first.pid, first.url())
            assert query(second, "SELECT one FROM kept") == "1"

        assert not second.stop()
        assert query(first, "SELECT one FROM kept") == "1"


def test_stop_leaves_no_process_and_restart_keeps_data_and_port(used: Path) -> None:
    first = embedded.start(used, settings=FAST)
    keep_a_row(first)
    children = query(first, "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity").split()

    assert first.stop()

    assert not first.stop()
    assert not any(is_there(int(pid)) for pid in [first.pid, *children])
    assert not embedded.status(used).running
    with embedded.start(used, settings=FAST) as second:
        assert second.owned
        assert (second.port, second.url()) == (first.port, first.url())
        assert query(second, "SELECT one FROM kept") == "1"


def test_another_port_is_taken_when_the_old_one_is_in_use(used: Path) -> None:
    first = embedded.start(used, settings=FAST)
    first.stop()

    with socket.create_server(("127.0.0.1", first.port)), embedded.start(used) as second:
        assert second.port != first.port
        assert query(second, "SELECT 1") == "1"


def test_status_tells_what_runs_and_masks_the_password(used: Path) -> None:
    before = embedded.status(used)
    with embedded.start(used, settings=FAST) as running:
        during = embedded.status(used)
    after = embedded.status(used)

    assert (before.running, before.pid, before.url) == (False, None, None)
    assert (during.running, during.pid, during.port) == (True, running.pid, running.port)
    assert (during.version, during.url) == (running.version, running.url())
    assert running.password not in f"{during!r}{during.masked_url}{running!r}"
    assert (after.running, after.version, after.pid) == (
        False,
        running.version.split(".")[0],
        None,
    )


@pytest.mark.parametrize("whose", ["ours", "another server's", "nobody's", "garbage"])
def test_stale_pid_file_fools_nobody(used: Path, whose: str) -> None:
    running = embedded.start(used, settings=FAST)
    keep_a_row(running)
    pid_file = running.home / "cluster/postmaster.pid"
    lines = pid_file.read_text().split("\n")
    running.stop()
    with subprocess.Popen(
        ["postgres", "-c", "read line", "-D", "/elsewhere"],
        executable="/bin/sh",
        stdin=subprocess.PIPE,
    ) as other:
        pids = {
            "ours": os.getpid(),
            "another server's": other.pid,
            "nobody's": running.pid,
            "garbage": "?",
        }
        pid_file.write_text("\n".join([str(pids[whose]), *lines[1:]]))
        pid_file.chmod(0o644)

        assert not embedded.status(used).running
        assert not embedded.stop(used)
        with embedded.start(used, settings=FAST) as again:
            assert again.owned
            assert query(again, "SELECT one FROM kept") == "1"
        assert other.poll() is None


def test_interrupted_initialization_is_redone(data: Path) -> None:
    script = """
        real = server.run
        def dying(arguments, account, **rest):
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGKILL)).start()
            return real(arguments, account, **rest)
        server.run = dying
        embedded.start(data, settings=FAST)
    """
    with run_child(textwrap.dedent(script), data) as child:
        assert child.wait(timeout=20) == -signal.SIGKILL
    home = folder.home_of(data.resolve())
    assert list(home.glob("scrap-*")) != []
    assert not (home / "cluster").exists()

    with embedded.start(data, settings=FAST) as running:
        assert query(running, "SELECT current_database()") == "surehold"

    assert list(home.glob("scrap-*")) == []


def test_start_cut_off_before_the_database_is_made_up_for(used: Path) -> None:
    with embedded.start(used, settings=FAST) as running:
        query(running, "DROP DATABASE surehold", running.url("postgres"))

    with embedded.start(used, settings=FAST) as again:
        assert query(again, "SELECT current_database()") == "surehold"


def test_processes_that_start_together_share_one_server(data: Path) -> None:
    script = (
        "sys.stdin.readline()\n"
        "running = embedded.start(data, settings=FAST)\n"
        "print(running.pid, running.owned, flush=True)\n"
        "sys.stdin.readline()\n"
        "print(running.stop(), flush=True)\n"
    )
    children = [run_child(script, data) for _ in range(3)]

    answers = [said.split() for said in talk(children)]
    assert len({pid for pid, _ in answers}) == 1
    assert sorted(owned for _, owned in answers) == ["False", "False", "True"]
    assert sorted(talk(children)) == ["False", "False", "True"]

    assert not is_there(int(answers[0][0]))
    for child in children:
        child.communicate(timeout=10)


def talk(children: list[subprocess.Popen[str]]) -> list[str]:
    """Let all go on at once, then hear what each says."""
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    return [child.stdout.readline().strip() for child in children if child.stdout is not None]


def test_server_outlives_a_killed_owner_and_passes_to_the_next(used: Path) -> None:
    script = "print(embedded.start(data, settings=FAST).pid, flush=True)\nsys.stdin.read()"
    with run_child(script, used) as child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        assert not embedded.start(used).owned
        child.kill()

    with embedded.start(used) as running:
        assert (running.pid, running.owned) == (pid, True)

    wait_until(lambda: not is_there(pid))  # Whoever inherited it must reap it.


def test_fork_of_the_owner_sees_the_server_and_leaves_it_alone(used: Path) -> None:
    script = """
        running = embedded.start(data, settings=FAST)
        fork = os.fork()
        if fork == 0:
            seen = embedded.status(data).running, running.stop(), embedded.start(data).owned
            os._exit(0 if seen == (True, False, False) else 1)
        print(os.waitpid(fork, 0)[1], running.stop())
    """
    with run_child(textwrap.dedent(script), used) as child:
        assert child.communicate(timeout=20)[0] == "0 True\n"


def test_detached_server_belongs_to_nobody(used: Path) -> None:
    with embedded.start(used, settings=FAST, detached=True) as running:
        assert not running.owned
    with embedded.start(used) as attached:
        assert (attached.pid, attached.owned) == (running.pid, False)

    assert embedded.stop(used)
    assert not embedded.stop(used)
    assert not is_there(running.pid)


def test_committed_rows_survive_a_killed_server(used: Path) -> None:
    running = embedded.start(used, settings={"shared_buffers": "16MB"})
    keep_a_row(running)
    os.kill(running.pid, signal.SIGKILL)
    wait_until(lambda: folder.process(running.pid) is None)

    assert not embedded.status(used).running
    with embedded.start(used, settings=FAST) as again:
        assert again.owned
        assert query(again, "SELECT one FROM kept") == "1"


def test_two_servers_never_work_on_the_same_files(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "LEAVING_LIMIT_SECONDS", 0.1)
    with embedded.start(used, settings=FAST) as running:
        pid_file = running.home / "cluster/postmaster.pid"
        hidden = pid_file.rename(running.home / "cluster/hidden.pid")  # As in another container.

        with pytest.raises(embedded.EmbeddedPostgresFailure, match="not to be seen"):
            embedded.start(used)

        hidden.rename(pid_file)


def test_server_that_ends_early_is_reported_with_its_log(used: Path) -> None:
    with pytest.raises(embedded.EmbeddedPostgresFailure, match='"shared_buffers": "lots"'):
        embedded.start(used, settings={**FAST, "shared_buffers": "lots"})

    assert not embedded.status(used).running
    with embedded.start(used, settings=FAST) as running:
        assert query(running, "SELECT 1") == "1"


def test_interrupted_wait_leaves_no_server(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def interrupt(home: Path, programs: object, pid: int, password: str) -> None:
        seen.append(pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "wait_until_ready", interrupt)
    with pytest.raises(KeyboardInterrupt):
        embedded.start(used, settings=FAST)

    assert len(seen) == 1
    assert not is_there(seen[0])


def test_deleted_folder_does_not_keep_the_server_alive(used: Path) -> None:
    running = embedded.start(used, settings=FAST)
    (used / folder.MARKER).unlink()

    assert running.stop()
    assert not is_there(running.pid)
    (used / folder.MARKER).touch(0o600)


@only_root
def test_root_keeps_what_the_account_must_not_write(used: Path) -> None:
    with embedded.start(used, settings=FAST) as running:
        account = Path(f"/proc/{running.pid}").stat().st_uid
        owners = {path.name: path.stat().st_uid for path in (used, *used.iterdir())}

    assert running.home == used
    assert {name for name, uid in owners.items() if uid == account} == {"cluster", "run"}
    assert {uid for uid in owners.values() if uid != account} == {0}
    assert stat.S_IMODE(used.stat().st_mode) == 0o711


@only_root
def test_closed_binaries_are_copied_once(
    used: Path, tmp_path: Path, state_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = next((path for _, path in binaries._places() if path is not None), None)
    if package is None:
        pytest.skip("no package with binaries is installed")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), closed / name, copy_function=link_or_copy)
    monkeypatch.syspath_prepend(closed)

    for _ in range(2):
        with embedded.start(used, settings=FAST) as running:
            assert running.bin_dir.is_relative_to(state_folder / folder.COPIES)
            assert query(running, "SELECT 1") == "1"

    copies = [path.name for path in (state_folder / folder.COPIES).iterdir()]
    assert sorted(copies) == [folder.MARKER, running.bin_dir.parents[2].name]
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.mark.parametrize("name", ["long" * 25, 'a "shop" é'])
def test_moved_folder_works_under_any_name(used: Path, open_folder: Path, name: str) -> None:
    with embedded.start(used, settings=FAST) as running:
        keep_a_row(running)
        assert running.socket_dir == used / "run"
    place = used.rename(open_folder / name)
    (used / "run").mkdir(parents=True)  # By now another's.

    with embedded.start(place, settings=FAST) as moved:
        fits = len(name) < 50
        assert moved.socket_dir.parent == (place if fits else ELSEWHERE)
        assert stat.S_IMODE(moved.socket_dir.stat().st_mode) == 0o700
        assert query(moved, "SELECT one FROM kept") == "1"

    assert not moved.socket_dir.exists()
    assert (used / "run").is_dir()
    shutil.rmtree(used)
    place.rename(used)


def test_comma_that_would_make_two_hosts_puts_the_socket_elsewhere(open_folder: Path) -> None:
    (open_folder / "this, that").mkdir()

    place = server._make_socket_dir(open_folder / "this, that", None)

    assert place.parent == ELSEWHERE
    place.rmdir()


def test_foreign_folder_is_neither_used_nor_deleted(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("dear")

    with pytest.raises(embedded.ForeignFolder):
        embedded.start(tmp_path)
    with pytest.raises(embedded.ForeignFolder):
        embedded.reset(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


def test_reset_deletes_what_is_ours_and_only_that(data: Path) -> None:
    running = embedded.start(data, settings=FAST)
    (data / "letters").write_text("dear")

    assert embedded.reset(data)

    assert not is_there(running.pid)
    assert [path.name for path in data.iterdir()] == ["letters"]
    assert running.home == data or not running.home.exists()
    shutil.rmtree(data)


def test_reset_leaves_nothing_of_a_folder_of_ours(data: Path) -> None:
    data.mkdir()
    (data / folder.MARKER).touch()  # As if stopped before anything else was made.

    assert embedded.reset(data)

    assert not data.exists()
    assert not embedded.reset(data)


@pytest.mark.parametrize("parent", ["elsewhere", f"state/{folder.CLUSTERS}"])
def test_pointer_to_what_is_not_its_own_is_refused(
    data: Path, open_folder: Path, parent: str
) -> None:
    name = folder.digest(data.resolve()) if parent == "elsewhere" else "of-another-path"
    target = open_folder / parent / f"{name}-1"
    target.mkdir(parents=True)
    data.mkdir()
    (data / folder.MARKER).touch()
    (data / folder.POINTER).write_text(str(target))

    with pytest.raises(embedded.ForeignFolder):
        embedded.reset(data)

    target.rmdir()  # It is still there.
    (data / folder.POINTER).unlink()


def test_missing_binaries_are_named_as_such(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "PACKAGES", ())
    monkeypatch.setattr(binaries, "SYSTEM_FOLDER", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(embedded.EmbeddedPostgresUnavailable, match="SUREHOLD_DATABASE_URL"):
        embedded.start(data)


def test_binaries_must_fit_the_data(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster/PG_VERSION").write_text("9\n")

    with pytest.raises(embedded.EmbeddedPostgresUnavailable, match="PostgreSQL 9, which the data"):
        binaries.find_binaries(tmp_path, None)


def test_system_server_will_do(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "PACKAGES", ())
    try:
        running = embedded.start(data, settings=FAST)
    except embedded.EmbeddedPostgresUnavailable:
        pytest.skip("no PostgreSQL is installed on this system")

    with running:
        assert query(running, "SELECT lower('ÜBER')") == "über"


def test_default_folder_is_the_users_or_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/data/ada")
    assert embedded.default_data_dir() == Path("/data/ada/surehold")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert embedded.default_data_dir() == Path("/home/ada/.local/share/surehold")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert embedded.default_data_dir() == folder.STATE_FOLDER


ORDINARY = """
home = os.environ["HOME"]
data = embedded.default_data_dir()
first = embedded.start(data, settings=FAST)
assert first.owned and first.home == data == Path(home, ".local/share/surehold")
assert os.stat(data).st_mode & 0o777 == 0o700
assert os.stat(f"/proc/{first.pid}").st_uid == os.geteuid() != 0
assert not embedded.start(data).owned
os.kill(first.pid, signal.SIGKILL)
while folder.process(first.pid): pass
(data / "cluster/postmaster.pid").write_text(f"{os.getpid()}\\n")
with embedded.start(data, settings=FAST) as second:
    assert second.owned and second.pid != first.pid
assert embedded.reset(data)
print("fine")
"""


@only_root
def test_ordinary_user_needs_nothing_of_root(open_folder: Path, state_folder: Path) -> None:
    account = pwd.getpwnam("nobody")
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, account.pw_uid, account.pw_gid)
    packages = Path(asyncpg.__file__).parents[1]
    environment = {"HOME": str(home), "PATH": os.defpath, "PYTHONPATH": f"{SOURCE}:{packages}"}

    def run_as_nobody(python: str, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-c", script, str(state_folder), str(home)],
            env=environment,
            cwd="/",
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def can_run(python: str) -> bool:
        try:
            return run_as_nobody(python, CHILD).returncode == 0
        except OSError:
            return False

    # The environment's own Python may be closed to others; the system's may be the same version.
    python = next(filter(can_run, [sys.executable, "/usr/bin/python3"]), None)
    if python is None:
        pytest.skip("no Python with our packages is open to another user")

    done = run_as_nobody(python, CHILD + ORDINARY)

    assert (done.stdout, done.stderr) == ("fine\n", "")
    assert not state_folder.exists()
