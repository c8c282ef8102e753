"""Giving an order up, whole or in part, to the last field, without a database."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from surehold.checkout.batch import CouponUses
from surehold.checkout.case import Case
from surehold.checkout.errors import (
    ExtensionRefused,
    HoldOver,
    NothingLeft,
    OrderNotPayable,
    UnitsNotCancelable,
)
from surehold.checkout.model import Actor
from surehold.checkout.rules import (
    Cause,
    cancel,
    cancel_part,
    expire_holds,
    extend,
    hold_again,
    hold_time,
    move_fulfillment,
    open_fulfillments,
    record_refund,
    settle,
)
from surehold.checkout.rules.canceling import give_up_payment
from surehold.checkout.rules.fulfilling import Pick, WantedUnits
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import ReservationState, StockChange
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import CouponId, OrderLineId, RedemptionId, new_id
from surehold.kernel.money import Money
from surehold.orders.errors import OrderNotCancelable
from surehold.orders.model import CancelReason, FulfillmentStatus, OrderStatus
from surehold.orders.rules import StatusNotReachable
from surehold.orders.states import FulfillmentEvent
from surehold.payments.errors import PaymentInProgress
from surehold.payments.model import NoAction, OperationKind, OperationState, Payment, PaymentState
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.port import (
    HoldKind,
    ProviderRefundState,
    RefundOrigin,
    RefundSnapshot,
)
from surehold.payments.providers.registry import Providers
from surehold.pricing.model import CouponLimits, Redemption
from tests.builders.cases import NOW, TOTAL, a_case, a_payment, evidence
from tests.builders.providers import PretendProvider

S, P, R = OrderStatus, PaymentState, CancelReason
ACTOR = Actor("staff:1")
PROVIDERS = Providers([PretendProvider(), BankTransfer()])


def the_payment(case: Case) -> Payment:
    return next(iter(case.payments.values()))


def give_up(case: Case, reason: CancelReason = R.STAFF) -> str:
    return cancel(case, reason=reason, actor=ACTOR, providers=PROVIDERS)


def give_up_units(case: Case, quantity: int, line_id: OrderLineId | None = None) -> str:
    wanted = ((line_id or case.lines[0].id, quantity),)
    return cancel_part(case, wanted, reason=R.STAFF, actor=ACTOR, providers=PROVIDERS)


def a_sold_case() -> Case:
    case = a_case()
    word = evidence(the_payment(case), P.CAPTURED)
    settle(case, the_payment(case), word, actor=ACTOR, providers=PROVIDERS)
    return case


def books(case: Case) -> list[tuple[str, UUID, dict[str, int]]]:
    return [
        (one.kind, one.reference, {entry.account: entry.amount_minor for entry in one.entries})
        for one in case.writes.journals
    ]


def test_an_unpaid_order_frees_its_units_its_coupon_and_its_payment() -> None:
    case = a_case()
    coupon_id = CouponId(new_id())
    redeemed = Redemption(RedemptionId(new_id()), coupon_id, case.order.id, "mara", NOW)
    case.coupon_uses = CouponUses([redeemed], [CouponLimits(coupon_id, "TEN", 1, 1, None, {})])
    hold, payment = case.active[0], the_payment(case)

    assert give_up(case) == "canceled"

    assert (case.order.status, case.order.canceled_at, case.order.cancel_reason) == (
        S.CANCELED,
        NOW,
        R.STAFF,
    )
    assert (case.order.changed_by, case.order.change_reason) == ("staff:1", R.STAFF.value)
    (ended,) = case.writes.reservations_ended
    assert (ended.id, ended.state, ended.end_reason) == (
        hold.id,
        ReservationState.RELEASED,
        R.STAFF.value,
    )
    assert case.stock.changes == [StockChange(hold.variant_id, hold.location_id, reserved=-2)]
    assert [one.end_reason for one in case.coupon_uses.released] == [R.STAFF.value]
    (asked,) = case.writes.operations
    assert (asked.payment_id, asked.refund_id, asked.kind, asked.state, asked.attempts) == (
        payment.id,
        None,
        OperationKind.VOID,
        OperationState.PENDING,
        0,
    )
    assert asked.request == b"pp"
    assert (case.writes.journals, case.refunds) == ([], {})


def test_a_sold_order_gives_back_units_sale_and_money_and_keeps_its_coupon_used() -> None:
    case = a_sold_case()
    coupon_id = CouponId(new_id())
    redeemed = Redemption(RedemptionId(new_id()), coupon_id, case.order.id, "mara", NOW)
    case.coupon_uses = CouponUses([redeemed], [CouponLimits(coupon_id, "TEN", 1, 1, None, {})])
    (owned,) = case.allocations.values()

    assert give_up(case) == "canceled"

    assert books(case)[2:] == [
        (
            "sale_reversal",
            case.order.id,
            {
                "customer_deposits": -2490,
                "sales": 1667,
                "shipping_income": 408,
                "tax_payable": 415,
            },
        )
    ]
    assert case.stock.changes[-1] == StockChange(owned.variant_id, owned.location_id, allocated=-2)
    assert case.allocations[owned.id].released_quantity == 2
    (refund,) = case.refunds.values()
    assert (refund.amount_minor, refund.reason, refund.requested_by) == (
        TOTAL,
        R.STAFF.value,
        "staff:1",
    )
    assert case.coupon_uses.released == []
    assert give_up(case) == "unchanged"


@pytest.mark.parametrize(
    ("first", "second", "told", "reason"),
    [
        (R.UNPAID, R.BUYER, "canceled", R.BUYER),
        (R.UNPAID, R.UNPAID, "unchanged", R.UNPAID),
        (R.BUYER, R.UNPAID, "unchanged", R.BUYER),
        (R.BUYER, R.STAFF, "unchanged", R.BUYER),
    ],
)
def test_only_a_person_gives_up_again_what_the_store_gave_up(
    first: CancelReason, second: CancelReason, told: str, reason: CancelReason
) -> None:
    case = a_case()
    give_up(case, first)
    ended = len(case.writes.reservations_ended)

    assert give_up(case, second) == told

    assert (case.order.cancel_reason, case.order.change_reason) == (reason, reason.value)
    assert len(case.writes.reservations_ended) == ended == 1


def can_give_up(reason: CancelReason, status: OrderStatus) -> bool:
    case = a_case(status=status)
    try:
        cancel(case, reason=reason, actor=ACTOR, providers=PROVIDERS)
    except OrderNotCancelable:
        return False
    except StatusNotReachable:
        return True  # what its label becomes without the money of that status is no matter here
    return True


def test_from_here_on_nobody_cancels() -> None:
    cancelable = {
        S.PENDING_PAYMENT,
        S.PAYMENT_FAILED,
        S.PAID,
        S.CONFIRMED,
        S.PROCESSING,
        S.READY_FOR_SHIPMENT,
        S.PARTIALLY_REFUNDED,
    }

    assert {one for one in S if can_give_up(R.BUYER, one)} == cancelable
    assert {one for one in S if can_give_up(R.STAFF, one)} == cancelable | {S.REFUNDED}


def test_work_on_an_order_ends_the_buyers_say_and_a_parcel_that_left_the_stores() -> None:
    begun = a_case(fulfillment_status=FulfillmentStatus.PROCESSING)
    with pytest.raises(OrderNotCancelable):
        give_up(begun, R.BUYER)
    assert give_up(begun) == "canceled"

    case = a_sold_case()
    (owned,) = case.allocations.values()
    case.allocations[owned.id] = msgspec.structs.replace(owned, shipped_quantity=1)
    for refused in (lambda: give_up(case), lambda: give_up_units(case, 1)):
        with pytest.raises(OrderNotCancelable):
            refused()


def test_a_part_of_an_unpaid_order_is_not_due_any_more() -> None:
    case = a_case()
    line, until = case.lines[0], case.active[0].expires_at

    assert give_up_units(case, 1) == "part_canceled"

    (made,) = case.writes.cancellations
    (share,) = made.shares
    assert (made.reason, made.actor, made.is_sold, made.gross_minor) == (
        R.STAFF.value,
        "staff:1",
        False,
        1000,
    )
    assert (share.line_id, share.quantity, share.net_minor, share.tax_minor) == (
        line.id,
        1,
        833,
        167,
    )
    assert (case.order.due_minor, case.lines[0].due_quantity) == (1490, 1)
    assert [(one.quantity, one.expires_at) for one in case.active] == [(1, until)]
    assert (case.writes.journals, case.refunds) == ([], {})
    assert (case.order.changed_by, case.order.change_reason) == ("staff:1", R.STAFF.value)
    assert give_up_units(case, 1) == "canceled"


def test_a_part_of_a_sold_order_goes_back_with_its_share_of_the_sale() -> None:
    case = a_sold_case()

    assert give_up_units(case, 1) == "part_canceled"

    (made,) = case.writes.cancellations
    assert made.is_sold is True
    assert books(case)[2:] == [
        (
            "sale_credit",
            made.id,
            {"customer_deposits": -1000, "sales": 833, "tax_payable": 167},
        )
    ]
    (refund,) = case.refunds.values()
    assert (refund.amount_minor, refund.cancellation_id, refund.reason) == (
        1000,
        made.id,
        R.STAFF.value,
    )
    assert [one.open_quantity for one in case.allocations.values()] == [1]


def test_the_money_of_a_part_goes_back_once_wherever_it_lies() -> None:
    case = a_sold_case()
    second = a_payment(case.order.id)
    case.add_payment(second)
    settle(case, second, evidence(second, P.CAPTURED), actor=ACTOR, providers=PROVIDERS)
    (failed,) = case.refunds.values()
    record_refund(case, failed, None, failure_code="closed")

    give_up_units(case, 1)

    first = the_payment(case)
    asked = [one for one in case.refunds.values() if one.id != failed.id]
    assert [(one.payment_id, one.amount_minor) for one in asked] == [(first.id, 1000)]


def test_units_in_a_parcel_are_not_given_up_under_it_whatever_other_lines_have() -> None:
    case = a_sold_case()
    line, (owned,) = case.lines[0], case.allocations.values()
    other = OrderLineId(new_id())
    case.lines = (line, msgspec.structs.replace(line, id=other))
    case.allocations[other] = msgspec.structs.replace(
        owned, id=other, order_line_id=other, quantity=5
    )
    open_fulfillments(case, Pick((WantedUnits(line.id, 1),)), actor=ACTOR)

    with pytest.raises(UnitsNotCancelable) as short:
        give_up_units(case, 2)

    assert short.value.facts == {
        "lines": [{"line_id": str(line.id), "requested": 2, "available": 1}]
    }


def test_what_is_packed_is_ready_when_the_rest_is_given_up_even_what_costs_nothing() -> None:
    case = a_sold_case()
    line, (owned,) = case.lines[0], case.allocations.values()
    other = OrderLineId(new_id())
    free = msgspec.structs.replace(
        line, id=other, quantity=1, net_minor=0, tax_minor=0, gross_minor=0
    )
    case.lines = (line, free)
    case.allocations[other] = msgspec.structs.replace(
        owned, id=other, order_line_id=other, quantity=1
    )
    (parcel,) = open_fulfillments(case, Pick((WantedUnits(line.id, 2),)), actor=ACTOR)
    move_fulfillment(case, parcel.id, FulfillmentEvent.PACK, actor=ACTOR)
    assert case.order.fulfillment_status is FulfillmentStatus.PROCESSING

    assert give_up_units(case, 1, other) == "part_canceled"

    assert case.refunds == {}
    assert case.order.fulfillment_status is FulfillmentStatus.READY_FOR_SHIPMENT


def test_money_goes_back_for_the_cause_that_is_given() -> None:
    case = a_sold_case()
    cause = Cause("a return", Actor("staff:2"), internal_reason="damaged")

    cancel(case, reason=R.STAFF, actor=ACTOR, providers=PROVIDERS, cause=cause)

    (refund,) = case.refunds.values()
    assert (refund.reason, refund.requested_by, refund.internal_reason) == (
        "a return",
        "staff:2",
        "damaged",
    )
    assert (case.order.changed_by, case.order.change_reason) == ("staff:1", R.STAFF.value)


def test_no_part_of_what_was_canceled_and_paid_back_is_canceled_again() -> None:
    case = a_sold_case()
    give_up(case)
    (refund,) = case.refunds.values()
    done = RefundSnapshot(
        provider_refund_id="re",
        refund_reference=str(refund.id),
        amount=Money(TOTAL, "EUR"),
        state=ProviderRefundState.SUCCEEDED,
        origin=RefundOrigin.US,
    )
    record_refund(case, refund, done, failure_code=None)
    assert case.order.status is S.REFUNDED

    with pytest.raises(OrderNotCancelable):
        give_up_units(case, 1)


def test_units_that_are_not_there_to_be_given_up_are_named() -> None:
    for case in (a_case(), a_sold_case()):
        line_id = case.lines[0].id
        with pytest.raises(UnitsNotCancelable) as short:
            give_up_units(case, 3)
        assert short.value.facts == {
            "lines": [{"line_id": str(line_id), "requested": 3, "available": 2}]
        }
        give_up(case)
        with pytest.raises(OrderNotCancelable):
            give_up_units(case, 1)


@pytest.mark.parametrize(
    ("state", "review", "is_refused"),
    [
        (P.REQUIRES_ACTION, None, False),
        (P.FAILED, "looked into", False),
        (P.REQUIRES_ACTION, "looked into", True),
        (P.AUTHORIZED, None, True),
        (P.PENDING, None, True),
        (P.UNKNOWN, None, True),
    ],
)
def test_what_is_due_does_not_change_under_a_payment(
    state: PaymentState, review: str | None, *, is_refused: bool
) -> None:
    case = a_case()
    payment = msgspec.structs.replace(the_payment(case), state=state, review_reason=review)
    case.put_payment(payment)

    if is_refused:
        with pytest.raises(PaymentInProgress) as refused:
            give_up_units(case, 1)
        assert refused.value.facts == {"payment_id": str(payment.id)}
    else:
        assert give_up_units(case, 1) == "part_canceled"


def test_a_part_that_leaves_nothing_to_pay_is_refused() -> None:
    case = a_case(total_minor=1000)
    with pytest.raises(NothingLeft):
        give_up_units(case, 1)
    assert give_up_units(a_case(total_minor=1001), 1) == "part_canceled"


def test_a_payment_is_made_unpayable_here_or_where_it_is() -> None:
    case = a_case()
    remote = the_payment(case)
    unnamed = msgspec.structs.replace(remote, provider_payment_id=None)
    local = msgspec.structs.replace(remote, provider="bank_transfer")
    unknown = msgspec.structs.replace(remote, provider="gone")

    for payment in (unnamed, unknown):
        give_up_payment(case, payment, providers=PROVIDERS)
    assert (case.writes.operations, the_payment(case)) == ([], remote)
    give_up_payment(case, local, providers=PROVIDERS)
    assert the_payment(case) == msgspec.structs.replace(
        local, state=P.VOIDED, next_action=NoAction(), next_check_at=None
    )
    assert case.writes.operations == []


# --- holding -------------------------------------------------------------------------------------

TTL = timedelta(minutes=30)


def test_each_way_to_pay_holds_for_its_own_time() -> None:
    settings = a_case().settings

    assert {kind: hold_time(kind, settings) for kind in HoldKind} == {
        HoldKind.CARD: timedelta(minutes=15),
        HoldKind.REDIRECT: timedelta(minutes=30),
        HoldKind.TRANSFER: timedelta(days=3),
    }


def test_a_hold_that_lives_is_kept_and_one_that_is_over_but_unswept_lives_on() -> None:
    case = a_case()
    hold = case.active[0]

    hold_again(case, ttl=TTL)
    assert case.active == (hold,)

    case.now = hold.expires_at
    hold_again(case, ttl=TTL)
    assert case.active == (msgspec.structs.replace(hold, expires_at=case.now + TTL),)


def test_what_is_held_in_part_is_held_afresh_or_named() -> None:
    case = a_case()
    hold = case.active[0]
    case.free_holds(ReservationEvent.EXPIRE, reason="time is over")

    hold_again(case, ttl=TTL)

    (again,) = case.active
    assert msgspec.structs.replace(again, id=hold.id, created_at=NOW) == msgspec.structs.replace(
        hold, expires_at=NOW + TTL
    )
    # Behind everybody who was decided before.
    assert again.created_at == NOW + timedelta(microseconds=1)

    case = a_case(on_hand=2)
    case.free_holds(ReservationEvent.EXPIRE, reason="time is over")
    level = case.stock.levels[case.lines[0].variant_id][0]
    case.stock.apply(StockChange(level.variant_id, level.location_id, reserved=1))
    with pytest.raises(InsufficientStock):
        hold_again(case, ttl=TTL)
    assert case.active == ()


def test_one_payment_in_flight_is_enough_for_grace_and_one_hold_that_had_it_too_many() -> None:
    case = a_case()
    case.now = case.active[0].expires_at
    pending = msgspec.structs.replace(the_payment(case), state=P.PENDING)
    case.put_payment(pending)
    case.add_payment(a_payment(case.order.id, state=P.FAILED))
    assert expire_holds(case) == 0

    (graced,) = case.active
    case.now = graced.expires_at
    second = msgspec.structs.replace(graced, id=new_id(), is_grace_used=False)
    case.hold([second])
    assert expire_holds(case) == 2


def test_a_hold_of_a_part_is_let_go_before_all_is_held_afresh() -> None:
    case = a_case(on_hand=2)
    (hold,) = case.active
    case.reservations[hold.id] = msgspec.structs.replace(hold, quantity=1)
    case.stock.apply(StockChange(hold.variant_id, hold.location_id, reserved=-1))

    hold_again(case, ttl=TTL)

    assert case.reservations[hold.id].end_reason == "held afresh"
    level = case.stock.levels[hold.variant_id][0]
    assert (level.on_hand, level.allocated, level.reserved) == (2, 0, 2)


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({}, None),
        ({"status": S.PAYMENT_FAILED}, None),
        ({"extensions_used": 2}, None),
        ({"extensions_used": 3}, ExtensionRefused),
        ({"status": S.PAID}, OrderNotPayable),
        ({"canceled_at": NOW}, OrderNotPayable),
    ],
)
def test_more_time_is_given_to_who_may_still_pay(
    facts: dict[str, object], refusal: type[Exception] | None
) -> None:
    case = a_case(**facts)
    before = case.order

    if refusal is None:
        extend(case, ttl=TTL)
        assert case.active[0].expires_at == NOW + TTL
        assert case.active[0].is_grace_used is False
        assert case.order == msgspec.structs.replace(
            before,
            changed_by="buyer",
            change_reason="more time",
            extensions_used=before.extensions_used + 1,
        )
        case.free_holds(ReservationEvent.EXPIRE, reason="time is over")
        refusal = HoldOver
    with pytest.raises(refusal):
        extend(case, ttl=TTL)
