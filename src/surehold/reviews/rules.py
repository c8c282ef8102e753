"""What may be said, and what the stars come to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from surehold.kernel.errors import Fault, InvalidInput
from surehold.reviews.model import Ratings

STARS: Final = range(1, 6)
MAX_TITLE: Final = 120
MAX_BODY: Final = 4_000
MAX_AUTHOR: Final = 60
_TENTH: Final = Decimal("0.1")


class Words(msgspec.Struct, frozen=True):
    """What a buyer sends. ``author`` is the name that stands beside it."""

    stars: int
    title: str
    body: str
    author: str


def check_words(words: Words) -> Words:
    """The words without what is around them.

    Raises:
        InvalidInput: Lists every fault.
    """
    told = Words(
        words.stars,
        " ".join(words.title.split()),
        words.body.strip().replace("\r\n", "\n"),
        " ".join(words.author.split()),
    )
    faults = [
        *_text_faults("/title", told.title, MAX_TITLE),
        *_text_faults("/body", told.body, MAX_BODY),
        *_text_faults("/author", told.author, MAX_AUTHOR),
    ]
    if told.stars not in STARS:
        faults.insert(0, Fault("/stars", "out_of_range", "From 1 to 5 stars."))
    if faults:
        raise InvalidInput(tuple(faults))
    return told


def _text_faults(at: str, text: str, limit: int) -> Iterator[Fault]:
    if not text:
        yield Fault(at, "required", "This is required.")
    if len(text) > limit:
        yield Fault(at, "too_long", f"At most {limit} characters.")
    if "\0" in text or not _is_storable(text):
        yield Fault(at, "invalid_text", "It contains characters that cannot be stored.")


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def average(ratings: Ratings) -> Decimal | None:
    """The stars of an average review to one decimal, half up; ``None`` while there is none.

    >>> average(Ratings((0, 0, 0, 3, 1))), average(Ratings())
    (Decimal('4.3'), None)
    """
    if not ratings.count:
        return None
    total = sum(stars * count for stars, count in zip(STARS, ratings.by_star, strict=True))
    return (Decimal(total) / ratings.count).quantize(_TENTH, ROUND_HALF_UP)
