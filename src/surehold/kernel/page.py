"""Lists page by key, never by offset: a cursor names the last row that was seen."""

from __future__ import annotations

import base64
from typing import Final, Generic, TypeVar

import msgspec

T = TypeVar("T")

DEFAULT_LIMIT: Final = 24
MAX_LIMIT: Final = 100


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some rows, and the cursor of the next page or ``None`` at the end."""

    items: tuple[T, ...]
    next_cursor: str | None = None


def encode_cursor(*keys: str) -> str:
    """Pack sort keys into an opaque cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(keys)).decode().rstrip("=")


def decode_cursor(cursor: str, *, count: int) -> tuple[str, ...] | None:
    """Unpack a cursor into its keys; ``None`` when it was not made by ``encode_cursor``."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        keys = msgspec.json.decode(raw, type=list[str])
    except (ValueError, msgspec.DecodeError):
        return None
    return tuple(keys) if len(keys) == count else None
