"""The type check for SQL: every statement is prepared, and its columns are the row's fields."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import inspect

import surehold
from surehold.db import Database
from surehold.db.statement import REGISTRY, Statement

#: Modules outside of ``sql.py`` that hold a statement, because every room shares it.
SHARED: Final = ("surehold.db.clock",)


def sql_modules() -> Iterator[ModuleType]:
    """Every module of every room that holds statements."""
    for module in pkgutil.walk_packages(surehold.__path__, "surehold."):
        if "sql" in module.name.split("."):
            yield importlib.import_module(module.name)
    for name in SHARED:
        yield importlib.import_module(name)


MODULES: Final = tuple(sql_modules())

# Which PostgreSQL types may fill a field of which type. Whether a column may be null is not known
# to PostgreSQL, so that is left to the tests of the queries.
JSON: Final = {"json", "jsonb"}
TEXT: Final = {"text", "varchar", "bpchar", "name"}
WHOLE: Final = {"int2", "int4", "int8"}
ACCEPTED: Final[dict[type[inspect.Type], set[str]]] = {
    inspect.BoolType: {"bool"},
    inspect.IntType: WHOLE,
    inspect.FloatType: {"float4", "float8"},
    inspect.StrType: TEXT,
    inspect.LiteralType: TEXT,
    inspect.EnumType: TEXT,
    inspect.BytesType: {"bytea"},
    inspect.UUIDType: {"uuid"},
    inspect.DateType: {"date"},
    inspect.DateTimeType: {"timestamptz"},
    inspect.TimeDeltaType: {"interval"},
    inspect.DecimalType: {"numeric"},
    inspect.StructType: JSON,
    inspect.DictType: JSON,
    inspect.TupleType: JSON,
    inspect.AnyType: JSON,
}


def accepted(field: inspect.Type) -> set[str]:
    """The PostgreSQL types that a field of this type can be read from."""
    if isinstance(field, inspect.UnionType):
        members = [kind for kind in field.types if not isinstance(kind, inspect.NoneType)]
        return set.intersection(*(accepted(member) for member in members))
    if isinstance(field, (inspect.ListType, inspect.VarTupleType)):
        # asyncpg gives an array as a list; jsonb gives what was stored.
        return JSON | {f"{name}[]" for name in accepted(field.item_type)}
    return ACCEPTED[type(field)]


def faults(statement: Statement[Any], columns: list[tuple[str, str]]) -> list[str]:
    """What is wrong with the columns (name and type) of a statement."""
    if statement.row is None:
        return [f"returns {name}, which nobody reads" for name, _ in columns]
    info = inspect.type_info(statement.row)
    assert isinstance(info, inspect.StructType)
    names = [field.name for field in info.fields]
    if [name for name, _ in columns] != names:
        return [f"columns {[name for name, _ in columns]} are not the fields {names}"]
    return [
        f"{name} is {found} in PostgreSQL; {statement.row.__name__} reads {sorted(wanted)}"
        for (name, found), field in zip(columns, info.fields, strict=True)
        if found not in (wanted := accepted(field.type))
    ]


async def test_columns_are_the_fields_of_each_row(db: Database) -> None:
    wrong: dict[str, list[str]] = {}
    async with db.connection() as connection:
        for name, statement in sorted(REGISTRY.items()):
            try:
                prepared = await connection.raw.prepare(statement.text)
            except asyncpg.PostgresError as error:
                wrong[name] = [str(error)]
                continue
            columns = [(column.name, column.type.name) for column in prepared.get_attributes()]
            if found := faults(statement, columns):
                wrong[name] = found

    assert wrong == {}


def test_every_room_with_tables_has_statements_here() -> None:
    rooms = {name.partition(".")[0] for name in REGISTRY}

    assert {"catalog", "db", "inventory", "orders", "payments", "pricing"} <= rooms


class Row(msgspec.Struct, frozen=True):
    """A row to find faults in."""

    id: UUID
    count: int | None
    words: list[str]


STATEMENT: Final = Statement("test.row", "", Row)
GOOD: Final = [("id", "uuid"), ("count", "int8"), ("words", "text[]")]


def test_the_check_accepts_matching_columns() -> None:
    assert faults(STATEMENT, GOOD) == []


def test_the_check_sees_columns_in_another_order() -> None:
    assert "are not the fields" in faults(STATEMENT, [GOOD[1], GOOD[0], GOOD[2]])[0]


def test_the_check_sees_a_missing_column() -> None:
    assert "are not the fields" in faults(STATEMENT, GOOD[:2])[0]


def test_the_check_sees_another_type() -> None:
    assert faults(STATEMENT, [GOOD[0], ("count", "numeric"), GOOD[2]]) == [
        "count is numeric in PostgreSQL; Row reads ['int2', 'int4', 'int8']"
    ]


def test_the_check_sees_columns_that_nobody_reads() -> None:
    assert faults(Statement("test.command", "", None), GOOD[:1]) == [
        "returns id, which nobody reads"
    ]
