"""From an order's facts to what its payment page says: every state that can be reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from surehold.inventory.model import Reservation, ReservationState
from surehold.kernel.ids import (
    LocationId,
    OrderId,
    OrderLineId,
    PaymentId,
    ReservationId,
    VariantId,
)
from surehold.orders.model import (
    CancelReason,
    FulfillmentStatus,
    Order,
    OrderStatus,
    PaymentStatus,
)
from surehold.payments.model import (
    ClientSecret,
    Instructions,
    JsCheckout,
    NoAction,
    Payment,
    PaymentState,
    PaymentTerms,
    PostForm,
    PushPrompt,
    Redirect,
    Wait,
)
from surehold.web.storefront.pay_state import (
    AFTER_PAYMENT,
    PAID_LATE,
    Standing,
    decide,
    describe_decline,
    may_retry,
    poll_after,
)
from surehold.web.storefront.views import PayState
from tests.support.placing import ADDRESS

NOW = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
ID = UUID(int=7)
AT_BANK = Redirect("https://bank.test/1")
TRANSFER = Instructions((("IBAN", "DE89"),), "SH-1")

#: States that no configured way of paying leads to yet.
UNREACHABLE: dict[PayState, str] = {
    PayState.ELSEWHERE: "a form that the shop does not have (any more): see test_provider_forms",
}


def order(status: OrderStatus = OrderStatus.PENDING_PAYMENT, **changes: Any) -> Order:
    values: dict[str, Any] = {
        "id": OrderId(ID), "number": "SH-7K4M92QX", "cart_id": None, "email": "m@example.com",
        "currency": "EUR", "subtotal_minor": 100, "discount_minor": 0, "shipping_minor": 0,
        "shipping_tax_minor": 0, "tax_minor": 0, "total_minor": 100, "is_tax_included": True,
        "paid_minor": 0, "refunded_minor": 0, "shipping_method": "standard",
        "shipping_address": ADDRESS, "billing_address": None, "provider": "sandbox",
        "status": status, "payment_status": PaymentStatus.PENDING,
        "fulfillment_status": FulfillmentStatus.UNFULFILLED, "placed_at": NOW,
        "canceled_at": None, "cancel_reason": None, "archived_at": None, "extensions_used": 0,
        "version": 1, "changed_by": "buyer", "change_reason": "placed", "updated_at": NOW,
    }  # fmt: skip
    return Order(**(values | changes))


def payment(state: PaymentState, **changes: Any) -> Payment:
    values: dict[str, Any] = {
        "id": PaymentId(ID), "order_id": OrderId(ID), "provider": "sandbox", "account": "main",
        "provider_payment_id": "pay_1", "state": state, "currency": "EUR",
        "requested_minor": 100, "authorized_minor": 0, "captured_minor": 0, "refunded_minor": 0,
        "disputed_minor": 0, "next_action": NoAction(), "failure_code": None,
        "failure_message": None, "review_reason": None, "check_count": 0, "next_check_at": None,
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Payment(**(values | changes))


def hold(
    minutes: int = 10, state: ReservationState = ReservationState.ACTIVE, reason: str | None = None
) -> Reservation:
    return Reservation(
        ReservationId(ID), ID, OrderLineId(ID), VariantId(ID), LocationId(ID), 1, state,
        NOW + timedelta(minutes=minutes), False, NOW, None, reason,  # noqa: FBT003 - in the order of the columns
    )  # fmt: skip


HELD = (hold(),)
OVER = (hold(-1),)
S, P, O = PayState, PaymentState, OrderStatus  # noqa: E741 - the table reads best so

CASES: list[tuple[str, Order, tuple[Payment, ...], tuple[Reservation, ...], PayState]] = [
    ("to be paid at the door", order(O.CONFIRMED),
     (payment(P.REQUIRES_ACTION, terms=PaymentTerms.ON_DELIVERY),), (), S.CASH),
    ("paid at the door", order(O.SHIPPED, paid_minor=100),
     (payment(P.CAPTURED, terms=PaymentTerms.ON_DELIVERY),), (), S.PAID),
    ("held by the bank", order(O.CONFIRMED),
     (payment(P.AUTHORIZED, terms=PaymentTerms.ON_SHIPMENT),), (), S.PAID),
    ("at the bank", order(), (payment(P.REQUIRES_ACTION, next_action=AT_BANK),), HELD, S.REDIRECT),
    ("transfer", order(), (payment(P.REQUIRES_ACTION, next_action=TRANSFER),), HELD,
     S.BANK_TRANSFER),
    ("at the bank by a form", order(),
     (payment(P.REQUIRES_ACTION, next_action=PostForm("https://bank.test/1", (("a", "1"),))),),
     HELD, S.REDIRECT),
    ("asked on the telephone", order(),
     (payment(P.REQUIRES_ACTION, next_action=PushPrompt("0911234567", "PIN", 5)),), HELD,
     S.PHONE_PROMPT),
    ("in a script of somebody else's", order(),
     (payment(P.REQUIRES_ACTION, next_action=ClientSecret("pk_1", "secret")),), HELD, S.FORM),
    ("on an order of the provider's", order(),
     (payment(P.REQUIRES_ACTION, next_action=JsCheckout("key", "order_1")),), HELD, S.FORM),
    ("told to wait", order(), (payment(P.REQUIRES_ACTION, next_action=Wait(2)),), HELD, S.PENDING),
    ("slow bank", order(), (payment(P.PENDING),), HELD, S.PENDING),
    ("slow bank, hold over", order(), (payment(P.PENDING),), OVER, S.PENDING),
    ("authorized", order(), (payment(P.AUTHORIZED),), HELD, S.PENDING),
    ("unknown", order(), (payment(P.UNKNOWN),), HELD, S.UNKNOWN),
    ("unknown, hold over", order(), (payment(P.UNKNOWN),), OVER, S.UNKNOWN),
    ("money came, order not told", order(), (payment(P.CAPTURED),), HELD, S.UNKNOWN),
    ("never begun", order(), (payment(P.UNKNOWN, provider_payment_id=None),), HELD,
     S.PROVIDER_DOWN),
    ("refused to begin", order(O.PAYMENT_FAILED), (payment(P.FAILED, provider_payment_id=None),),
     HELD, S.PROVIDER_DOWN),
    ("no payment", order(), (), HELD, S.PROVIDER_DOWN),
    ("declined", order(O.PAYMENT_FAILED), (payment(P.FAILED),), HELD, S.DECLINED),
    ("given up at the bank", order(O.PAYMENT_FAILED), (payment(P.VOIDED),), HELD, S.DECLINED),
    ("declined, then again", order(),
     (payment(P.FAILED), payment(P.REQUIRES_ACTION, next_action=AT_BANK)), HELD, S.REDIRECT),
    ("declined, hold over", order(O.PAYMENT_FAILED), (payment(P.FAILED),), OVER, S.HOLD_ENDED),
    ("hold swept", order(), (payment(P.REQUIRES_ACTION, next_action=AT_BANK),),
     (hold(-1, ReservationState.EXPIRED),), S.HOLD_ENDED),
    ("no payment, hold over", order(), (), OVER, S.HOLD_ENDED),
    ("one of two holds over", order(O.PAYMENT_FAILED), (payment(P.FAILED),), (hold(), hold(-1)),
     S.HOLD_ENDED),
    ("wrong amount", order(), (payment(P.PENDING, review_reason="amount_mismatch"),), OVER,
     S.REVIEW),
    ("wrong amount earlier", order(),
     (payment(P.PENDING, review_reason="amount_mismatch"), payment(P.FAILED)), HELD, S.REVIEW),
    ("paid", order(O.PAID, paid_minor=100), (payment(P.CAPTURED),),
     (hold(10, ReservationState.COMMITTED),), S.PAID),
    ("paid, and looked into", order(O.PAID, paid_minor=100),
     (payment(P.CAPTURED, review_reason="fraud_signals"),), (), S.REVIEW),
    ("paid, and something is odd", order(O.PAID, paid_minor=100),
     (payment(P.CAPTURED, review_reason="refunded_at_provider"),), (), S.PAID),
    ("authorized, and looked into", order(O.CONFIRMED),
     (payment(P.AUTHORIZED, terms=PaymentTerms.ON_SHIPMENT, review_reason="fraud_signals"),), (),
     S.REVIEW),
    ("confirmed", order(O.CONFIRMED, paid_minor=100), (payment(P.CAPTURED),),
     (hold(10, ReservationState.COMMITTED),), S.PAID),
    ("paid late", order(O.PAID, paid_minor=100), (payment(P.CAPTURED),),
     (hold(-1, ReservationState.EXPIRED), hold(0, ReservationState.COMMITTED, PAID_LATE)),
     S.LATE_CONFIRMED),
    ("paid late, gone", order(O.CANCELED, canceled_at=NOW,
                              cancel_reason=CancelReason.SOLD_OUT_AFTER_PAYMENT),
     (payment(P.CAPTURED),), OVER, S.LATE_REFUNDED),
    ("and sent back", order(O.REFUNDED, canceled_at=NOW,
                            cancel_reason=CancelReason.SOLD_OUT_AFTER_PAYMENT),
     (payment(P.CAPTURED),), OVER, S.LATE_REFUNDED),
    ("canceled", order(O.CANCELED, canceled_at=NOW, cancel_reason=CancelReason.BUYER),
     (payment(P.VOIDED),), (), S.CANCELED),
    ("not paid in time", order(O.CANCELED, canceled_at=NOW, cancel_reason=CancelReason.UNPAID),
     (payment(P.FAILED),), OVER, S.CANCELED),
    ("canceled and sent back", order(O.REFUNDED, canceled_at=NOW,
                                     cancel_reason=CancelReason.BUYER),
     (payment(P.CAPTURED),), (), S.CANCELED),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "made", "reservations", "expected"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_the_facts_decide(
    given: Order,
    made: tuple[Payment, ...],
    reservations: tuple[Reservation, ...],
    expected: PayState,
) -> None:
    standing = Standing(order=given, payments=made, reservations=reservations, now=NOW)

    assert decide(standing) is expected


def test_every_state_is_reached_or_says_why_not() -> None:
    assert {case[4] for case in CASES} | set(UNREACHABLE) == set(PayState)
    assert {case[4] for case in CASES} & set(UNREACHABLE) == set()


@pytest.mark.parametrize("status", sorted(OrderStatus, key=lambda row: row.value))
@pytest.mark.parametrize("state", [None, *PaymentState])
def test_whatever_the_facts_are_there_is_an_answer(
    status: OrderStatus, state: PaymentState | None
) -> None:
    made = () if state is None else (payment(state),)
    standing = Standing(order=order(status), payments=made, reservations=HELD, now=NOW)

    assert isinstance(decide(standing), PayState)


def test_no_button_pays_while_money_may_be_on_its_way() -> None:
    allowed = {state for state in PayState if may_retry(state)}

    assert allowed == {
        S.REDIRECT, S.PHONE_PROMPT, S.FORM, S.ELSEWHERE, S.BANK_TRANSFER, S.DECLINED,
        S.HOLD_ENDED,
    }  # fmt: skip


def test_unpaid_orders_never_leave_the_payment_page() -> None:
    assert not AFTER_PAYMENT & {O.PENDING_PAYMENT, O.PAYMENT_FAILED, O.PAID, O.CANCELED}


@pytest.mark.parametrize(
    ("made", "title", "reason"),
    [
        (
            payment(P.FAILED, failure_code="expired_card"),
            "Your bank declined the card",
            "Your bank says this card has expired.",
        ),
        (payment(P.FAILED, failure_code="x_17"), "Your bank declined the card", None),
        (
            payment(P.VOIDED),
            "The payment was not finished",
            "It was canceled or took too long.",
        ),
    ],
)
def test_a_decline_is_told_in_plain_words(made: Payment, title: str, reason: str | None) -> None:
    assert describe_decline(made) == (title, reason)


def test_the_page_asks_ever_more_calmly() -> None:
    assert [poll_after(asked) for asked in (-1, 0, 1, 2, 3, 999)] == [2, 2, 5, 15, 15, 15]
