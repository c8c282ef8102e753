"""``surehold serve`` and ``surehold worker``."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from surehold import logs, server
from surehold.app import open_checkout
from surehold.checkout.jobs import list_schedules
from surehold.cli import environment
from surehold.cli.console import ExitCode, Failure
from surehold.config import Config
from surehold.db.invariants import Watch
from surehold.jobs.worker import run_worker
from surehold.notifications import jobs
from surehold.notifications.engine import notifications_of
from surehold.payments.providers.kinds import list_account_faults
from surehold.privacy import jobs as privacy

commands = typer.Typer()


@commands.command(epilog="Example: surehold serve --host 0.0.0.0 --port 8000 --workers 4")
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65_535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that serve.", min=1, max=64)] = 1,
    data: environment.DataOption = None,
    application: Annotated[str, typer.Option(hidden=True)] = server.APPLICATION,
) -> None:
    """Run the web server until it is told to stop; requests under way are answered first.

    In production mode it refuses to start with demo secrets, short secrets or none.
    """
    config = _checked(Config())
    with environment.with_database(config, data) as config:
        asyncio.run(environment.check_migrated(config))
        listening = server.Listening(host, port, workers, application)
        raise typer.Exit(server.run(listening, config))


@commands.command(epilog="Example: surehold worker")
def worker(*, data: environment.DataOption = None) -> None:
    """Run the worker until it is told to stop; what it has begun is finished first.

    Any number may run, on any number of machines: every schedule runs once.
    """
    config = _checked(Config())
    with environment.with_database(config, data) as config:
        asyncio.run(environment.check_migrated(config))
        asyncio.run(_work(config))


def _checked(config: Config) -> Config:
    faults = config.list_faults()
    if faults:
        raise Failure(
            "Production mode refuses to start.", code=ExitCode.ENVIRONMENT, details=faults
        )
    faults = list_account_faults(config)
    if faults:
        raise Failure(
            "The settings of a payment provider cannot be used.",
            code=ExitCode.ENVIRONMENT,
            details=faults,
        )
    return config


async def _work(config: Config) -> None:
    logs.set_up(
        level=config.log_level, as_json=config.log_json, secrets=server.config_secrets(config)
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_checkout(config, name="worker") as checkout:
        watch = Watch(checkout.db)
        notifications = notifications_of(config, checkout.db)
        schedules = (
            *list_schedules(checkout, watch=watch, subscribers=(jobs.listen(notifications),)),
            *jobs.list_schedules(notifications),
            *privacy.list_schedules(checkout.db),
        )
        await run_worker(checkout.db, stop=stop, schedules=schedules)
