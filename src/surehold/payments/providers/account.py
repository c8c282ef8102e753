"""One account at a provider: which keys, which mode, which addresses; and the settings it is from.

Secrets are ``SecretStr``: printing or logging one shows stars.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import ClassVar, Final
from urllib.parse import urlsplit

import msgspec
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from surehold.config import Config, Mode
from surehold.payments.providers.port import (
    Provider,
)

#: Webhook secrets that may be live at once: the new one and the one that it replaces.
SECRETS_MAX: Final = 3


class AccountMode(enum.StrEnum):
    """Whether money is real. A provider's keys, events and objects all say which."""

    TEST = "test"
    LIVE = "live"


class WebhookSecret(msgspec.Struct, frozen=True):
    """One live secret; its id is the name that people have for it."""

    id: str
    value: SecretStr


class AccountConfig(msgspec.Struct, frozen=True):
    """Everything that an adapter needs to know of one account."""

    #: Our name for it; with the provider's name and an id it names a payment for good.
    account: str
    mode: AccountMode
    base_url: str
    secret_key: SecretStr
    webhook_secrets: tuple[WebhookSecret, ...]
    public_key: str = ""

    def __post_init__(self) -> None:
        if not all(secret.value.get_secret_value() for secret in self.webhook_secrets):
            # An empty key signs anything: it must not even be a candidate.
            raise ValueError("a webhook secret is empty")

    @property
    def is_live(self) -> bool:
        """Whether money is real."""
        return self.mode is AccountMode.LIVE

    def page_origins(self, *own: str) -> tuple[str, ...]:
        """Where a browser may be sent: the provider's own pages, or a fake's on loopback."""
        parts = urlsplit(self.base_url)
        return (*own, f"http://{parts.netloc}") if parts.scheme == "http" else own


class ProviderSettings(BaseSettings):
    """The settings block of a provider, from ``SUREHOLD_<PROVIDER>_…``.

    A provider is switched on by its secret key, and then all the rest must be right.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    #: The provider's own address; empty where only the provider can tell it.
    default_url: ClassVar[str]
    #: How a secret key begins, by mode.
    key_prefixes: ClassVar[Mapping[AccountMode, tuple[str, ...]]]
    #: What a webhook secret begins with, where the provider has such a custom.
    webhook_prefix: ClassVar[str] = ""
    #: Without a webhook secret nothing that comes is believed, and payments are found by asking.
    may_be_silent: ClassVar[bool] = False

    account: str = Field(default="main", pattern=r"^[a-z][a-z0-9_]{0,30}$")
    mode: AccountMode = AccountMode.TEST
    secret_key: SecretStr = SecretStr("")
    public_key: str = ""
    #: By id, all of them live: add the new one, change it at the provider, take the old one away.
    webhook_secrets: dict[str, SecretStr] = Field(default_factory=dict)
    base_url: str = ""

    @property
    def is_on(self) -> bool:
        """Whether the store takes payments this way."""
        return bool(self.secret_key.get_secret_value())

    @property
    def live_secrets(self) -> dict[str, SecretStr]:
        """What proves webhooks, by id. A provider may have another secret that does so, too."""
        return self.webhook_secrets

    @classmethod
    def name_of(cls, field: str) -> str:
        """The environment variable of a setting."""
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()

    def own_url(self) -> str:
        """The provider's own address in this mode; empty where only the provider can tell it."""
        return self.default_url

    def list_questions(self) -> list[str]:
        """What a shop has to learn from the provider before it goes live."""
        return []

    def list_faults(self, installation: Mode) -> list[str]:
        """Everything that is wrong or missing; an account with a fault is not used."""
        faults = []
        starts = self.key_prefixes[self.mode]
        if not self.secret_key.get_secret_value().startswith(starts):
            faults.append(
                f"{self.name_of('secret_key')} is no {self.mode.value} key: those begin with "
                f"{' or '.join(starts)}"
            )
        if not self.live_secrets and not self.may_be_silent:
            faults.append(f"{self.name_of('webhook_secrets')} is not set: nothing is believed")
        if len(self.live_secrets) > SECRETS_MAX:
            faults.append(f"{self.name_of('webhook_secrets')} has more than {SECRETS_MAX}")
        for key, secret in self.webhook_secrets.items():
            value = secret.get_secret_value()
            if not value or not value.startswith(self.webhook_prefix):
                faults.append(
                    f"{self.name_of('webhook_secrets')}: {key} is no webhook secret"
                    + (f" ({self.webhook_prefix}…)" if self.webhook_prefix else "")
                )
        if installation is Mode.PRODUCTION and self.mode is AccountMode.TEST:
            faults.append(
                f"{self.name_of('mode')} is test: in production goods would leave for no money"
            )
        return faults + self._list_address_faults(installation)

    def _list_address_faults(self, installation: Mode) -> list[str]:
        name, is_own = self.name_of("base_url"), bool(self.own_url())
        if not self.base_url:
            return [] if is_own else [f"{name} is not set: ask the provider for it"]
        if not is_safe_url(self.base_url):
            return [f"{name} is not https"]
        is_fake = self.base_url.startswith("http:")
        if installation is Mode.PRODUCTION and (is_own or is_fake):
            return [f"{name} is set: production asks the provider"]
        return []

    def show(self, mask: str) -> list[tuple[str, str]]:
        """The settings as they may be seen, secrets as ``mask``."""
        return [
            ("mode", self.mode.value),
            ("account", self.account),
            ("secret_key", mask),
            ("public_key", self.public_key),
            ("webhook_secrets", ", ".join(f"{key}: {mask}" for key in self.webhook_secrets)),
            ("base_url", self.base_url),
        ]

    def list_secrets(self) -> list[str]:
        """Every secret, for masking."""
        secrets = (self.secret_key, *self.live_secrets.values())
        return [value for secret in secrets if (value := secret.get_secret_value())]

    def to_account(self) -> AccountConfig:
        """The account as its adapter takes it."""
        return AccountConfig(
            account=self.account,
            mode=self.mode,
            base_url=(self.base_url or self.own_url()).rstrip("/"),
            secret_key=self.secret_key,
            webhook_secrets=tuple(
                WebhookSecret(key, value) for key, value in self.live_secrets.items()
            ),
            public_key=self.public_key,
        )


class ProviderKind(msgspec.Struct, frozen=True):
    """What a provider's module tells the program about itself, under the name ``KIND``.

    ``open`` makes the provider, or ``None`` when its settings do not switch it on. ``settings``
    reads its block; a provider without one of its own has its settings in ``Config``.
    """

    name: str
    open: Callable[[Config], Provider | None]
    settings: Callable[[], ProviderSettings] | None = None
    #: What to register at the provider; its address is ``/webhooks/<name>``.
    webhook_events: tuple[str, ...] = ()


class SettingsFault(RuntimeError):
    """A provider is switched on, and its settings cannot be used. Lists every fault."""

    def __init__(self, name: str, faults: list[str]) -> None:
        super().__init__(f"{name}: " + "; ".join(faults))
        self.faults = faults


def open_account(name: str, settings: ProviderSettings, config: Config) -> AccountConfig | None:
    """The account of a provider that is switched on.

    Raises:
        SettingsFault: It is switched on, and something of it is missing or wrong.
    """
    if not settings.is_on:
        return None
    faults = settings.list_faults(config.mode)
    if faults:
        raise SettingsFault(name, faults)
    return settings.to_account()


def is_safe_url(url: str) -> bool:
    """Whether nobody on the way can read what goes there: ``https``, or loopback."""
    parts = urlsplit(url)
    is_here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    return is_here or (parts.scheme == "https" and bool(parts.hostname))
