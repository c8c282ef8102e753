"""A refund that failed is asked for again once, however its money was looked after."""

from __future__ import annotations

from typing import Any

import pytest

from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.errors import RefundExceedsPaid
from surehold.checkout.model import Actor
from surehold.checkout.settlements import (
    CancelPart,
    RecordRefund,
    RetryRefund,
    ReviewPayment,
    Settlement,
    TakeEvidence,
)
from surehold.orders.model import CancelReason
from surehold.payments.model import PaymentState, RefundState, ReviewDecision
from surehold.payments.states import OperationEvent
from tests.builders.cases import a_case, a_context, evidence
from tests.builders.providers import PretendProvider

STAFF = Actor("staff")


@pytest.fixture
def context() -> Context:
    return a_context(PretendProvider())


@pytest.fixture
def case(context: Context) -> Case:
    """An order of two units; one was given up, and the provider would not return its 10.00."""
    case = a_case()
    order_id, (payment,) = case.order.id, case.payments.values()

    def settle(asked: Settlement) -> None:
        asked.decide(case, context)
        case.end_step()

    settle(TakeEvidence(order_id, payment.id, evidence(payment, PaymentState.CAPTURED)))
    settle(CancelPart(order_id, ((case.lines[0].id, 1),), CancelReason.STAFF, STAFF))
    (refund,), (operation,) = case.refunds.values(), case.writes.operations
    settle(
        RecordRefund(order_id, refund.id, operation, None, OperationEvent.DECLINE, "no_balance")
    )
    return case


def minors(case: Case) -> list[tuple[RefundState, int]]:
    return [(row.state, row.amount_minor) for row in case.refunds.values()]


def retry(case: Case, context: Context) -> Any:
    failed = next(row for row in case.refunds.values() if row.state is RefundState.FAILED)
    return RetryRefund(case.order.id, failed.id, STAFF).decide(case, context)


def test_it_is_tried_again_once(case: Case, context: Context) -> None:
    assert retry(case, context).effect == "refund_requested"
    assert retry(case, context).effect == "unchanged"
    assert minors(case) == [(RefundState.FAILED, 1000), (RefundState.REQUESTED, 1000)]


def test_what_a_person_gave_back_meanwhile_does_not_go_back_again(
    case: Case, context: Context
) -> None:
    (payment,) = case.payments.values()
    ReviewPayment(
        case.order.id, payment.id, ReviewDecision.REFUND, "sent again by hand", STAFF
    ).decide(case, context)

    with pytest.raises(RefundExceedsPaid):
        retry(case, context)

    assert minors(case) == [(RefundState.FAILED, 1000), (RefundState.REQUESTED, 1000)]
