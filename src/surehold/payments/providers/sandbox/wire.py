"""The sandbox's shapes and words, and what they are in ours. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from surehold.kernel.money import Money
from surehold.payments.model import PaymentState
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState
from surehold.payments.providers.failures import (
    AmountRefused,
    ConfigurationFault,
    Declined,
    InvalidRequest,
    NotFound,
    ProviderFailure,
    RateLimited,
    StateConflict,
)
from surehold.payments.providers.http import Answer
from surehold.payments.providers.port import (
    ProviderRefundState,
    ProviderSnapshot,
    RefundOrigin,
    RefundSnapshot,
)


class Totals(msgspec.Struct, frozen=True):
    """What was asked for of a payment, and what became of it, in minor units."""

    requested: int
    captured: int
    refunded: int
    disputed: int
    authorized: int = 0


class Refund(msgspec.Struct, frozen=True):
    """Money on its way back, or back."""

    id: str
    payment: str
    refund_reference: str | None
    amount: int
    currency: str
    state: ProviderRefundState
    origin: Literal["api", "dashboard"]
    failure_code: str | None


class Dispute(msgspec.Struct, frozen=True):
    """A buyer's bank that wants money back."""

    id: str
    amount: int
    currency: str
    reason: str
    state: str
    stage: DisputeStage = DisputeStage.CHARGEBACK
    respond_by: int | None = None
    fee: int = 0


class Card(msgspec.Struct, frozen=True):
    """What is known of the card."""

    brand: str
    last4: str


class Failure(msgspec.Struct, frozen=True):
    """Why a payment failed."""

    code: str
    message: str


class Payment(msgspec.Struct, frozen=True):
    """One payment, whole."""

    id: str
    merchant_reference: str
    state: str
    livemode: bool
    currency: str
    totals: Totals
    card: Card | None
    failure: Failure | None
    refunds: tuple[Refund, ...]
    disputes: tuple[Dispute, ...] = ()
    capture_before: int | None = None


class Hosted(Payment, frozen=True, kw_only=True):
    """A payment that was just created, with the page on which it is paid."""

    hosted_url: str


class Found(msgspec.Struct, frozen=True):
    """What a search came to."""

    data: tuple[Payment, ...]


class Said(msgspec.Struct, frozen=True):
    """An answer to a dispute, as it is kept until it is sent."""

    dispute: str
    evidence: str | None


class Error(msgspec.Struct, frozen=True):
    """What was wrong."""

    type: str
    code: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of a refusal."""

    error: Error


class EventObject(msgspec.Struct, frozen=True):
    """The payment that an event is about."""

    id: str
    merchant_reference: str


class EventData(msgspec.Struct, frozen=True):
    """What an event carries."""

    object: EventObject


class Event(msgspec.Struct, frozen=True):
    """What a webhook tells."""

    id: str
    type: str
    created: int
    livemode: bool
    data: EventData


_DISPUTES: Final = {
    "open": DisputeState.NEEDS_RESPONSE,
    "answered": DisputeState.UNDER_REVIEW,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "closed": DisputeState.CLOSED,
}
_STATES: Final = {
    "requires_action": PaymentState.REQUIRES_ACTION,
    "processing": PaymentState.PENDING,
    "authorized": PaymentState.AUTHORIZED,
    "failed": PaymentState.FAILED,
    "canceled": PaymentState.VOIDED,
    "expired": PaymentState.VOIDED,
}


def read_failure(answer: Answer) -> ProviderFailure:
    """What a refusal means.

    401, 403 and 429 are believed whoever says so, for nothing happened. Any other status counts
    only in the provider's own words: a proxy's 404 page proves nothing about a payment.
    """
    told = answer.find(ErrorBody)
    error, status = None if told is None else told.error, answer.status
    code = None if error is None else error.code
    detail = f"HTTP {status}" if error is None else error.message
    if status in (401, 403):
        return ConfigurationFault(detail, code=code)
    if status == 429:
        return RateLimited(detail, code=code)
    if error is None or not 400 <= status < 500:
        return answer.lost(detail, code=code)
    if code in ("amount_too_large", "amount_too_small"):
        return AmountRefused(detail, code=code)
    kinds: dict[int, type[ProviderFailure]] = {402: Declined, 404: NotFound, 409: StateConflict}
    return kinds.get(status, InvalidRequest)(detail, code=code)


def state_of(payment: Payment) -> PaymentState:
    """Money that moved decides; a word we do not know is unknown, never failed."""
    if payment.totals.captured > 0:
        return PaymentState.CAPTURED
    return _STATES.get(payment.state, PaymentState.UNKNOWN)


def snapshot_of(payment: Payment) -> ProviderSnapshot:
    """A payment as the port has it."""
    currency, totals = payment.currency, payment.totals
    return ProviderSnapshot(
        provider_payment_id=payment.id,
        merchant_reference=payment.merchant_reference,
        state=state_of(payment),
        requested=Money(totals.requested, currency),
        authorized=Money(max(totals.authorized, totals.captured), currency),
        captured=Money(totals.captured, currency),
        refunded=Money(totals.refunded, currency),
        disputed=Money(totals.disputed, currency),
        is_live=payment.livemode,
        method=f"{payment.card.brand} {payment.card.last4}" if payment.card else None,
        failure_code=payment.failure.code if payment.failure else None,
        failure_message=payment.failure.message if payment.failure else None,
        refunds=tuple(refund_of(refund) for refund in payment.refunds),
        disputes=tuple(map(dispute_of, payment.disputes)),
        capture_before=_instant(payment.capture_before),
    )


def dispute_of(dispute: Dispute) -> DisputeSnapshot:
    """A dispute as the port has it."""
    return DisputeSnapshot(
        provider_dispute_id=dispute.id,
        amount=Money(dispute.amount, dispute.currency),
        stage=dispute.stage,
        # A word that we do not know is a dispute that somebody must look at.
        state=_DISPUTES.get(dispute.state, DisputeState.NEEDS_RESPONSE),
        reason=dispute.reason,
        respond_by=_instant(dispute.respond_by),
        fee_minor=dispute.fee,
    )


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def refund_of(refund: Refund) -> RefundSnapshot:
    """A refund as the port has it."""
    return RefundSnapshot(
        provider_refund_id=refund.id,
        refund_reference=refund.refund_reference,
        amount=Money(refund.amount, refund.currency),
        state=refund.state,
        origin=RefundOrigin.US if refund.origin == "api" else RefundOrigin.DASHBOARD,
        failure_code=refund.failure_code,
    )
