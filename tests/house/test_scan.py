"""``make check`` scans for weaknesses, says how much it looked at, and nothing is a failure."""

from __future__ import annotations

import re

import pytest

from tests.house.source import ROOT
from tools.scan_security import RUFF, report


@pytest.mark.parametrize(
    ("examined", "faults", "code"),
    [
        ({"files": 3, "rules": 2}, [], 0),
        ({"files": 0, "rules": 2}, [], 1),
        ({"files": 3, "rules": 2}, ["src/x.py:1: a fault"], 1),
    ],
)
def test_nothing_looked_at_is_a_failure(
    capsys: pytest.CaptureFixture[str], examined: dict[str, int], faults: list[str], code: int
) -> None:
    assert report(examined, faults) == code

    told = capsys.readouterr().out
    for what, count in examined.items():
        assert f"security: {count} {what}" in told
    assert all(fault in told for fault in faults)


def test_make_check_scans_and_ruff_holds_its_security_rules() -> None:
    checks = (ROOT / "Makefile").read_text("utf-8").partition("\ncheck:")[2].partition("\n\n")[0]
    rules = (ROOT / "pyproject.toml").read_text("utf-8").partition("[tool.ruff.lint]")[2]

    assert "ruff check\n" in checks
    assert "python -m tools.scan_security" in checks
    assert re.search(r'^select = \["ALL"\]', rules, re.MULTILINE)
    ignored = re.search(r"^ignore = \[(.*?)^\]", rules, re.MULTILINE | re.DOTALL)
    # Each is argued there: asserts, subprocesses of fixed lists, SQL (our own rule holds it).
    assert ignored is not None
    assert re.findall(r'"(S\d*)"', ignored[1]) == ["S101", "S603", "S608"]
    assert RUFF[-3:] == ("--select", "S", "--show-files")
