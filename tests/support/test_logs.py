"""Logs: a line a person reads, a line a machine reads, and never a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from surehold import logs
from surehold.logs import Masking, UnknownLogLevel


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("password", "hunter2", "***"),
        ("api_key", "abc", "***"),
        ("access_token", "abc", "***"),
        ("url", "postgresql://me:hunter2@db/x", "postgresql://me:***@db/x"),
        ("error", "refused: long-known-secret!", "refused: ***!"),
        ("body", {"client_secret": "x", "amount": 5}, {"client_secret": "***", "amount": 5}),
        ("keys", ["long-known-secret"], ["***"]),
        ("order", "SH-1234", "SH-1234"),
        ("token", "", ""),
    ],
)
def test_secrets_are_masked_by_name_and_by_value(name: str, value: object, shown: object) -> None:
    masking = Masking(["long-known-secret", "abc"])

    assert masking(None, "info", {name: value}) == {name: shown}


def test_json_lines_of_ours_and_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(level="info", as_json=True, secrets=["long-known-secret"])

    structlog.get_logger("x").info("took", token="t0ken", amount=5)
    logging.getLogger("library").warning("refused %s", "long-known-secret")
    structlog.get_logger("x").debug("not shown")

    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["token"], ours["amount"]) == ("took", "***", 5)
    assert (theirs["event"], theirs["level"]) == ("refused ***", "warning")


def test_level_that_is_none_is_refused() -> None:
    with pytest.raises(UnknownLogLevel):
        logs.set_up(level="loud", as_json=False)
