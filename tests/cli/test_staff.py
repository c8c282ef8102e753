"""``surehold staff``: the first admin, and what the command line may and may not."""

from __future__ import annotations

import io
import json

import pytest

from tests.builders.accounts import PASSWORD
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def store(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migrated, empty store, and hashes that cost nothing."""
    monkeypatch.setenv("SUREHOLD_DATABASE_URL", fresh_url)
    monkeypatch.setenv("SUREHOLD_ARGON2_MEMORY_KIB", "8")
    monkeypatch.setenv("SUREHOLD_ARGON2_PASSES", "1")


def test_the_first_admin_is_added_listed_reset_and_cannot_be_closed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = run("staff", "add", "ada@example.com", "--admin", "--json")
    again = run("staff", "add", "Ada@Example.com", "--admin")
    last = run("staff", "disable", "ada@example.com")
    reset = run("staff", "reset", "ada@example.com")
    helper = run("staff", "add", "ines@example.com", "--role", "support", "--role", "warehouse")
    wrong = run("staff", "add", "bob@example.com", "--role", "nobody")
    closed = run("staff", "disable", "ines@example.com")
    listed = json.loads(run("staff", "list", "--json").out)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    opened = run("staff", "reset", "ines@example.com", "--password-stdin")

    made = json.loads(added.out)
    assert (added.code, made["member"]["kind"], len(made["password"])) == (0, "admin", 20)
    assert (again.code, last.code, wrong.code) == (2, 2, 2)
    assert "There is an account of this address." in again.err
    assert "Add another admin first." in last.err
    assert "There is no such role." in wrong.err
    assert (reset.code, "Password  " in reset.out) == (0, True)
    assert made["password"] not in reset.out
    assert (helper.code, "support, warehouse" in helper.out) == (0, True)
    assert (closed.code, "closed" in closed.out) == (0, True)
    assert [(one["email"], one["disabled_at"] is None) for one in listed] == [
        ("ada@example.com", True),
        ("ines@example.com", False),
    ]
    assert (opened.code, "open" in opened.out) == (0, True)
    assert PASSWORD not in opened.out + opened.err
