"""How each provider proves its webhooks, one module each; found by looking."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final

from proof.inputs.schemes.scheme import RETIRED, SECRETS, Pairs, Scheme

SCHEMES: Final[tuple[Scheme, ...]] = tuple(
    importlib.import_module(f"{__name__}.{found.name}").SCHEME
    for found in pkgutil.iter_modules(__path__)
    if found.name not in {"scheme", "untimed"}
)


def carry(raw: bytes, headers: Pairs) -> tuple[bytes, Pairs]:
    """A message as it is sent: each scheme's proof is put where that scheme has it."""
    for scheme in SCHEMES:
        raw, headers = scheme.carry(raw, headers)
    return raw, headers


__all__ = ["RETIRED", "SCHEMES", "SECRETS", "Scheme", "carry"]
