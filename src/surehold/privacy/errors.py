"""What the privacy room refuses.

DomainError
├── StillOpen                  409
├── NotACustomer               409
├── ExportNotReady             409
├── ExportNotFound             404
└── ErasureNotFound            404
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class StillOpen(DomainError):
    """Something is still to be done for this person. Facts: ``open``, each with its kind."""

    kind = Kind.CONFLICT
    code = "still_open"
    title = "Something is still open"


class NotACustomer(DomainError):
    """Whoever works here stays in the histories that they wrote: take their access instead."""

    kind = Kind.CONFLICT
    code = "not_a_customer"
    title = "This account belongs to somebody who works here"


class ExportNotReady(DomainError):
    """The copy is being made. Nothing was used up; ask again in a few seconds."""

    kind = Kind.CONFLICT
    code = "export_not_ready"
    title = "The copy is being made"


class ExportNotFound(DomainError):
    """The copy was taken, is too old, or there never was one."""

    kind = Kind.NOT_FOUND
    code = "export_not_found"
    title = "There is no such copy"


class ErasureNotFound(DomainError):
    """There is no such erasure."""

    kind = Kind.NOT_FOUND
    code = "erasure_not_found"
    title = "No such erasure"
