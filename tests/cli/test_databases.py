"""``surehold db`` on an embedded server: a whole life, with a backup that brings a store back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surehold.db import embedded
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _here(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUREHOLD_DATA_DIR", str(data_dir))
    monkeypatch.setenv("SUREHOLD_SECRET_KEYS", f'["{"k" * 30}"]')


def test_life_of_an_embedded_database(run: Run, data_dir: Path, tmp_path: Path) -> None:
    assert run("db", "status").code == 1
    assert run("db", "url").code == 3

    up = run("db", "up", "--json")
    assert json.loads(up.out)["running"] is True
    assert "***" in json.loads(up.out)["url"]
    assert run("db", "status").code == 0
    assert run("db", "url").out.strip() == embedded.status(data_dir / "database").url

    assert run("db", "migrate").code == 0
    assert run("seed").code == 0
    dump = tmp_path / "store.dump"
    assert run("db", "backup", str(dump)).code == 0
    assert dump.stat().st_mode & 0o777 == 0o600
    again = run("db", "backup", str(dump))
    assert again.code == 2
    assert "--force" in again.err

    assert run("settings", "set", "grace_minutes", "3").code == 0
    assert run("db", "restore", str(dump)).code == 2
    assert run("db", "restore", str(dump), "--yes").code == 0
    assert json.loads(run("settings", "list", "--json").out)["grace_minutes"] == 10
    assert run("verify").code == 0

    dump.write_bytes(b"nonsense")
    assert run("db", "restore", str(dump), "--yes").code == 3
    assert run("verify").code == 0

    assert run("db", "down").out == "Stopped.\n"
    assert run("db", "down").out == "It was not running.\n"
    assert run("db", "reset").code == 2
    assert run("db", "reset", "--yes").out == "Deleted.\n"
    assert not (data_dir / "database").exists()


def test_missing_program_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fresh_url: str
) -> None:
    monkeypatch.setenv("SUREHOLD_DATABASE_URL", fresh_url)
    monkeypatch.setenv("PATH", str(tmp_path))

    ended = run("db", "backup", str(tmp_path / "x"))

    assert ended.code == 3
    assert "pg_dump is not installed" in ended.err
    assert list(tmp_path.glob("*x*")) == []
