"""A statement is SQL as typed into psql, with its name and the type of its rows.

A test prepares every statement against the migrated schema and compares the columns that
PostgreSQL reports with the fields of the row type: the type check for SQL.

A list that enters the same index whatever it is asked writes ``LIMIT (SELECT $1::int)``. A limit
that the planner sees makes a plan for these values look cheaper than the one for all values, and
the more so the more rows there are: it plans anew each time, which takes longer than most lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar, cast

import msgspec
from msgspec import inspect

R = TypeVar("R")

_NAME: Final = re.compile(r"^\s*/\* (?P<name>[a-z_]+\.[a-z_0-9]+) \*/")

#: Every statement of the program, by name; filled as the rooms are imported.
REGISTRY: Final[dict[str, Statement[Any]]] = {}


Converter = Callable[[Any], Any]


class Statement(msgspec.Struct, Generic[R], frozen=True):
    """One named statement. ``row`` is a frozen struct whose fields are the columns, in order.

    ``converters`` turn the few columns that PostgreSQL does not know (states kept as text, values
    kept as ``jsonb``) into what the row promises.
    """

    name: str
    text: str
    row: type[R] | None
    converters: tuple[tuple[int, Converter], ...] = ()

    def read(self, record: Sequence[Any]) -> R:
        """One record as a row."""
        make = cast("Callable[..., R]", self.row)
        if not self.converters:
            return make(*record)
        values = list(record)
        for index, convert in self.converters:
            if values[index] is not None:
                values[index] = convert(values[index])
        return make(*values)


def query(text: str, row: type[R]) -> Statement[R]:
    """A statement that returns rows of the given type."""
    return _register(text, row)


def command(text: str) -> Statement[None]:
    """A statement that returns nothing that is read."""
    return _register(text, None)


def _register(text: str, row: type[R] | None) -> Statement[R]:
    found = _NAME.match(text)
    if found is None:
        raise ValueError("a statement starts with its name: /* room.verb */")
    name = found["name"]
    if name in REGISTRY:
        raise ValueError(f"two statements are called {name}")
    statement = Statement(name, text.strip(), row, _converters(row) if row else ())
    REGISTRY[name] = statement
    return statement


def _converters(row: type[Any]) -> tuple[tuple[int, Converter], ...]:
    found: list[tuple[int, Converter]] = []
    info = inspect.type_info(row)
    if not isinstance(info, inspect.StructType):
        raise TypeError("rows are msgspec structs")
    hints = msgspec.structs.fields(row)
    for index, (field, hint) in enumerate(zip(info.fields, hints, strict=True)):
        kinds = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        enums = [kind for kind in kinds if isinstance(kind, inspect.EnumType)]
        if enums:
            found.append((index, enums[0].cls))
        elif any(
            isinstance(kind, (inspect.StructType, inspect.VarTupleType, inspect.TupleType))
            for kind in kinds
        ):
            found.append((index, partial(msgspec.convert, type=hint.type)))
    return tuple(found)
