"""The failures of what buyers show of transfers.

DomainError
├── ProofNotFound            404
├── ProofNotReadable         422
├── ProofsFull               409
└── TransferNotAwaited       409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class ProofNotFound(DomainError):
    """No such file of this payment, or its time is over."""

    kind = Kind.NOT_FOUND
    code = "proof_not_found"
    title = "No such proof"


class ProofNotReadable(DomainError):
    """It is neither a whole picture nor a whole PDF, whatever it is called."""

    kind = Kind.INVALID
    code = "proof_not_readable"
    title = "This is no picture and no PDF"


class ProofsFull(DomainError):
    """As many files were shown of this payment as may be. Facts: ``limit``."""

    kind = Kind.CONFLICT
    code = "proofs_full"
    title = "There are enough proofs of this payment"


class TransferNotAwaited(DomainError):
    """No transfer is awaited for this payment. Facts: ``payment_state``."""

    kind = Kind.CONFLICT
    code = "transfer_not_awaited"
    title = "No transfer is awaited"
