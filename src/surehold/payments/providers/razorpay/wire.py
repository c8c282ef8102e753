"""Razorpay's shapes and words, and what they are in ours. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from surehold.kernel.money import Money
from surehold.payments.model import PaymentState
from surehold.payments.providers.amounts import Amounts, NotCarried
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState
from surehold.payments.providers.failures import (
    ConfigurationFault,
    InvalidRequest,
    NotFound,
    ProviderFailure,
    RateLimited,
    Unavailable,
)
from surehold.payments.providers.http import Answer
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
    RefundSnapshot,
)

_NO_DECIMALS: Final = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
    "XAF", "XOF", "XPF",
)  # fmt: skip
_TWO_DECIMALS: Final = (
    "ETB", "EUR", "GBP", "GHS", "HUF", "INR", "KES", "MGA", "NGN", "TWD", "USD", "ZAR",
)  # fmt: skip
_THREE_DECIMALS: Final = ("BHD", "IQD", "JOD", "KWD", "OMR", "TND")
AMOUNTS: Final = Amounts(
    exponents={
        **dict.fromkeys(_NO_DECIMALS, 0),
        **dict.fromkeys(_TWO_DECIMALS, 2),
        **dict.fromkeys(_THREE_DECIMALS, 3),
    },
    # Of three decimals the last one must be zero.
    steps=dict.fromkeys(_THREE_DECIMALS, 10),
)

#: Words for one attempt to pay.
ATTEMPTS: Final = frozenset({"created", "authorized", "captured", "refunded", "failed"})
_REFUND_STATES: Final = {
    "pending": ProviderRefundState.PENDING,
    "processed": ProviderRefundState.SUCCEEDED,
    "failed": ProviderRefundState.FAILED,
}
#: An early warning and a question of the bank move no money.
STAGES: Final = {
    "fraud": DisputeStage.INQUIRY,
    "retrieval": DisputeStage.INQUIRY,
    "chargeback": DisputeStage.CHARGEBACK,
    "pre_arbitration": DisputeStage.PRE_ARBITRATION,
    "arbitration": DisputeStage.ARBITRATION,
}
DISPUTES: Final = {
    "open": DisputeState.NEEDS_RESPONSE,
    "under_review": DisputeState.UNDER_REVIEW,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "closed": DisputeState.CLOSED,
}
#: We write the refund's id into ``receipt``; whatever else is there, a person typed.
_OURS: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: What was written on an object. Without any, Razorpay sends an empty list.
Notes = dict[str, Any] | list[Any] | None


class Error(msgspec.Struct, frozen=True):
    """What went wrong. ``description`` is for people and changes."""

    code: str | None = None
    description: str | None = None
    reason: str | None = None
    field: str | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """A refusal."""

    error: Error


class Order(msgspec.Struct, frozen=True):
    """What is to be collected."""

    id: str
    amount: int
    currency: str
    status: str
    receipt: str | None = None
    amount_paid: int = 0
    created_at: int = 0


class Orders(msgspec.Struct, frozen=True):
    """Orders that were found."""

    items: tuple[Order, ...]


class Attempt(msgspec.Struct, frozen=True):
    """One attempt to pay an order, which Razorpay calls a payment."""

    id: str
    amount: int
    currency: str
    status: str
    order_id: str | None = None
    captured: bool | None = None
    amount_refunded: int | None = None
    method: str | None = None
    error_code: str | None = None
    error_reason: str | None = None
    error_description: str | None = None
    created_at: int = 0

    @property
    def is_taken(self) -> bool:
        """Whether its money is, or was, ours. What was never captured lapsed and went back."""
        return self.status == "captured" or (self.status == "refunded" and bool(self.captured))


class Attempts(msgspec.Struct, frozen=True):
    """The attempts of an order."""

    items: tuple[Attempt, ...]


class Refund(msgspec.Struct, frozen=True):
    """Money going back."""

    id: str
    payment_id: str
    amount: int
    currency: str
    status: str
    receipt: str | None = None


class Refunds(msgspec.Struct, frozen=True):
    """A page of refunds, newest first."""

    items: tuple[Refund, ...]


class Dispute(msgspec.Struct, frozen=True):
    """A buyer's bank asks for the money back, or asks a question."""

    id: str
    payment_id: str
    amount: int
    currency: str
    status: str
    phase: str
    reason_code: str | None = None
    respond_by: int | None = None


class Disputes(msgspec.Struct, frozen=True):
    """A page of disputes, newest first."""

    items: tuple[Dispute, ...]


class Told(msgspec.Struct, frozen=True):
    """What an event tells of one object, whichever it is."""

    id: str
    status: str | None = None
    order_id: str | None = None
    payment_id: str | None = None
    receipt: str | None = None
    phase: str | None = None
    notes: Notes = None


class Slot(msgspec.Struct, frozen=True):
    """Where an event keeps an object."""

    entity: Told


class Payload(msgspec.Struct, frozen=True):
    """What an event carries."""

    payment: Slot | None = None
    order: Slot | None = None
    refund: Slot | None = None
    dispute: Slot | None = None


class Event(msgspec.Struct, frozen=True):
    """One event: how things stood when it happened, which may be long ago."""

    event: str
    created_at: int
    payload: Payload

    @property
    def payment_id(self) -> str | None:
        """The order; where the event does not name it, the attempt, which leads to it."""
        slots = self.payload
        if slots.order is not None:
            return slots.order.entity.id
        if slots.payment is not None:
            return slots.payment.entity.order_id or slots.payment.entity.id
        about = slots.refund or slots.dispute
        return None if about is None else about.entity.payment_id

    @property
    def reference(self) -> str | None:
        """Our reference, where one of the objects bears it."""
        slots = self.payload
        if slots.order is not None and slots.order.entity.receipt is not None:
            return slots.order.entity.receipt
        notes = None if slots.payment is None else slots.payment.entity.notes
        found = notes.get("merchant_reference") if isinstance(notes, dict) else None
        return found if isinstance(found, str) else None

    @property
    def digest(self) -> str:
        """What tells one fact from another, from what is signed alone."""
        slots = (self.payload.payment, self.payload.order, self.payload.refund,
                 self.payload.dispute)  # fmt: skip
        told = [
            (one.entity.id, one.entity.status, one.entity.phase) if one else () for one in slots
        ]
        return hashlib.sha256(repr((self.event, self.created_at, told)).encode()).hexdigest()


class Kind(msgspec.Struct, frozen=True):
    """As much of an event as says whether it is for us."""

    event: str

    @property
    def is_ours(self) -> bool:
        """Whether it is about payments, and not about payouts, links or a bank's pauses."""
        return self.event.startswith(("payment.", "order.", "refund.")) and not (
            self.event.startswith("payment.downtime.")
        )


def read_failure(answer: Answer) -> ProviderFailure:
    """What a refusal means; only 401, 403 and 429 are believed in anybody else's words."""
    told, status = answer.find(ErrorBody), answer.status
    error = Error() if told is None else told.error
    code = error.reason or error.code
    detail = error.description or f"HTTP {status}"
    if status in (401, 403):
        return ConfigurationFault(detail, code=code)
    if status == 429:
        return RateLimited(detail, code=code)
    # 409: the same key is under way. A bank's or a server's error says nothing certain, either.
    is_certain = error.code == "BAD_REQUEST_ERROR" and 400 <= status < 500 and status != 409
    if not is_certain:
        return answer.lost(detail, code=code)
    return (NotFound if status == 404 else InvalidRequest)(detail, code=code)


def read_money(units: int, currency: str) -> Money:
    """What Razorpay means by so many units.

    Raises:
        Unavailable: An answer that cannot be read.
    """
    try:
        return AMOUNTS.from_units(units, currency.upper())
    except NotCarried as error:
        raise Unavailable(f"the answer cannot be read: {error}") from error


def read_state(order: Order, attempts: Sequence[Attempt]) -> PaymentState:
    """Where a payment stands. A failed attempt is not the end: the order takes another one."""
    words = {attempt.status for attempt in attempts}
    if any(attempt.is_taken for attempt in attempts):
        return PaymentState.CAPTURED
    if "authorized" in words:
        return PaymentState.AUTHORIZED
    if words - ATTEMPTS or order.status not in ("created", "attempted"):
        return PaymentState.UNKNOWN  # paid, they say, and the attempt that did it is not here yet
    if "created" in words:
        return PaymentState.PENDING
    return PaymentState.VOIDED if "refunded" in words else PaymentState.REQUIRES_ACTION


def read_refund(refund: Refund) -> RefundSnapshot:
    """A refund in our words. One that bears no reference of ours was begun by hand."""
    is_ours = refund.receipt is not None and _OURS.fullmatch(refund.receipt) is not None
    state = _REFUND_STATES.get(refund.status, ProviderRefundState.PENDING)
    return RefundSnapshot(
        provider_refund_id=refund.id,
        refund_reference=refund.receipt if is_ours else None,
        amount=read_money(refund.amount, refund.currency),
        state=state,
        origin=RefundOrigin.US if is_ours else RefundOrigin.DASHBOARD,
        failure_code="failed" if state is ProviderRefundState.FAILED else None,
    )


def read_dispute(dispute: Dispute) -> DisputeSnapshot:
    """A dispute in our words."""
    # A word that we do not know is a dispute that somebody must look at.
    respond_by = dispute.respond_by
    return DisputeSnapshot(
        provider_dispute_id=dispute.id,
        amount=read_money(dispute.amount, dispute.currency),
        stage=STAGES.get(dispute.phase, DisputeStage.CHARGEBACK),
        state=DISPUTES.get(dispute.status, DisputeState.NEEDS_RESPONSE),
        reason=dispute.reason_code or "not told",
        respond_by=None if respond_by is None else datetime.fromtimestamp(respond_by, UTC),
    )
