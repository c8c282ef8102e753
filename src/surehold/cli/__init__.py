"""The command line. ``surehold --help`` lists what there is; each command has an example.

Exit codes: 0 done, 1 a problem was found, 2 asked for in the wrong way, 3 the environment is not
as it must be. A failure that a person can act on is one sentence, without a stack trace.
"""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from surehold.cli.console import ExitCode, say_failure


class _Place(NamedTuple):
    """Where a command is written, so that asking for help need not import all of them."""

    module: str
    attribute: str
    summary: str


_COMMANDS: Final = {
    "demo": _Place("demo", "commands", "Run the demo shop with everything it needs."),
    "serve": _Place("serving", "commands", "Run the web server."),
    "worker": _Place("serving", "commands", "Run the worker: schedules and jobs."),
    "migrate": _Place("store", "commands", "Bring the store's tables up to date."),
    "seed": _Place("store", "commands", "Fill an empty store with the demo catalog."),
    "verify": _Place("store", "commands", "Prove that stock, money and histories agree."),
    "doctor": _Place("doctor", "commands", "Check settings, database, providers and data."),
    "catalog": _Place("catalog", "group", "Bring products in and out as CSV."),
    "staff": _Place("staff", "group", "See and change who works in the shop."),
    "settings": _Place("settings", "group", "See and change the shop's settings."),
    "db": _Place("databases", "group", "Look after the database."),
}


class _LazyGroup(TyperGroup):
    """Imports a command when it is called, not when it is listed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {
            name: TyperCommand(name=name, help=place.summary) for name, place in _COMMANDS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Swap the listed command for the real one."""
        name = args[0] if args else ""
        if name in _COMMANDS:
            self.commands[name] = _load(name)
        return super().resolve_command(ctx, args)


def _load(name: str) -> Any:
    place = _COMMANDS[name]
    built = get_command(
        getattr(importlib.import_module(f"surehold.cli.{place.module}"), place.attribute)
    )
    if place.attribute == "commands" and isinstance(built, TyperGroup):
        return built.commands[name]
    built.name = name
    return built


_app: Final = typer.Typer(
    cls=_LazyGroup,
    name="surehold",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Example: surehold demo",
)


def _say_version(*, value: bool) -> None:
    if value:
        typer.echo(importlib.import_module("importlib.metadata").version("surehold"))
        raise typer.Exit


@_app.callback()
def _surehold(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Say the version.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Surehold, the transactional core of an online store."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its code."""
    try:
        get_command(_app)(arguments, prog_name="surehold")
    except Exception as error:
        known = importlib.import_module("surehold.cli.failures").explain(error)
        if known is None:
            raise
        say_failure(known)
        sys.exit(known.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.PROBLEM)
