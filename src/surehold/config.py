"""Settings of the installation: where the database is, which secrets are used, which mode.

From the environment (``SUREHOLD_…``) or a ``.env`` file. Business rules that a shop owner changes
are not here but in the database: see ``db/shop.py``.
"""

from __future__ import annotations

import enum
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from pydantic import Field, IPvAnyNetwork, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

#: Secrets that the demo prints; a production server refuses to start with any of them.
DEMO_PREFIX: Final = "demo-"
_SECRET_LENGTH: Final = 24
#: KiB times passes of one password hash: what production must not go below.
ARGON2_WORK_MIN: Final = 19_456 * 2


class Mode(enum.StrEnum):
    """What this installation is for."""

    DEMO = "demo"
    TEST = "test"
    PRODUCTION = "production"


class Config(BaseSettings):
    """Everything that differs from one installation to the next."""

    model_config = SettingsConfigDict(
        env_prefix="SUREHOLD_", env_file=".env", extra="ignore", frozen=True
    )

    mode: Mode = Mode.DEMO
    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL 15 or newer; unset: an embedded server"
    )
    #: The store: one PostgreSQL schema each.
    store: str = Field(default="store", pattern=r"^[a-z][a-z0-9_]{0,50}$")
    data_dir: Path | None = Field(default=None, description="embedded database and demo files")
    base_url: str = Field(default="http://127.0.0.1:8000", pattern=r"^https?://[^/]+$")
    store_name: str = "Northline"
    #: The first signs, all verify, so that one can be rotated.
    secret_keys: tuple[SecretStr, ...] = ()
    #: Bearer secret of staff programs until the identity room has accounts.
    staff_secret: SecretStr = SecretStr("")
    #: Bearer secret of whatever calls the cron routes.
    cron_secret: SecretStr = SecretStr("")
    #: Bearer secret of whatever reads the figures from elsewhere; unset: nobody does.
    metrics_secret: SecretStr = SecretStr("")
    #: Networks from which the figures are read without a secret.
    metrics_networks: tuple[IPvAnyNetwork, ...] = (
        ip_network("127.0.0.0/8"),
        ip_network("::1/128"),
    )
    #: What one password hash costs. Hashes made with other settings are made anew on sign-in.
    argon2_memory_kib: int = Field(default=19_456, ge=8, le=4_194_304)
    argon2_passes: int = Field(default=2, ge=1, le=100)
    argon2_lanes: int = Field(default=1, ge=1, le=64)
    #: smtp://user:password@host:587 (STARTTLS) or smtps://…; unset: mails go to the log.
    mail_url: SecretStr | None = None
    mail_from: str = "Northline <hello@northline.example>"
    mail_dir: Path | None = Field(default=None, description="where mails are kept as files")
    #: Networks of our own proxies: who sends X-Forwarded-For from there is believed.
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    #: Whether requests are limited by route; unset: in production.
    rate_limits: bool | None = None
    #: How many processes serve; each grants its part of the limits that are kept in memory.
    web_processes: int = Field(default=1, ge=1, le=64)
    pool_max: int = Field(default=10, ge=2, le=200)
    default_currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    currencies: tuple[str, ...] = ("USD", "EUR")
    sandbox_url: str | None = None
    sandbox_api_key: SecretStr = SecretStr("")
    sandbox_webhook_secrets: tuple[SecretStr, ...] = ()
    bank_transfer: bool = True
    cash_on_delivery: bool = False
    media_dir: Path | None = None
    log_level: str = "info"
    log_json: bool = False

    def list_faults(self) -> list[str]:
        """What forbids a production server to start; empty outside production."""
        if self.mode is not Mode.PRODUCTION:
            return []
        faults = []
        if self.database_url is None:
            faults.append("SUREHOLD_DATABASE_URL is not set")
        if not self.secret_keys:
            faults.append("SUREHOLD_SECRET_KEYS is not set")
        named = [("SUREHOLD_SECRET_KEYS", secret) for secret in self.secret_keys]
        named += [
            ("SUREHOLD_STAFF_SECRET", self.staff_secret),
            ("SUREHOLD_CRON_SECRET", self.cron_secret),
        ]
        if self.metrics_secret.get_secret_value():
            named.append(("SUREHOLD_METRICS_SECRET", self.metrics_secret))
        for name, secret in named:
            value = secret.get_secret_value()
            if value.startswith(DEMO_PREFIX):
                faults.append(f"{name} is a demo secret")
            elif len(value) < _SECRET_LENGTH:
                faults.append(f"{name} is shorter than {_SECRET_LENGTH} characters")
        faults += self._identity_faults()
        if self.sandbox_url is not None:
            faults.append("SUREHOLD_SANDBOX_URL is set: the sandbox provider moves no real money")
        if not self.base_url.startswith("https://"):
            faults.append("SUREHOLD_BASE_URL is not https")
        return faults

    def _identity_faults(self) -> list[str]:
        faults = []
        if self.mail_url is None:
            faults.append("SUREHOLD_MAIL_URL is not set: nobody would get a letter")
        if self.argon2_memory_kib * self.argon2_passes < ARGON2_WORK_MIN:
            faults.append("SUREHOLD_ARGON2_MEMORY_KIB × PASSES is too little work for a password")
        return faults
