"""What a provider's word does to an order, to the last field, without a database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from surehold.checkout.batch import CouponUses
from surehold.checkout.case import Case
from surehold.checkout.errors import OrderNotPayable
from surehold.checkout.model import Actor
from surehold.checkout.rules import (
    Cause,
    Wish,
    ask_back,
    ask_planned,
    cancel,
    check_payable,
    expire_holds,
    new_refund,
    plan_refund,
    record_refund,
    settle,
)
from surehold.inventory.model import ReservationState, StockChange
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import CouponId, OrderLineId, RedemptionId, RefundId, new_id
from surehold.kernel.money import Money
from surehold.orders.model import Cancellation, CancelReason, OrderStatus, Share
from surehold.payments.errors import PaymentInProgress
from surehold.payments.model import (
    NoAction,
    Payment,
    PaymentState,
    PaymentTerms,
    Refund,
    RefundLine,
    RefundState,
)
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
    RefundSnapshot,
)
from surehold.payments.providers.registry import Providers
from surehold.pricing.model import CouponLimits, Redemption
from tests.builders.cases import NOW, TOTAL, a_case, a_payment, evidence
from tests.builders.providers import PretendProvider

P = PaymentState
ACTOR = Actor("provider")
PROVIDERS = Providers([PretendProvider()])

#: The first place in the queues that a batch gives out.
PLACE = NOW + timedelta(microseconds=1)


def the_payment(case: Case) -> Payment:
    return next(iter(case.payments.values()))


def hear(case: Case, state: PaymentState, **facts: Any) -> str:
    """The provider's word for the order's first payment."""
    payment = the_payment(case)
    return settle(
        case, payment, evidence(payment, state, **facts), actor=ACTOR, providers=PROVIDERS
    )


def books(case: Case) -> list[tuple[str, dict[str, int]]]:
    return [
        (one.kind, {entry.account: entry.amount_minor for entry in one.entries})
        for one in case.writes.journals
    ]


SALE = {"customer_deposits": 2490, "sales": -1667, "shipping_income": -408, "tax_payable": -415}
CAPTURE = {"provider_clearing:pretend": 2490, "customer_deposits": -2490}


def refunds(case: Case) -> list[tuple[int, str, str, bool]]:
    return [
        (one.amount_minor, one.reason, one.requested_by, one.is_excess)
        for one in case.refunds.values()
    ]


def test_money_for_what_is_held_makes_it_the_buyers_and_a_sale() -> None:
    case = a_case()
    before, order, line = the_payment(case), case.order, case.lines[0]
    hold = case.active[0]

    assert hear(case, P.CAPTURED, provider_payment_id="pp2", failure_code="old") == "paid"

    assert the_payment(case) == msgspec.structs.replace(
        before,
        state=P.CAPTURED,
        provider_payment_id="pp2",
        captured_minor=TOTAL,
        next_action=NoAction(),
        next_check_at=None,
    )
    assert (case.order.status, case.order.paid_minor) == (OrderStatus.PAID, TOTAL)
    assert (case.order.changed_by, case.order.change_reason) == ("provider", "payment captured")
    assert books(case) == [("capture", CAPTURE), ("sale", SALE)]
    assert [one.reference for one in case.writes.journals] == [before.id, before.id]
    assert case.stock.changes == [
        StockChange(line.variant_id, hold.location_id, reserved=-2, allocated=2)
    ]
    assert case.reservations[hold.id].state is ReservationState.COMMITTED
    assert [one.quantity for one in case.allocations.values()] == [2]
    assert case.writes.taken_from_carts == [(order.cart_id, line.variant_id, 2)]
    assert refunds(case) == []


def test_an_order_without_a_cart_takes_nothing_from_carts() -> None:
    case = a_case(cart_id=None)

    assert hear(case, P.CAPTURED) == "paid"
    assert case.writes.taken_from_carts == []


def test_a_failure_that_was_before_is_forgotten_with_the_money() -> None:
    case = a_case()
    failed = msgspec.structs.replace(
        the_payment(case),
        state=P.FAILED,
        failure_code="x",
        failure_message="y",
        authorized_minor=9,
    )
    case.put_payment(failed)

    assert hear(case, P.CAPTURED) == "paid"

    after = the_payment(case)
    assert (after.failure_code, after.failure_message, after.authorized_minor) == (None, None, 0)


@pytest.mark.parametrize(
    ("state", "facts", "reason", "suspended"),
    [
        (P.CAPTURED, {"merchant_reference": "another"}, "reference_mismatch", 2490),
        (P.CAPTURED, {"requested": Money(2490, "USD")}, "currency_mismatch", 2490),
        (P.CAPTURED, {"requested": Money(2491, "EUR")}, "amount_mismatch", 2490),
        (P.CAPTURED, {"captured": Money(2490, "USD")}, "currency_mismatch", 2490),
        (P.CAPTURED, {"captured": Money(2489, "EUR")}, "amount_mismatch", 2489),
        (P.CAPTURED, {"captured": Money(0, "EUR")}, "amount_mismatch", 0),
        (P.REQUIRES_ACTION, {"captured": Money(2490, "EUR")}, "amount_mismatch", 2490),
        (P.REQUIRES_ACTION, {"captured": Money(1, "EUR")}, "amount_mismatch", 1),
    ],
)
def test_what_does_not_match_waits_for_a_person(
    state: PaymentState, facts: dict[str, Any], reason: str, suspended: int
) -> None:
    case = a_case()
    before, order = the_payment(case), case.order

    assert hear(case, state, **facts) == "held_for_review"

    assert the_payment(case) == msgspec.structs.replace(
        before, review_reason=reason, next_check_at=None
    )
    assert case.order == order
    assert books(case) == (
        [("suspense", {"provider_clearing:pretend": suspended, "suspense": -suspended})]
        if suspended
        else []
    )
    assert hear(case, P.CAPTURED) == "held_for_review"
    assert the_payment(case).state is P.REQUIRES_ACTION


def test_money_that_is_booked_is_not_booked_again_as_unexplained() -> None:
    case = a_case()
    hear(case, P.CAPTURED)

    assert hear(case, P.CAPTURED, requested=Money(1, "EUR")) == "held_for_review"

    assert [kind for kind, _ in books(case)] == ["capture", "sale"]


def test_an_older_word_changes_nothing() -> None:
    case = a_case()
    case.put_payment(msgspec.structs.replace(the_payment(case), state=P.FAILED))
    before, order = the_payment(case), case.order

    assert hear(case, P.FAILED, failure_code="again") == "unchanged"
    assert (the_payment(case), case.order) == (before, order)


@pytest.mark.parametrize("state", [P.FAILED, P.VOIDED])
def test_a_payment_that_is_over_is_not_asked_about_any_more(state: PaymentState) -> None:
    case = a_case()
    before = the_payment(case)

    told = hear(
        case, state, failure_code="declined", failure_message="No.", provider_payment_id="q"
    )

    assert told == state.value
    assert the_payment(case) == msgspec.structs.replace(
        before,
        state=state,
        provider_payment_id="q",
        failure_code="declined",
        failure_message="No.",
        next_action=NoAction(),
        next_check_at=None,
    )
    assert case.order.status is OrderStatus.PAYMENT_FAILED
    assert (case.order.changed_by, case.order.change_reason) == (
        "provider",
        f"payment {state.value}",
    )


def test_an_authorization_is_still_followed() -> None:
    case = a_case()
    before = the_payment(case)

    assert hear(case, P.AUTHORIZED) == "authorized"

    assert the_payment(case) == msgspec.structs.replace(
        before, state=P.AUTHORIZED, authorized_minor=TOTAL
    )
    assert case.writes.journals == []


def test_a_second_payment_goes_back_whole() -> None:
    case = a_case()
    hear(case, P.CAPTURED)
    second = a_payment(case.order.id)
    case.add_payment(second)

    told = settle(case, second, evidence(second, P.CAPTURED), actor=ACTOR, providers=PROVIDERS)

    assert told == "refund_requested"
    assert refunds(case) == [(TOTAL, "duplicate_payment", "provider", False)]
    assert [kind for kind, _ in books(case)] == ["capture", "sale", "capture"]
    assert [one.payment_id for one in case.writes.operations] == [second.id]


@pytest.mark.parametrize("reason", [CancelReason.BUYER, CancelReason.STAFF])
def test_money_for_what_a_person_gave_up_goes_back(reason: CancelReason) -> None:
    case = a_case()
    cancel(case, reason=reason, actor=ACTOR, providers=PROVIDERS)

    assert hear(case, P.CAPTURED) == "refund_requested"

    assert refunds(case) == [(TOTAL, "paid_after_cancel", "provider", False)]
    assert case.order.status is OrderStatus.CANCELED
    assert case.is_bought is False


def test_late_money_revives_what_the_store_gave_up_and_owns_units_anew() -> None:
    case = a_case()
    cancel(case, reason=CancelReason.UNPAID, actor=ACTOR, providers=PROVIDERS)
    place = case.stock.levels[case.lines[0].variant_id][0].location_id

    assert hear(case, P.CAPTURED) == "paid"

    assert (case.order.status, case.order.canceled_at, case.order.cancel_reason) == (
        OrderStatus.PAID,
        None,
        None,
    )
    assert case.order.change_reason == "paid after the hold had ended"
    (owned,) = case.writes.reservations
    assert (owned.state, owned.quantity, owned.location_id) == (
        ReservationState.COMMITTED,
        2,
        place,
    )
    assert (owned.holder_id, owned.order_line_id) == (case.order.id, case.lines[0].id)
    assert (owned.expires_at, owned.ended_at, owned.end_reason) == (NOW, PLACE, "paid late")
    assert (owned.is_grace_used, owned.created_at) == (False, PLACE)
    level = case.stock.levels[case.lines[0].variant_id][0]
    assert (level.on_hand, level.allocated, level.reserved) == (10, 2, 0)


def test_late_money_for_what_is_gone_goes_back_whole() -> None:
    case = a_case(on_hand=2)
    coupon_id = CouponId(new_id())
    redeemed = Redemption(RedemptionId(new_id()), coupon_id, case.order.id, "mara", NOW)
    case.coupon_uses = CouponUses([redeemed], [CouponLimits(coupon_id, "TEN", 1, 1, None, {})])
    variant_id, place = case.lines[0].variant_id, case.active[0].location_id
    case.free_holds(ReservationEvent.EXPIRE, reason="time is over")
    case.stock.apply(StockChange(variant_id, place, reserved=1))

    assert hear(case, P.CAPTURED) == "refund_requested"

    assert refunds(case) == [(TOTAL, "sold_out_after_payment", "provider", False)]
    assert (case.order.status, case.order.canceled_at, case.order.cancel_reason) == (
        OrderStatus.CANCELED,
        NOW,
        CancelReason.SOLD_OUT_AFTER_PAYMENT,
    )
    assert case.allocations == {}
    assert [kind for kind, _ in books(case)] == ["capture"]
    assert [one.end_reason for one in case.coupon_uses.released] == ["sold_out_after_payment"]


def test_a_second_payment_buys_nothing_while_the_first_is_on_its_way_back() -> None:
    case = a_case(on_hand=2)
    first, (hold,) = the_payment(case), case.active
    case.free_holds(ReservationEvent.EXPIRE, reason="time is over")
    case.stock.apply(StockChange(hold.variant_id, hold.location_id, reserved=1))
    hear(case, P.CAPTURED)
    case.stock.apply(StockChange(hold.variant_id, hold.location_id, reserved=-1))
    second, third = a_payment(case.order.id), a_payment(case.order.id)
    case.add_payment(second)
    case.add_payment(third)

    word = evidence(second, P.CAPTURED)
    assert settle(case, second, word, actor=ACTOR, providers=PROVIDERS) == "refund_requested"
    assert [one[1] for one in refunds(case)] == ["sold_out_after_payment", "duplicate_payment"]
    for refund, payment in zip(tuple(case.refunds.values()), (first, second), strict=True):
        done = returned(refund.id, ProviderRefundState.SUCCEEDED, TOTAL)
        assert hear_refunds(case, payment, done) == "refunded"

    word = evidence(third, P.CAPTURED)
    assert settle(case, third, word, actor=ACTOR, providers=PROVIDERS) == "paid"


def test_a_second_payment_does_not_pay_for_what_went_back() -> None:
    case = a_case()
    hear(case, P.CAPTURED)
    finish(case, ask_for_a_unit_and_shipping(case))
    second = a_payment(case.order.id)
    case.add_payment(second)

    word = evidence(second, P.CAPTURED)
    assert settle(case, second, word, actor=ACTOR, providers=PROVIDERS) == "refund_requested"

    assert refunds(case)[1] == (TOTAL, "duplicate_payment", "provider", False)


def test_a_hold_of_a_part_is_let_go_before_all_is_taken_afresh() -> None:
    case = a_case(on_hand=2)
    (hold,) = case.active
    case.reservations[hold.id] = msgspec.structs.replace(hold, quantity=1)
    case.stock.apply(StockChange(hold.variant_id, hold.location_id, reserved=-1))

    assert hear(case, P.CAPTURED) == "paid"

    assert case.reservations[hold.id].end_reason == "taken afresh"
    level = case.stock.levels[hold.variant_id][0]
    assert (level.on_hand, level.allocated, level.reserved) == (2, 2, 0)


def test_one_minor_unit_too_many_goes_back() -> None:
    case = a_case(total_minor=TOTAL - 1, tax_minor=414)

    assert hear(case, P.CAPTURED) == "paid"

    assert refunds(case) == [(1, "paid_more_than_due", "provider", True)]


def test_late_money_for_an_order_whose_coupon_is_gone_goes_back_whole() -> None:
    coupon_id = CouponId(new_id())
    case = a_case()
    redeemed = Redemption(RedemptionId(new_id()), coupon_id, case.order.id, "mara", NOW)
    limits = CouponLimits(coupon_id, "TEN", 1, 1, None, {})
    case.coupon_uses = CouponUses([redeemed], [limits])
    cancel(case, reason=CancelReason.UNPAID, actor=ACTOR, providers=PROVIDERS)
    case.coupon_uses._counters.count(case.coupon_uses._use(redeemed), 1)  # somebody else's now

    assert hear(case, P.CAPTURED) == "refund_requested"

    assert refunds(case) == [(TOTAL, "sold_out_after_payment", "provider", False)]
    assert case.allocations == {}


def test_what_was_paid_for_a_part_that_is_not_due_any_more_goes_back() -> None:
    case = a_case()
    line = case.lines[0]
    share = Share(OrderLineId(line.id), 1, 834, 166)
    case.free_units(line.id, 1, reason="canceled")
    case.cancel_units(
        Cancellation(
            id=new_id(),
            order_id=case.order.id,
            reason="x",
            actor="x",
            is_sold=False,
            shares=(share,),
        )
    )

    assert hear(case, P.CAPTURED) == "paid"

    assert refunds(case) == [(1000, "paid_more_than_due", "provider", True)]
    assert books(case)[1] == (
        "sale",
        {"customer_deposits": 1490, "sales": -833, "shipping_income": -408, "tax_payable": -249},
    )
    assert case.order.status is OrderStatus.PAID


def ask_for_a_unit_and_shipping(case: Case) -> Refund:
    """A part of the sale that is on its way back: 14.90."""
    line = case.lines[0]
    asked = new_refund(case, the_payment(case), amount_minor=1490, cause=Cause("late", ACTOR))
    refund = msgspec.structs.replace(
        asked, is_of_sale=True, shipping_minor=490, shipping_tax_minor=82
    )
    lines = (RefundLine(refund.id, line.id, 1, 833, 167),)
    ask_back(case, refund, lines, actor=ACTOR, providers=PROVIDERS)
    return refund


def finish(case: Case, refund: Refund) -> None:
    done = returned(refund.id, ProviderRefundState.SUCCEEDED, refund.amount_minor)
    assert hear_refunds(case, case.payment(refund.payment_id), done) == "refunded"


UNIT_AND_SHIPPING = {
    "customer_deposits": -1490,
    "sales": 833,
    "shipping_income": 408,
    "tax_payable": 249,
}


def test_a_part_of_the_sale_is_taken_back_when_its_money_has_gone() -> None:
    case = a_case()
    hear(case, P.CAPTURED)
    refund = ask_for_a_unit_and_shipping(case)
    assert [kind for kind, _ in books(case)] == ["capture", "sale"]

    finish(case, refund)

    assert books(case)[2:] == [
        ("sale_credit", UNIT_AND_SHIPPING),
        ("refund", {"customer_deposits": 1490, "provider_clearing:pretend": -1490}),
    ]
    assert [one.reference for one in case.writes.journals[2:]] == [refund.id, refund.id]
    assert case.order.status is OrderStatus.PARTIALLY_REFUNDED

    cancel(case, reason=CancelReason.STAFF, actor=ACTOR, providers=PROVIDERS)
    assert books(case)[4] == (
        "sale_reversal",
        {"customer_deposits": -1000, "sales": 834, "tax_payable": 166},
    )


def test_with_the_whole_sale_what_is_under_way_is_taken_back_too() -> None:
    case = a_case()
    hear(case, P.CAPTURED)
    refund = ask_for_a_unit_and_shipping(case)

    cancel(case, reason=CancelReason.STAFF, actor=ACTOR, providers=PROVIDERS)
    finish(case, refund)

    assert books(case)[2:] == [
        ("sale_reversal", {account: -amount for account, amount in SALE.items()}),
        ("refund", {"customer_deposits": 1490, "provider_clearing:pretend": -1490}),
    ]
    assert [one[0] for one in refunds(case)] == [1490, 1000]


def test_a_payment_that_went_back_was_no_part_of_the_sale() -> None:
    case, _ = paid_twice()
    finish(case, a_refund(case))

    cancel(case, reason=CancelReason.STAFF, actor=ACTOR, providers=PROVIDERS)

    assert books(case)[4] == (
        "sale_reversal",
        {account: -amount for account, amount in SALE.items()},
    )


def a_refund(case: Case) -> Refund:
    (refund,) = case.refunds.values()
    return refund


def returned(
    refund_id: RefundId | None, state: ProviderRefundState, amount: int
) -> RefundSnapshot:
    return RefundSnapshot(
        provider_refund_id="re",
        refund_reference=None if refund_id is None else str(refund_id),
        state=state,
        amount=Money(amount, "EUR"),
        origin=RefundOrigin.US,
    )


def paid_twice() -> tuple[Case, Payment]:
    """An order of which a second payment is on its way back."""
    case = a_case()
    hear(case, P.CAPTURED)
    second = a_payment(case.order.id)
    case.add_payment(second)
    settle(case, second, evidence(second, P.CAPTURED), actor=ACTOR, providers=PROVIDERS)
    return case, case.payment(second.id)


def hear_refunds(case: Case, payment: Payment, *told: RefundSnapshot, disputed: int = 0) -> str:
    word = evidence(payment, P.CAPTURED, refunds=told, disputed=Money(disputed, "EUR"))
    return settle(case, case.payment(payment.id), word, actor=ACTOR, providers=PROVIDERS)


def test_a_refund_that_the_provider_finished_is_booked_once() -> None:
    case, payment = paid_twice()
    done = returned(a_refund(case).id, ProviderRefundState.SUCCEEDED, TOTAL)

    assert hear_refunds(case, payment, done) == "refunded"
    assert hear_refunds(case, payment, done) == "unchanged"

    refund = a_refund(case)
    assert (refund.state, refund.provider_refund_id, refund.failure_code, refund.ended_at) == (
        RefundState.SUCCEEDED,
        "re",
        None,
        NOW,
    )
    assert case.payment(payment.id).refunded_minor == TOTAL
    assert books(case)[3:] == [
        ("refund", {"customer_deposits": 2490, "provider_clearing:pretend": -2490})
    ]
    assert (case.order.changed_by, case.order.change_reason) == ("system", "refund sent")
    assert (case.order.status, case.order.refunded_minor) == (OrderStatus.PAID, TOTAL)


@pytest.mark.parametrize(
    ("state", "amount", "reason"),
    [
        (ProviderRefundState.FAILED, TOTAL, "refund_failed: refused"),
        (ProviderRefundState.SUCCEEDED, TOTAL - 1, "refund_failed: amount_mismatch"),
    ],
)
def test_a_refund_that_went_wrong_waits_for_a_person(
    state: ProviderRefundState, amount: int, reason: str
) -> None:
    case, payment = paid_twice()

    assert hear_refunds(case, payment, returned(a_refund(case).id, state, amount)) == (
        "held_for_review"
    )

    assert (a_refund(case).state, case.payment(payment.id).review_reason) == (
        RefundState.FAILED,
        reason,
    )
    assert a_refund(case).failure_code == reason.removeprefix("refund_failed: ")
    assert case.payment(payment.id).refunded_minor == 0
    assert len(case.writes.journals) == 3


def test_news_of_one_refund_is_not_hidden_by_what_is_known_of_another() -> None:
    case, payment = paid_twice()
    known = a_refund(case).id
    done = returned(known, ProviderRefundState.SUCCEEDED, TOTAL)
    hear_refunds(case, payment, done)
    later = msgspec.structs.replace(
        case.refunds[known], id=RefundId(new_id()), state=RefundState.REQUESTED, amount_minor=0
    )
    case.add_refund(later)
    news = returned(later.id, ProviderRefundState.SUCCEEDED, 0)

    assert hear_refunds(case, payment, news, done) == "refunded"


def test_a_refund_under_way_stays_so() -> None:
    case, payment = paid_twice()
    under_way = returned(a_refund(case).id, ProviderRefundState.PENDING, TOTAL)

    assert hear_refunds(case, payment, under_way) == "unchanged"
    assert a_refund(case).state is RefundState.REQUESTED


def test_what_nobody_here_asked_for_waits_for_a_person() -> None:
    case, payment = paid_twice()
    theirs = returned(None, ProviderRefundState.SUCCEEDED, 5)

    assert (
        hear_refunds(case, payment, returned(None, ProviderRefundState.FAILED, 5)) == "unchanged"
    )
    assert hear_refunds(case, payment, disputed=0) == "unchanged"
    assert hear_refunds(case, payment, theirs) == "held_for_review"
    assert case.payment(payment.id).review_reason == "refunded_at_provider"

    case, payment = paid_twice()
    assert hear_refunds(case, payment, disputed=1) == "held_for_review"
    assert case.payment(payment.id).review_reason == "disputed"

    case, payment = paid_twice()
    ours = a_refund(case).id
    hear_refunds(case, payment, returned(ours, ProviderRefundState.SUCCEEDED, TOTAL))
    taken_back = returned(ours, ProviderRefundState.FAILED, TOTAL)
    assert hear_refunds(case, payment, taken_back) == "held_for_review"
    assert case.payment(payment.id).review_reason == "refund_taken_back"


def test_what_is_unasked_is_found_with_the_capture_as_well() -> None:
    case = a_case()

    assert hear(case, P.CAPTURED, disputed=Money(1, "EUR")) == "held_for_review"

    assert the_payment(case).review_reason == "disputed"
    assert the_payment(case).captured_minor == TOTAL


@pytest.mark.parametrize(
    ("status", "state", "review", "refusal"),
    [
        (OrderStatus.PENDING_PAYMENT, P.REQUIRES_ACTION, None, None),
        (OrderStatus.PAYMENT_FAILED, P.FAILED, None, None),
        (OrderStatus.PAYMENT_FAILED, P.FAILED, "looked into", None),
        (OrderStatus.PENDING_PAYMENT, P.PENDING, None, PaymentInProgress),
        (OrderStatus.PENDING_PAYMENT, P.UNKNOWN, None, PaymentInProgress),
        (OrderStatus.PENDING_PAYMENT, P.REQUIRES_ACTION, "looked into", PaymentInProgress),
        (OrderStatus.PAID, P.CAPTURED, None, OrderNotPayable),
        (OrderStatus.REFUNDED, P.CAPTURED, None, OrderNotPayable),
    ],
)
def test_an_order_is_paid_again_only_while_it_waits_for_money(
    status: OrderStatus,
    state: PaymentState,
    review: str | None,
    refusal: type[Exception] | None,
) -> None:
    case = a_case(status=status)
    case.put_payment(msgspec.structs.replace(the_payment(case), state=state, review_reason=review))

    if refusal is None:
        check_payable(case)
        case.order = msgspec.structs.replace(case.order, canceled_at=NOW)
        refusal = OrderNotPayable
    with pytest.raises(refusal):
        check_payable(case)


@pytest.mark.parametrize("state", [P.PENDING, P.UNKNOWN])
def test_a_hold_gets_one_grace_period_while_a_payment_is_in_flight(state: PaymentState) -> None:
    case = a_case()
    case.put_payment(msgspec.structs.replace(the_payment(case), state=state))
    assert expire_holds(case) == 0
    assert case.active[0].expires_at == NOW + timedelta(minutes=15)

    case.now = NOW + timedelta(minutes=15)
    assert expire_holds(case) == 0
    assert (case.active[0].expires_at, case.active[0].is_grace_used) == (
        NOW + timedelta(minutes=25),
        True,
    )
    case.now = NOW + timedelta(minutes=25)
    assert expire_holds(case) == 1
    assert case.active == ()
    (ended,) = case.writes.reservations_ended
    assert (ended.state, ended.end_reason) == (ReservationState.EXPIRED, "time is over")


def test_too_little_for_goods_that_were_sent_waits_for_a_person() -> None:
    case = a_case(
        status=OrderStatus.DELIVERED, sold_at=NOW, added_minor=700, owed_minor=TOTAL + 700
    )
    order = case.order

    assert hear(case, P.CAPTURED) == "held_for_review"

    assert (the_payment(case).review_reason, case.order) == ("amount_mismatch", order)
    assert [kind for kind, _ in books(case)] == ["suspense"]


def test_what_is_held_for_nothing_does_not_say_how_an_order_stands() -> None:
    case = a_case()
    hear(case, P.CAPTURED)
    paid = the_payment(case)
    asked = plan_refund(case, Wish())
    for one in asked:
        ask_planned(case, one, cause=Cause("sorry", ACTOR), providers=PROVIDERS)
    (back,) = case.refunds.values()
    given = RefundSnapshot(
        "re", str(back.id), Money(TOTAL, "EUR"), ProviderRefundState.SUCCEEDED, RefundOrigin.US
    )
    record_refund(case, back, given, failure_code=None)
    late = a_payment(case.order.id, terms=PaymentTerms.ON_SHIPMENT)
    case.add_payment(late)
    before = case.order.status

    told = settle(case, late, evidence(late, P.AUTHORIZED), actor=ACTOR, providers=PROVIDERS)

    assert (before, told) == (OrderStatus.REFUNDED, "not_needed")
    assert (case.order.status, case.payment(paid.id).refunded_minor) == (before, TOTAL)
