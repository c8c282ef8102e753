"""Documents as a page that prints: one file with its style, and no script."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

import jinja2

from surehold.web.documents.sheet import Sheet

_FOLDER: Final = Path(__file__).parent
_STYLE: Final = (_FOLDER / "document.css").read_text(encoding="utf-8")
_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
#: The page's own style, and nothing from anywhere.
POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'"


def render(sheet: Sheet) -> bytes:
    """A document as HTML."""
    return _ENVIRONMENT.get_template("document.html").render(sheet=sheet, style=_STYLE).encode()
