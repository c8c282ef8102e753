"""The moves of a review, as data. The schema holds the same; a test compares them."""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import Final

from surehold.kernel.states import Machine
from surehold.reviews.model import ReviewState

S = ReviewState


class ReviewEventKind(enum.Enum):
    """What staff decide."""

    PUBLISH = "publish"
    REJECT = "reject"


E = ReviewEventKind
REVIEW: Final = Machine(
    initial=S.PENDING,
    table=MappingProxyType(
        {
            (S.PENDING, E.PUBLISH): S.PUBLISHED,
            (S.PENDING, E.REJECT): S.REJECTED,
            (S.PUBLISHED, E.REJECT): S.REJECTED,  # taken down again
            (S.REJECTED, E.PUBLISH): S.PUBLISHED,  # staff had been wrong
        }
    ),
)
