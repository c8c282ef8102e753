"""What commands answer, and with which exit code."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from surehold.cli import _COMMANDS
from tests.cli.conftest import Run

PRODUCTION = {
    "SUREHOLD_MODE": "production",
    "SUREHOLD_SECRET_KEYS": '["demo-of-something-or-other"]',
    "SUREHOLD_STAFF_SECRET": "short",
    "SUREHOLD_CRON_SECRET": "c" * 30,
    "SUREHOLD_SANDBOX_URL": "http://127.0.0.1:1",
}


@pytest.fixture
def store(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated, empty store that commands use."""
    monkeypatch.setenv("SUREHOLD_DATABASE_URL", fresh_url)
    monkeypatch.setenv("SUREHOLD_SECRET_KEYS", f'["{"k" * 30}"]')
    return fresh_url


def execute(url: str, text: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url, server_settings={"search_path": "store"})
        try:
            await connection.execute(text)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.mark.parametrize("command", [(), *((name,) for name in _COMMANDS)])
def test_help_has_an_example(run: Run, command: tuple[str, ...]) -> None:
    ended = run(*command, "--help")

    assert ended.code == 0
    is_group = command in {("db",), ("settings",)}
    assert is_group or f"Example: surehold {' '.join(command)}" in ended.out


@pytest.mark.parametrize(
    "command", ["up", "down", "status", "url", "psql", "migrate", "backup", "restore", "reset"]
)
def test_help_of_db_commands_has_an_example(run: Run, command: str) -> None:
    assert "Example: " in run("db", command, "--help").out


def test_help_is_quick() -> None:
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "surehold.cli", "--help"], check=True, capture_output=True
    )
    assert time.monotonic() - began < 1


def test_typing_error_is_a_usage_fault_with_a_suggestion(run: Run) -> None:
    ended = run("verfy")

    assert ended.code == 2
    assert "Did you mean 'verify'?" in ended.err


def test_migrate_says_what_is_missing_then_does_it_once(
    run: Run, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUREHOLD_DATABASE_URL", empty_url)

    dry = run("migrate", "--dry-run", "--json")
    assert json.loads(dry.out)["pending"][0] == "0001_foundation"
    assert run("verify").code == 1

    applied = json.loads(run("migrate", "--json").out)["applied"]
    assert applied == json.loads(dry.out)["pending"]
    assert run("migrate").out == "The store 'store' is up to date.\n"


def test_seed_fills_an_empty_store_once(run: Run, store: str) -> None:
    first, second = run("seed", "--json"), run("seed", "--json")

    assert (first.code, second.code) == (0, 0)
    assert json.loads(first.out)["is_new"] is True
    assert json.loads(second.out)["is_new"] is False
    assert json.loads(run("verify", "--json", "--at-rest").out)["violations"] == {}


def test_seed_gives_a_store_one_past(run: Run, store: str) -> None:
    history = ("seed", "--history", "--orders", "8")
    first, second = run(*history, "--json"), run(*history)

    assert (first.code, second.code) == (0, 0)
    assert json.loads(first.out)["history"]["orders"] == 8
    assert json.loads(first.out)["history"]["refused"] == 0
    assert "The store has a past already; left as it is." in second.out
    assert json.loads(run("verify", "--json").out)["violations"] == {}


def test_a_past_is_for_the_demo_catalog_alone(
    run: Run, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("seed").code == 0
    execute(store, "UPDATE products SET slug = 'lamp' WHERE slug = 'trail-lamp'")
    other, none = run("seed", "--history"), run("seed", "--history", "--orders", "0")
    monkeypatch.setenv("SUREHOLD_MODE", "production")
    real = run("seed", "--history")

    assert (other.code, none.code, real.code) == (3, 2, 2)
    assert "does not have the demo catalog" in other.err
    assert "no invented history" in real.err


def test_verify_shows_the_rows_of_a_broken_store(run: Run, store: str) -> None:
    execute(store, "INSERT INTO settings VALUES ('grace_minutes', '5', 'nobody', now())")

    text, structured = run("verify"), run("verify", "--json")

    assert (text.code, structured.code) == (1, 1)
    assert "SET1" in text.out
    assert "grace_minutes" in text.out
    (row,) = json.loads(structured.out)["violations"]["SET1"]
    assert row["key"] == "grace_minutes"


def test_verify_says_when_it_shows_only_the_first_rows(run: Run, store: str) -> None:
    execute(
        store,
        "INSERT INTO settings SELECT 'hold_' || n, '5', 'nobody', now() FROM"
        " generate_series(1, 60) AS n",
    )

    text, structured = run("verify"), run("verify", "--json")

    assert "Every setting in force is the last change that somebody wrote down." in text.out
    assert "These are the first 50; there may be more." in text.out
    assert len(json.loads(structured.out)["violations"]["SET1"]) == 50


def test_verify_at_rest_also_asks_for_what_is_under_way(run: Run, store: str) -> None:
    execute(
        store,
        "INSERT INTO outbox VALUES (gen_random_uuid(), 'order.paid', gen_random_uuid(), '{}',"
        " now(), NULL)",
    )

    busy, at_rest = run("verify", "--json"), run("verify", "--at-rest", "--json")

    assert (busy.code, at_rest.code) == (0, 1)
    assert list(json.loads(at_rest.out)["violations"]) == ["OUT2"]
    assert json.loads(at_rest.out)["checked_count"] > json.loads(busy.out)["checked_count"]


def test_settings_are_listed_and_changed(run: Run, store: str) -> None:
    assert json.loads(run("settings", "list", "--json").out)["hold_card_minutes"] == 15

    assert run("settings", "set", "hold_card_minutes", "20").out == "hold_card_minutes = 20\n"
    assert run("settings", "set", "tax_rate", "0.19").code == 0
    assert run("settings", "set", "shipping_standard", '{"USD": 700}').code == 0

    found = json.loads(run("settings", "list", "--json").out)
    assert found["hold_card_minutes"] == 20
    assert found["tax_rate"] == "0.19"
    assert found["shipping_standard"] == {"USD": 700}
    assert run("verify").code == 0


def test_the_catalog_goes_out_and_comes_in_again(run: Run, store: str, tmp_path: Path) -> None:
    assert run("seed").code == 0
    file = tmp_path / "products.csv"
    assert run("catalog", "export", str(file)).code == 0
    text = file.read_bytes().decode()

    same = json.loads(run("catalog", "import", str(file), "--json").out)
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("product,sku,colour\nlamp!,X,red\n", encoding="utf-8")
    refused, missing = (
        run("catalog", "import", str(wrong), "--dry-run"),
        run("catalog", "import", "x"),
    )

    assert (same["change_count"], same["problem_count"]) == (0, 0)
    assert same["row_count"] == text.count("\r\n") - 1
    assert run("catalog", "export").out == text
    assert (refused.code, missing.code) == (1, 2)
    assert "There is no such column." in refused.out
    assert "5 problems." in refused.out


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("hold_minutes", "1", "There is no setting 'hold_minutes'."),
        ("hold_card_minutes", "0", "/hold_card_minutes: Expected `int` >= 1"),
        ("hold_card_minutes", "soon", "/hold_card_minutes: Expected `int`, got `str`"),
    ],
)
def test_setting_that_cannot_be_is_refused(
    run: Run, store: str, key: str, value: str, words: str
) -> None:
    ended = run("settings", "set", key, value)

    assert ended.code == 2
    assert words in ended.err


def test_unreachable_database_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUREHOLD_DATABASE_URL", "postgresql://a:secret-word@127.0.0.1:1/b")

    for command in ("verify", "migrate", "seed", "serve", "worker"):
        ended = run(command)
        assert ended.code == 3
        assert ended.err.startswith("error: ")
        assert "Traceback" not in ended.err
        assert "secret-word" not in ended.out + ended.err


def test_unusable_settings_are_named_and_not_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUREHOLD_STORE", "Not A Schema")
    monkeypatch.setenv("SUREHOLD_POOL_MAX", "many")

    ended = run("verify")

    assert ended.code == 3
    assert "SUREHOLD_STORE: " in ended.err
    assert "SUREHOLD_POOL_MAX: " in ended.err
    assert "Not A Schema" not in ended.err


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_production_refuses_to_start_and_says_every_reason(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)

    ended = run(command)

    assert ended.code == 3
    for reason in (
        "SUREHOLD_DATABASE_URL is not set",
        "SUREHOLD_SECRET_KEYS is a demo secret",
        "SUREHOLD_STAFF_SECRET is shorter",
        "SUREHOLD_SANDBOX_URL is set",
        "SUREHOLD_BASE_URL is not https",
    ):
        assert reason in ended.err


def test_demo_refuses_production(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUREHOLD_MODE", "production")

    assert run("demo").code == 3


def test_doctor_is_content_with_a_sound_store_and_shows_no_secret(
    run: Run, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUREHOLD_CRON_SECRET", "cron-secret-that-nobody-sees")

    text, structured = run("doctor"), run("doctor", "--json")

    assert (text.code, structured.code) == (0, 0)
    found = json.loads(structured.out)
    verdicts = {check["name"]: check["verdict"] for check in found["checks"]}
    assert found["ok"] is True
    assert verdicts["database"] == verdicts["clock"] == verdicts["migrations"] == "ok"
    assert verdicts["invariants"] == verdicts["provider: bank_transfer"] == "ok"
    assert verdicts["worker"] == verdicts["staff secret"] == "warning"
    password = store.partition("surehold:")[2].partition("@")[0]
    for secret in ("cron-secret-that-nobody-sees", "k" * 30, password):
        assert secret not in text.out + text.err + structured.out


def test_doctor_says_everything_that_is_wrong(
    run: Run, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(store, "INSERT INTO settings VALUES ('grace_minutes', '5', 'nobody', now())")
    execute(
        store,
        "INSERT INTO audit_entries VALUES (2, gen_random_uuid(), now(), 'x', 'x', '', '', '',"
        " '{}', sha256('a'), sha256('b'))",
    )
    monkeypatch.setenv("SUREHOLD_SANDBOX_URL", "http://127.0.0.1:1")

    ended = run("doctor", "--json")

    assert ended.code == 1
    failed = {
        check["name"] for check in json.loads(ended.out)["checks"] if check["verdict"] == "fail"
    }
    assert failed == {
        "webhook secrets: sandbox",
        "provider: sandbox",
        "audit log",
        "invariant AUD11",
        "invariant SET1",
    }
    (chain,) = (one for one in json.loads(ended.out)["checks"] if one["name"] == "audit log")
    assert chain["detail"] == "entry 1: it is missing; 0 before it hold"


def test_doctor_sends_a_test_event_only_when_it_is_asked_to(
    run: Run, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUREHOLD_SANDBOX_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SUREHOLD_SANDBOX_WEBHOOK_SECRETS", '["whsec_that_nobody_sees"]')
    monkeypatch.setenv("SUREHOLD_BASE_URL", "http://127.0.0.1:1")

    asked, unasked = run("doctor", "--send-test-event"), run("doctor")

    assert "test event" not in unasked.out
    assert (
        "http://127.0.0.1:1/webhooks/sandbox, secret 1: the connection is refused: nothing "
        "listens there; surehold serve"
    ) in " ".join(asked.out.split())
    assert (asked.code, "whsec_that_nobody_sees" in asked.out + asked.err) == (1, False)


def test_doctor_counts_missing_keys_only_in_production(
    run: Run, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUREHOLD_SECRET_KEYS", "[]")

    for mode, verdict in (("test", "warning"), ("production", "fail")):
        monkeypatch.setenv("SUREHOLD_MODE", mode)
        checks = json.loads(run("doctor", "--json").out)["checks"]
        assert [row["verdict"] for row in checks if row["name"] == "secret keys"] == [verdict]


def test_doctor_without_a_database_still_answers(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUREHOLD_DATABASE_URL", "postgresql://a:secret-word@127.0.0.1:1/b")

    ended = run("doctor", "--json")

    assert ended.code == 1
    (check,) = (row for row in json.loads(ended.out)["checks"] if row["name"] == "database")
    assert check["verdict"] == "fail"


def test_database_of_ones_own_is_not_ours_to_start_or_delete(run: Run, store: str) -> None:
    for command in (("up",), ("down",), ("status",), ("reset", "--yes")):
        ended = run("db", *command)
        assert ended.code == 2
        assert "a server of your own" in ended.err
    assert run("db", "url").out == f"{store}\n"
