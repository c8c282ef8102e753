"""What only the store's pages refuse.

DomainError
├── FormNotOurs                403
└── TriedTooOften              429
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class FormNotOurs(DomainError):
    """A form came without the proof that we gave it to this browser; nothing was done."""

    kind = Kind.FORBIDDEN
    code = "form_not_ours"
    title = "This form cannot be taken"


class TriedTooOften(DomainError):
    """Too many tries from one address. Facts: ``retry_after_seconds``."""

    kind = Kind.RATE_LIMITED
    code = "tried_too_often"
    title = "Too many tries"
