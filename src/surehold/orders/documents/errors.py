"""The failures of documents.

DomainError
├── DocumentNotFound         404
└── DocumentNotDue           409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class DocumentNotFound(DomainError):
    """No such document of this order, or not one that the caller may see."""

    kind = Kind.NOT_FOUND
    code = "document_not_found"
    title = "No such document"


class DocumentNotDue(DomainError):
    """There is nothing to write down: nothing was sold, or nothing of it went back.

    Facts: ``document_kind``.
    """

    kind = Kind.CONFLICT
    code = "document_not_due"
    title = "There is nothing to issue this document for"
