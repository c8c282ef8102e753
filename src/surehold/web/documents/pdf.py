"""Documents as PDF, by Typst. It comes with the extra ``pdf``; nothing leaves the machine."""

from __future__ import annotations

import asyncio
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from surehold.web.documents.sheet import Sheet

_FOLDER: Final = Path(__file__).parent
TEMPLATE: Final = _FOLDER / "document.typ"
FONTS: Final = _FOLDER / "fonts"

#: Whether the extra is installed.
IS_INSTALLED: Final = find_spec("typst") is not None
#: Setting a document takes a processor for some ten milliseconds: no more than this many at once.
_gate: Final = asyncio.Semaphore(2)


async def render(sheet: Sheet, *, issued_at: datetime) -> bytes:
    """A document as PDF. The same sheet gives the same bytes."""
    async with _gate:
        return await asyncio.to_thread(compile_sheet, sheet, issued_at=issued_at)


def compile_sheet(sheet: Sheet, *, issued_at: datetime, image: bool = False) -> bytes:
    """A document as PDF, or its first page as PNG, in this thread."""
    import typst  # noqa: PLC0415 - an extra, and twenty megabytes of program

    made: Any = typst.compile(
        TEMPLATE,
        root=_FOLDER,
        font_paths=[FONTS],
        ignore_system_fonts=True,
        format="png" if image else "pdf",
        ppi=110,
        timestamp=int(issued_at.timestamp()),
        sys_inputs={
            "sheet": msgspec.json.encode(sheet).decode(),
            "year": str(issued_at.year),
            "month": str(issued_at.month),
            "day": str(issued_at.day),
        },
    )
    pages = made if isinstance(made, list) else [made]
    return bytes(pages[0])
