"""The planted bugs still fit the program, and the runner can tell a find from a breakdown."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from proof.planted.bugs import ROOT, BadPatch, Bug, load

BUGS: Final = load()
LEAST: Final = 20


def test_there_are_enough_of_them() -> None:
    assert len(BUGS) >= LEAST


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_fits_the_program(bug: Bug, tmp_path: Path) -> None:
    for piece in bug.replacements:
        to = tmp_path / piece.file
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text((ROOT / piece.file).read_text("utf-8"), "utf-8")

    bug.plant(tmp_path)

    for piece in bug.replacements:
        text = (tmp_path / piece.file).read_text("utf-8")
        assert text != (ROOT / piece.file).read_text("utf-8")
        if piece.file.endswith(".py"):
            ast.parse(text)
    for word in bug.suite.split():
        if word.startswith("tests/"):
            assert (ROOT / word.partition("::")[0]).exists(), word


def test_a_bug_that_fits_nowhere_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\n", "utf-8")
    bug = Bug("gone", "Nothing.", "pytest", file="a.py", old="three", new="four")

    with pytest.raises(BadPatch, match="holds it 0 times"):
        bug.plant(tmp_path)
