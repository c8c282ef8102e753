"""Every value of every axis has a badge, and every order status a sentence for its buyer."""

from __future__ import annotations

import pytest

from surehold.orders.model import ReturnState
from surehold.payments.model import PaymentState
from surehold.web.status import (
    BUYER_SENTENCES,
    STATUSES,
    Axis,
    Dot,
    Status,
    Tone,
    buyer_sentence,
    get_status,
)

ORDER = (
    "pending_payment",
    "payment_failed",
    "paid",
    "confirmed",
    "processing",
    "ready_for_shipment",
    "shipped",
    "in_transit",
    "delivered",
    "canceled",
    "partially_refunded",
    "refunded",
    "disputed",
    "archived",
)
PAYMENT = (
    "not_paid",
    "pending",
    "authorized",
    "paid",
    "partially_refunded",
    "refunded",
    "failed",
    "disputed",
)
FULFILLMENT = (
    "unfulfilled",
    "processing",
    "ready_for_shipment",
    "partially_shipped",
    "shipped",
    "in_transit",
    "delivered",
    "returned",
)
RESERVATION = ("active", "committed", "released", "expired")
VALUES = (
    *((Axis.ORDER, value) for value in ORDER),
    *((Axis.PAYMENT, value) for value in PAYMENT),
    *((Axis.ATTEMPT, state.value) for state in PaymentState),
    *((Axis.FULFILLMENT, value) for value in FULFILLMENT),
    *((Axis.RETURN, state.value) for state in ReturnState),
    *((Axis.RESERVATION, value) for value in RESERVATION),
)


@pytest.mark.parametrize(("axis", "value"), VALUES)
def test_every_value_has_a_badge_of_at_most_two_words(axis: Axis, value: str) -> None:
    words = get_status(axis, value).label.removesuffix(" to ship").split()

    assert 1 <= len(words) <= 2


def test_the_order_axis_has_exactly_the_fourteen_statuses() -> None:
    assert tuple(STATUSES[Axis.ORDER]) == ORDER
    assert tuple(BUYER_SENTENCES) == ORDER


@pytest.mark.parametrize("status", ORDER)
def test_buyer_sentences_are_whole_sentences_without_shouting(status: str) -> None:
    sentence = buyer_sentence(status)

    assert sentence.endswith(".")
    assert "!" not in sentence
    assert "oops" not in sentence.lower()


def test_labels_are_those_of_the_design() -> None:
    assert get_status("order", "pending_payment") == Status(
        "Awaiting payment", Tone.WARN, Dot.HALF
    )
    assert get_status("order", "processing") == Status("Packing", Tone.INFO, Dot.HALF)
    assert get_status("payment", "not_paid") == Status("Unpaid", Tone.NEUTRAL, Dot.EMPTY)
    assert get_status("attempt", "unknown") == Status("Checking", Tone.INFO, Dot.HALF)
    assert get_status("fulfillment", "unfulfilled") == Status("To ship", Tone.WARN, Dot.EMPTY)
    assert get_status("reservation", "active") == Status("Held", Tone.WARN, Dot.HALF)


def test_the_same_label_always_looks_the_same() -> None:
    looks: dict[str, set[Status]] = {}
    for statuses in STATUSES.values():
        for status in statuses.values():
            looks.setdefault(status.label, set()).add(status)

    assert [label for label, found in looks.items() if len(found) > 1] == []


def test_unknown_value_is_our_bug() -> None:
    with pytest.raises(KeyError):
        get_status("order", "teleported")
