"""The failures of pictures.

DomainError
├── PhotoNotFound            404
├── PhotoNotReadable         422
├── PhotoTooLarge            422
└── PhotosFull               409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class PhotoNotFound(DomainError):
    """No such photo of this return, or its time is over."""

    kind = Kind.NOT_FOUND
    code = "photo_not_found"
    title = "No such photo"


class PhotoNotReadable(DomainError):
    """It is no whole JPEG, PNG or WebP."""

    kind = Kind.INVALID
    code = "photo_not_readable"
    title = "This is not a photo"


class PhotoTooLarge(DomainError):
    """It has too many pixels, however few bytes they are packed in. Facts: ``pixels``."""

    kind = Kind.INVALID
    code = "photo_too_large"
    title = "The photo has too many pixels"


class PhotosFull(DomainError):
    """The line has as many photos as it may have. Facts: ``limit``."""

    kind = Kind.CONFLICT
    code = "photos_full"
    title = "There are enough photos of this line"
