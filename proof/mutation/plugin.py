"""The half that lives inside pytest: which tests pass by where, and what becomes of a mutant.

Everything is imported and collected once. Then each mutant gets a process of its own, forked from
here, in which the mistake is put into the living program and its tests run until one fails.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import asyncpg
import msgspec
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

from proof.mutation.mutate import PACKAGE, ROOT, Mutant, Source
from proof.mutation.plant import Living, NotPlanted

#: Tests of a mutant compute so long together at most, as they were traced, quickest first.
BUDGET_SECONDS: Final = 10.0
#: Whoever computes for longer than that does so for ever…
PATIENCE_SECONDS: Final = 15
#: …and who waits for longer, too, on a busy machine.
WAIT_SECONDS: Final = 180.0

_URL: Final = pytest.StashKey[str]()


class Passed(msgspec.Struct, frozen=True):
    """What one test passed by: lines of the modules, names of the tables, and its time."""

    seconds: float
    lines: dict[str, list[int]]
    names: list[str]


class Traced(msgspec.Struct, frozen=True):
    """The tests of one file, as the file was."""

    digest: str
    tests: dict[str, Passed]


class Trace(msgspec.Struct):
    """All files of tests, as the program was."""

    digest: str
    files: dict[str, Traced] = {}


class Verdict(msgspec.Struct, frozen=True):
    """What became of a mutant, of which program, by which tests as they were."""

    key: tuple[str, str, str, str, int]
    program: str
    #: Of all tests that pass by it.
    judges: str
    #: ``killed``, ``survived``, ``endless`` (killed as well) or ``unseen``: no test passes by.
    verdict: str
    tests: int
    seconds: float
    killer: str = ""
    killer_digest: str = ""
    budget: float = BUDGET_SECONDS
    #: When: the last word counts.
    at: float = 0.0

    def still_holds(self, *, program: str, judges: str, budget: float) -> bool:
        """Whether the same would be found again."""
        if self.program != program:
            return False
        if self.killer_digest:
            return digest_of_file(_file_of(self.killer)) == self.killer_digest
        return self.judges == judges and self.budget >= budget


def pytest_addoption(parser: pytest.Parser) -> None:
    """What ``run`` says to this half."""
    group = parser.getgroup("mutation")
    group.addoption("--mutation", choices=("trace", "attempt"))
    group.addoption("--mutation-folder", type=Path)
    group.addoption("--mutation-modules", default="")
    group.addoption("--mutation-share", default="0/1")
    group.addoption("--mutation-budget", type=float, default=BUDGET_SECONDS)
    group.addoption("--mutation-until", type=float, default=float("inf"))


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Iterator[None]:
    """Remember the address of the database."""
    result = yield
    if fixturedef.argname == "url":
        request.config.stash[_URL] = result
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Trace or attempt instead of running the tests."""
    config = session.config
    what = config.getoption("--mutation")
    modules = config.getoption("--mutation-modules").split(",")
    folder = config.getoption("--mutation-folder")
    share = config.getoption("--mutation-share")
    if what is None or session.testsfailed:
        return None
    if what == "trace":
        _trace(session, modules, folder, share)
    else:
        _attempt_all(session, modules, folder, share)
    return True


# --- which tests pass by where ---------------------------------------------------------------


class _Tracer:
    """Notes every line of the modules, and every name that any function of ours reads."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = {str(PACKAGE / module): module for module in modules}
        self._codes: set[CodeType] = set()
        self.lines: dict[str, set[int]] = {}

    def begin(self) -> None:
        self._codes, self.lines = set(), {}
        threading.settrace(self._call)
        sys.settrace(self._call)

    def end(self) -> list[str]:
        sys.settrace(None)
        threading.settrace(None)
        ours = (code for code in self._codes if code.co_filename.startswith(str(ROOT)))
        return sorted({name for code in ours for name in code.co_names if name.isupper()})

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:  # noqa: ARG002
        code = frame.f_code
        self._codes.add(code)
        module = self._modules.get(code.co_filename)
        if module is None:
            return None
        seen = self.lines.setdefault(module, set())

        def line(frame: FrameType, event: str, argument: object) -> Any:  # noqa: ARG001
            seen.add(frame.f_lineno)
            return line

        return line


def _trace(session: pytest.Session, modules: Sequence[str], folder: Path, share: str) -> None:
    tracer = _Tracer(modules)
    path = folder / f"trace-{share.partition('/')[0]}.json"
    trace = load_trace(path)
    digests = {file: digest_of_file(file) for file in {_file_of(i.nodeid) for i in session.items}}
    tests: dict[str, Passed] = {}
    for place, item in enumerate(session.items):
        following = session.items[place + 1] if place + 1 < len(session.items) else None
        began = time.process_time()
        tracer.begin()
        reports = runtestprotocol(item, nextitem=following, log=False)
        names = tracer.end()
        seconds = time.process_time() - began
        if any(report.failed for report in reports):
            print(f"left out, it fails as it is: {item.nodeid}", file=sys.stderr, flush=True)
        elif any(report.when == "call" and report.passed for report in reports):
            lines = {module: sorted(lines) for module, lines in tracer.lines.items()}
            tests[item.nodeid] = Passed(round(seconds, 3), lines, names)
        file = _file_of(item.nodeid)
        if following is None or _file_of(following.nodeid) != file:
            trace.files[file] = Traced(digests[file], tests)
            path.write_bytes(msgspec.json.encode(trace))
            tests = {}


def load_trace(*paths: Path) -> Trace:
    """What was traced of the program as it is, and of the tests as they are; nothing of others."""
    found = Trace(digest_of_program())
    for path in paths:
        trace = msgspec.json.decode(path.read_bytes(), type=Trace) if path.exists() else found
        if trace.digest == found.digest:
            found.files |= {
                file: traced
                for file, traced in trace.files.items()
                if traced.digest == digest_of_file(file)
            }
    return found


def digest_of_program() -> str:
    """Another one after any change of the program."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in {".py", ".sql"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def digest_of_file(file: str) -> str:
    """Another one after any change of the file."""
    path = ROOT / file
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else "gone"


def _file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


# --- what becomes of a mutant ----------------------------------------------------------------


def _attempt_all(
    session: pytest.Session, modules: Sequence[str], folder: Path, share: str
) -> None:
    """Every mutant of this share that these tests have not judged yet."""
    until = session.config.getoption("--mutation-until")
    budget = session.config.getoption("--mutation-budget")
    place, _, of = share.partition("/")
    items = {item.nodeid: item for item in session.items}
    trace = load_trace(*folder.glob("trace-*.json"))
    passed = {
        name: (file.digest, test)
        for file in trace.files.values()
        for name, test in file.tests.items()
        if name in items
    }
    known = {verdict.key: verdict for verdict in load_verdicts(folder)}
    _make_lasting_fixtures(session)
    _hurry_hypothesis(session.items)
    living = Living(modules)
    gc.freeze()  # what is here stays here: children need not look at it
    todo = [
        (source, number)
        for source in map(Source, modules)
        for number in range(int(place), len(source.mutants), int(of))
    ]
    # What was killed before most likely is again: the others first.
    todo.sort(key=lambda one: _is_killed(known.get(one[0].mutants[one[1]].key)))
    with (folder / f"verdicts-{place}.jsonl").open("ab") as log:
        for source, number in todo:
            mutant = source.mutants[number]
            chosen = sorted(
                (test.seconds, name)
                for name, (_, test) in passed.items()
                if _is_judge(mutant, test, living)
            )
            text = str(sorted(f"{name} {passed[name][0]}" for _, name in chosen))
            judges = hashlib.sha256(text.encode()).hexdigest()[:16]
            before = known.get(mutant.key)
            if before is not None and before.still_holds(
                program=trace.digest, judges=judges, budget=budget
            ):
                continue
            if time.time() > until:
                return
            tests = [items[name] for name in _within(budget, chosen)]
            fate, seconds, killer = _attempt(session, living, source, number, tests)
            told = Verdict(
                mutant.key,
                trace.digest,
                judges,
                fate,
                len(tests),
                seconds,
                killer,
                digest_of_file(_file_of(killer)) if "::" in killer else "",
                budget,
                time.time(),
            )
            log.write(msgspec.json.encode(told) + b"\n")
            log.flush()


def _is_killed(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.verdict in {"killed", "endless"}


def load_verdicts(folder: Path) -> list[Verdict]:
    """What is known of mutants; of several about one, the last counts."""
    texts = [path.read_bytes() for path in folder.glob("verdicts-*.jsonl")]
    found = [
        msgspec.json.decode(line, type=Verdict) for text in texts for line in text.splitlines()
    ]
    return sorted(found, key=lambda verdict: verdict.at)


def _is_judge(mutant: Mutant, test: Passed, living: Living) -> bool:
    if mutant.is_table:
        return not living.readers_of(mutant.module, mutant.where).isdisjoint(test.names)
    lines = test.lines.get(mutant.module, ())
    return any(mutant.first_line <= line <= mutant.last_line for line in lines)


def _within(budget: float, chosen: Sequence[tuple[float, str]]) -> Iterator[str]:
    spent = 0.0
    for seconds, name in chosen:
        if spent and spent + seconds > budget:
            return
        spent += seconds
        yield name


def _attempt(
    session: pytest.Session,
    living: Living,
    source: Source,
    number: int,
    items: Sequence[pytest.Item],
) -> tuple[str, float, str]:
    """Run the tests on the mutant in a process of its own: verdict, seconds, killer."""
    if not items:
        return "unseen", 0.0, ""
    began = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _live(living, source, number, items, writing)
    os.close(writing)
    is_over = _wait(child)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    seconds = round(time.monotonic() - began, 2)
    if not is_over:
        if _URL in session.config.stash:
            asyncio.run(_clear(session.config.stash[_URL]))
        return "endless", seconds, ""
    verdict, _, killer = said.partition(" ")
    if verdict == "broken":
        raise NotPlanted(killer)
    return verdict or "killed", seconds, killer  # a process that just ends is noticed as well


def _live(
    living: Living, source: Source, number: int, items: Sequence[pytest.Item], pipe: int
) -> None:
    """The child: never returns."""
    said = "survived"
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE_SECONDS, PATIENCE_SECONDS))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        living.plant(source, number)
        for place, item in enumerate(items):
            following = items[place + 1] if place + 1 < len(items) else items[0]
            reports = runtestprotocol(item, nextitem=following, log=False)
            if any(report.failed for report in reports):
                said = f"killed {item.nodeid}"
                break
    except NotPlanted as error:
        said = f"broken {error}"
    except BaseException as error:  # noqa: BLE001 - a program that cannot start is noticed
        said = f"killed {error!r}"
    os.write(pipe, said.encode())
    os._exit(0)


def _wait(child: int) -> bool:
    """Whether it ended by itself; it is ended otherwise."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return not os.WIFSIGNALED(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


async def _clear(url: str) -> None:
    """What a process left behind that was ended in the middle of a test."""
    from tests.support import database  # noqa: PLC0415 - only where there is a database

    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()
    await database.empty(url)


def _make_lasting_fixtures(session: pytest.Session) -> None:
    """Make what lasts for a session here, so that every child has it: the database, above all.

    The test after it lies elsewhere, so that nothing of a file or of a folder lasts.
    """
    first = next((item for item in session.items if "url" in _fixtures(item)), None)
    if first is None:
        return
    folder = first.path.parent
    other = next((item for item in session.items if item.path.parent != folder), None)
    assert other is not None, "tests of two folders are needed"
    reports = runtestprotocol(first, nextitem=other, log=False)
    assert not any(report.failed for report in reports), reports


def _fixtures(item: pytest.Item) -> Sequence[str]:
    return getattr(item, "fixturenames", ())


def _hurry_hypothesis(items: Sequence[pytest.Item]) -> None:
    """A mutant is dead at the first example; nobody reads the smallest one."""
    for item in items:
        function = getattr(getattr(item, "obj", None), "__func__", getattr(item, "obj", None))
        used = getattr(function, "_hypothesis_internal_use_settings", None)
        if function is not None and hasattr(function, "hypothesis"):
            phases = (Phase.explicit, Phase.generate)
            function._hypothesis_internal_use_settings = hypothesis_settings(
                used, phases=phases, database=None
            )
