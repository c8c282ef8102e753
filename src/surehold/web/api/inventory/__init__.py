"""Stock over HTTP, for staff and their programs."""

from typing import Final

from surehold.web.api.inventory import changes, counts, files, levels, places, transfers

HANDLERS: Final = (
    *levels.HANDLERS,
    *places.HANDLERS,
    *changes.HANDLERS,
    *transfers.HANDLERS,
    *counts.HANDLERS,
    *files.HANDLERS,
)

__all__ = ["HANDLERS"]
