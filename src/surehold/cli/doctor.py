"""``surehold doctor``: is everything as it must be, and if not, what to do about it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Final

import typer
from pydantic import SecretStr
from rich.text import Text

from surehold import logs
from surehold.app import MissingSetting, access_of, database_of
from surehold.cli import environment
from surehold.cli.console import ExitCode, aside, out, say_json
from surehold.cli.failures import explain
from surehold.cli.rehearsal import Check, Verdict, send_test_events
from surehold.config import DEMO_PREFIX, Config, Mode
from surehold.db import Database, audit
from surehold.db.health import OLDEST_VERSION, get_server_facts
from surehold.db.invariants import report
from surehold.db.migrate import list_pending
from surehold.jobs import queries as jobs
from surehold.kernel import clock
from surehold.payments.providers.account import ProviderKind, SettingsFault
from surehold.payments.providers.failures import (
    NotFound,
    ProviderFailure,
)
from surehold.payments.providers.kinds import list_kinds, open_providers
from surehold.payments.providers.port import (
    RemoteProvider,
)

commands = typer.Typer()

CLOCK_WARNING: Final = timedelta(seconds=2)
CLOCK_FAILURE: Final = timedelta(minutes=2)
#: The most frequent schedule runs every 5 seconds.
WORKER_SILENCE: Final = timedelta(minutes=1)
#: No provider has a payment of this name; one that says so is reachable and knows us. It is of
#: letters only, because what can be no name is refused without asking.
NO_PAYMENT: Final = "SureholdDoctor"


_STYLES: Final = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAIL: "bold red"}


@commands.command(epilog="Example: surehold doctor --send-test-event")
def doctor(
    *,
    as_json: environment.JsonOption = False,
    data: environment.DataOption = None,
    send_test_event: Annotated[
        bool,
        typer.Option(
            "--send-test-event",
            help="Send this store a signed event about nothing for every provider, from outside.",
        ),
    ] = False,
) -> None:
    """Check settings, database, migrations, providers, worker and data.

    Exit code 1: something failed. A warning is worth a look and fails nothing.
    """
    config = Config()
    checks = check_settings(config)
    try:
        with environment.with_database(config, data) as config, aside.status("Looking around"):
            checks += asyncio.run(_look_around(config, is_sending=send_test_event))
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        checks.append(Check("database", Verdict.FAIL, known.message))
    is_fine = all(check.verdict is not Verdict.FAIL for check in checks)
    if as_json:
        say_json({"ok": is_fine, "checks": checks, "settings": mask(config)})
    else:
        _say(checks, mask(config))
    if not is_fine:
        raise typer.Exit(ExitCode.PROBLEM)


def check_settings(config: Config) -> list[Check]:
    """What can be said without asking anybody."""
    checks = [Check("settings", Verdict.FAIL, fault) for fault in config.list_faults()]
    if not checks:
        checks.append(Check("settings", Verdict.OK, f"mode {config.mode.value}"))
    try:
        access_of(config)
        checks.append(Check("secret keys", Verdict.OK, f"{len(config.secret_keys)} set"))
    except MissingSetting as missing:
        verdict = Verdict.FAIL if config.mode is Mode.PRODUCTION else Verdict.WARNING
        detail = f"{missing}: surehold serve cannot start; surehold demo has its own"
        checks.append(Check("secret keys", verdict, detail))
    for name, secret in (("staff", config.staff_secret), ("cron", config.cron_secret)):
        value = secret.get_secret_value()
        if not value:
            verdict, detail = Verdict.WARNING, "not set: its routes refuse everybody"
        elif value.startswith(DEMO_PREFIX):
            verdict, detail = Verdict.OK, "a demo secret"
        else:
            verdict, detail = Verdict.OK, "set"
        checks.append(Check(f"{name} secret", verdict, detail))
    if config.sandbox_url is not None:
        has_secret = any(row.get_secret_value() for row in config.sandbox_webhook_secrets)
        checks.append(
            Check("webhook secrets: sandbox", Verdict.OK, "set")
            if has_secret
            else Check("webhook secrets: sandbox", Verdict.FAIL, "not set: nothing is believed")
        )
    for kind in list_kinds():
        checks += check_account(kind, config)
    return checks


def check_account(kind: ProviderKind, config: Config) -> list[Check]:
    """What is missing of a provider that is switched on, and what to register there."""
    if kind.settings is None:
        return []
    settings = kind.settings()
    if not settings.is_on:
        return []
    name = f"account: {kind.name}"
    faults = settings.list_faults(config.mode)
    if faults:
        return [Check(name, Verdict.FAIL, fault) for fault in faults]
    secrets = ", ".join(settings.live_secrets) or "none"
    asks = [
        Check(f"ask: {kind.name}", Verdict.WARNING, question)
        for question in settings.list_questions()
    ]
    return [
        Check(name, Verdict.OK, f"{settings.mode.value} mode, webhook secrets {secrets}"),
        Check(
            f"webhooks: {kind.name}",
            Verdict.OK,
            f"register {config.base_url}/webhooks/{kind.name} for "
            + ", ".join(kind.webhook_events),
        ),
        *asks,
    ]


async def _look_around(config: Config, *, is_sending: bool) -> list[Check]:
    checks: list[Check] = []
    async with database_of(config, name="doctor") as db:
        checks += await _check_server(db)
        pending = await list_pending(environment.url_of(config), schema=config.store)
        if pending:
            detail = f"{len(pending)} missing: surehold migrate"
            return [*checks, Check("migrations", Verdict.FAIL, detail)]
        checks.append(Check("migrations", Verdict.OK, "complete"))
        checks.append(await _check_worker(db))
        checks += await _check_providers(config, db if is_sending else None)
        checks.append(await _check_audit(db))
        found = await report(db)
        checks += [
            Check(f"invariant {code}", Verdict.FAIL, f"{len(rows)} row(s): surehold verify")
            for code, rows in found.violations.items()
        ]
        if found.is_clean:
            detail = f"{found.checked_count} hold ({found.duration_ms} ms)"
            checks.append(Check("invariants", Verdict.OK, detail))
    return checks


async def _check_server(db: Database) -> list[Check]:
    async with db.connection() as connection:
        await get_server_facts(connection)  # The first question pays for the connection.
        before = clock.now()
        facts = await get_server_facts(connection)
        took = clock.now() - before
    apart = abs(facts.now - (before + took / 2))
    is_old = facts.version_number < OLDEST_VERSION
    checks = [
        Check(
            "database",
            Verdict.FAIL if is_old or facts.is_standby else Verdict.OK,
            f"PostgreSQL {facts.version}, answers in {took / timedelta(milliseconds=1):.1f} ms"
            + (", a standby: nothing can be sold" if facts.is_standby else ""),
        ),
        Check(
            "durability",
            Verdict.OK if facts.is_synced else Verdict.WARNING,
            "commits wait for the disk" if facts.is_synced else "commits may be lost with power",
        ),
    ]
    verdict = Verdict.OK if apart <= CLOCK_WARNING else Verdict.WARNING
    if apart > CLOCK_FAILURE:
        verdict = Verdict.FAIL
    detail = f"{apart / timedelta(seconds=1):.3f} s apart from the database's"
    return [*checks, Check("clock", verdict, detail)]


async def _check_worker(db: Database) -> Check:
    async with db.connection() as connection:
        silence = await jobs.find_worker_silence(connection)
    if silence is None:
        return Check("worker", Verdict.WARNING, "never ran here: surehold worker")
    if silence > WORKER_SILENCE:
        seconds = round(silence.total_seconds())
        return Check("worker", Verdict.WARNING, f"last seen {seconds} s ago: surehold worker")
    return Check("worker", Verdict.OK, "runs")


async def _check_audit(db: Database) -> Check:
    """Follow the chain to its end. Compare the digest with the last one that was logged."""
    async with db.connection() as connection:
        links, digest, broken = await audit.verify(connection)
    if broken is not None:
        detail = f"entry {broken.seq}: {broken.fault}; {links} before it hold"
        return Check("audit log", Verdict.FAIL, detail)
    last = "" if digest is None else f", the last digest is {digest.hex()}"
    return Check("audit log", Verdict.OK, f"{links} entries follow from each other{last}")


async def _check_providers(config: Config, sending: Database | None) -> list[Check]:
    """Ask each; and send the store what each would send it, where its inbox is to be looked at."""
    checks: list[Check] = []
    try:
        providers = open_providers(config)
    except SettingsFault:
        return checks  # told with the settings
    try:
        for provider in providers:
            name = f"provider: {provider.name}"
            remote = providers.find_remote(provider.name)
            if remote is None:
                checks.append(Check(name, Verdict.OK, "works without a network"))
            else:
                checks.append(await _check_remote(name, remote))
        if sending is not None:
            checks += await send_test_events(sending, providers, config.base_url)
    finally:
        await providers.close()
    return checks or [Check("providers", Verdict.FAIL, "none: nobody can pay")]


async def _check_remote(name: str, provider: RemoteProvider) -> Check:
    try:
        await provider.fetch(NO_PAYMENT)
    except NotFound:
        return Check(name, Verdict.OK, "answers and knows us")
    except ProviderFailure as failure:
        return Check(name, Verdict.FAIL, f"{type(failure).__name__}: {failure}")
    return Check(name, Verdict.WARNING, "answers in a way that it should not")


def mask(config: Config) -> dict[str, str]:
    """The settings as they may be shown."""
    masking = logs.Masking()
    shown: dict[str, str] = {}
    for name, value in dict(config).items():
        if name == "database_url" and isinstance(value, SecretStr):
            shown[name] = str(masking.masked(value.get_secret_value()))
        elif isinstance(value, SecretStr):
            shown[name] = logs.MASK if value.get_secret_value() else ""
        elif isinstance(value, tuple) and any(isinstance(row, SecretStr) for row in value):
            shown[name] = ", ".join(logs.MASK for _ in value)
        elif isinstance(value, tuple):
            shown[name] = ", ".join(map(str, value))
        else:
            shown[name] = "" if value is None else str(value)
    for kind in list_kinds():
        settings = kind.settings() if kind.settings is not None else None
        if settings is not None and settings.is_on:
            shown |= {f"{kind.name}_{name}": text for name, text in settings.show(logs.MASK)}
    return shown


def _say(checks: list[Check], settings: dict[str, str]) -> None:
    for name, value in settings.items():
        out.print(f"  SUREHOLD_{name.upper():<26}{value}".rstrip(), markup=False)
    out.print()
    width = max(len(check.name) for check in checks)
    for check in checks:
        line = Text.assemble(
            (f"{check.verdict.value:<9}", _STYLES[check.verdict]),
            f"{check.name:<{width}}  {check.detail}",
        )
        out.print(line)
