"""What the sandbox knows: payments, refunds, disputes, events, and how it refuses."""

from __future__ import annotations

import enum
from typing import Final, Literal

import msgspec

PaymentState = Literal[
    "requires_action", "processing", "authorized", "captured", "failed", "canceled", "expired"
]
RefundState = Literal["pending", "succeeded", "failed"]
DisputeState = Literal["open", "won", "lost"]
DisputeStage = Literal["inquiry", "chargeback"]

#: How long the imaginary bank holds money, and how long it is sure to give it: then it is asked to
#: hold on.
HOLD_SECONDS: Final = 7 * 86_400
HONORED_SECONDS: Final = 3 * 86_400


class EventType(enum.Enum):
    """What a webhook may be about."""

    REQUIRES_ACTION = "payment.requires_action"
    PROCESSING = "payment.processing"
    AUTHORIZED = "payment.authorized"
    CAPTURED = "payment.captured"
    FAILED = "payment.failed"
    CANCELED = "payment.canceled"
    EXPIRED = "payment.expired"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_UPDATED = "dispute.updated"
    DISPUTE_CLOSED = "dispute.closed"


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One payment with its totals, which are sums over captures, refunds and disputes.

    ``card`` is the name of the test card, never a number. ``refunding`` is on its way back and
    already out of reach of another refund. Instants are whole unix seconds.
    """

    id: str
    merchant_reference: str
    state: PaymentState
    amount: int
    currency: str
    description: str
    customer: str
    return_url: str
    cancel_url: str
    notify_url: str
    expires_at: int
    card: str | None
    card_brand: str | None
    card_last4: str | None
    is_challenged: bool
    settle_at: float | None
    failure_code: str | None
    failure_message: str | None
    created_at: int
    updated_at: int
    captured: int
    refunded: int
    refunding: int
    disputed: int
    #: The money is held first, and taken when the shop asks for it.
    is_manual: bool = False
    #: When what is held is let go, and until when it is sure.
    capture_before: int | None = None
    honored_until: int | None = None

    @property
    def authorized(self) -> int:
        """What was ever held or taken, as far as it is not let go."""
        return self.amount if self.state == "authorized" else self.captured

    @property
    def refundable(self) -> int:
        """What may still be given back."""
        return self.captured - self.refunded - self.refunding


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Money that the bank holds, or held, for a payment. ``number``: of its last renewal.

    ``ended_as`` is what its payment became: captured, canceled or expired.
    """

    payment: str
    merchant_reference: str
    begun_at: int
    capture_before: int
    honored_until: int
    number: int
    ended_at: int | None
    ended_as: PaymentState | None


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money going back. ``origin`` is ``api`` or ``dashboard``."""

    id: str
    payment: str
    refund_reference: str | None
    amount: int
    currency: str
    reason: str
    state: RefundState
    origin: Literal["api", "dashboard"]
    failure_code: str | None
    created_at: int
    updated_at: int


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """The buyer's bank takes money back, for now or for good."""

    id: str
    payment: str
    amount: int
    currency: str
    reason: str
    state: DisputeState
    #: An inquiry is a question that moves no money.
    stage: DisputeStage = "chargeback"
    #: What the bank takes for it, whoever wins.
    fee: int = 0
    respond_by: int = 0
    #: What the shop said to it.
    evidence: str | None = None
    created_at: int
    updated_at: int


class StoredEvent(msgspec.Struct, frozen=True):
    """One event, and exactly the bytes that are sent and signed."""

    seq: int
    id: str
    type: str
    payment_id: str
    body: bytes
    created_at: int


class Delivery(msgspec.Struct, frozen=True):
    """One copy of an event and how sending it went so far."""

    seq: int
    event_id: str
    type: str
    payment_id: str
    notify_url: str
    state: str
    due_at: float
    signature: str
    attempts: int


class Attempt(msgspec.Struct, frozen=True):
    """One try at sending: the status that came back, or what went wrong."""

    delivery_seq: int
    at: float
    status: int | None
    error: str | None
    duration_ms: int


class ReportLine(msgspec.Struct, frozen=True):
    """One movement of money. ``amount`` is signed: what the shop gains."""

    type: str
    id: str
    payment: str
    merchant_reference: str
    refund_reference: str | None
    amount: int
    currency: str
    created_at: int


class SettlementLine(msgspec.Struct, frozen=True):
    """One movement as the settlement report has it: ``net`` is ``gross`` less the ``fee``.

    ``reference`` is the shop's own: of the payment, or of the refund where it has one.
    """

    type: str
    id: str
    payment: str | None
    reference: str | None
    gross: int
    fee: int
    net: int
    currency: str
    payout: str | None
    created_at: int


class StoredAnswer(msgspec.Struct, frozen=True):
    """The first answer given under an idempotency key."""

    request_hash: str
    status: int
    body: bytes
    created_at: int


class Refusal(Exception):
    """The sandbox says no; ``api.py`` answers it in its own error shape."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.message = message
        self.param = param


def missing(what: str) -> Refusal:
    """Nothing is known under that id."""
    return Refusal(404, "not_found", f"No such {what}.")


def conflict(code: str, message: str) -> Refusal:
    """Not in this state."""
    return Refusal(409, code, message, kind="state_error")
