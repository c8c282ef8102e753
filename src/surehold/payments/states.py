"""The lives of a payment, an operation and a refund, as data."""

from __future__ import annotations

import enum
from typing import Final

from surehold.kernel.states import Machine
from surehold.payments.model import OperationState, PaymentState, RefundState


class PaymentEvent(enum.Enum):
    """What a provider's answer can mean for a payment."""

    ASK_BUYER = "ask_buyer"
    WAIT = "wait"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    FAIL = "fail"
    VOID = "void"
    LOSE = "lose"


P, PE = PaymentState, PaymentEvent

#: From each state that is not yet money, every answer is possible; a late success is money.
PAYMENT: Final = Machine(
    initial=P.PENDING,
    table={
        (P.PENDING, PE.ASK_BUYER): P.REQUIRES_ACTION,
        (P.PENDING, PE.AUTHORIZE): P.AUTHORIZED,
        (P.PENDING, PE.CAPTURE): P.CAPTURED,
        (P.PENDING, PE.FAIL): P.FAILED,
        (P.PENDING, PE.VOID): P.VOIDED,
        (P.PENDING, PE.LOSE): P.UNKNOWN,
        (P.REQUIRES_ACTION, PE.WAIT): P.PENDING,
        (P.REQUIRES_ACTION, PE.AUTHORIZE): P.AUTHORIZED,
        (P.REQUIRES_ACTION, PE.CAPTURE): P.CAPTURED,
        (P.REQUIRES_ACTION, PE.FAIL): P.FAILED,
        (P.REQUIRES_ACTION, PE.VOID): P.VOIDED,
        (P.UNKNOWN, PE.ASK_BUYER): P.REQUIRES_ACTION,
        (P.UNKNOWN, PE.WAIT): P.PENDING,
        (P.UNKNOWN, PE.AUTHORIZE): P.AUTHORIZED,
        (P.UNKNOWN, PE.CAPTURE): P.CAPTURED,
        (P.UNKNOWN, PE.FAIL): P.FAILED,
        (P.UNKNOWN, PE.VOID): P.VOIDED,
        (P.AUTHORIZED, PE.CAPTURE): P.CAPTURED,
        (P.AUTHORIZED, PE.VOID): P.VOIDED,
        (P.FAILED, PE.AUTHORIZE): P.AUTHORIZED,
        (P.FAILED, PE.CAPTURE): P.CAPTURED,
        (P.VOIDED, PE.AUTHORIZE): P.AUTHORIZED,
        (P.VOIDED, PE.CAPTURE): P.CAPTURED,
    },
)


class OperationEvent(enum.Enum):
    """What can become of a question to a provider."""

    SUCCEED = "succeed"
    DECLINE = "decline"
    LOSE = "lose"


OS, OE = OperationState, OperationEvent

OPERATION: Final = Machine(
    initial=OS.PENDING,
    table={
        (OS.PENDING, OE.SUCCEED): OS.SUCCEEDED,
        (OS.PENDING, OE.DECLINE): OS.DECLINED,
        (OS.PENDING, OE.LOSE): OS.UNKNOWN,
        (OS.UNKNOWN, OE.SUCCEED): OS.SUCCEEDED,
        (OS.UNKNOWN, OE.DECLINE): OS.DECLINED,
    },
)


class RefundEvent(enum.Enum):
    """What can become of a refund. A provider may take a success back days later."""

    SUCCEED = "succeed"
    FAIL = "fail"


R, RE = RefundState, RefundEvent

REFUND: Final = Machine(
    initial=R.REQUESTED,
    table={
        (R.REQUESTED, RE.SUCCEED): R.SUCCEEDED,
        (R.REQUESTED, RE.FAIL): R.FAILED,
    },
)

#: Which event leads to each state: how a provider's own word becomes ours.
EVENT_FOR: Final = {
    P.PENDING: PE.WAIT,
    P.REQUIRES_ACTION: PE.ASK_BUYER,
    P.AUTHORIZED: PE.AUTHORIZE,
    P.CAPTURED: PE.CAPTURE,
    P.FAILED: PE.FAIL,
    P.VOIDED: PE.VOID,
    P.UNKNOWN: PE.LOSE,
}

#: A payment in one of these may still turn into money without anybody pressing anything.
IN_FLIGHT: Final = frozenset({P.PENDING, P.UNKNOWN})
#: A payment in one of these is not decided.
OPEN: Final = frozenset({P.PENDING, P.UNKNOWN, P.REQUIRES_ACTION, P.AUTHORIZED})
