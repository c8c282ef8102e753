"""What may be asked of the settlement lane: everything that can happen to a placed order.

Each is a value that decides for itself: it is given the order's case and changes it in memory. The
lane loads the case, and writes what became of it.
"""

from surehold.checkout.settlements.answers import RecordCreate, RecordLoss, RecordRefund
from surehold.checkout.settlements.canceling import CancelOrder
from surehold.checkout.settlements.evidence import TakeEvidence
from surehold.checkout.settlements.fulfilling import (
    CorrectParcel,
    MoveFulfillment,
    OpenFulfillments,
    ReachStatus,
)
from surehold.checkout.settlements.holding import ExpireHolds, ExtendHold
from surehold.checkout.settlements.model import Keep, Outcome, Settlement
from surehold.checkout.settlements.paying import RetryPayment

__all__ = [
    "CancelOrder",
    "CorrectParcel",
    "ExpireHolds",
    "ExtendHold",
    "Keep",
    "MoveFulfillment",
    "OpenFulfillments",
    "Outcome",
    "ReachStatus",
    "RecordCreate",
    "RecordLoss",
    "RecordRefund",
    "RetryPayment",
    "Settlement",
    "TakeEvidence",
]
