"""What is known of an order that may be a fraud, and what came of it."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from surehold.kernel.ids import FraudAssessmentId, OrderId, PaymentId
from surehold.orders.model import Order
from surehold.payments.model import ReviewDecision


class SignalName(enum.Enum):
    """Each signal there is: its weight is the setting of the same name."""

    REPEATED_EMAIL = "repeated_email"
    REPEATED_ADDRESS = "repeated_address"
    REPEATED_NETWORK = "repeated_network"
    ORDER_DECLINES = "order_declines"
    EMAIL_DECLINES = "email_declines"
    LARGE_AMOUNT = "large_amount"
    COUNTRY_MISMATCH = "country_mismatch"
    DISPOSABLE_MAIL = "disposable_mail"
    FIRST_ORDER = "first_order"


class Origin(msgspec.Struct, frozen=True):
    """Where an order was placed from and where it goes, as keyed hashes that tell neither."""

    network_hash: bytes | None
    address_hash: bytes


class Past(msgspec.Struct, frozen=True):
    """What other orders say of one: how many there were in the last hour and day, 100 at most."""

    order_id: OrderId
    email_hour: int
    email_day: int
    address_hour: int
    address_day: int
    network_hour: int
    network_day: int
    #: How often a payment of its own was declined.
    order_declines: int
    #: Payments of those from the same e-mail that were declined in the last day.
    email_declines: int
    #: Whether the same buyer has paid for nothing before.
    is_first: bool
    #: Payments of its own that were judged already, and those that a person has to decide about.
    judged: tuple[PaymentId, ...] = ()
    undecided: tuple[PaymentId, ...] = ()


class Suspect(msgspec.Struct, frozen=True):
    """An order as its money comes, and what is known beside it."""

    order: Order
    past: Past


class Signal(msgspec.Struct, frozen=True):
    """One thing that speaks against an order, with its points, in a sentence for staff."""

    name: SignalName
    weight: int
    sentence: str


class Assessment(msgspec.Struct, frozen=True):
    """What spoke against an order when its money came. Never changed."""

    id: FraudAssessmentId
    payment_id: PaymentId
    order_id: OrderId
    score: int
    hold_at: int
    is_held: bool
    signals: tuple[Signal, ...]
    assessed_at: datetime


class AssessedOrder(msgspec.Struct, frozen=True):
    """An assessment with what staff need to judge it, and what became of it."""

    id: FraudAssessmentId
    payment_id: PaymentId
    order_id: OrderId
    order_number: str
    currency: str
    amount_minor: int
    score: int
    hold_at: int
    is_held: bool
    #: Whether the order is held now.
    is_open: bool
    signals: tuple[Signal, ...]
    assessed_at: datetime
    decision: ReviewDecision | None
