"""What a command works on: the settings, and a database, embedded when none is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import SecretStr

from surehold import server
from surehold.cli.console import ExitCode, Failure, aside
from surehold.config import Config, Mode
from surehold.db import embedded
from surehold.db.migrate import list_pending

#: Within the data folder; beside it lie the files of the demo.
DATABASE_FOLDER: Final = "database"

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the embedded database.", file_okay=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def data_dir(config: Config, given: Path | None = None) -> Path:
    """The data folder: as given, as set, or the user's own."""
    return given or config.data_dir or embedded.default_data_dir()


def database_dir(config: Config, given: Path | None = None) -> Path:
    """Where the embedded server keeps its data."""
    return data_dir(config, given) / DATABASE_FOLDER


@contextmanager
def with_database(config: Config, given: Path | None = None) -> Iterator[Config]:
    """The settings with the address of a database that answers.

    An embedded server is started when no address is set, and stopped again if we started it.
    Production never has one.
    """
    if config.database_url is not None:
        yield config
        return
    if config.mode is Mode.PRODUCTION:
        raise Failure(
            f"{server.URL_VARIABLE} is not set.", details=["production has its own database"]
        )
    with aside.status("Starting the embedded database"):
        running = embedded.start(database_dir(config, given))
    with running:
        yield config.model_copy(update={"database_url": SecretStr(running.url())})


def url_of(config: Config) -> str:
    """The database's address, password included."""
    assert config.database_url is not None
    return config.database_url.get_secret_value()


async def check_migrated(config: Config) -> None:
    """See that no migration is missing.

    Raises:
        Failure: Some are.
    """
    pending = await list_pending(url_of(config), schema=config.store)
    if pending:
        raise Failure(
            f"The store {config.store!r} lacks {len(pending)} migration(s).",
            code=ExitCode.PROBLEM,
            details=["surehold migrate"],
        )


def ask_first(question: str, *, is_confirmed: bool) -> None:
    """Ask before something that cannot be undone.

    Raises:
        Failure: The answer is no, or there is nobody to ask.
    """
    if not is_confirmed and not aside.is_terminal:
        raise Failure(f"{question} Say so with --yes.", code=ExitCode.USAGE)
    if not is_confirmed and not typer.confirm(question, err=True):
        raise Failure("Nothing was done.", code=ExitCode.PROBLEM)
