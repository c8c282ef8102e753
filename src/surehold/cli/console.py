"""How commands speak: results to standard output, everything else to standard error."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Progress and failures.
aside: Final = Console(stderr=True, highlight=False, soft_wrap=True)
#: Results.
out: Final = Console(highlight=False, soft_wrap=True)


class ExitCode(enum.IntEnum):
    """What a command ends with."""

    DONE = 0
    PROBLEM = 1
    USAGE = 2
    ENVIRONMENT = 3


class Failure(Exception):
    """A command cannot go on, and a person can do something about it."""

    def __init__(
        self, message: str, *, code: ExitCode = ExitCode.ENVIRONMENT, details: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = tuple(details)


def say_failure(failure: Failure) -> None:
    """One sentence, and the list that belongs to it."""
    aside.print(Text.assemble(("error: ", "bold red"), failure.message))
    for detail in failure.details:
        aside.print(f"  - {detail}", markup=False)


def say_json(value: Any) -> None:
    """A result for a program."""
    text = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2)
    typer.echo(text.decode())


def say_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A result for a person."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)
