"""What a dispute does to a payment, its order, its goods and the books, without a database."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surehold.checkout.case import Case
from surehold.checkout.errors import RefundExceedsPaid
from surehold.checkout.model import Actor
from surehold.checkout.rules import (
    Wish,
    answer_dispute,
    cancel,
    plan_refund,
    record_answer,
    record_refund,
    settle,
)
from surehold.checkout.rules.fulfilling import (
    Parcel,
    Pick,
    move_fulfillment,
    open_fulfillments,
)
from surehold.checkout.rules.reviewing import list_decisions, review
from surehold.kernel.ids import OperationId, new_id
from surehold.kernel.money import Money
from surehold.orders.errors import OrderDisputed, OrderNotCancelable
from surehold.orders.model import CancelReason, OrderStatus
from surehold.orders.states import FulfillmentEvent
from surehold.payments.disputes.commands import answer_key
from surehold.payments.disputes.errors import DisputeAnswered, DisputeOver
from surehold.payments.disputes.model import AnswerState, Dispute
from surehold.payments.model import (
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
    ReviewDecision,
)
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
    RefundSnapshot,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import OperationEvent
from tests.builders.cases import TOTAL, a_case, evidence
from tests.builders.providers import PretendProvider

STAFF, BANK = Actor("staff"), Actor("provider:pretend")
PROVIDERS = Providers([PretendProvider()])
OPEN, REVIEW, WON, LOST, CLOSED = (
    DisputeState.NEEDS_RESPONSE,
    DisputeState.UNDER_REVIEW,
    DisputeState.WON,
    DisputeState.LOST,
    DisputeState.CLOSED,
)


def told(state: DisputeState, amount: int = TOTAL, name: str = "dp_1", **facts: Any) -> Any:
    stage = facts.pop("stage", DisputeStage.CHARGEBACK)
    return DisputeSnapshot(name, Money(amount, "EUR"), stage, state, "fraudulent", **facts)


def the_payment(case: Case) -> Payment:
    return next(iter(case.payments.values()))


def hear(case: Case, *disputes: DisputeSnapshot, **facts: Any) -> str:
    """The provider's word for the order's captured payment."""
    payment = the_payment(case)
    word = evidence(payment, PaymentState.CAPTURED, disputes=disputes, **facts)
    effect = settle(case, payment, word, actor=BANK, providers=PROVIDERS)
    case.end_step()
    return effect


def a_paid_case(*, is_sent: bool = False) -> Case:
    case = a_case()
    assert hear(case) == "paid"
    if is_sent:
        for made in open_fulfillments(case, Pick(), actor=STAFF):
            parcel = Parcel("dhl", "JD0146")
            move_fulfillment(case, made.id, FulfillmentEvent.SHIP, actor=STAFF, parcel=parcel)
        case.end_step()
    return case


def balances(case: Case) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for journal in case.writes.journals:
        assert sum(entry.amount_minor for entry in journal.entries) == 0
        for entry in journal.entries:
            sums[entry.account] += entry.amount_minor
    return {account: minor for account, minor in sums.items() if minor}


SOLD = {"sales": -1667, "shipping_income": -408, "tax_payable": -415}


def owed(minor: int) -> dict[str, int]:
    return {"provider_clearing:pretend": minor}


def only(case: Case) -> Dispute:
    (dispute,) = case.disputes.values()
    return dispute


def test_disputed_money_is_held_back_and_what_is_won_is_here_again() -> None:
    case = a_paid_case()

    assert hear(case, told(OPEN)) == "dispute_needs_response"
    assert (case.order.status, the_payment(case).disputed_minor) == (OrderStatus.DISPUTED, TOTAL)
    assert balances(case) == SOLD | {"disputes": TOTAL}
    assert hear(case, told(OPEN)) == "unchanged"
    assert hear(case, told(REVIEW)) == "dispute_under_review"
    assert balances(case) == SOLD | {"disputes": TOTAL}

    assert hear(case, told(WON)) == "dispute_won"
    assert (case.order.status, the_payment(case).disputed_minor) == (OrderStatus.PAID, 0)
    assert balances(case) == SOLD | owed(TOTAL)
    assert [row.seq for row in case.writes.dispute_events] == [1, 2, 3]
    names = [event.topic for event in case.writes.events if event.topic.startswith("dispute.")]
    assert names == ["dispute.needs_response", "dispute.under_review", "dispute.won"]


def test_decided_dispute_is_looked_at_ever_more_seldom_until_nobody_opens_it_again() -> None:
    case = a_paid_case()
    hear(case, told(OPEN))
    assert (the_payment(case).next_check_at, the_payment(case).check_count) == (
        case.now + timedelta(days=1),
        5,
    )
    hear(case, told(WON))
    decided = case.now

    looks = []
    while (at := the_payment(case).next_check_at) is not None:
        looks.append((at - decided).days)
        case.now = at
        assert hear(case, told(WON)) == "unchanged"

    assert looks == [1, 2, 4, 8, 16, 30]
    # Heard of by accident, later still, it is open as if for the first time.
    assert hear(case, told(OPEN)) == "dispute_needs_response"
    assert the_payment(case).next_check_at == case.now + timedelta(days=1)


def test_goods_are_held_back_while_their_money_is_disputed() -> None:
    case = a_paid_case()
    hear(case, told(OPEN, 1))

    with pytest.raises(OrderDisputed):
        open_fulfillments(case, Pick(), actor=STAFF)
    with pytest.raises(RefundExceedsPaid):
        plan_refund(case, Wish(amount=Money(1, "EUR")))
    with pytest.raises(OrderNotCancelable):
        cancel(case, reason=CancelReason.STAFF, actor=STAFF, providers=PROVIDERS)

    hear(case, told(WON, 1))
    assert len(open_fulfillments(case, Pick(), actor=STAFF)) == 1


def test_lost_money_of_unsent_goods_cancels_the_order_and_is_no_expense() -> None:
    case = a_paid_case()
    hear(case, told(OPEN))

    assert hear(case, told(LOST, fee_minor=1500)) == "dispute_lost"

    assert (case.order.status, case.order.cancel_reason) == (
        OrderStatus.REFUNDED,
        CancelReason.DISPUTE_LOST,
    )
    assert all(row.open_quantity == 0 for row in case.allocations.values())
    # The sale was taken back and its money is gone: what is left is the fee.
    assert balances(case) == owed(-1500) | {"dispute_fees": 1500}
    assert not case.refunds


def test_lost_money_of_sent_goods_is_an_expense() -> None:
    case = a_paid_case(is_sent=True)

    assert hear(case, told(LOST)) == "dispute_lost"

    assert (case.order.status, case.order.canceled_at) == (OrderStatus.REFUNDED, None)
    assert balances(case) == SOLD | {"dispute_losses": TOTAL}
    assert hear(case, told(WON)) == "dispute_won"
    assert case.order.status is OrderStatus.SHIPPED
    assert balances(case) == SOLD | owed(TOTAL)


def test_part_that_was_lost_leaves_the_rest_to_people() -> None:
    case = a_paid_case()
    hear(case, told(OPEN, 490))
    hear(case, told(LOST, 490))

    assert (case.order.status, case.order.canceled_at) == (OrderStatus.PARTIALLY_REFUNDED, None)
    assert balances(case) == SOLD | owed(TOTAL - 490) | {"dispute_losses": 490}
    with pytest.raises(RefundExceedsPaid) as refused:
        plan_refund(case, Wish())
    assert refused.value.facts["refundable"] == {"amount": TOTAL - 490, "currency": "EUR"}

    cancel(case, reason=CancelReason.STAFF, actor=STAFF, providers=PROVIDERS)
    (back,) = case.refunds.values()
    assert back.amount_minor == TOTAL - 490
    # What goes back waits among the deposits; the part that was lost is no expense any more.
    assert balances(case) == owed(TOTAL - 490) | {"customer_deposits": 490 - TOTAL}


def test_second_dispute_of_one_payment_is_another_one() -> None:
    case = a_paid_case()
    first, second = told(OPEN, 1000), told(OPEN, 1490, "dp_2")
    hear(case, first)
    hear(case, first, second)
    assert the_payment(case).disputed_minor == TOTAL

    hear(case, told(LOST, 1000), second)
    assert case.order.status is OrderStatus.DISPUTED
    assert balances(case) == SOLD | {"disputes": 1490, "dispute_losses": 1000}
    hear(case, told(LOST, 1000), told(LOST, 1490, "dp_2"))
    assert case.order.cancel_reason is CancelReason.DISPUTE_LOST
    assert balances(case) == {}


def test_dispute_of_what_was_refunded_already_costs_twice() -> None:
    case = a_paid_case()
    cancel(case, reason=CancelReason.STAFF, actor=STAFF, providers=PROVIDERS)
    (refund,) = case.refunds.values()
    sent = RefundSnapshot(
        "re_1",
        str(refund.id),
        Money(TOTAL, "EUR"),
        ProviderRefundState.SUCCEEDED,
        RefundOrigin.US,
    )
    record_refund(case, refund, sent, failure_code=None)
    case.end_step()
    assert balances(case) == {}

    hear(case, told(LOST), refunds=(sent,), refunded=Money(TOTAL, "EUR"))

    assert case.order.status is OrderStatus.REFUNDED
    assert balances(case) == owed(-TOTAL) | {"dispute_losses": TOTAL}


def test_money_that_is_won_for_an_order_that_was_given_up_waits_for_a_person() -> None:
    case = a_paid_case()
    hear(case, told(LOST))
    assert case.order.cancel_reason is CancelReason.DISPUTE_LOST

    hear(case, told(WON))

    assert the_payment(case).review_reason == "won_after_cancel"
    assert balances(case) == owed(TOTAL) | {"customer_deposits": -TOTAL}
    assert hear(case, told(OPEN)) == "held_for_review"
    assert balances(case) == {"disputes": TOTAL, "customer_deposits": -TOTAL}


def test_a_decision_does_not_hide_what_else_a_person_must_decide() -> None:
    case = a_paid_case()
    by_hand = RefundSnapshot(
        "re_1", None, Money(300, "EUR"), ProviderRefundState.SUCCEEDED, RefundOrigin.DASHBOARD
    )
    back: dict[str, Any] = {"refunds": (by_hand,), "refunded": Money(300, "EUR")}
    hear(case, told(LOST))
    hear(case, told(WON), **back)
    case.put_payment(
        msgspec.structs.replace(the_payment(case), review_reason="refunded_at_provider")
    )
    word = evidence(the_payment(case), PaymentState.CAPTURED, disputes=(told(WON),), **back)

    decide: dict[str, Any] = {"note": "by hand", "actor": STAFF, "providers": PROVIDERS}
    review(case, the_payment(case), ReviewDecision.ACCEPT, word, **decide)

    assert case.order.canceled_at is not None
    assert the_payment(case).review_reason == "won_after_cancel"
    assert list_decisions(case, the_payment(case)) == (ReviewDecision.REFUND,)


def test_inquiry_moves_no_money() -> None:
    case = a_paid_case()
    for state in (OPEN, REVIEW, CLOSED):
        hear(case, told(state, stage=DisputeStage.INQUIRY))
        assert only(case).state is state
        assert (case.order.status, balances(case)) == (OrderStatus.PAID, SOLD | owed(TOTAL))


def test_what_a_provider_pays_back_for_a_dispute_is_one_thing_and_not_two() -> None:
    case = a_paid_case(is_sent=True)
    by_bank = RefundSnapshot(
        "re_9", None, Money(TOTAL, "EUR"), ProviderRefundState.SUCCEEDED, RefundOrigin.PROVIDER
    )

    hear(case, told(LOST), refunds=(by_bank,), refunded=Money(TOTAL, "EUR"))

    assert the_payment(case).review_reason is None
    assert balances(case) == SOLD | {"dispute_losses": TOTAL}


def test_dispute_in_another_currency_waits_for_a_person() -> None:
    case = a_paid_case()
    odd = msgspec.structs.replace(told(OPEN), amount=Money(TOTAL, "USD"))

    assert hear(case, odd) == "unchanged"
    assert the_payment(case).review_reason == "dispute_currency_mismatch"
    assert not case.disputes


def test_answer_is_written_down_once_and_sent_by_hand_where_nobody_takes_it() -> None:
    case = a_paid_case()
    hear(case, told(OPEN, respond_by=case.now + timedelta(days=7)))
    dispute = only(case)

    def say(evidence: str | None) -> str:
        return answer_dispute(case, dispute.id, evidence, actor=STAFF, providers=PROVIDERS)

    assert say("Signed for by M.") == "answered"
    assert say("Signed for by M.") == "unchanged"
    assert (only(case).answer_state, only(case).answer) == (
        AnswerState.BY_HAND,
        "Signed for by M.",
    )
    assert say(None) == "accepted"
    assert (only(case).is_accepted, only(case).state) == (True, OPEN)
    case.disputes[dispute.id] = msgspec.structs.replace(only(case), answer_state=AnswerState.SENT)
    with pytest.raises(DisputeAnswered):
        say("Signed for by M.")
    hear(case, told(LOST))
    assert say(None) == "unchanged"
    with pytest.raises(DisputeOver):
        say("Too late")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["dp_1", "dp_2"]),
        st.sampled_from([OPEN, REVIEW, WON, LOST, CLOSED]),
        st.sampled_from(list(DisputeStage)),
        st.integers(1, 3000),
        st.integers(0, 20),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.booleans())
def test_books_say_where_the_money_is_whatever_the_way_there(
    steps: Any,
    is_sent: Any,
) -> None:
    case, last = a_paid_case(is_sent=is_sent), {}
    for name, state, stage, amount, fee in steps:
        last[name] = told(state, amount, name, stage=stage, fee_minor=fee)
        hear(case, *last.values())

        rows = tuple(case.disputes.values())
        found = balances(case)
        away, lost, fees, unearned = (
            sum(getattr(row, f"{what}_minor") for row in rows)
            for what in ("away", "lost", "fee", "unearned")
        )
        payment = the_payment(case)
        assert (payment.disputed_minor, payment.lost_minor) == (away, lost)
        assert found.get("disputes", 0) == away
        assert found.get("dispute_losses", 0) == lost - unearned
        assert found.get("dispute_fees", 0) == fees
        assert found.get("provider_clearing:pretend", 0) == TOTAL - away - lost - fees
        is_given_up = case.order.canceled_at is not None
        kept = TOTAL - unearned if is_given_up else 0
        assert found.get("customer_deposits", 0) == -kept
        assert (case.order.status is OrderStatus.DISPUTED) == (away > 0)

    once = a_paid_case(is_sent=is_sent)
    hear(once, *last.values())
    if case.order.canceled_at == once.order.canceled_at:
        assert (balances(case), case.order.status) == (balances(once), once.order.status)


def test_what_a_provider_says_of_an_earlier_answer_is_not_about_the_latest() -> None:
    case = a_paid_case()
    hear(case, told(OPEN))
    dispute = only(case)
    case.disputes[dispute.id] = msgspec.structs.replace(
        dispute, answer_state=AnswerState.SENDING, answer_count=2
    )

    def note(count: int, event: OperationEvent) -> str:
        operation = Operation(
            id=OperationId(new_id()),
            payment_id=dispute.payment_id,
            refund_id=None,
            kind=OperationKind.ANSWER_DISPUTE,
            state=OperationState.PENDING,
            idempotency_key=answer_key(dispute.id, count),
            request=b"",
            attempts=1,
        )
        return record_answer(case, operation, event, actor=BANK)

    for event in OperationEvent:
        assert note(1, event) == "unchanged"
    assert only(case).answer_state is AnswerState.SENDING
    assert note(2, OperationEvent.LOSE) == "unchanged"
    assert note(2, OperationEvent.DECLINE) == "answer refused"
    assert note(2, OperationEvent.SUCCEED) == "unchanged"
    assert only(case).answer_state is AnswerState.REFUSED
