"""Running commands: in this process for what answers, as a process for what stays."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from surehold.cli import main
from surehold.db import embedded


class Ended(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment's settings nor a ``.env`` file nor the user's own data."""
    for name in list(os.environ):
        if name.startswith("SUREHOLD_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SUREHOLD_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SUREHOLD_MODE", "test")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line here."""

    def run_here(*arguments: str) -> Ended:
        capsys.readouterr()
        try:
            main(list(arguments))
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run_here


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder that the embedded server's account can reach; several tests use it."""
    folder = Path(tempfile.mkdtemp(prefix="surehold-cli-"))
    folder.chmod(0o711)
    yield folder
    embedded.reset(folder / "database")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
