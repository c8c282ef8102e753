"""Which failures are a person's to act on, and in which words. The rest are ours: they rise."""

from __future__ import annotations

from typing import Final

import asyncpg
from pydantic import ValidationError

from surehold.app import MissingSetting
from surehold.cli.console import ExitCode, Failure
from surehold.db.embedded import EmbeddedPostgresFailure
from surehold.db.migrate import InvalidSchemaName, MigrationChanged
from surehold.demo.history import NoDemoCatalog
from surehold.kernel.errors import DomainError, InvalidInput
from surehold.logs import UnknownLogLevel
from surehold.notifications.mailers import MailSettingsFault
from surehold.payments.providers.account import SettingsFault
from surehold.sandbox.settings import SandboxRefusesToStart
from surehold.server import AddressInUse

_PLAIN: Final = (
    NoDemoCatalog,
    MissingSetting,
    SettingsFault,
    MailSettingsFault,
    EmbeddedPostgresFailure,
    MigrationChanged,
    InvalidSchemaName,
    UnknownLogLevel,
    SandboxRefusesToStart,
    AddressInUse,
)


#: What the database says, and what it means.
_DATABASE: Final = (
    (asyncpg.InvalidPasswordError, "The database refuses us"),
    (asyncpg.InvalidAuthorizationSpecificationError, "The database refuses us"),
    (asyncpg.InvalidCatalogNameError, "There is no such database"),
    (asyncpg.PostgresConnectionError, "The database does not answer"),
    (asyncpg.CannotConnectNowError, "The database does not answer"),
    (asyncpg.UndefinedTableError, "The store's tables are not there; surehold migrate"),
    (asyncpg.InvalidSchemaNameError, "The store's tables are not there; surehold migrate"),
    (FileNotFoundError, "Something is missing"),
    (PermissionError, "Something is closed to this user"),
    (OSError, "The database does not answer"),
    (TimeoutError, "The database does not answer"),
)


def explain(error: Exception) -> Failure | None:
    """The failure in one sentence, or ``None`` when it is a bug."""
    match error:
        case Failure():
            return error
        case ValidationError():
            return Failure("The settings are not usable.", details=_settings_faults(error))
        case InvalidInput():
            faults = [f"{fault.pointer}: {fault.detail}" for fault in error.faults]
            return Failure(f"{error.title}.", code=ExitCode.USAGE, details=faults)
        case DomainError():
            return Failure(error.detail, code=ExitCode.USAGE)
    if isinstance(error, _PLAIN):
        return Failure(str(error))
    for kind, words in _DATABASE:
        if isinstance(error, kind):
            return Failure(f"{words}: {error}")
    return None


def _settings_faults(error: ValidationError) -> list[str]:
    """Which setting, and why; never what was given, which may be a secret."""
    return [
        f"SUREHOLD_{'.'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)
    ]
