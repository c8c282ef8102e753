"""The settings of a bank's contract: who we are there, and what the bank has confirmed."""

from __future__ import annotations

import ssl
from typing import ClassVar

import httpx2
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from surehold.config import Mode
from surehold.payments.providers import sorted_fields
from surehold.payments.providers.account import AccountMode, ProviderSettings, is_safe_url
from surehold.payments.providers.bank.adapter import Customership
from surehold.payments.providers.bank.terms import Terms
from surehold.payments.providers.http import provider_client


class BankSettings(ProviderSettings):
    """``SUREHOLD_<BANK>_…``. ``secret_key`` signs our calls, webhook secrets prove callbacks.

    ``confirmed``: names of the contract's facts that the bank has confirmed. In live mode
    every one must be: nothing is guessed where money is real.
    """

    terms: ClassVar[Terms]
    default_url = ""
    key_prefixes = {  # noqa: RUF012 - a class variable of the base; pydantic copies nothing of it
        AccountMode.TEST: ("",),
        AccountMode.LIVE: ("",),
    }

    merchant_id: str = ""
    key_id: str = ""
    #: Where the bank's own pages are, if it has any.
    pages: tuple[str, ...] = ()
    ca_bundle: str = ""
    client_cert: str = ""
    confirmed: tuple[str, ...] = ()

    def list_faults(self, installation: Mode) -> list[str]:
        """As for every provider; who we are, certificates, and facts that nobody confirmed."""
        faults = super().list_faults(installation)
        faults += [
            f"{self.name_of(field)} is not set: the bank gives it"
            for field in ("merchant_id", "key_id")
            if not getattr(self, field)
        ]
        faults += [
            f"{self.name_of('pages')}: {page} is not https"
            for page in self.pages
            if not is_safe_url(page)
        ]
        if self.terms.callback.profile == "rsa_pss_sha256_sorted_kv":
            faults += [
                f"{self.name_of('webhook_secrets')}: {name} is no RSA public key of 2048 bits"
                for name, key in self.webhook_secrets.items()
                if not _is_public_key(key)
            ]
        try:
            self._certificates()
        except OSError as error:
            faults.append(f"{self.name_of('ca_bundle')} or its neighbor cannot be used: {error}")
        known = {fact.name for fact in self.terms.facts}
        faults += [
            f"{self.name_of('confirmed')}: the contract has no fact {name}"
            for name in self.confirmed
            if name not in known
        ]
        if self.mode is AccountMode.LIVE:
            faults += [
                f"{self.name_of('confirmed')} lacks {question}"
                for question in self.list_questions()
            ]
        return faults

    def list_questions(self) -> list[str]:
        """What the bank has not confirmed yet."""
        return [
            f"{fact.name}: {fact.ask}"
            for fact in self.terms.facts
            if fact.name not in self.confirmed
        ]

    def show(self, mask: str) -> list[tuple[str, str]]:
        """The settings as they may be seen."""
        return [
            *super().show(mask),
            ("merchant_id", self.merchant_id),
            ("key_id", self.key_id),
            ("pages", ", ".join(self.pages)),
            ("ca_bundle", self.ca_bundle),
            ("client_cert", self.client_cert),
            ("confirmed", ", ".join(self.confirmed)),
        ]

    def to_customership(self) -> Customership:
        """Who we are, as the adapter takes it."""
        return Customership(self.merchant_id, self.key_id, self.pages)

    def open_client(self) -> httpx2.AsyncClient | None:
        """Connections with the bank's certificates and ours; ``None``: those of the system."""
        certificates = self._certificates()
        return None if certificates is None else provider_client(certificates)

    def _certificates(self) -> ssl.SSLContext | None:
        if not (self.ca_bundle or self.client_cert):
            return None
        context = ssl.create_default_context(cafile=self.ca_bundle or None)
        if self.client_cert:
            context.load_cert_chain(self.client_cert)
        return context


def settings_of(terms: Terms) -> type[BankSettings]:
    """The block of one bank."""

    class Block(BankSettings):
        model_config = SettingsConfigDict(
            env_prefix=f"SUREHOLD_{terms.name.upper()}_",
            env_file=".env",
            extra="ignore",
            frozen=True,
        )

    Block.terms = terms
    return Block


def _is_public_key(key: SecretStr) -> bool:
    try:
        sorted_fields.read_public_key(key.get_secret_value())
    except ValueError:
        return False
    return True
