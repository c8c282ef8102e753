"""Money going back: what is asked for, of whom, and what is noted, without a database."""

from __future__ import annotations

import json
from uuid import UUID

import msgspec
import pytest

from surehold.checkout.case import Case
from surehold.checkout.model import Actor
from surehold.checkout.rules import (
    Cause,
    ask_back,
    end_operation,
    new_refund,
    record_refund,
)
from surehold.checkout.rules.returning import find_unasked, return_money
from surehold.checkout.rules.selling import credit_shares
from surehold.kernel.ids import CancellationId, OperationId, ReturnId, new_id
from surehold.kernel.money import Money
from surehold.orders.model import CancelReason, OrderStatus
from surehold.payments.commands import refund_key
from surehold.payments.model import (
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
    RefundState,
)
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
    RefundSnapshot,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import OperationEvent
from tests.builders.cases import NOW, TOTAL, a_case, evidence
from tests.builders.providers import PretendProvider

STAFF = Actor("staff:1")
PROVIDERS = Providers([PretendProvider(), BankTransfer()])
CAUSE = Cause(
    "late",
    STAFF,
    batch_id=UUID(int=1),
    internal_reason="lost",
    cancellation_id=CancellationId(UUID(int=2)),
    return_id=ReturnId(UUID(int=3)),
    is_excess=True,
)


def a_collected_case(**facts: object) -> tuple[Case, Payment]:
    """An order that was given up, and whose money is here."""
    case = a_case(status=OrderStatus.CANCELED, canceled_at=NOW, cancel_reason=CancelReason.STAFF)
    payment = msgspec.structs.replace(
        next(iter(case.payments.values())),
        state=PaymentState.CAPTURED,
        captured_minor=TOTAL,
        **facts,
    )
    case.put_payment(payment)
    return case, payment


def test_a_refund_is_asked_of_its_provider_once_with_a_key_of_its_own() -> None:
    case, payment = a_collected_case()

    told = return_money(case, payment, cause=CAUSE, providers=PROVIDERS, amount_minor=90)

    assert told == "refund_requested"
    (refund,) = case.refunds.values()
    assert (refund.payment_id, refund.order_id, refund.currency) == (
        payment.id,
        case.order.id,
        "EUR",
    )
    assert (refund.state, refund.amount_minor, refund.reason, refund.requested_by) == (
        RefundState.REQUESTED,
        90,
        "late",
        "staff:1",
    )
    assert (refund.batch_id, refund.cancellation_id, refund.return_id) == (
        CAUSE.batch_id,
        CAUSE.cancellation_id,
        CAUSE.return_id,
    )
    assert (refund.internal_reason, refund.is_excess, refund.created_at) == ("lost", True, NOW)
    assert (refund.provider_refund_id, refund.failure_code, refund.ended_at) == (None, None, None)
    (asked,) = case.writes.operations
    assert (asked.payment_id, asked.refund_id, asked.kind, asked.state, asked.attempts) == (
        payment.id,
        refund.id,
        OperationKind.REFUND,
        OperationState.PENDING,
        0,
    )
    assert asked.idempotency_key == refund_key(refund.id)
    assert json.loads(asked.request) == {
        "payment": "pp",
        "reference": str(refund.id),
        "amount": 90,
        "currency": "EUR",
    }
    assert case.writes.refunds == [refund]
    assert case.order.paid_minor == TOTAL


def test_no_more_is_asked_for_than_is_there_and_nothing_twice() -> None:
    case, payment = a_collected_case()

    def ask(amount_minor: int | None = None) -> str:
        return return_money(
            case,
            payment,
            cause=Cause("x", STAFF, is_excess=True),
            providers=PROVIDERS,
            amount_minor=amount_minor,
        )

    assert ask(0) == ask(-1) == "unchanged"
    assert ask(TOTAL + 1) == "refund_requested"
    assert ask() == ask(1) == "unchanged"
    assert [one.amount_minor for one in case.refunds.values()] == [TOTAL]


@pytest.mark.parametrize(
    "facts",
    [{"provider": "bank_transfer"}, {"provider": "gone"}, {"provider_payment_id": None}],
    ids=["by transfer", "by nobody", "nobody knows its name"],
)
def test_what_no_provider_can_send_back_staff_pay_out(facts: dict[str, str | None]) -> None:
    case, payment = a_collected_case(**facts)

    assert return_money(case, payment, cause=Cause("x", STAFF), providers=PROVIDERS) == (
        "refund_requested"
    )

    assert case.writes.operations == []
    assert (case.order.changed_by, case.order.change_reason) == ("staff:1", "x")


def test_a_refund_that_was_refused_says_why_and_frees_its_money() -> None:
    case, payment = a_collected_case()
    refund = new_refund(case, payment, amount_minor=TOTAL, cause=Cause("x", STAFF))
    ask_back(case, refund, actor=STAFF, providers=PROVIDERS)

    assert record_refund(case, refund, None, failure_code="closed") == "held_for_review"

    ended = case.refund(refund.id)
    assert ended == msgspec.structs.replace(
        refund, state=RefundState.FAILED, failure_code="closed", ended_at=NOW
    )
    assert case.payment(payment.id).review_reason == "refund_failed: closed"
    assert case.refundable_minor(payment) == TOTAL
    assert record_refund(case, ended, None, failure_code="again") == "unchanged"
    assert case.writes.refunds_ended == [ended]


def test_an_answer_is_noted_when_it_is_news() -> None:
    case, payment = a_collected_case()
    asked = Operation(
        id=OperationId(new_id()),
        payment_id=payment.id,
        refund_id=None,
        kind=OperationKind.CREATE,
        state=OperationState.PENDING,
        idempotency_key="k",
        request=b"",
        attempts=0,
    )

    end_operation(case, asked, OperationEvent.LOSE, "timeout")
    lost = msgspec.structs.replace(asked, state=OperationState.UNKNOWN)
    end_operation(case, lost, OperationEvent.LOSE, "timeout")

    assert list(case.writes.operations_ended.values()) == [(lost, "timeout")]


@pytest.mark.parametrize("event", [OperationEvent.SUCCEED, OperationEvent.DECLINE])
def test_an_answer_that_came_is_not_lost_with_its_copy(event: OperationEvent) -> None:
    case, payment = a_collected_case()
    asked = Operation(
        id=OperationId(new_id()),
        payment_id=payment.id,
        refund_id=None,
        kind=OperationKind.ANSWER_DISPUTE,
        state=OperationState.PENDING,
        idempotency_key="k",
        request=b"",
        attempts=0,
    )

    for told in (OperationEvent.LOSE, event, OperationEvent.LOSE):
        end_operation(case, asked, told, None)

    ((ended, _),) = case.writes.operations_ended.values()
    assert ended.state in (OperationState.SUCCEEDED, OperationState.DECLINED)


def test_what_a_provider_says_of_a_failed_refund_is_kept_and_no_news_later() -> None:
    case, payment = a_collected_case()
    refund = new_refund(case, payment, amount_minor=TOTAL, cause=Cause("x", STAFF))
    ask_back(case, refund, actor=STAFF, providers=PROVIDERS)
    failed = RefundSnapshot(
        provider_refund_id="re",
        refund_reference=str(refund.id),
        amount=Money(TOTAL, "EUR"),
        state=ProviderRefundState.FAILED,
        origin=RefundOrigin.US,
        failure_code="account_closed",
    )

    record_refund(case, refund, failed, failure_code=None)

    assert case.refund(refund.id).failure_code == "account_closed"
    word = evidence(payment, PaymentState.CAPTURED, refunds=(failed,))
    assert find_unasked(case, payment, word) is None


def test_of_a_sale_that_nothing_is_taken_of_no_journal_is_written() -> None:
    case, _ = a_collected_case()

    credit_shares(case, UUID(int=1), ())

    assert case.writes.journals == []
