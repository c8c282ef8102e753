"""The failures of collected cash.

DomainError
├── CashNotHeld              409
└── DepositReferenceUsed     409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class CashNotHeld(DomainError):
    """Some of it was never collected, or is at the bank already. Facts: ``payment_ids``."""

    kind = Kind.CONFLICT
    code = "cash_not_held"
    title = "This cash is not there to be deposited"


class DepositReferenceUsed(DomainError):
    """The bank's receipt is of another deposit. Facts: ``deposit_id``."""

    kind = Kind.CONFLICT
    code = "deposit_reference_used"
    title = "This receipt was entered before"
