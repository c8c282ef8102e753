"""What harnesses found is kept by harness, and told on the page between its marks."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proof import report
from proof.report import Finding


def a_finding(harness: str = "toy", **changes: object) -> Finding:
    values: dict[str, object] = {
        "harness": harness,
        "title": "A toy",
        "seconds": 90.0,
        "figures": {"runs": 1_000, "per second": 11.5},
        **changes,
    }
    return msgspec.convert(values, Finding)


def test_each_harness_keeps_its_latest_finding(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"

    report.save(a_finding("one"), path)
    report.save(a_finding("two"), path)
    report.save(a_finding("one", seconds=30.0), path)

    found = report.load(path)
    assert {name: one.seconds for name, one in found.items()} == {"one": 30.0, "two": 90.0}
    assert all(one.commit and one.at for one in found.values())


def test_the_page_is_rewritten_between_its_marks(tmp_path: Path) -> None:
    page, path = tmp_path / "proof.md", tmp_path / "latest.json"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", "utf-8")
    report.save(a_finding(violations=("seed 3: two units of one",)), path)

    report.write_page(page, path)
    once = page.read_text("utf-8")
    report.write_page(page, path)

    assert page.read_text("utf-8") == once
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "old" not in once
    for line in ("| runs | 1,000 |", "| per second | 11.50 |", "| violations | **1** |"):
        assert line in once
    assert "- seed 3: two units of one" in once


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "proof.md"
    page.write_text("no marks\n", "utf-8")

    with pytest.raises(ValueError, match="has no"):
        report.write_page(page, tmp_path / "latest.json")


def test_a_skipped_harness_is_no_pass() -> None:
    assert a_finding().is_pass
    assert not a_finding(skipped="spin is not installed").is_pass
    assert not a_finding(violations=("x",)).is_pass
