"""Every kind of provider that this program knows: the modules of this folder that have a ``KIND``.

Found by looking, so that a new provider is one new module and no line anywhere else. A module that
reads contracts from files has ``read_kinds`` instead.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from surehold.config import Config
from surehold.payments import providers
from surehold.payments.providers.account import ProviderKind
from surehold.payments.providers.port import (
    Provider,
)
from surehold.payments.providers.registry import Providers


@lru_cache(maxsize=1)
def list_kinds() -> tuple[ProviderKind, ...]:
    """All kinds, by name."""
    names = sorted(found.name for found in pkgutil.iter_modules(providers.__path__))
    kinds: list[ProviderKind] = []
    for name in names:
        module = vars(importlib.import_module(f"{providers.__name__}.{name}"))
        kinds += [module["KIND"]] if "KIND" in module else []
        kinds += module["read_kinds"]() if "read_kinds" in module else []
    return tuple(sorted(kinds, key=lambda kind: kind.name))


def list_account_faults(config: Config) -> list[str]:
    """Everything that is wrong with providers that are switched on."""
    blocks = [kind.settings() for kind in list_kinds() if kind.settings is not None]
    return [fault for block in blocks if block.is_on for fault in block.list_faults(config.mode)]


def open_providers(config: Config) -> Providers:
    """The providers that the settings switch on: those that ask a machine, then those by hand.

    Raises:
        SettingsFault: One is switched on, and its settings cannot be used.
    """
    opened = [kind.open(config) for kind in list_kinds()]
    found: list[Provider] = [provider for provider in opened if provider is not None]
    return Providers(sorted(found, key=lambda provider: provider.capabilities.is_local))
