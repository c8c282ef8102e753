"""The reviews room's failures.

DomainError
├── ReviewNotFound      404
└── AlreadyReviewed     409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class ReviewNotFound(DomainError):
    """No such review."""

    kind = Kind.NOT_FOUND
    code = "review_not_found"
    title = "No such review"


class AlreadyReviewed(DomainError):
    """The account has said what it thinks of this product. Nothing was added."""

    kind = Kind.CONFLICT
    code = "already_reviewed"
    title = "You have reviewed this product"
