"""The providers that this process can reach, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from surehold.kernel.money import Money
from surehold.payments.errors import AmountNotSupported, CurrencyNotSupported, ProviderUnknown
from surehold.payments.providers.port import (
    LocalProvider,
    Provider,
    RemoteProvider,
)


class Providers:
    """All configured providers, in the order in which buyers see them."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._by_name = {provider.name: provider for provider in providers}
        # Asking a protocol "is it you?" is slow; the lane asks for every order.
        self._local = {
            name: provider
            for name, provider in self._by_name.items()
            if isinstance(provider, LocalProvider)
        }

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Provider:
        """A provider by name.

        Raises:
            ProviderUnknown: This store does not have it.
        """
        provider = self._by_name.get(name)
        if provider is None:
            raise ProviderUnknown(
                f"This store does not take {name!r}.",
                provider=name,
                available=list(self._by_name),
            )
        return provider

    def get_for(self, name: str, *, due: Money) -> Provider:
        """A provider that can collect this amount.

        Raises:
            ProviderUnknown: This store does not have it.
            CurrencyNotSupported: It does not take this currency.
            AmountNotSupported: It takes the currency, but not exactly this amount.
        """
        provider = self.get(name)
        capabilities = provider.capabilities
        if not capabilities.supports(due.currency):
            raise CurrencyNotSupported(
                f"{capabilities.title} does not take {due.currency}.",
                provider=name,
                currency=due.currency,
            )
        if not capabilities.takes(due):
            raise AmountNotSupported(
                f"{capabilities.title} cannot take exactly this amount.",
                provider=name,
                amount={"amount": due.amount, "currency": due.currency},
            )
        return provider

    def find_local(self, name: str) -> LocalProvider | None:
        """A provider that works without a network, or ``None``."""
        return self._local.get(name)

    def find_remote(self, name: str) -> RemoteProvider | None:
        """A provider that can be asked, or ``None`` when it is local or gone."""
        provider = self._by_name.get(name)
        return (
            None if provider is None or name in self._local else cast("RemoteProvider", provider)
        )

    async def close(self) -> None:
        """Let go of every connection."""
        for name in self._by_name:
            remote = self.find_remote(name)
            if remote is not None:
                await remote.close()
