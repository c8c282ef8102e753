"""How the lists of this room page: limits, and cursors read as their columns' types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.page import MAX_LIMIT, Page, decode_cursor, encode_cursor


def limit_faults(limit: int) -> list[Fault]:
    """What is wrong with the size of a page."""
    if 1 <= limit <= MAX_LIMIT:
        return []
    return [Fault("/limit", "out_of_range", f"From 1 to {MAX_LIMIT}.")]


def check_limit(limit: int) -> None:
    """Refuse a size that no page has.

    Raises:
        InvalidInput: It is not from 1 to the most that a page has.
    """
    faults = limit_faults(limit)
    if faults:
        raise InvalidInput(tuple(faults))


INVALID_CURSOR: Final = Fault(
    "/cursor", "invalid_cursor", "It was not made by this list in this order; start again."
)


def decode(cursor: str | None, readers: tuple[Callable[[str], Any], ...]) -> tuple[Any, ...]:
    """The keys in a cursor, each as its column's type; all ``None`` without a cursor."""
    if cursor is None:
        return (None,) * len(readers)
    keys = decode_cursor(cursor, count=len(readers))
    if keys is None:
        raise InvalidInput((INVALID_CURSOR,))
    try:
        return tuple(read(key) for read, key in zip(readers, keys, strict=True))
    except ValueError:
        raise InvalidInput((INVALID_CURSOR,)) from None


def read_text(key: str) -> str:
    """A text key of a cursor.

    Raises:
        ValueError: PostgreSQL could not hold it.
    """
    if not is_storable(key):
        raise ValueError("not a text that PostgreSQL can hold")
    return key


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: no NUL, no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def page_of(rows: Sequence[Any], limit: int, keys: Callable[[Any], tuple[str, ...]]) -> Page[Any]:
    """A page of rows of which one more than the limit was read, to know whether more follow."""
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(*keys(rows[limit - 1])))
