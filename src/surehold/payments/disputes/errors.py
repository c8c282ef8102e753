"""The failures of disputes.

DomainError
├── DisputeNotFound          404
├── DisputeOver              409
├── DisputeAnswered          409
├── DisputeNotRecordable     409
└── DisputeFeeReported       409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class DisputeNotFound(DomainError):
    """No such dispute."""

    kind = Kind.NOT_FOUND
    code = "dispute_not_found"
    title = "No such dispute"


class DisputeOver(DomainError):
    """It is decided; nothing that the store says changes it. Facts: ``dispute_state``."""

    kind = Kind.CONFLICT
    code = "dispute_over"
    title = "The dispute is decided"


class DisputeAnswered(DomainError):
    """The store has answered it otherwise. Facts: ``answer_state``, ``is_accepted``."""

    kind = Kind.CONFLICT
    code = "dispute_answered"
    title = "The dispute was answered"


class DisputeNotRecordable(DomainError):
    """The provider tells of its disputes itself, or the payment never collected money."""

    kind = Kind.CONFLICT
    code = "dispute_not_recordable"
    title = "Disputes of this payment are not written down by hand"


class DisputeFeeReported(DomainError):
    """The provider's report named the fee of this dispute: it is in the books."""

    kind = Kind.CONFLICT
    code = "dispute_fee_reported"
    title = "The fee of this dispute is booked"
