"""The program's own text, as the house rules read it."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "src" / "surehold"


@dataclass(frozen=True)
class Fault:
    """A rule that is broken: where, and what the rule is."""

    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.line}: {self.rule}"


@dataclass(frozen=True)
class Source:
    """One file. ``path`` is relative to the package: ``orders/sql.py``."""

    path: str
    text: str

    @property
    def room(self) -> str:
        """The package that the file lies in."""
        return PurePosixPath(self.path).parts[0].removesuffix(".py")

    @property
    def name(self) -> str:
        """The file's name, or for a file in ``sql/`` or ``commands/`` the folder's.

        A part of a room, such as ``orders/documents``, has files of the same names.
        """
        inner = PurePosixPath(self.path).with_suffix("").parts[1:]
        if inner and inner[-1] in {"commands", "queries", "sql"}:
            return inner[-1]
        return inner[0] if inner else self.room

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @cached_property
    def named_nodes(self) -> tuple[tuple[str, ast.AST], ...]:
        """Every node with the name of what defines it: ``Lane._adapt``, ``CALL_SECONDS``."""
        return tuple(_walk("", self.tree))

    @cached_property
    def docstrings(self) -> frozenset[int]:
        """The identities of the nodes that are docstrings."""
        found = set()
        for node in self.nodes:
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                first = node.body[0] if node.body else None
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    found.add(id(first.value))
        return frozenset(found)

    def comments(self) -> Iterator[tuple[int, str]]:
        """Every comment with its line."""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def _walk(outer: str, node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        name = outer
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{outer}.{child.name}".removeprefix(".")
        elif isinstance(node, ast.Module):
            name = assigned_name(child)
        yield name, child
        yield from _walk(name, child)


def assigned_name(statement: ast.AST) -> str:
    """The name that an assignment gives a value to, or nothing."""
    if isinstance(statement, ast.Assign):
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return ""
    return target.id if isinstance(target, ast.Name) else ""


def files(*folders: Path) -> list[Path]:
    """Every Python file below the folders."""
    return sorted(
        path for folder in folders for path in folder.rglob("*.py") if ".venv" not in path.parts
    )


def sources() -> list[Source]:
    """Every file of the program."""
    return [
        Source(path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8"))
        for path in files(PACKAGE)
    ]
