"""The planted bugs: read from their files, applied to a copy of the tree."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = Path(__file__).parent
#: What a suite needs of the tree.
COPIED: Final = ("src", "tests", "proof", "bench", "tools", "docs")
COPIED_FILES: Final = ("pyproject.toml", "schema.sql", "README.md", "Makefile", "CONTRIBUTING.md")


class BadPatch(ValueError):
    """A planted bug does not fit the program any more: write it anew, or drop it and say why."""


class Replacement(msgspec.Struct, frozen=True):
    """A piece of one file, found exactly once, and what stands there instead."""

    file: str
    old: str
    new: str


class Bug(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One planted bug. ``suite`` is a pytest node or arguments after ``python``: it must fail."""

    name: str
    what: str
    suite: str
    file: str = ""
    old: str = ""
    new: str = ""
    #: Further replacements, when one place is not enough.
    also: tuple[Replacement, ...] = ()

    @property
    def replacements(self) -> tuple[Replacement, ...]:
        """Everything that is replaced."""
        return (Replacement(self.file, self.old, self.new), *self.also)

    @property
    def arguments(self) -> list[str]:
        """The suite as arguments of ``python``."""
        words = self.suite.split()
        if words[0] == "python":
            return words[1:]
        if words[0] == "pytest":
            words = words[1:]
        return ["-m", "pytest", "-q", "-x", "-p", "no:randomly", *words]

    def plant(self, tree: Path) -> None:
        """Change a copy of the tree.

        Raises:
            BadPatch: The program does not hold a piece exactly once.
        """
        for piece in self.replacements:
            path = tree / piece.file
            text = path.read_text("utf-8") if path.is_file() else ""
            if text.count(piece.old) != 1:
                raise BadPatch(f"{self.name}: {piece.file} holds it {text.count(piece.old)} times")
            path.write_text(text.replace(piece.old, piece.new), "utf-8")


def load(folder: Path = FOLDER) -> list[Bug]:
    """Every planted bug, by name."""
    bugs = [
        msgspec.convert(tomllib.loads(path.read_text("utf-8")), type=Bug)
        for path in sorted(folder.glob("*.toml"))
    ]
    names = [bug.name for bug in bugs]
    assert len(set(names)) == len(names), "two planted bugs have one name"
    return bugs


def copy_tree(to: Path) -> Path:
    """Copy what a suite needs."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".hypothesis")
    for name in COPIED:
        shutil.copytree(ROOT / name, to / name, ignore=ignored)
    for name in COPIED_FILES:
        shutil.copy2(ROOT / name, to / name)
    return to
