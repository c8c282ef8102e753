"""Flutterwave's shapes and words, and what they are in ours. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from surehold.kernel.money import Money
from surehold.payments.model import PaymentState
from surehold.payments.providers.amounts import Amounts, NotCarried
from surehold.payments.providers.failures import (
    AmountRefused,
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
from surehold.payments.providers.references import from_letters

Shape = TypeVar("Shape")

_TWO_DECIMALS: Final = ("EUR", "GBP", "GHS", "KES", "NGN", "TZS", "USD", "ZAR", "ZMW")
_NO_DECIMALS: Final = ("RWF", "UGX", "XAF", "XOF")
#: ETB is left out on purpose: whether it is taken depends on the account.
AMOUNTS: Final = Amounts(
    exponents={**dict.fromkeys(_TWO_DECIMALS, 2), **dict.fromkeys(_NO_DECIMALS, 0)},
    largest=9_999_999_999,
)

_PATH_SAFE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
#: Our reference of a refund, in letters.
_REFERENCE: Final = re.compile(r"[0-9a-f]{32}")

STATES: Final = {
    "successful": PaymentState.CAPTURED,
    "pending": PaymentState.PENDING,
    # Not the end: a buyer may try again on the same page for as long as it is open.
    "failed": PaymentState.FAILED,
}
#: ``completed`` is not among them: it means begun, and waiting to be paid out.
_RETURNED: Final = frozenset(
    {
        "completed-bank-transfer",
        "completed-momo",
        "completed-mpgs",
        "completed-offline",
        "completed-preauth",
    }
)


_DISBURSED: Final = {
    "successful": ProviderRefundState.SUCCEEDED,
    "success": ProviderRefundState.SUCCEEDED,
    "failed": ProviderRefundState.FAILED,
}


class Said(msgspec.Struct, frozen=True):
    """Every answer says how it went; the HTTP status may say otherwise."""

    status: str
    message: str | None = None

    def says(self, *words: str) -> bool:
        """Whether the message has one of these words."""
        text = (self.message or "").lower()
        return any(word in text for word in words)


class Page(msgspec.Struct, frozen=True):
    """Where the buyer pays."""

    link: str


class Begun(msgspec.Struct, frozen=True):
    """A page was made."""

    data: Page


class Transaction(msgspec.Struct, frozen=True):
    """Somebody tried to pay."""

    id: int
    tx_ref: str
    status: str
    #: What the shop gets before fees; ``charged_amount`` is with them, and nothing to us.
    amount: Decimal
    currency: str
    payment_type: str | None = None
    processor_response: str | None = None


class Verified(msgspec.Struct, frozen=True):
    """A transaction as it is now."""

    data: Transaction


class Refund(msgspec.Struct, frozen=True):
    """Money going back."""

    id: int
    status: str
    amount_refunded: Decimal
    tx_id: int
    comments: str | None = None
    meta: Any = None


class Refunded(msgspec.Struct, frozen=True):
    """A refund was begun."""

    data: Refund


class Listed(msgspec.Struct, frozen=True):
    """A refund in a list, where the same things have other names."""

    id: int
    status: str
    amount_refunded: Decimal = msgspec.field(name="AmountRefunded")
    tx_id: int = msgspec.field(name="TransactionId")
    comments: str | None = None
    meta: Any = None


class PageInfo(msgspec.Struct, frozen=True):
    """How long a list is."""

    total_pages: int = 1


class Meta(msgspec.Struct, frozen=True):
    """About a list."""

    page_info: PageInfo = PageInfo()


class Refunds(msgspec.Struct, frozen=True):
    """A page of refunds."""

    data: tuple[Listed, ...] | None = None
    meta: Meta | None = None


class Told(msgspec.Struct, frozen=True):
    """What an event says of a transaction."""

    id: int
    tx_ref: str
    status: str


class Event(msgspec.Struct, frozen=True):
    """One event."""

    event: str
    data: Told


class Kind(msgspec.Struct, frozen=True):
    """As much of an event as says whether it is for us."""

    event: str


class Sent(msgspec.Struct, frozen=True):
    """What a refund's body says."""

    amount: Decimal
    comments: str


def write_number(amount: Money) -> msgspec.Raw:
    """An amount as a JSON number, with exactly the digits that it has."""
    return msgspec.Raw(AMOUNTS.to_decimal(amount).encode())


def check_reference(tx_ref: str) -> str:
    """A name that may be a reference.

    Raises:
        NotFound: It cannot be one.
    """
    if _PATH_SAFE.fullmatch(tx_ref) is None:
        raise NotFound("not a reference of this provider")
    return tx_ref


def read_answer(answer: Answer, shape: type[Shape]) -> Shape:
    """The answer as a value, if it says that it is one.

    Raises:
        ProviderFailure: It says no.
    """
    said = answer.find(Said)
    if not answer.is_success or (said is not None and said.status != "success"):
        raise _failure(answer, said)
    return answer.read(shape)


def _failure(answer: Answer, said: Said | None) -> ProviderFailure:
    """What a refusal means; only 401, 403 and 429 are believed in anybody else's words."""
    status = answer.status
    detail = f"HTTP {status}" if said is None else said.message or f"HTTP {status}"
    if status in (401, 403):
        return ConfigurationFault(detail)
    if status == 429:
        return RateLimited(detail)
    if said is None or said.status != "error" or not (status == 200 or 400 <= status < 500):
        return answer.lost(detail)
    if said.says("no transaction was found", "transaction not found"):
        return NotFound(detail, code="not_found")
    if said.says("already exist", "duplicate"):
        return StateConflict(detail, code="reference_used")
    if said.says("refund", "exceed", "greater than", "minimum"):
        return AmountRefused(detail, code="amount_refused")
    return InvalidRequest(detail, code="refused")


def read_money(amount: Decimal, currency: str) -> Money:
    """What Flutterwave means by an amount.

    Raises:
        Unavailable: An answer that cannot be read.
    """
    try:
        return AMOUNTS.from_decimal(amount, currency)
    except NotCarried as error:
        raise Unavailable(f"the answer cannot be read: {error}") from error


def read_refund(
    refund: Refund | Listed, currency: str, *, reference: str | None = None
) -> RefundSnapshot:
    """A refund in our words. One that bears no reference of ours was begun by hand."""
    letters = reference or refund.comments or ""
    is_ours = _REFERENCE.fullmatch(letters) is not None
    state = _refund_state(refund)
    return RefundSnapshot(
        provider_refund_id=str(refund.id),
        refund_reference=from_letters(letters) if is_ours else None,
        amount=read_money(refund.amount_refunded, currency),
        state=state,
        origin=RefundOrigin.US if is_ours else RefundOrigin.DASHBOARD,
        failure_code=refund.status if state is ProviderRefundState.FAILED else None,
    )


def _refund_state(refund: Refund | Listed) -> ProviderRefundState:
    """Where a refund is: only a status that names how it was paid out is the end."""
    if refund.status == "failed":
        return ProviderRefundState.FAILED
    if refund.status in _RETURNED:
        return ProviderRefundState.SUCCEEDED
    return _DISBURSED.get(_find_disbursed(refund.meta), ProviderRefundState.PENDING)


def _find_disbursed(meta: Any) -> str:
    """What is said of the payout; ``meta`` is an object, or a text that is one."""
    if isinstance(meta, str):
        try:
            meta = msgspec.json.decode(meta)
        except (ValueError, RecursionError):
            return ""
    status = meta.get("disburse_status") if isinstance(meta, dict) else None
    return status if isinstance(status, str) else ""
