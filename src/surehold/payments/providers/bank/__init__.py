"""Banks that publish nothing: one adapter, and a contract per bank that is data.

A contract says what a bank calls things, how it writes amounts and telephones, how it proves its
callbacks, and which facts a shop has to get from the bank before it goes live. Two are shipped,
for CBE Birr and Awash; a folder of a shop's own (``SUREHOLD_BANK_CONTRACTS``) holds others.

Source: docs/providers/bank-contract.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic_settings import BaseSettings, SettingsConfigDict

from surehold.config import Config
from surehold.payments.providers.account import ProviderKind, SettingsFault, open_account
from surehold.payments.providers.bank.adapter import Bank, Customership
from surehold.payments.providers.bank.settings import BankSettings, settings_of
from surehold.payments.providers.bank.terms import Terms, read_terms

SHIPPED: Final = Path(__file__).parent.joinpath("contracts")


class _Folder(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="SUREHOLD_", env_file=".env", extra="ignore", frozen=True
    )

    bank_contracts: Path | None = None


def read_kinds() -> list[ProviderKind]:
    """A provider for every contract: those that are shipped, then a shop's own.

    Raises:
        SettingsFault: A contract cannot be used, or two have one name.
    """
    own = _Folder().bank_contracts
    files = [*sorted(SHIPPED.glob("*.toml")), *(sorted(own.glob("*.toml")) if own else ())]
    kinds: dict[str, ProviderKind] = {}
    for file in files:
        try:
            terms = read_terms(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SettingsFault(file.name, [str(error)]) from error
        if terms.name in kinds:
            raise SettingsFault(file.name, [f"there is a contract for {terms.name} already"])
        kinds[terms.name] = kind_of(terms)
    return list(kinds.values())


def kind_of(terms: Terms) -> ProviderKind:
    """The provider that a contract makes."""
    block = settings_of(terms)

    def open_bank(config: Config) -> Bank | None:
        settings = block()
        account = open_account(terms.name, settings, config)
        if account is None:
            return None
        return Bank(account, terms, settings.to_customership(), client=settings.open_client())

    return ProviderKind(terms.name, open_bank, block, terms.events)


__all__ = ["Bank", "BankSettings", "Customership", "Terms", "kind_of", "read_kinds", "read_terms"]
