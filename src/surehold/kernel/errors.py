"""Named failures that a caller can act on.

Anything else is a bug or a broken world: it rises, is logged once at the edge and answered 500.

    DomainError
    ├── InvalidInput          every fault of the input, each with a pointer
    ├── Busy                  nothing was begun; come back shortly
    └── …                     each room's ``errors.py``
"""

from __future__ import annotations

import enum
from typing import Any, ClassVar

import msgspec


class Kind(enum.Enum):
    """What sort of refusal this is; ``web/problems.py`` alone maps it to a status code."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    DECLINED = "declined"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with the input: where (a JSON pointer), which rule, and in words."""

    pointer: str
    code: str
    detail: str


class DomainError(Exception):
    """A refusal with a stable public code. Subclasses set all three facts; there is no default.

    ``facts`` travel in the problem document as they are: plain JSON values, no personal data
    that the caller did not send.
    """

    kind: ClassVar[Kind]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class InvalidInput(DomainError):
    """The payload breaks one or more rules; ``errors`` lists every one of them."""

    kind = Kind.INVALID
    code = "invalid_input"
    title = "The input is not valid"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        count = len(faults)
        super().__init__(f"{count} problem{'' if count == 1 else 's'} found.")
        self.faults = faults


class Busy(DomainError):
    """Too much is going on; nothing was begun or taken. Facts: ``retry_after_seconds``."""

    kind = Kind.UNAVAILABLE
    code = "busy"
    title = "Too busy right now"

    def __init__(self, detail: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds
