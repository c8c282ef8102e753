"""Stock over HTTP, for staff and their programs."""

from typing import Final

from surehold.web.api.inventory import (
    backorders,
    changes,
    counts,
    files,
    levels,
    places,
    transfers,
)

HANDLERS: Final = (
    *levels.HANDLERS,
    *places.HANDLERS,
    *changes.HANDLERS,
    *transfers.HANDLERS,
    *counts.HANDLERS,
    *files.HANDLERS,
    *backorders.HANDLERS,
)

__all__ = ["HANDLERS"]
