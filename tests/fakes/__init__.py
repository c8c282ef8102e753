"""One strict fake per provider, on loopback ports; found by looking: a new one is a new module."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, Final

from tests.fakes.harness import Fake


def _find() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in sorted(row.name for row in pkgutil.iter_modules(__path__)):
        if module in {"harness", "rig", "__main__"}:
            continue
        for value in vars(importlib.import_module(f"{__name__}.{module}")).values():
            # What several fakes have in common has no name.
            if isinstance(value, type) and issubclass(value, Fake) and hasattr(value, "name"):
                found[value.name] = value
    return found


FAKES: Final = _find()
