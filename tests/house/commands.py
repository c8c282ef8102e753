"""Which commands of the program write money or stock, worked out from its text.

A function reaches a statement when it, or whatever it names, names it. Names are followed through
imports; a class is one thing, and one command, with all its methods. The two lanes are the one way
around this: what is submitted to a lane is carried out by the lane's work, so they stand here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from tests.house.source import Source
from tests.house.sql_rules import _WRITTEN, OWNERS, plain, text_of

#: Tables of these rooms, but for the constant ones, and the keys that keep answers.
ROOMS: Final = {"inventory", "orders", "payments"}
CONSTANT: Final = {
    "locations",
    "order_change_state_moves",
    "order_status_moves",
    "return_state_moves",
}
TABLES: Final = {
    table for table, room in OWNERS.items() if room in ROOMS and table not in CONSTANT
} | {"idempotency_keys"}
#: What carries out whatever is submitted to a lane of the checkout.
LANES: Final = {
    "placing": "surehold.checkout.commands.place_order.PlacementWork",
    "settling": "surehold.checkout.commands.settle.SettlementWork",
}
#: From here the program is called by people, clocks and other programs.
OUTSIDE: Final = {"app", "cli", "demo", "jobs", "server", "web"}
#: A command that takes one of these joins its caller's transaction.
JOINING: Final = {"tx", "connection"}


class Program:
    """Every function, class and constant of the program, and what each one names."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._names: dict[str, set[str]] = {}
        self._aliases: dict[str, str] = {}
        self._writing: set[str] = set()
        self._commands: dict[str, ast.AsyncFunctionDef] = {}
        self._called_outside: set[str] = set()
        for source in sources:
            self._read(source)

    def commands_that_write(self) -> list[str]:
        """Every public command that may be called by itself and reaches money or stock."""
        writing = self._reaching()
        return sorted(
            name
            for name, function in self._commands.items()
            if name in writing and (not _joins(function) or name in self._outside())
        )

    def _read(self, source: Source) -> None:
        module = _module_of(source)
        names = _imported(source)
        own = filter(None, map(_defined, source.tree.body))
        known = {**names, **{name: f"{module}.{name}" for name in own}}
        is_outside = source.room in OUTSIDE or source.name == "jobs"
        for node in source.tree.body:
            name = _defined(node)
            if name is None:
                continue
            full = f"{module}.{name}"
            found = set(_named(node, known))
            self._names[full] = found
            if is_outside:
                self._called_outside |= found
            if _writes(node):
                self._writing.add(full)
            if source.name == "commands":
                self._commands.update((full, function) for function in _public(node))
        for alias, target in names.items():
            self._aliases[f"{module}.{alias}"] = target

    def _resolve(self, name: str) -> str:
        """What a name stands for, through packages that pass it on."""
        for _ in range(5):
            if name in self._names or name not in self._aliases:
                return name
            name = self._aliases[name]
        return name

    def _outside(self) -> set[str]:
        return {self._resolve(name) for name in self._called_outside}

    def _reaching(self) -> set[str]:
        found = set(self._writing)
        while True:
            more = {
                name
                for name, named in self._names.items()
                if name not in found and any(self._resolve(one) in found for one in named)
            }
            if not more:
                return found
            found |= more


def _writes(node: ast.stmt) -> bool:
    texts = (text_of(part) for part in ast.walk(node) if isinstance(part, ast.expr))
    return any(m["table"] in TABLES for text in texts for m in _WRITTEN.finditer(plain(text)))


def _public(node: ast.stmt) -> Iterator[ast.AsyncFunctionDef]:
    """A public command, or the public methods of a class of commands."""
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
        for method in node.body:
            yield from _public(method)
    elif isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
        yield node


def _module_of(source: Source) -> str:
    parts = source.path.removesuffix(".py").removesuffix("/__init__").split("/")
    return ".".join(["surehold", *(part for part in parts if part != "__init__")])


def _imported(source: Source) -> dict[str, str]:
    names = {}
    for node in source.nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _defined(node: ast.stmt) -> str | None:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(target, ast.Name) else None


def _named(node: ast.stmt, known: dict[str, str]) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in known:
            yield known[part.id]
        elif isinstance(part, ast.Attribute):
            if isinstance(part.value, ast.Name) and part.value.id in known:
                yield f"{known[part.value.id]}.{part.attr}"
            elif part.attr == "submit" and isinstance(part.value, ast.Attribute):
                lane = LANES.get(part.value.attr)
                if lane is not None:
                    yield lane


def _joins(function: ast.AsyncFunctionDef) -> bool:
    first = next(iter(arg.arg for arg in function.args.args if arg.arg != "self"), "")
    return first in JOINING
