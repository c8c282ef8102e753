"""The one language of states: what pages, e-mails and the API reference call each value.

A badge is a dot and a word, never color alone. The dot tells how far: empty is not begun or
stopped, half is under way, full is done. Values are those of the database; a value without a row
here is our bug, and the tests walk every one of them. Words are in English; pages say them in the
reader's language.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from surehold.web.translations import gettext_noop


class Tone(enum.Enum):
    """The color pair of a badge or banner."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    INFO = "info"
    NEUTRAL = "neutral"


class Dot(enum.Enum):
    """How far a state has come."""

    EMPTY = "empty"
    HALF = "half"
    FULL = "full"


class Axis(enum.Enum):
    """What a status is about."""

    ORDER = "order"
    PAYMENT = "payment"
    ATTEMPT = "attempt"
    FULFILLMENT = "fulfillment"
    RESERVATION = "reservation"
    MESSAGE = "message"
    RETURN = "return"


class Status(msgspec.Struct, frozen=True):
    """One badge: at most two words, a tone and a dot."""

    label: str
    tone: Tone
    dot: Dot


_OK, _WARN, _BAD, _INFO, _NEUTRAL = Tone.OK, Tone.WARN, Tone.BAD, Tone.INFO, Tone.NEUTRAL
_EMPTY, _HALF, _FULL = Dot.EMPTY, Dot.HALF, Dot.FULL

_PAID = Status("Paid", _OK, _FULL)
_CANCELED = Status("Canceled", _NEUTRAL, _FULL)
_PARTLY_REFUNDED = Status("Partly refunded", _NEUTRAL, _HALF)
_REFUNDED = Status("Refunded", _NEUTRAL, _FULL)
_DISPUTED = Status("Disputed", _BAD, _HALF)
_PENDING = Status("Pending", _INFO, _HALF)
_AUTHORIZED = Status("Authorized", _INFO, _HALF)
_FAILED = Status("Failed", _BAD, _EMPTY)
_PACKING = Status("Packing", _INFO, _HALF)
_READY = Status("Ready to ship", _WARN, _HALF)
_SHIPPED = Status("Shipped", _INFO, _HALF)
_IN_TRANSIT = Status("In transit", _INFO, _HALF)
_DELIVERED = Status("Delivered", _OK, _FULL)

STATUSES: Final[Mapping[Axis, Mapping[str, Status]]] = MappingProxyType(
    {
        Axis.ORDER: MappingProxyType(
            {
                "pending_payment": Status("Awaiting payment", _WARN, _HALF),
                "payment_failed": Status("Payment failed", _BAD, _EMPTY),
                "paid": _PAID,
                "confirmed": Status("Confirmed", _OK, _HALF),
                "processing": _PACKING,
                "ready_for_shipment": _READY,
                "shipped": _SHIPPED,
                "in_transit": _IN_TRANSIT,
                "delivered": _DELIVERED,
                "canceled": _CANCELED,
                "partially_refunded": _PARTLY_REFUNDED,
                "refunded": _REFUNDED,
                "disputed": _DISPUTED,
                "archived": Status("Archived", _NEUTRAL, _FULL),
            }
        ),
        Axis.PAYMENT: MappingProxyType(
            {
                "not_paid": Status("Unpaid", _NEUTRAL, _EMPTY),
                "pending": _PENDING,
                "authorized": _AUTHORIZED,
                "paid": _PAID,
                "partially_refunded": _PARTLY_REFUNDED,
                "refunded": _REFUNDED,
                "failed": _FAILED,
                "disputed": _DISPUTED,
            }
        ),
        # One payment, as its provider sees it; an order may have had several.
        Axis.ATTEMPT: MappingProxyType(
            {
                "pending": _PENDING,
                "requires_action": Status("Action needed", _WARN, _HALF),
                "authorized": _AUTHORIZED,
                "captured": _PAID,
                "failed": _FAILED,
                "voided": Status("Voided", _NEUTRAL, _FULL),
                "unknown": Status("Checking", _INFO, _HALF),
            }
        ),
        Axis.FULFILLMENT: MappingProxyType(
            {
                "unfulfilled": Status("To ship", _WARN, _EMPTY),
                "processing": _PACKING,
                "ready_for_shipment": _READY,
                "partially_shipped": Status("Partly shipped", _WARN, _HALF),
                "shipped": _SHIPPED,
                "in_transit": _IN_TRANSIT,
                "delivered": _DELIVERED,
                "returned": Status("Returned", _NEUTRAL, _FULL),
                "canceled": _CANCELED,
            }
        ),
        Axis.RESERVATION: MappingProxyType(
            {
                "active": Status("Held", _WARN, _HALF),
                "committed": Status("Used", _OK, _FULL),
                "released": Status("Released", _NEUTRAL, _FULL),
                "expired": Status("Expired", _NEUTRAL, _FULL),
            }
        ),
        Axis.RETURN: MappingProxyType(
            {
                "requested": Status("Asked", _INFO, _EMPTY),
                "approved": Status("Agreed", _WARN, _HALF),
                "rejected": Status("Not agreed", _BAD, _FULL),
                "in_transit": Status("Coming back", _INFO, _HALF),
                "received": Status("Received", _INFO, _HALF),
                "inspected": Status("Checked", _INFO, _HALF),
                "completed": Status("Settled", _OK, _FULL),
                "canceled": _CANCELED,
            }
        ),
        Axis.MESSAGE: MappingProxyType(
            {
                "queued": Status("Queued", _NEUTRAL, _EMPTY),
                "sending": Status("Sending", _INFO, _HALF),
                "delivered": _DELIVERED,
                "retrying": Status("Retrying", _WARN, _HALF),
                "failed": _FAILED,
                "skipped": Status("Skipped", _NEUTRAL, _FULL),
            }
        ),
    }
)

#: What a buyer reads under the label: what happened, and what happens next.
BUYER_SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "pending_payment": gettext_noop("We are holding your items and waiting for your payment."),
        "payment_failed": gettext_noop(
            "Your payment did not go through, and no money was taken. You can pay another way."
        ),
        "paid": gettext_noop("We have your payment. Next, we check and confirm your order."),
        "confirmed": gettext_noop("Your order is confirmed. We start packing it soon."),
        "processing": gettext_noop("We are packing your order."),
        "ready_for_shipment": gettext_noop("Your parcel is packed and waits for the carrier."),
        "shipped": gettext_noop("Your parcel has left us."),
        "in_transit": gettext_noop("Your parcel is on its way to you."),
        "delivered": gettext_noop("Your parcel was delivered."),
        "canceled": gettext_noop("This order is canceled. Nothing will be sent."),
        "partially_refunded": gettext_noop("We refunded part of this order to the way you paid."),
        "refunded": gettext_noop("We refunded this order in full to the way you paid."),
        "disputed": gettext_noop(
            "Your bank asked us about this payment. We are answering; you need do nothing here."
        ),
        "archived": gettext_noop("This order is complete and kept for your records."),
    }
)


def get_status(axis: Axis | str, value: str) -> Status:
    """The badge of a value.

    Raises:
        KeyError: No such value on that axis.
    """
    return STATUSES[Axis(axis)][value]


def buyer_sentence(order_status: str) -> str:
    """What the buyer reads about an order in this status.

    Raises:
        KeyError: Not an order status.
    """
    return BUYER_SENTENCES[order_status]
