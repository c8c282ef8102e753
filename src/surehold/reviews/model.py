"""What the room knows of a review."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from surehold.kernel.ids import AccountId, ProductId, ReviewId


class ReviewState(enum.Enum):
    """Where a review stands. Others read only what is published."""

    PENDING = "pending"
    PUBLISHED = "published"
    REJECTED = "rejected"


class Review(msgspec.Struct, frozen=True):
    """What one account says of one product. ``is_verified``: it had bought it when it wrote."""

    id: ReviewId
    product_id: ProductId
    product_slug: str
    product_name: str
    account_id: AccountId
    stars: int
    title: str
    body: str
    author: str
    is_verified: bool
    state: ReviewState
    reason: str
    created_at: datetime
    updated_at: datetime


class PublicReview(msgspec.Struct, frozen=True):
    """What everybody may read of a review."""

    id: ReviewId
    stars: int
    title: str
    body: str
    author: str
    is_verified: bool
    created_at: datetime


class Ratings(msgspec.Struct, frozen=True):
    """How many published reviews give one star, two, … five."""

    by_star: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.by_star)


class Opinion(msgspec.Struct, frozen=True):
    """What is said of a product: the ratings, and the newest reviews."""

    ratings: Ratings
    newest: tuple[PublicReview, ...]


class ReviewEvent(msgspec.Struct, frozen=True):
    """One line of a review's history."""

    seq: int
    from_state: ReviewState | None
    to_state: ReviewState
    actor: str
    reason: str
    happened_at: datetime
