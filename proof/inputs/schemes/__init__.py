"""How each provider proves its webhooks, one module each; found by looking."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final

from proof.inputs.schemes.scheme import RETIRED, SECRETS, Scheme

SCHEMES: Final[tuple[Scheme, ...]] = tuple(
    importlib.import_module(f"{__name__}.{found.name}").SCHEME
    for found in pkgutil.iter_modules(__path__)
    if found.name not in {"scheme", "untimed"}
)

__all__ = ["RETIRED", "SCHEMES", "SECRETS", "Scheme"]
