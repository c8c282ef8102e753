"""What the payments room knows: payments, the operations sent to providers, refunds."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from surehold.kernel.ids import (
    CancellationId,
    GiftCardId,
    OperationId,
    OrderId,
    OrderLineId,
    PaymentId,
    PaymentReviewId,
    RefundId,
    ReturnId,
    VendorId,
    WebhookEventId,
    merchant_reference,
)
from surehold.kernel.money import Money

#: The provider of payments by gift card. Nobody chooses it as a way to pay the rest.
GIFT_CARD: Final = "gift_card"
#: The provider of payments that whoever brings the goods collects.
CASH_ON_DELIVERY: Final = "cash_on_delivery"
#: Why a payment is held for a person whose order nothing may leave of until then.
FRAUD_SIGNALS: Final = "fraud_signals"


class PaymentState(enum.Enum):
    """Where one intent to collect money stands.

    ``failed`` and ``voided`` are not absorbing: a provider may report a late success, and money
    that moved is recorded first, judged second.
    """

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    FAILED = "failed"
    VOIDED = "voided"
    UNKNOWN = "unknown"


class PaymentTerms(enum.Enum):
    """When the money is taken; until then the goods are trusted to a payment."""

    NOW = "now"
    #: Authorized at checkout, captured when something is sent.
    ON_SHIPMENT = "on_shipment"
    #: In cash, at the door.
    ON_DELIVERY = "on_delivery"


class OperationKind(enum.Enum):
    """What was asked of a provider."""

    CREATE = "create"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    ANSWER_DISPUTE = "answer_dispute"
    REAUTHORIZE = "reauthorize"


class OperationState(enum.Enum):
    """What is known of the answer. ``unknown`` ends only by asking the provider again."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"


class RefundState(enum.Enum):
    """Money on its way back. ``requested`` already counts against what is left to refund."""

    REQUESTED = "requested"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Redirect(msgspec.Struct, frozen=True, tag="redirect"):
    """Send the buyer's browser to this address."""

    url: str


class Instructions(msgspec.Struct, frozen=True, omit_defaults=True, tag="instructions"):
    """Tell the buyer what to do: label and value pairs, and the reference to quote.

    ``qr_text`` is what a QR code for the buyer's banking program says, where there is one.
    """

    lines: tuple[tuple[str, str], ...]
    reference: str
    qr_text: str | None = None


class NoAction(msgspec.Struct, frozen=True, tag="none"):
    """Nothing for the buyer to do now."""


class Wait(msgspec.Struct, frozen=True, tag="wait"):
    """The provider has not answered yet; read the payment again after this many seconds."""

    poll_after_seconds: int


class PostForm(msgspec.Struct, frozen=True, tag="post_form"):
    """Send the buyer's browser to this address with these fields, by POST."""

    url: str
    fields: tuple[tuple[str, str], ...]


class ClientSecret(msgspec.Struct, frozen=True, tag="client_secret"):
    """Let the provider's own script collect the payment; the secret opens this payment alone."""

    publishable_key: str
    secret: str


class JsCheckout(msgspec.Struct, frozen=True, tag="js_checkout"):
    """Open the provider's own script on an order of its own, with what the buyer typed before."""

    key: str
    provider_order_id: str
    prefill: tuple[tuple[str, str], ...] = ()


class PushPrompt(msgspec.Struct, frozen=True, tag="push_prompt"):
    """The buyer confirms on the telephone; read the payment again after so many seconds."""

    phone: str
    message: str
    poll_after_seconds: int


NextAction = (
    Redirect | PostForm | ClientSecret | JsCheckout | PushPrompt | Instructions | NoAction | Wait
)


class Payment(msgspec.Struct, frozen=True):
    """One intent to collect for one order. Amounts are minor units of ``currency``."""

    id: PaymentId
    order_id: OrderId
    provider: str
    account: str
    provider_payment_id: str | None
    state: PaymentState
    currency: str
    requested_minor: int
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    disputed_minor: int
    next_action: NextAction
    failure_code: str | None
    failure_message: str | None
    review_reason: str | None
    check_count: int
    next_check_at: datetime | None
    created_at: datetime
    updated_at: datetime
    #: The card that pays, where no money does.
    gift_card_id: GiftCardId | None = None
    terms: PaymentTerms = PaymentTerms.NOW
    #: Gone for good: the buyer's bank gave it back.
    lost_minor: int = 0
    #: How often anything was written of its disputes.
    dispute_moves: int = 0

    @property
    def is_secured(self) -> bool:
        """Whether goods may leave for it before its money is here."""
        if self.terms is PaymentTerms.ON_SHIPMENT:
            return self.state is PaymentState.AUTHORIZED
        is_awaited = self.state is PaymentState.REQUIRES_ACTION
        return self.terms is PaymentTerms.ON_DELIVERY and is_awaited

    @property
    def is_suspected(self) -> bool:
        """Whether its order is held until a person has looked into fraud signals."""
        return self.review_reason == FRAUD_SIGNALS

    @property
    def merchant_reference(self) -> str:
        """Our reference at the provider."""
        return merchant_reference(self.id)

    @property
    def requested(self) -> Money:
        """What is to be collected."""
        return Money(self.requested_minor, self.currency)


def find_main(payments: Sequence[Payment]) -> Payment | None:
    """The payment that a buyer is to do something about: the latest of money, else by card."""
    return next(
        (row for row in reversed(payments) if row.gift_card_id is None),
        payments[-1] if payments else None,
    )


class Operation(msgspec.Struct, frozen=True):
    """One call to a provider, with the bytes to send and the key that makes it one call."""

    id: OperationId
    payment_id: PaymentId
    refund_id: RefundId | None
    kind: OperationKind
    state: OperationState
    idempotency_key: str
    request: bytes
    attempts: int


class Refund(msgspec.Struct, frozen=True):
    """Money going back to the buyer."""

    id: RefundId
    payment_id: PaymentId
    order_id: OrderId
    state: RefundState
    currency: str
    amount_minor: int
    reason: str
    requested_by: str
    provider_refund_id: str | None
    failure_code: str | None
    created_at: datetime
    ended_at: datetime | None
    #: What was asked for at once, over however many payments.
    batch_id: UUID | None = None
    #: It takes a part of the sale back, its lines and shipping, when it succeeds.
    is_of_sale: bool = False
    #: Gross; the tax is a part of it.
    shipping_minor: int = 0
    shipping_tax_minor: int = 0
    cancellation_id: CancellationId | None = None
    retry_of: RefundId | None = None
    return_id: ReturnId | None = None
    #: More was paid than was due: it never was a sale.
    is_excess: bool = False
    internal_reason: str | None = None
    #: The credit that it becomes, where no money goes back.
    store_credit_id: GiftCardId | None = None


class ReviewDecision(enum.Enum):
    """What a person decides about a payment that is held for one.

    ``accept``: it is right as it is. ``refund``: what it keeps beyond what is due goes back.
    ``reject``: its order is given up, and all that it keeps goes back.
    """

    ACCEPT = "accept"
    REFUND = "refund"
    REJECT = "reject"


class PaymentReview(msgspec.Struct, frozen=True):
    """What a person decided about a payment, and why it was held."""

    id: PaymentReviewId
    payment_id: PaymentId
    reason: str
    decision: ReviewDecision
    note: str
    actor: str
    decided_at: datetime


class RefundLine(msgspec.Struct, frozen=True):
    """The part of a refund that is of one order line. 0 units: money alone."""

    refund_id: RefundId
    order_line_id: OrderLineId
    quantity: int
    net_minor: int
    tax_minor: int


class WebhookState(enum.Enum):
    """``parked``: about something we do not know yet, tried again; ``dead``: for a person."""

    RECEIVED = "received"
    PROCESSED = "processed"
    PARKED = "parked"
    DEAD = "dead"


class WebhookEvent(msgspec.Struct, frozen=True):
    """One fact that a provider told us, however often it did."""

    id: WebhookEventId
    provider: str
    account: str
    dedup_key: str
    kind: str
    provider_payment_id: str | None
    merchant_reference: str | None
    state: WebhookState
    attempts: int
    seen_count: int


class Entry(msgspec.Struct, frozen=True):
    """One side of a posting. Positive is a debit, negative a credit."""

    account: str
    amount_minor: int
    vendor_id: VendorId | None = None


class Journal(msgspec.Struct, frozen=True):
    """One balanced posting about one fact; the fact is booked once per (kind, reference)."""

    id: UUID
    kind: str
    reference: UUID
    #: None of cards that are issued, adjusted or over.
    order_id: OrderId | None
    currency: str
    entries: tuple[Entry, ...]
