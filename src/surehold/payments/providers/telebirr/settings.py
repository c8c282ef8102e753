"""The settings of a Telebirr merchant, and what to have registered at Ethio telecom."""

from __future__ import annotations

import ssl
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx2
import msgspec
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from surehold.config import Mode
from surehold.payments.providers import sorted_fields
from surehold.payments.providers.account import AccountMode, ProviderSettings, is_safe_url
from surehold.payments.providers.http import provider_client

RefundField = Literal["actual_amount", "refund_amount"]

#: Whatever becomes of an order is told to one address.
EVENTS: Final = ("payment notifications",)

_TESTBED: Final = "https://developerportal.ethiotelebirr.et:38443"
_API: Final = "/apiaccess/payment/gateway"
_PAGE: Final = "/payment/web/paygate"
_NEEDED: Final = ("app_id", "merchant_app_id", "short_code")


class Merchant(msgspec.Struct, frozen=True):
    """Who we are at Telebirr, and where its page is.

    ``app_id``: of the gateway (``X-APP-Key``). ``merchant_app_id``: ``appid`` in every message.
    """

    app_id: str
    merchant_app_id: str
    short_code: str
    private_key: SecretStr
    web_url: str
    refund_amount_field: RefundField = "actual_amount"

    @property
    def page_origin(self) -> str:
        """Where browsers are sent."""
        parts = urlsplit(self.web_url)
        return f"{parts.scheme}://{parts.netloc}"


class TelebirrSettings(ProviderSettings):
    """``SUREHOLD_TELEBIRR_…``. ``secret_key`` is the app secret; webhook secrets are public keys.

    ``ca_bundle``: a file of certificates, for a gateway whose own one nobody else vouches for.
    """

    model_config = SettingsConfigDict(
        env_prefix="SUREHOLD_TELEBIRR_", env_file=".env", extra="ignore", frozen=True
    )
    default_url = ""
    key_prefixes = {  # noqa: RUF012 - a class variable of the base; pydantic copies nothing of it
        AccountMode.TEST: ("",),
        AccountMode.LIVE: ("",),
    }
    may_be_silent = True

    app_id: str = ""
    merchant_app_id: str = ""
    short_code: str = ""
    private_key: SecretStr = SecretStr("")
    web_url: str = ""
    ca_bundle: str = ""
    refund_amount_field: RefundField = "actual_amount"

    def own_url(self) -> str:
        """The testbed's; of production, two addresses go about, and only Ethio telecom knows."""
        return _TESTBED + _API if self.mode is AccountMode.TEST else ""

    def own_web_url(self) -> str:
        """The testbed's page."""
        return _TESTBED + _PAGE if self.mode is AccountMode.TEST else ""

    def list_faults(self, installation: Mode) -> list[str]:
        """As for every provider; and who we are, our key, their keys and their page."""
        faults = super().list_faults(installation)
        faults += [
            f"{self.name_of(field)} is not set" for field in _NEEDED if not getattr(self, field)
        ]
        if not _is_key(sorted_fields.read_private_key, self.private_key):
            faults.append(f"{self.name_of('private_key')} is no RSA private key of 2048 bits")
        faults += [
            f"{self.name_of('webhook_secrets')}: {name} is no RSA public key of 2048 bits"
            for name, key in self.webhook_secrets.items()
            if not _is_key(sorted_fields.read_public_key, key)
        ]
        page = self.web_url or self.own_web_url()
        if not page:
            faults.append(f"{self.name_of('web_url')} is not set: ask the provider for it")
        elif not is_safe_url(page) or (
            installation is Mode.PRODUCTION and not page.startswith("https:")
        ):
            faults.append(f"{self.name_of('web_url')} is not https")
        if self.ca_bundle:
            try:
                ssl.create_default_context(cafile=self.ca_bundle)
            except OSError as error:
                faults.append(f"{self.name_of('ca_bundle')} cannot be used: {error}")
        return faults

    def list_questions(self) -> list[str]:
        """What Ethio telecom tells each merchant, and nobody else."""
        name = self.name_of("refund_amount_field")
        questions = [
            "is our notification address (host and port) on their list? nothing comes before",
            "are refunds allowed? until then each is refused, and given back by hand",
            f"is the amount of a refund called {self.refund_amount_field}? {name} says so",
        ]
        if not self.webhook_secrets:
            questions.append(
                f"their public key, for {self.name_of('webhook_secrets')}: without it no "
                "notification is believed, and payments are found by asking"
            )
        return questions

    def show(self, mask: str) -> list[tuple[str, str]]:
        """The settings as they may be seen."""
        return [
            *super().show(mask),
            ("app_id", self.app_id),
            ("merchant_app_id", self.merchant_app_id),
            ("short_code", self.short_code),
            ("private_key", mask),
            ("web_url", self.web_url),
            ("ca_bundle", self.ca_bundle),
            ("refund_amount_field", self.refund_amount_field),
        ]

    def list_secrets(self) -> list[str]:
        """Every secret, for masking. What verifies is public."""
        return [value for key in (self.secret_key, self.private_key)
                if (value := key.get_secret_value())]  # fmt: skip

    def to_merchant(self) -> Merchant:
        """Who we are, as the adapter takes it."""
        return Merchant(
            app_id=self.app_id,
            merchant_app_id=self.merchant_app_id,
            short_code=self.short_code,
            private_key=self.private_key,
            web_url=self.web_url or self.own_web_url(),
            refund_amount_field=self.refund_amount_field,
        )

    def open_client(self) -> httpx2.AsyncClient | None:
        """Connections that trust the given certificates; ``None``: those of the system."""
        if not self.ca_bundle:
            return None
        return provider_client(ssl.create_default_context(cafile=self.ca_bundle))


def _is_key(read: object, key: SecretStr) -> bool:
    assert callable(read)
    try:
        read(key.get_secret_value())
    except ValueError:
        return False
    return True
