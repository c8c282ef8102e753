"""What may be asked of the settlement lane: everything that can happen to a placed order.

Each is a value that decides for itself: it is given the order's case and changes it in memory. The
lane loads the case, and writes what became of it.
"""

from surehold.checkout.settlements.answers import (
    RecordCapture,
    RecordCreate,
    RecordLoss,
    RecordRefund,
    RecordRenewal,
)
from surehold.checkout.settlements.canceling import CancelOrder, CancelPart
from surehold.checkout.settlements.capturing import CapturePayment
from surehold.checkout.settlements.changing import CancelChange, ChangeOrder, PreviewChange
from surehold.checkout.settlements.collecting import CollectCash, RefuseDelivery
from surehold.checkout.settlements.disputing import (
    AnswerDispute,
    RecordAnswer,
    RecordDispute,
    ReviewPayment,
)
from surehold.checkout.settlements.evidence import RejectTransfer, TakeEvidence
from surehold.checkout.settlements.fulfilling import (
    CorrectParcel,
    MoveFulfillment,
    OpenFulfillments,
    ReachStatus,
)
from surehold.checkout.settlements.holding import ExpireHolds, ExtendHold
from surehold.checkout.settlements.model import Keep, Outcome, Settlement
from surehold.checkout.settlements.paying import (
    SENT_AGAIN_AFTER,
    RetryPayment,
    SettleCovered,
    TrustToDelivery,
)
from surehold.checkout.settlements.refunding import (
    ConfirmRefund,
    PreviewRefund,
    RefundOrder,
    RetryRefund,
)
from surehold.checkout.settlements.taking_back import (
    CompleteReturn,
    ExchangeReturn,
    InspectReturn,
    MoveReturn,
    ReceiveReturn,
    RequestReturn,
)

__all__ = [
    "SENT_AGAIN_AFTER",
    "AnswerDispute",
    "CancelChange",
    "CancelOrder",
    "CancelPart",
    "CapturePayment",
    "ChangeOrder",
    "CollectCash",
    "CompleteReturn",
    "ConfirmRefund",
    "CorrectParcel",
    "ExchangeReturn",
    "ExpireHolds",
    "ExtendHold",
    "InspectReturn",
    "Keep",
    "MoveFulfillment",
    "MoveReturn",
    "OpenFulfillments",
    "Outcome",
    "PreviewChange",
    "PreviewRefund",
    "ReachStatus",
    "ReceiveReturn",
    "RecordAnswer",
    "RecordCapture",
    "RecordCreate",
    "RecordDispute",
    "RecordLoss",
    "RecordRefund",
    "RecordRenewal",
    "RefundOrder",
    "RefuseDelivery",
    "RejectTransfer",
    "RequestReturn",
    "RetryPayment",
    "RetryRefund",
    "ReviewPayment",
    "SettleCovered",
    "Settlement",
    "TakeEvidence",
    "TrustToDelivery",
]
