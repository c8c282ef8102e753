"""Putting a mistake into the living program: no file is changed, nothing is imported again.

A function gets the code of its mutant, wherever it is referred to. A table is computed again, and
so is what its module computes from it; whoever has imported the old one is given the new one.
"""

from __future__ import annotations

import ast
import gc
import importlib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import msgspec

from proof.mutation.mutate import PACKAGE, ROOT, Source


class NotPlanted(Exception):
    """A mutant is not in the living program: our bug, and no verdict."""


class Living:
    """The functions and tables of the modules as they are now."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = {module: importlib.import_module(_dotted(module)) for module in modules}
        files = {str(PACKAGE / module) for module in modules}
        self._functions: dict[tuple[str, str, int], list[FunctionType]] = {}
        for one in gc.get_objects():
            if isinstance(one, FunctionType) and one.__code__.co_filename in files:
                self._functions.setdefault(_key(one.__code__), []).append(one)
        self._readers: dict[str, frozenset[str]] = {}

    def readers_of(self, module: str, table: str) -> frozenset[str]:
        """The names of the table and of every table, in tests too, that is computed from it."""
        if table not in self._readers:
            texts = [Path(file).read_text("utf-8") for file in _our_files()]
            names = _computed_from(table, (PACKAGE / module).read_text("utf-8"))
            for text in texts:
                names |= set().union(*(_computed_from(name, text) for name in tuple(names)))
            self._readers[table] = frozenset(names)
        return self._readers[table]

    def plant(self, source: Source, number: int) -> None:
        """Make one mistake of a module real, for good."""
        mutant = source.mutants[number]
        tree = source.mutated(number)
        if mutant.is_table:
            self._plant_table(mutant.module, mutant.where, tree)
            return
        done = 0
        for code in _codes(compile(tree, str(source.path), "exec")):
            for function in self._functions.get(_key(code), ()):
                function.__code__ = code
                done += 1
        if not done:
            raise NotPlanted(f"nobody uses {mutant}")

    def _plant_table(self, name: str, table: str, tree: ast.Module) -> None:
        module = self._modules[name]
        names = _computed_from(table, (PACKAGE / name).read_text("utf-8"))
        body: list[ast.stmt] = [one for one in _tables(tree) if _target(one) in names]
        new = dict(vars(module))
        exec(compile(ast.Module(body, []), str(module.__file__), "exec"), new)  # noqa: S102 - our own code
        for one in names:
            _replace(one, vars(module)[one], new[one])


def _replace(name: str, old: Any, new: Any) -> None:
    """Have everybody use the new table: inside of it where it can be changed, else by its name."""
    if isinstance(old, dict):
        old.clear()
        old.update(new)
    elif isinstance(old, msgspec.Struct):
        for field in old.__struct_fields__:
            msgspec.structs.force_setattr(old, field, getattr(new, field))
    else:
        for module in list(sys.modules.values()):
            if getattr(module, "__dict__", {}).get(name) is old:
                setattr(module, name, new)


def _our_files() -> set[str]:
    """Of everything that is loaded, what is ours."""
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    return {file for file in files if file.startswith((str(PACKAGE), str(ROOT / "tests")))}


def _computed_from(table: str, text: str) -> set[str]:
    """A table's name and those of the module's tables that are computed from it."""
    names = {table}
    if re.search(rf"\b{table}\b", text):
        for statement in _tables(ast.parse(text)):
            if any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(statement)):
                names.add(_target(statement))
    return names


def _tables(tree: ast.Module) -> Iterator[ast.Assign | ast.AnnAssign]:
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and _target(statement):
            yield statement


def _target(statement: ast.Assign | ast.AnnAssign) -> str:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    return target.id if isinstance(target, ast.Name) else ""


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _key(code: CodeType) -> tuple[str, str, int]:
    return (code.co_filename, code.co_qualname, code.co_firstlineno)


def _dotted(module: str) -> str:
    return "surehold." + module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
