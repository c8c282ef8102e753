"""Stripe's shapes and words, and what they are in ours. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from surehold.kernel.money import Money
from surehold.payments.model import PaymentState
from surehold.payments.providers.amounts import Amounts, NotCarried
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
    Unavailable,
)
from surehold.payments.providers.http import Answer
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
    RefundSnapshot,
)

_NO_DECIMALS: Final = (
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
)  # fmt: skip
_THREE_DECIMALS: Final = ("BHD", "JOD", "KWD", "OMR", "TND")
_TWO_DECIMALS: Final = (
    "AED", "ALL", "AMD", "AUD", "AZN", "BAM", "BDT", "BOB", "BRL", "BWP", "CAD", "CHF",
    "CNY", "COP", "CRC", "CZK", "DKK", "DOP", "EGP", "ETB", "EUR", "GBP", "GEL", "GHS", "GTQ",
    "HKD", "HNL", "HUF", "IDR", "ILS", "INR", "ISK", "JMD", "KES", "KGS", "KHR", "KZT", "LKR",
    "MAD", "MDL", "MKD", "MNT", "MUR", "MXN", "MYR", "MZN", "NAD", "NGN", "NOK", "NPR", "NZD",
    "PAB", "PEN", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "SAR", "SEK", "SGD", "THB", "TRY",
    "TTD", "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "ZAR", "ZMW",
)  # fmt: skip
#: UGX is left out on purpose: Stripe's pages do not agree on how it is written.
AMOUNTS: Final = Amounts(
    exponents={
        **dict.fromkeys(_NO_DECIMALS, 0),
        **dict.fromkeys(_TWO_DECIMALS, 2),
        **dict.fromkeys(_THREE_DECIMALS, 3),
    },
    # Krónur are written in hundredths that must be zero; of three decimals the last one must be.
    steps={"ISK": 100, **dict.fromkeys(_THREE_DECIMALS, 10)},
    largest=99_999_999,
)

INTENT_STATES: Final = {
    # A declined buyer is here too, and may try again: the intent lives on.
    "requires_payment_method": PaymentState.REQUIRES_ACTION,
    "requires_confirmation": PaymentState.REQUIRES_ACTION,
    "requires_action": PaymentState.REQUIRES_ACTION,
    "processing": PaymentState.PENDING,
    "requires_capture": PaymentState.AUTHORIZED,
    "succeeded": PaymentState.CAPTURED,
    "canceled": PaymentState.VOIDED,
}
_REFUND_STATES: Final = {
    "succeeded": ProviderRefundState.SUCCEEDED,
    "failed": ProviderRefundState.FAILED,
    "canceled": ProviderRefundState.FAILED,
}
_INQUIRY, _CHARGEBACK = DisputeStage.INQUIRY, DisputeStage.CHARGEBACK
DISPUTES: Final = {
    "warning_needs_response": (_INQUIRY, DisputeState.NEEDS_RESPONSE),
    "warning_under_review": (_INQUIRY, DisputeState.UNDER_REVIEW),
    "warning_closed": (_INQUIRY, DisputeState.CLOSED),
    "prevented": (_CHARGEBACK, DisputeState.CLOSED),
    "needs_response": (_CHARGEBACK, DisputeState.NEEDS_RESPONSE),
    "under_review": (_CHARGEBACK, DisputeState.UNDER_REVIEW),
    "appeal_needs_response": (DisputeStage.PRE_ARBITRATION, DisputeState.NEEDS_RESPONSE),
    "appeal_under_review": (DisputeStage.PRE_ARBITRATION, DisputeState.UNDER_REVIEW),
    "won": (_CHARGEBACK, DisputeState.WON),
    "lost": (_CHARGEBACK, DisputeState.LOST),
}
_CONFLICTS: Final = {
    "charge_already_refunded": AmountRefused,
    "amount_too_large": AmountRefused,
    "charge_disputed": StateConflict,
    "payment_intent_unexpected_state": StateConflict,
}


class Metadata(msgspec.Struct, frozen=True):
    """What we write on Stripe's objects."""

    merchant_reference: str | None = None
    refund_reference: str | None = None


class Card(msgspec.Struct, frozen=True):
    """A card, as far as a buyer may see it."""

    brand: str | None = None
    last4: str | None = None
    capture_before: int | None = None


class Method(msgspec.Struct, frozen=True):
    """How somebody paid."""

    type: str
    card: Card | None = None


class Charge(msgspec.Struct, frozen=True):
    """One attempt to take money."""

    id: str
    amount_refunded: int = 0
    disputed: bool = False
    payment_intent: str | None = None
    payment_method_details: Method | None = None


class Error(msgspec.Struct, frozen=True):
    """What went wrong."""

    type: str | None = None
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    param: str | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """A refusal."""

    error: Error


class Intent(msgspec.Struct, frozen=True):
    """What is to be collected, and what was."""

    id: str
    amount: int
    currency: str
    status: str
    livemode: bool
    amount_received: int = 0
    amount_capturable: int = 0
    metadata: Metadata | None = None
    latest_charge: Charge | str | None = None
    last_payment_error: Error | None = None
    client_secret: str | None = None


class Session(msgspec.Struct, frozen=True):
    """One visit to Stripe's page."""

    id: str
    status: str | None
    client_reference_id: str | None
    amount_total: int | None
    currency: str | None
    livemode: bool
    payment_intent: Intent | str | None = None
    url: str | None = None


class Refund(msgspec.Struct, frozen=True):
    """Money going back."""

    id: str
    amount: int
    currency: str
    status: str | None
    payment_intent: str | None = None
    metadata: Metadata | None = None
    failure_reason: str | None = None


class Evidence(msgspec.Struct, frozen=True):
    """Until when to answer a dispute."""

    due_by: int | None = None


class Dispute(msgspec.Struct, frozen=True):
    """A buyer's bank asks for the money back."""

    id: str
    amount: int
    currency: str
    status: str
    reason: str
    evidence_details: Evidence | None = None


class Refunds(msgspec.Struct, frozen=True):
    """A page of refunds."""

    data: tuple[Refund, ...]
    has_more: bool = False


class Disputes(msgspec.Struct, frozen=True):
    """A page of disputes."""

    data: tuple[Dispute, ...]
    has_more: bool = False


class Intents(msgspec.Struct, frozen=True):
    """Intents that were found."""

    data: tuple[Intent, ...]


class EventObject(msgspec.Struct, frozen=True):
    """What an event is about."""

    id: str
    object: str
    payment_intent: str | None = None
    charge: str | None = None
    client_reference_id: str | None = None
    metadata: Metadata | None = None


class EventData(msgspec.Struct, frozen=True):
    """What an event carries."""

    object: EventObject


class Event(msgspec.Struct, frozen=True):
    """One event."""

    id: str
    type: str
    created: int
    livemode: bool
    data: EventData


class Kind(msgspec.Struct, frozen=True):
    """As much of an event as says whether it is for us."""

    type: str


def read_failure(answer: Answer) -> ProviderFailure:
    """What a refusal means; only 401, 403 and 429 are believed in anybody else's words."""
    told, status = answer.find(ErrorBody), answer.status
    error = None if told is None else told.error
    code = None if error is None else error.decline_code or error.code or error.type
    detail = f"HTTP {status}" if error is None else error.message or f"HTTP {status}"
    if status in (401, 403):
        return ConfigurationFault(detail, code=code)
    if status == 429:
        return RateLimited(detail, code=code)
    # 409: the same key is under way elsewhere, or a lock is held. What comes of it is not known.
    if error is None or status == 409 or not 400 <= status < 500:
        return answer.lost(detail, code=code)
    if error.code in _CONFLICTS:
        return _CONFLICTS[error.code](detail, code=code)
    if error.type == "invalid_request_error" and error.param in ("amount", "amount_to_capture"):
        return AmountRefused(detail, code=code)
    kinds: dict[int, type[ProviderFailure]] = {402: Declined, 404: NotFound}
    return kinds.get(status, InvalidRequest)(detail, code=code)


def read_money(units: int, currency: str) -> Money:
    """What Stripe means by so many units.

    Raises:
        Unavailable: An answer that cannot be read.
    """
    try:
        return AMOUNTS.from_units(units, currency)
    except NotCarried as error:
        raise Unavailable(f"the answer cannot be read: {error}") from error


def read_capture_before(charge: Charge | None) -> datetime | None:
    """Until when the bank holds the money, where Stripe says so of the card."""
    details = charge.payment_method_details if charge is not None else None
    until = details.card.capture_before if details is not None and details.card else None
    return None if until is None else datetime.fromtimestamp(until, UTC)


def describe_method(charge: Charge | None) -> str | None:
    """How the buyer paid, in a few words."""
    details = charge.payment_method_details if charge is not None else None
    if details is None:
        return None
    card = details.card
    return details.type if card is None else f"{card.brand} {card.last4}"


def read_refund(refund: Refund) -> RefundSnapshot:
    """A refund in our words. One that bears no reference of ours was begun by hand."""
    reference = (refund.metadata or Metadata()).refund_reference
    return RefundSnapshot(
        provider_refund_id=refund.id,
        refund_reference=reference,
        amount=read_money(refund.amount, refund.currency.upper()),
        state=_REFUND_STATES.get(refund.status or "", ProviderRefundState.PENDING),
        origin=RefundOrigin.US if reference is not None else RefundOrigin.DASHBOARD,
        failure_code=refund.failure_reason,
    )


def read_dispute(dispute: Dispute) -> DisputeSnapshot:
    """A dispute in our words."""
    # A word that we do not know is a dispute that somebody must look at.
    stage, state = DISPUTES.get(dispute.status, (_CHARGEBACK, DisputeState.NEEDS_RESPONSE))
    due_by = dispute.evidence_details.due_by if dispute.evidence_details else None
    return DisputeSnapshot(
        provider_dispute_id=dispute.id,
        amount=read_money(dispute.amount, dispute.currency.upper()),
        stage=stage,
        state=state,
        reason=dispute.reason,
        respond_by=None if due_by is None else datetime.fromtimestamp(due_by, UTC),
    )
