"""PostgreSQL always, a database per worker, and no network.

Ask for ``db`` to work on the worker's database, which is empty again after the test; for ``url``
to reach it by address; for ``fresh_url`` to have a migrated database of one's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
from hypothesis import settings as hypothesis_settings

from surehold.db import Database
from surehold.db.database import Settings
from tests.support import database, network, secrets, server

_RUN: Final = pytest.StashKey[Path]()

network.turn_off()
# A shared machine is slow now and then; a slow example is no failure of the code.
hypothesis_settings.register_profile("surehold", deadline=None)
hypothesis_settings.load_profile("surehold")


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a folder; workers are told of it."""
    from_controller = getattr(config, "workerinput", None)
    if from_controller is None:
        config.stash[_RUN] = server.new_run()
    else:
        config.stash[_RUN] = Path(from_controller["surehold_run"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a worker which run it belongs to."""
    node.workerinput["surehold_run"] = str(node.config.stash[_RUN])  # type: ignore[attr-defined]  # xdist's own class


def pytest_unconfigure(config: pytest.Config) -> None:
    """The run ends where it began: in the controller, after the last worker."""
    if getattr(config, "workerinput", None) is None and _RUN in config.stash:
        server.end_run(config.stash[_RUN])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """No test passes whose log shows one of the secrets that tests use."""
    report = yield
    shown = secrets.shown_in(text for _, text in report.sections)
    if shown and report.passed:
        report.outcome = "failed"
        report.longrepr = f"what was printed or logged shows {len(shown)} secrets of the tests"
    return report


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """What the workers of this run share."""
    return pytestconfig.stash[_RUN]


@pytest.fixture(scope="session")
def url(run_folder: Path, worker_id: str) -> str:
    """The address of this worker's database. A test that writes to it asks for ``db``, too."""
    return server.clone(run_folder, worker_id)


@pytest.fixture
def fresh_url(run_folder: Path) -> Iterator[str]:
    """The address of a migrated database that no other test sees."""
    name = f"fresh_{uuid4().hex[:8]}"
    yield server.clone(run_folder, name)
    server.drop(run_folder, name)


@pytest.fixture
def empty_url(run_folder: Path) -> Iterator[str]:
    """The address of a database with nothing in it, not even a schema."""
    name = f"empty_{uuid4().hex[:8]}"
    yield server.create(run_folder, name)
    server.drop(run_folder, name)


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    """The worker's database. Whatever the test commits is gone afterwards."""
    async with Database(Settings(url=url)) as opened:
        yield opened
    await database.empty(url)
