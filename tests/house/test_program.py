"""Rules about the program as a whole: its errors, tables, contracts, examples and pages."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

import surehold
from surehold.db.migrate import list_migrations
from surehold.kernel.errors import DomainError, Kind
from tests.house.rules import american
from tests.house.source import PACKAGE, ROOT, Source, files
from tests.house.sql_rules import OWNERS

MODULES: Final = tuple(
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(surehold.__path__, "surehold.")
    if not module.name.endswith("__main__")
)


# --- errors --------------------------------------------------------------------------------------


def subclasses(base: type[DomainError]) -> Iterator[type[DomainError]]:
    """Every error of the program, however deep."""
    for found in base.__subclasses__():
        if found.__module__.startswith("surehold."):
            yield found
        yield from subclasses(found)


def error_faults(errors: Iterable[type[DomainError]]) -> list[str]:
    """What is wrong with these errors."""
    known = list(errors)
    found = []
    for error in known:
        facts = vars(error)
        if not isinstance(facts.get("kind"), Kind):
            found.append(f"{error.__name__}: `kind` is mandatory; it decides the status code")
        if not re.fullmatch(r"[a-z]+(_[a-z]+)*", str(facts.get("code"))):
            found.append(f"{error.__name__}: `code` is public, stable and lower_case")
        if not facts.get("title"):
            found.append(f"{error.__name__}: `title` is what people read first")
        if error.__name__.endswith(("Error", "Exception")):
            found.append(f"{error.__name__}: a failure is a fact, such as InsufficientStock")
    codes = Counter(str(vars(error).get("code")) for error in known)
    found += [
        f"{code}: a code belongs to one error, so that a caller knows what happened"
        for code, count in codes.items()
        if count > 1
    ]
    return found


def test_every_error_has_its_kind_its_own_code_and_a_title() -> None:
    assert error_faults(subclasses(DomainError)) == []


def test_an_error_without_its_facts_is_seen() -> None:
    class Bare(DomainError):
        """Nothing is set."""

    assert len(error_faults([Bare])) == 3


def test_a_code_that_is_used_twice_is_seen() -> None:
    class First(DomainError):
        """One."""

        kind, code, title = Kind.CONFLICT, "same_code", "First"

    class Second(DomainError):
        """Two."""

        kind, code, title = Kind.CONFLICT, "same_code", "Second"

    assert error_faults([First]) == []
    assert error_faults([First, Second]) == [
        "same_code: a code belongs to one error, so that a caller knows what happened"
    ]


# --- tables and contracts ------------------------------------------------------------------------


def test_every_table_has_an_owner() -> None:
    text = "\n".join(migration.text for migration in list_migrations())
    created = set(re.findall(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)", text))
    dropped = set(re.findall(r"DROP TABLE (?:IF EXISTS )?(\w+)", text))

    assert created - dropped | {"schema_migrations"} == set(OWNERS)


def test_every_room_with_sql_keeps_it_to_itself() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    protected = {
        (*contract["protected_modules"], *contract["allowed_importers"])
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "protected"
    }
    places = {path.relative_to(PACKAGE).with_suffix("").parts for path in files(PACKAGE)}
    # The room's own, and that of a part of it, such as orders/documents; db's is found alike.
    spoken = {parts[: parts.index("sql") + 1] for parts in places if "sql" in parts}

    assert {
        (".".join(("surehold", *parts)), f"surehold.{parts[0]}") for parts in spoken
    } == protected


# --- examples and pages --------------------------------------------------------------------------

EXAMPLES: Final = [
    module
    for module in MODULES
    if any(example.examples for example in doctest.DocTestFinder().find(module))
]


@pytest.mark.parametrize("module", EXAMPLES, ids=lambda module: module.__name__)
def test_examples_in_docstrings_are_true(module: ModuleType) -> None:
    results = doctest.testmod(module)

    assert results.attempted > 0
    assert results.failed == 0


PAGES: Final = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "src/**/*.md", "src/surehold/**/*.sql", "Makefile")
    for path in ROOT.glob(pattern)
    if "vendor" not in path.parts
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_spell_as_the_code_does(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert list(american(Source("page", text))) == []
