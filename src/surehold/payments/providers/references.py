"""Our ids as providers take them: letters and digits only, which is the one shape that all do."""

from __future__ import annotations

from typing import Final
from uuid import UUID

#: How the payment of a rehearsed event is called. No reference of ours begins so, nor is it an id
#: of any provider's: such an event is about nothing, and nobody is asked about it.
REHEARSED: Final = "SureholdTest"


def to_letters(reference: str) -> str:
    """A refund's id without its hyphens.

    >>> to_letters("0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10")
    '0192f0c47a1e7c3b9d520b8a4f6e2d10'
    """
    return reference.replace("-", "")


def from_letters(letters: str) -> str:
    """The id again; what never was one of ours stays as it is."""
    try:
        found = str(UUID(hex=letters))
    except ValueError:
        return letters
    return found if to_letters(found) == letters else letters
