"""Chapa's shapes and words, and what they are in ours. Pure."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import Any, Final

import msgspec

from surehold.kernel.money import Money
from surehold.payments.model import PaymentState
from surehold.payments.providers.amounts import Amounts, NotCarried
from surehold.payments.providers.failures import (
    AmountRefused,
    ConfigurationFault,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
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
from surehold.payments.providers.references import from_letters

#: Whole hundredths of both; the largest amount is 9,999,999.99.
AMOUNTS: Final = Amounts(exponents={"ETB": 2, "USD": 2}, largest=999_999_999)
#: The code of ours for "Transaction reference has been used before".
REFERENCE_USED: Final = "reference_used"

_PATH_SAFE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")

PAID: Final = frozenset({"success", "refunded", "reversed"})
STATES: Final = {
    "initialised": PaymentState.REQUIRES_ACTION,
    "initialized": PaymentState.REQUIRES_ACTION,
    "pending": PaymentState.PENDING,
    # Not the end: a buyer may try again on the same page for as long as it is open.
    "failed": PaymentState.FAILED,
    "failed/cancelled": PaymentState.FAILED,
    "cancelled": PaymentState.VOIDED,
}
_REFUND_STATES: Final = {
    "refunded": ProviderRefundState.SUCCEEDED,
    "reversed": ProviderRefundState.SUCCEEDED,
    "success": ProviderRefundState.SUCCEEDED,
    "failed": ProviderRefundState.FAILED,
    "cancelled": ProviderRefundState.FAILED,
}


class Refusal(msgspec.Struct, frozen=True):
    """``message`` is a text, or an object of field and faults."""

    message: Any
    status: str | None = None

    @property
    def text(self) -> str:
        """What it says."""
        if isinstance(self.message, str):
            return self.message
        return msgspec.json.encode(self.message).decode()

    def says(self, *words: str) -> bool:
        """Whether one of these is in it."""
        return any(word in self.text.lower() for word in words)


class Page(msgspec.Struct, frozen=True):
    """Where the buyer pays."""

    checkout_url: str


class Begun(msgspec.Struct, frozen=True):
    """The answer to a payment that was begun."""

    data: Page


class Transaction(msgspec.Struct, frozen=True):
    """One payment as ``verify`` tells it."""

    tx_ref: str
    status: str
    amount: Decimal
    currency: str
    mode: str
    reference: str | None = None
    method: str | None = None


class Verified(msgspec.Struct, frozen=True):
    """The answer of ``verify``."""

    data: Transaction


class Refund(msgspec.Struct, frozen=True):
    """Money on its way back, or back."""

    ref_id: str | None = None
    status: str | None = None
    amount: Decimal | None = None
    currency: str | None = None


class Refunded(msgspec.Struct, frozen=True):
    """The answer to a refund."""

    data: Refund


class Event(msgspec.Struct, frozen=True):
    """What a webhook tells."""

    event: str
    mode: str | None = None
    tx_ref: str | None = None
    reference: str | None = None
    status: str | None = None
    amount: Decimal | None = None
    updated_at: str | None = None


def digest_of(event: Event) -> str:
    """What tells one event from another: everything that it says of the fact.

    One fact told twice in other words is read twice, which does no harm; two facts taken for one
    would be.
    """
    told = (event.event, event.tx_ref, event.reference, event.status, event.amount)
    return hashlib.sha256(repr((*map(str, told), event.updated_at)).encode()).hexdigest()


def path_part(reference: str) -> str:
    """A reference as a part of an address.

    Raises:
        NotFound: It is none of this provider's.
    """
    if _PATH_SAFE.fullmatch(reference) is None:
        raise NotFound("not a reference of this provider")
    return reference


def read_failure(answer: Answer) -> ProviderFailure:
    """What a refusal means; only 401, 403 and 429 are believed in anybody else's words."""
    told, status = answer.find(Refusal), answer.status
    detail = f"HTTP {status}" if told is None else told.text
    if status in (401, 403):
        return ConfigurationFault(detail)
    if status == 429:
        return RateLimited(detail)
    if told is None or not 400 <= status < 500:
        return answer.lost(detail)
    if told.says("used before", "already been used", "already exists"):
        return StateConflict(detail, code=REFERENCE_USED)
    if told.says("refund amount", "exceeds", "greater than", "already refunded"):
        return AmountRefused(detail, code="amount_refused")
    return (NotFound if status == 404 else InvalidRequest)(detail, code="refused")


def read_money(amount: Decimal, currency: str) -> Money:
    """An amount in major units.

    Raises:
        Unavailable: It cannot be carried.
    """
    try:
        return AMOUNTS.from_decimal(amount, currency)
    except NotCarried as error:
        raise Unavailable(f"the answer cannot be read: {error}") from error


def reversal_of(found: Transaction, amount: Money) -> RefundSnapshot:
    """Money that Chapa took back without being asked."""
    return RefundSnapshot(
        provider_refund_id=f"{found.reference}-reversed",
        refund_reference=None,
        amount=amount,
        state=ProviderRefundState.SUCCEEDED,
        origin=RefundOrigin.PROVIDER,
    )


def refund_of(refund: Refund, reference: str, amount: Money) -> RefundSnapshot:
    """A refund as the port has it; what the answer leaves out is as it was asked for.

    Raises:
        OutcomeUnknown: The answer is about another one.
    """
    if refund.amount is not None and refund.currency is not None:
        told = read_money(refund.amount, refund.currency)
        if told.currency != amount.currency:
            raise OutcomeUnknown("the answer is about another refund")
        amount = told
    status = (refund.status or "").lower()
    return RefundSnapshot(
        provider_refund_id=refund.ref_id or reference,
        refund_reference=from_letters(reference),
        amount=amount,
        state=_REFUND_STATES.get(status, ProviderRefundState.PENDING),
        origin=RefundOrigin.US,
        failure_code=status if status in {"failed", "cancelled"} else None,
    )
