"""The labels of an order, from what its money and its goods came to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from surehold.orders.model import FulfillmentState, FulfillmentStatus, OrderStatus, PaymentStatus
from surehold.orders.rules import (
    FulfillmentFacts,
    MoneyFacts,
    StatusNotReachable,
    derive_fulfillment_status,
    derive_payment_status,
    derive_status,
    is_over,
    relabel,
)
from tests.builders.cases import NOW, TOTAL, a_case

S, P, G, F = OrderStatus, PaymentStatus, FulfillmentStatus, FulfillmentState


@pytest.mark.parametrize(
    ("money", "label"),
    [
        ({}, P.NOT_PAID),
        ({"is_failed": True}, P.FAILED),
        ({"is_failed": True, "is_under_way": True}, P.PENDING),
        ({"is_under_way": True, "authorized_minor": 1}, P.AUTHORIZED),
        ({"paid_minor": 100}, P.PAID),
        ({"paid_minor": 200, "refunded_minor": 100}, P.PAID),
        ({"paid_minor": 200, "returning_minor": 100}, P.PAID),
        ({"paid_minor": 200, "refunded_minor": 60, "returning_minor": 41}, P.PARTIALLY_REFUNDED),
        ({"paid_minor": 100, "refunded_minor": 1}, P.PARTIALLY_REFUNDED),
        ({"paid_minor": 100, "refunded_minor": 99}, P.PARTIALLY_REFUNDED),
        ({"paid_minor": 100, "refunded_minor": 100}, P.REFUNDED),
        ({"paid_minor": 100, "returning_minor": 1, "is_under_way": True}, P.PENDING),
        ({"paid_minor": 100, "disputed_minor": 1}, P.DISPUTED),
    ],
)
def test_how_far_an_order_is_paid(money: dict[str, Any], label: PaymentStatus) -> None:
    assert derive_payment_status(MoneyFacts(**money), total_minor=100) is label


@pytest.mark.parametrize(
    ("goods", "label"),
    [
        ({}, G.UNFULFILLED),
        ({"owned_units": 2}, G.UNFULFILLED),
        ({"is_in_processing": True}, G.UNFULFILLED),
        ({"parcels": ((F.PACKED, 0),)}, G.UNFULFILLED),
        ({"owned_units": 2, "is_in_processing": True}, G.PROCESSING),
        ({"owned_units": 2, "parcels": ((F.OPEN, 2),)}, G.PROCESSING),
        ({"owned_units": 2, "parcels": ((F.PACKED, 1), (F.OPEN, 1))}, G.PROCESSING),
        ({"owned_units": 2, "parcels": ((F.PACKED, 1), (F.PACKED, 1))}, G.READY_FOR_SHIPMENT),
        ({"owned_units": 2, "sent_units": 1, "parcels": ((F.DELIVERED, 1),)}, G.PARTIALLY_SHIPPED),
        ({"owned_units": 2, "sent_units": 2, "parcels": ((F.SHIPPED, 2),)}, G.SHIPPED),
        (
            {"owned_units": 2, "sent_units": 2, "parcels": ((F.IN_TRANSIT, 1), (F.DELIVERED, 1))},
            G.IN_TRANSIT,
        ),
        (
            {"owned_units": 2, "sent_units": 2, "parcels": ((F.LOST, 1), (F.DELIVERED, 1))},
            G.IN_TRANSIT,
        ),
        (
            {"owned_units": 2, "sent_units": 2, "parcels": ((F.SHIPPED, 1), (F.IN_TRANSIT, 1))},
            G.SHIPPED,
        ),
        ({"owned_units": 1, "sent_units": 1, "parcels": ((F.DELIVERED, 1),)}, G.DELIVERED),
        (
            {
                "owned_units": 2,
                "sent_units": 2,
                "parcels": ((F.RETURNED_TO_SENDER, 1), (F.DELIVERED, 1)),
            },
            G.DELIVERED,
        ),
        ({"owned_units": 1, "sent_units": 1, "parcels": ((F.RETURNED_TO_SENDER, 1),)}, G.RETURNED),
    ],
)
def test_how_far_an_order_is_sent(goods: dict[str, Any], label: FulfillmentStatus) -> None:
    assert derive_fulfillment_status(FulfillmentFacts(**goods)) is label


@pytest.mark.parametrize(
    ("paid", "sent", "is_canceled", "is_confirmed", "label"),
    [
        (P.DISPUTED, G.DELIVERED, True, True, S.DISPUTED),
        (P.REFUNDED, G.DELIVERED, True, True, S.REFUNDED),
        (P.PARTIALLY_REFUNDED, G.DELIVERED, True, True, S.CANCELED),
        (P.PAID, G.UNFULFILLED, True, True, S.CANCELED),
        (P.PARTIALLY_REFUNDED, G.DELIVERED, False, True, S.PARTIALLY_REFUNDED),
        (P.PAID, G.UNFULFILLED, False, False, S.PAID),
        (P.PAID, G.UNFULFILLED, False, True, S.CONFIRMED),
        (P.PAID, G.PROCESSING, False, True, S.PROCESSING),
        (P.PAID, G.READY_FOR_SHIPMENT, False, True, S.READY_FOR_SHIPMENT),
        (P.PAID, G.PARTIALLY_SHIPPED, False, True, S.SHIPPED),
        (P.PAID, G.SHIPPED, False, True, S.SHIPPED),
        (P.PAID, G.IN_TRANSIT, False, True, S.IN_TRANSIT),
        (P.PAID, G.DELIVERED, False, True, S.DELIVERED),
        (P.PAID, G.RETURNED, False, True, S.IN_TRANSIT),
        (P.FAILED, G.UNFULFILLED, False, False, S.PAYMENT_FAILED),
        (P.PENDING, G.UNFULFILLED, False, False, S.PENDING_PAYMENT),
        (P.AUTHORIZED, G.UNFULFILLED, False, False, S.PENDING_PAYMENT),
        (P.NOT_PAID, G.UNFULFILLED, False, False, S.PENDING_PAYMENT),
    ],
)
def test_the_strongest_fact_is_the_label(
    paid: PaymentStatus,
    sent: FulfillmentStatus,
    label: OrderStatus,
    *,
    is_canceled: bool,
    is_confirmed: bool,
) -> None:
    told = derive_status(paid, sent, is_canceled=is_canceled, is_confirmed=is_confirmed)

    assert told is label


def test_what_is_over_may_be_put_away() -> None:
    assert {one for one in S if is_over(a_case(status=one).order)} == {
        S.DELIVERED,
        S.CANCELED,
        S.REFUNDED,
    }
    assert {
        one
        for one in G
        if is_over(a_case(status=S.PARTIALLY_REFUNDED, fulfillment_status=one).order)
    } == {G.DELIVERED, G.RETURNED}


NOTHING = FulfillmentFacts()


def test_labels_and_totals_follow_the_facts() -> None:
    order = a_case(status=S.PAID, confirmed_at=NOW).order
    money = MoneyFacts(paid_minor=TOTAL + 5, refunded_minor=5)

    after = relabel(order, money, FulfillmentFacts(owned_units=2, is_in_processing=True))

    assert after == msgspec.structs.replace(
        order,
        status=S.PROCESSING,
        payment_status=P.PAID,
        fulfillment_status=G.PROCESSING,
        paid_minor=TOTAL + 5,
        refunded_minor=5,
    )


def test_what_was_put_away_comes_back_when_it_is_not_over() -> None:
    order = a_case(status=S.ARCHIVED, archived_at=NOW, canceled_at=NOW).order

    stays = relabel(order, MoneyFacts(is_failed=True), NOTHING)
    assert (stays.status, stays.archived_at) == (S.ARCHIVED, NOW)
    back = relabel(order, MoneyFacts(paid_minor=TOTAL, disputed_minor=1), NOTHING)
    assert (back.status, back.archived_at) == (S.DISPUTED, None)


def test_a_move_that_no_table_knows_is_a_fault_of_ours() -> None:
    shipped = a_case(status=S.SHIPPED).order

    with pytest.raises(StatusNotReachable, match="SH-TEST: shipped to payment_failed"):
        relabel(shipped, MoneyFacts(is_failed=True), NOTHING)
    again = a_case(status=S.PAYMENT_FAILED).order
    assert relabel(again, MoneyFacts(is_failed=True), NOTHING).status is S.PAYMENT_FAILED


@pytest.mark.parametrize(
    ("money", "owned", "payment", "status"),
    [
        ({"is_under_way": True, "is_secured": True}, 2, "pending", S.CONFIRMED),
        ({"authorized_minor": 100, "is_secured": True}, 2, "authorized", S.CONFIRMED),
        ({"is_failed": True, "is_owed": True}, 2, "failed", S.CONFIRMED),
        # What was paid twice by somebody else, and has gone back, is none of its security.
        (
            {"paid_minor": 9, "refunded_minor": 9, "is_under_way": True, "is_secured": True},
            2,
            "pending",
            S.CONFIRMED,
        ),
        ({"is_under_way": True, "is_secured": True}, 0, "pending", S.PENDING_PAYMENT),
        ({"is_failed": True}, 2, "failed", S.PAYMENT_FAILED),
    ],
)
def test_goods_that_are_trusted_to_a_payment_are_confirmed(
    money: dict[str, Any], owned: int, payment: str, status: OrderStatus
) -> None:
    order = a_case(confirmed_at=NOW).order

    after = relabel(order, MoneyFacts(**money), FulfillmentFacts(owned_units=owned))

    assert (after.payment_status.value, after.status) == (payment, status)
