"""Paystack's shapes and words, and what they are in ours. Pure."""

from __future__ import annotations

import hashlib
import re
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
    StateConflict,
    Unavailable,
)
from surehold.payments.providers.http import Answer
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
    RefundSnapshot,
)

#: Paystack writes hundredths of every currency, of those without any, too.
AMOUNTS: Final = Amounts(
    exponents=dict.fromkeys(("EGP", "GHS", "KES", "NGN", "RWF", "USD", "XOF", "ZAR"), 2)
)
STATES: Final = {
    # What nobody has begun to pay is "abandoned" as well.
    "abandoned": PaymentState.REQUIRES_ACTION,
    "ongoing": PaymentState.REQUIRES_ACTION,
    "pending": PaymentState.REQUIRES_ACTION,
    "processing": PaymentState.PENDING,
    "queued": PaymentState.PENDING,
    "success": PaymentState.CAPTURED,
    "reversed": PaymentState.CAPTURED,
    # Not the end: a buyer may try again on the same page for as long as it is open.
    "failed": PaymentState.FAILED,
}
_REFUND_STATES: Final = {
    "processed": ProviderRefundState.SUCCEEDED,
    "failed": ProviderRefundState.FAILED,
}
_DISPUTES: Final = {
    "awaiting-merchant-feedback": DisputeState.NEEDS_RESPONSE,
    "awaiting-bank-feedback": DisputeState.UNDER_REVIEW,
    "pending": DisputeState.UNDER_REVIEW,
}
_RESOLUTIONS: Final = {
    "merchant-accepted": DisputeState.LOST,
    "auto-accepted": DisputeState.LOST,
    "declined": DisputeState.WON,
}
#: We write the refund's id into the note; whatever else is there, a person or Paystack wrote.
_OURS: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Refusal(msgspec.Struct, frozen=True):
    """What Paystack says when it refuses."""

    status: bool
    message: str
    code: str | None = None


class Begun(msgspec.Struct, frozen=True):
    """A page that was opened."""

    authorization_url: str
    access_code: str
    reference: str


class Card(msgspec.Struct, frozen=True):
    """How somebody paid, as far as they may see it."""

    brand: str | None = None
    last4: str | None = None


class Transaction(msgspec.Struct, frozen=True):
    """One payment. ``amount`` is what the buyer paid, ``requested_amount`` what was asked for."""

    id: int
    status: str
    reference: str
    amount: int
    currency: str
    domain: str
    requested_amount: int | None = None
    fees: int | None = None
    channel: str | None = None
    gateway_response: str | None = None
    authorization: Card | None = None


class Named(msgspec.Struct, frozen=True):
    """A transaction, told of by something that is about it."""

    id: int | None = None
    reference: str | None = None
    amount: int | None = None
    domain: str | None = None


class Refund(msgspec.Struct, frozen=True):
    """Money going back."""

    id: int
    status: str
    amount: int
    currency: str
    transaction: Named | int | None = None
    merchant_note: str | None = None
    #: The dispute that it ended.
    dispute: Any = None

    @property
    def transaction_id(self) -> int | None:
        """Which transaction it is of; the answer to a request names it at length."""
        found = self.transaction
        return found.id if isinstance(found, Named) else found


class Dispute(msgspec.Struct, frozen=True):
    """A buyer's bank asks for the money back."""

    id: int
    status: str
    transaction: Named
    currency: str | None = None
    refund_amount: int | None = None
    resolution: str | None = None
    category: str | None = None
    due_at: str | None = None
    #: Written either way, on different pages.
    due_at_too: str | None = msgspec.field(default=None, name="dueAt")


class About(msgspec.Struct, frozen=True):
    """What an event is about. A refund's event names no refund before it is sent."""

    id: int | str | None = None
    status: str | None = None
    reference: str | None = None
    domain: str | None = None
    transaction: Named | int | None = None
    transaction_reference: str | None = None
    #: How a dispute ended: it may be resolved again, otherwise.
    resolution: str | None = None

    @property
    def named(self) -> Named:
        """The transaction, where it is told of at length."""
        return self.transaction if isinstance(self.transaction, Named) else Named()


class Event(msgspec.Struct, frozen=True):
    """One event."""

    event: str
    data: About


class Kind(msgspec.Struct, frozen=True):
    """As much of an event as says whether it is for us."""

    event: str


class Reply(msgspec.Struct, frozen=True):
    """Every answer's envelope. ``status``: the call was understood; nothing of money."""

    status: bool
    data: msgspec.Raw = msgspec.Raw(b"null")


def read_failure(answer: Answer) -> ProviderFailure:
    """What a refusal means; only 401, 403 and 429 are believed in anybody else's words."""
    told, status = answer.find(Refusal), answer.status
    code = None if told is None else told.code
    detail = f"HTTP {status}" if told is None else told.message
    if status in (401, 403):
        return ConfigurationFault(detail, code=code)
    if status == 429:
        return RateLimited(detail, code=code)
    if told is None or told.status or not 400 <= status < 500:
        return answer.lost(detail, code=code)
    if code == "duplicate_reference":
        return StateConflict(detail, code=code)
    if status == 404 or code == "transaction_not_found":
        return NotFound(detail, code=code)
    return InvalidRequest(detail, code=code)


def read_money(units: int, currency: str) -> Money:
    """What Paystack means by so many hundredths.

    Raises:
        Unavailable: An answer that cannot be read.
    """
    try:
        return AMOUNTS.from_units(units, currency)
    except NotCarried as error:
        raise Unavailable(f"the answer cannot be read: {error}") from error


def count_collected(paid: Transaction) -> int:
    """What came for us, in hundredths. What a buyer paid on top for Paystack's fee did not."""
    asked = paid.amount if paid.requested_amount is None else paid.requested_amount
    is_fee_on_top = 0 < paid.amount - asked <= (paid.fees or 0)
    return asked if is_fee_on_top else paid.amount


def sum_back(refunds: tuple[RefundSnapshot, ...]) -> int:
    """What went back, or is on its way."""
    failed = ProviderRefundState.FAILED
    return sum(row.amount.amount for row in refunds if row.state is not failed)


def describe_method(paid: Transaction) -> str | None:
    """How the buyer paid, in a few words."""
    card = paid.authorization
    if paid.channel == "card" and card is not None and card.last4:
        return f"{(card.brand or 'card').strip()} {card.last4}"
    return paid.channel


def read_refund(refund: Refund) -> RefundSnapshot:
    """A refund in our words. One that bears no reference of ours was begun by somebody else."""
    note = refund.merchant_note or ""
    is_ours = _OURS.fullmatch(note) is not None
    origin = RefundOrigin.PROVIDER if refund.dispute else RefundOrigin.DASHBOARD
    is_stuck = refund.status in ("failed", "needs-attention")
    return RefundSnapshot(
        provider_refund_id=str(refund.id),
        refund_reference=note if is_ours else None,
        amount=read_money(refund.amount, refund.currency),
        # One that needs attention waits for the buyer's bank details, which people must give.
        state=_REFUND_STATES.get(refund.status, ProviderRefundState.PENDING),
        origin=RefundOrigin.US if is_ours else origin,
        failure_code=refund.status if is_stuck else None,
    )


def read_dispute(dispute: Dispute, paid: Transaction) -> DisputeSnapshot:
    """A dispute in our words."""
    # A word that we do not know is a dispute that somebody must look at.
    state = _DISPUTES.get(dispute.status, DisputeState.NEEDS_RESPONSE)
    if dispute.status in ("resolved", "archived"):
        state = _RESOLUTIONS.get(dispute.resolution or "", DisputeState.CLOSED)
    units = paid.amount if dispute.refund_amount is None else dispute.refund_amount
    return DisputeSnapshot(
        provider_dispute_id=str(dispute.id),
        amount=read_money(units, dispute.currency or paid.currency),
        stage=DisputeStage.CHARGEBACK,
        state=state,
        reason=dispute.category or "not told",
        respond_by=_read_time(dispute.due_at or dispute.due_at_too),
    )


def _read_time(told: str | None) -> datetime | None:
    """When to answer at the latest. A form that we do not know keeps nothing from being read."""
    try:
        found = datetime.fromisoformat(told or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def digest(kind: str, about: About, raw_body: bytes) -> str:
    """What tells one event from another: what it says of the fact.

    A refund's event may not name its refund, so that two of one amount differ in other words
    alone: there every byte counts, and one fact told twice is read twice, which does no harm.
    """
    told: object = (about.id, about.reference, about.status)
    if kind.startswith("charge.dispute."):
        told = (about.id, about.reference, about.status, about.resolution)
    if kind.startswith("refund.") or about.id is None:
        told = raw_body
    return hashlib.sha256(repr((kind, told)).encode()).hexdigest()
