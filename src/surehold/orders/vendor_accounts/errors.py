"""The failures of vendors' accounts.

DomainError
├── CommissionRuleNotFound     404
├── PayoutBatchNotFound        404
├── PayoutBatchNotMovable      409
├── NothingToPayOut            409
├── PayoutNotCovered           409
└── BankReferenceUsed          409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class CommissionRuleNotFound(DomainError):
    """There is no such rule."""

    kind = Kind.NOT_FOUND
    code = "commission_rule_not_found"
    title = "No such commission rule"


class PayoutBatchNotFound(DomainError):
    """There is no such batch."""

    kind = Kind.NOT_FOUND
    code = "payout_batch_not_found"
    title = "No such batch of payouts"


class PayoutBatchNotMovable(DomainError):
    """Its state does not allow it. Facts: ``state``."""

    kind = Kind.CONFLICT
    code = "payout_batch_not_movable"
    title = "The batch is past that"


class NothingToPayOut(DomainError):
    """No vendor has as much that is old enough and in no other batch."""

    kind = Kind.CONFLICT
    code = "nothing_to_pay_out"
    title = "No vendor is to be paid"


class PayoutNotCovered(DomainError):
    """Vendors have less by now than the batch would pay them. Facts: ``vendors``."""

    kind = Kind.CONFLICT
    code = "payout_not_covered"
    title = "More would be paid than is owed"


class BankReferenceUsed(DomainError):
    """The bank's reference is of another batch."""

    kind = Kind.CONFLICT
    code = "bank_reference_used"
    title = "This bank reference was entered before"
