"""PayPal's shapes and words, and what they are in ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

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

_TWO_DECIMALS: Final = (
    "AUD", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "NOK", "NZD", "PHP",
    "PLN", "SEK", "SGD", "THB", "USD",
)  # fmt: skip
#: BRL, CNY, INR and MYR are left out on purpose: only accounts of those countries take them.
AMOUNTS: Final = Amounts(
    exponents={**dict.fromkeys(_TWO_DECIMALS, 2), "HUF": 0, "JPY": 0, "TWD": 0},
    largest=999_999_999,
)

APPROVED: Final = "APPROVED"
EXPIRED: Final = "ORDER_EXPIRED"
#: Captures in which money has come, whatever went back since.
TAKEN: Final = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
_FAILED: Final = frozenset({"DECLINED", "FAILED"})
#: An authorization that was refused never held anything.
_DENIED: Final = "DENIED"
_PATH_SAFE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ORDER_STATES: Final = {
    "CREATED": PaymentState.REQUIRES_ACTION,
    "SAVED": PaymentState.REQUIRES_ACTION,
    "PAYER_ACTION_REQUIRED": PaymentState.REQUIRES_ACTION,
    APPROVED: PaymentState.PENDING,
    "VOIDED": PaymentState.VOIDED,
}
_AUTHORIZATION_STATES: Final = {
    "CREATED": PaymentState.AUTHORIZED,
    "PARTIALLY_CAPTURED": PaymentState.AUTHORIZED,
    "PENDING": PaymentState.PENDING,
    "VOIDED": PaymentState.VOIDED,
    "EXPIRED": PaymentState.VOIDED,
    _DENIED: PaymentState.FAILED,
}
_REFUND_STATES: Final = {
    "COMPLETED": ProviderRefundState.SUCCEEDED,
    "FAILED": ProviderRefundState.FAILED,
    "CANCELLED": ProviderRefundState.FAILED,
}
_DISPUTE_STATES: Final = {
    "WAITING_FOR_BUYER_RESPONSE": DisputeState.UNDER_REVIEW,
    "UNDER_REVIEW": DisputeState.UNDER_REVIEW,
}
_OUTCOMES: Final = {
    "RESOLVED_SELLER_FAVOUR": DisputeState.WON,
    "CANCELED_BY_BUYER": DisputeState.WON,
    "DENIED": DisputeState.WON,
    # PayPal paid the buyer itself.
    "RESOLVED_WITH_PAYOUT": DisputeState.WON,
    "RESOLVED_BUYER_FAVOUR": DisputeState.LOST,
    "ACCEPTED": DisputeState.LOST,
}
_STAGES: Final = {
    "INQUIRY": DisputeStage.INQUIRY,
    "PRE_ARBITRATION": DisputeStage.PRE_ARBITRATION,
    "ARBITRATION": DisputeStage.ARBITRATION,
}

_DECLINES: Final = frozenset({"INSTRUMENT_DECLINED", "TRANSACTION_REFUSED", "PAYER_CANNOT_PAY"})
_AMOUNTS: Final = frozenset(
    {
        "MAX_CAPTURE_AMOUNT_EXCEEDED",
        "REFUND_AMOUNT_EXCEEDED",
        "CAPTURE_FULLY_REFUNDED",
        "REFUND_CAPTURE_CURRENCY_MISMATCH",
        "AUTH_CAPTURE_CURRENCY_MISMATCH",
        "DECIMAL_PRECISION",
    }
)
_CONFLICTS: Final = frozenset(
    {
        "ORDER_ALREADY_CAPTURED",
        "ORDER_ALREADY_AUTHORIZED",
        "ORDER_NOT_APPROVED",
        EXPIRED,
        "PAYER_ACTION_REQUIRED",
        "PREVIOUSLY_CAPTURED",
        "PREVIOUSLY_VOIDED",
        "CANNOT_BE_VOIDED",
        "AUTHORIZATION_ALREADY_CAPTURED",
        "AUTHORIZATION_EXPIRED",
        "AUTHORIZATION_VOIDED",
        "PENDING_CAPTURE",
        "TRANSACTION_DISPUTED",
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK",
        "REFUND_TIME_LIMIT_EXCEEDED",
    }
)
#: The same call is under way elsewhere; what comes of it is not known yet.
_UNDER_WAY: Final = frozenset({"PREVIOUS_REQUEST_IN_PROGRESS", "ORDER_COMPLETION_IN_PROGRESS"})


class Amount(msgspec.Struct, frozen=True):
    """Money: a decimal text in PayPal's digits."""

    currency_code: str
    value: str


class Link(msgspec.Struct, frozen=True):
    """Where to go on from an object."""

    href: str
    rel: str


class Details(msgspec.Struct, frozen=True):
    """Why a status is what it is."""

    reason: str | None = None


class Ids(msgspec.Struct, frozen=True):
    """What an object belongs to."""

    order_id: str | None = None


class Supplement(msgspec.Struct, frozen=True):
    """More about an object."""

    related_ids: Ids = Ids()


class Authorization(msgspec.Struct, frozen=True):
    """Money that is held."""

    id: str
    status: str
    amount: Amount
    expiration_time: datetime | None = None


class Capture(msgspec.Struct, frozen=True):
    """Money that was taken, or was to be."""

    id: str
    status: str
    amount: Amount
    status_details: Details = Details()
    custom_id: str | None = None
    supplementary_data: Supplement = Supplement()
    links: tuple[Link, ...] = ()


class Refund(msgspec.Struct, frozen=True):
    """Money going back."""

    id: str
    status: str
    amount: Amount
    status_details: Details = Details()
    custom_id: str | None = None


class Payments(msgspec.Struct, frozen=True):
    """What came of an order."""

    authorizations: tuple[Authorization, ...] = ()
    captures: tuple[Capture, ...] = ()
    refunds: tuple[Refund, ...] = ()


class Unit(msgspec.Struct, frozen=True):
    """What is bought; our orders have one."""

    amount: Amount
    custom_id: str | None = None
    payments: Payments = Payments()


class Order(msgspec.Struct, frozen=True):
    """What is to be collected, and what was."""

    id: str
    status: str
    intent: str
    purchase_units: tuple[Unit, ...]
    payment_source: Mapping[str, Any] = {}
    links: tuple[Link, ...] = ()
    update_time: str = ""

    @property
    def unit(self) -> Unit:
        """The one thing that is bought; ``Unavailable`` when this is no order of ours."""
        if len(self.purchase_units) != 1:
            raise Unavailable("the answer is about no order of ours")
        return self.purchase_units[0]

    @property
    def taken(self) -> tuple[Capture, ...]:
        """The captures in which money has come."""
        return tuple(row for row in self.unit.payments.captures if row.status in TAKEN)

    def find_link(self, *kinds: str) -> str | None:
        """The address of the first link of one of these kinds."""
        return next((row.href for row in self.links if row.rel in kinds), None)


class Only(msgspec.Struct, frozen=True):
    """As much of an answer as says what it is about."""

    id: str


class Token(msgspec.Struct, frozen=True):
    """What opens the API for some hours."""

    access_token: str
    expires_in: int


class Outcome(msgspec.Struct, frozen=True):
    """How a dispute ended."""

    outcome_code: str | None = None


class Dispute(msgspec.Struct, frozen=True):
    """A buyer asks for the money back."""

    dispute_id: str
    status: str
    dispute_amount: Amount
    reason: str = ""
    dispute_life_cycle_stage: str = ""
    dispute_outcome: Outcome = Outcome()
    seller_response_due_date: datetime | None = None


class Named(msgspec.Struct, frozen=True):
    """A dispute in a list."""

    dispute_id: str


class Disputes(msgspec.Struct, frozen=True):
    """Disputes that were found, the latest first."""

    items: tuple[Named, ...] = ()


class Issue(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    issue: str | None = None
    description: str | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """A refusal; ``debug_id`` is what PayPal's support asks for."""

    name: str
    message: str | None = None
    details: tuple[Issue, ...] = ()
    debug_id: str | None = None


class Bought(msgspec.Struct, frozen=True):
    """As much of an order as an event tells."""

    custom_id: str | None = None


class Disputed(msgspec.Struct, frozen=True):
    """What a dispute is about: ``seller_transaction_id`` is a capture."""

    seller_transaction_id: str | None = None
    custom: str | None = None


class Resource(msgspec.Struct, frozen=True):
    """What an event is about: an order, an authorization, a capture, a refund or a dispute."""

    id: str | None = None
    custom_id: str | None = None
    purchase_units: tuple[Bought, ...] = ()
    supplementary_data: Supplement = Supplement()
    disputed_transactions: tuple[Disputed, ...] = ()
    links: tuple[Link, ...] = ()


class Event(msgspec.Struct, frozen=True):
    """One event."""

    id: str
    event_type: str
    resource: Resource
    create_time: datetime | None = None


class Kind(msgspec.Struct, frozen=True):
    """As much of an event as says whether it is for us."""

    id: str
    event_type: str


def read_failure(answer: Answer) -> ProviderFailure:
    """What a refusal means; only 401, 403 and 429 are believed in anybody else's words."""
    told, status = answer.find(ErrorBody), answer.status
    first = told.details[0] if told is not None and told.details else Issue()
    code = None if told is None else first.issue or told.name
    detail = f"HTTP {status}"
    if told is not None:
        detail = f"{first.description or told.message or code} (debug id {told.debug_id})"
    if status in (401, 403):
        return ConfigurationFault(detail, code=code)
    if status == 429:
        return RateLimited(detail, code=code)
    if told is None or code in _UNDER_WAY or status == 409 or not 400 <= status < 500:
        return answer.lost(detail, code=code)
    if code in _DECLINES:
        return Declined(detail, code=code)
    if code in _AMOUNTS:
        return AmountRefused(detail, code=code)
    if code in _CONFLICTS:
        return StateConflict(detail, code=code)
    return (NotFound if status == 404 else InvalidRequest)(detail, code=code)


def write_money(money: Money) -> dict[str, str]:
    """An amount as PayPal writes it."""
    return {"currency_code": money.currency, "value": AMOUNTS.to_decimal(money)}


def read_money(amount: Amount) -> Money:
    """What PayPal means by an amount.

    Raises:
        Unavailable: An answer that cannot be read.
    """
    try:
        return AMOUNTS.from_decimal(amount.value, amount.currency_code)
    except NotCarried as error:
        raise Unavailable(f"the answer cannot be read: {error}") from error


def read_state(order: Order) -> PaymentState:
    """Where an order stands. COMPLETED says nothing: a declined capture completes one, too."""
    payments = order.unit.payments
    if order.taken:
        return PaymentState.CAPTURED
    if any(row.status == "PENDING" for row in payments.captures):
        return PaymentState.PENDING
    if payments.authorizations:
        last = payments.authorizations[-1].status
        return _AUTHORIZATION_STATES.get(last, PaymentState.UNKNOWN)
    if any(row.status in _FAILED for row in payments.captures):
        return PaymentState.FAILED
    return _ORDER_STATES.get(order.status, PaymentState.UNKNOWN)


def find_failure(order: Order) -> str | None:
    """Why money was not taken, in PayPal's word."""
    failed = [row for row in order.unit.payments.captures if row.status in _FAILED]
    return next((row.status_details.reason or row.status for row in failed), None)


def sum_held(order: Order) -> int:
    """What was ever held, in our minor units; 0 where money was taken without that.

    One that is authorized again stands in the place of the one before.
    """
    held = [row for row in order.unit.payments.authorizations if row.status != _DENIED]
    return read_money(held[-1].amount).amount if held else 0


def read_capture_before(order: Order) -> datetime | None:
    """Until when what is held can be taken."""
    held = order.unit.payments.authorizations
    return held[-1].expiration_time if held else None


def read_refund(refund: Refund) -> RefundSnapshot:
    """A refund in our words. One that bears no reference of ours was begun by hand."""
    state = _REFUND_STATES.get(refund.status, ProviderRefundState.PENDING)
    is_failed = state is ProviderRefundState.FAILED
    return RefundSnapshot(
        provider_refund_id=refund.id,
        refund_reference=refund.custom_id,
        amount=read_money(refund.amount),
        state=state,
        origin=RefundOrigin.US if refund.custom_id else RefundOrigin.DASHBOARD,
        failure_code=refund.status_details.reason or refund.status if is_failed else None,
    )


def read_refunds(order: Order) -> tuple[RefundSnapshot, ...]:
    """Every refund of an order; and what PayPal says went back and lists no refund for."""
    found = [read_refund(row) for row in order.unit.payments.refunds]
    taken = order.taken
    if taken and all(row.status == "REFUNDED" for row in taken):
        all_of_it = sum(read_money(row.amount).amount for row in taken)
        missing = all_of_it - sum_returned(found)
        if missing > 0:
            found.append(
                RefundSnapshot(
                    provider_refund_id=f"{taken[0].id}-reversed",
                    refund_reference=None,
                    amount=Money(missing, taken[0].amount.currency_code),
                    state=ProviderRefundState.SUCCEEDED,
                    origin=RefundOrigin.PROVIDER,
                )
            )
    return tuple(found)


def sum_returned(refunds: Sequence[RefundSnapshot]) -> int:
    """What went back or is on its way, in our minor units."""
    return sum(row.amount.amount for row in refunds if row.state is not ProviderRefundState.FAILED)


def read_dispute(dispute: Dispute) -> DisputeSnapshot:
    """A dispute in our words; one in words that we do not know wants an answer."""
    state = _DISPUTE_STATES.get(dispute.status, DisputeState.NEEDS_RESPONSE)
    if dispute.status == "RESOLVED":
        outcome = dispute.dispute_outcome.outcome_code or ""
        state = _OUTCOMES.get(outcome, DisputeState.NEEDS_RESPONSE)
    return DisputeSnapshot(
        provider_dispute_id=dispute.dispute_id,
        amount=read_money(dispute.dispute_amount),
        stage=_STAGES.get(dispute.dispute_life_cycle_stage, DisputeStage.CHARGEBACK),
        state=state,
        reason=dispute.reason,
        respond_by=dispute.seller_response_due_date,
    )


def read_subject(event: Event) -> tuple[str | None, str | None]:
    """Whose event it is: an order's id or a capture's, and our reference."""
    about = event.resource
    if event.event_type.startswith("CHECKOUT.ORDER."):
        return about.id, next((row.custom_id for row in about.purchase_units), None)
    if event.event_type.startswith("CUSTOMER.DISPUTE."):
        one = next(iter(about.disputed_transactions), Disputed())
        return one.seller_transaction_id, one.custom
    order_id = about.supplementary_data.related_ids.order_id
    above = next((row.href for row in about.links if row.rel == "up"), "")
    path, _, name = above.rpartition("/")
    if event.event_type.endswith((".REFUNDED", ".REVERSED")):
        # About a refund, whose own id and reference are not the payment's.
        return order_id or (name if path.endswith("/captures") else None), None
    return order_id or (name if path.endswith("/orders") else None), about.custom_id


def is_ours(kind: str) -> bool:
    """Whether an event may be about a payment of ours."""
    return kind.startswith(
        ("CHECKOUT.ORDER.", "PAYMENT.AUTHORIZATION.", "PAYMENT.CAPTURE.", "CUSTOMER.DISPUTE.")
    )


def path_part(provider_id: str) -> str:
    """An id as a part of an address.

    Raises:
        NotFound: It is none of this provider's.
    """
    if _PATH_SAFE.fullmatch(provider_id) is None:
        raise NotFound("not an id of this provider")
    return provider_id
