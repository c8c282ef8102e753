"""Refunds that began at the provider: what is plain is booked, without a database."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from surehold.checkout.case import Case
from surehold.checkout.model import Actor
from surehold.checkout.rules import Wish, ask_planned, plan_refund, settle
from surehold.checkout.rules.returning import Cause
from surehold.kernel.money import Money
from surehold.orders.model import OrderStatus
from surehold.payments.model import Payment, PaymentState, RefundState
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
    RefundSnapshot,
)
from surehold.payments.providers.registry import Providers
from tests.builders.cases import TOTAL, a_case, evidence
from tests.builders.providers import PretendProvider

BANK = Actor("provider:pretend")
PROVIDERS = Providers([PretendProvider()])


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def gone(
    amount: int = 500, name: str = "re_1", currency: str = "EUR", **facts: Any
) -> RefundSnapshot:
    told: dict[str, Any] = {
        "refund_reference": None,
        "state": ProviderRefundState.SUCCEEDED,
        "origin": RefundOrigin.DASHBOARD,
        "amount": Money(amount, currency),
    }
    return RefundSnapshot(provider_refund_id=name, **{**told, **facts})


def the_payment(case: Case) -> Payment:
    return next(iter(case.payments.values()))


def hear(case: Case, *refunds: RefundSnapshot, **facts: Any) -> str:
    total = sum(row.amount.amount for row in refunds)
    told = {"refunds": refunds, "refunded": eur(total), **facts}
    word = evidence(the_payment(case), PaymentState.CAPTURED, **told)
    effect = settle(case, the_payment(case), word, actor=BANK, providers=PROVIDERS)
    case.end_step()
    return effect


def a_paid_case() -> Case:
    case = a_case()
    case.settings = msgspec.structs.replace(case.settings, refunds_at_provider="book")
    assert hear(case) == "paid"
    return case


def test_a_store_that_wants_to_be_asked_is_asked() -> None:
    case = a_paid_case()
    case.settings = msgspec.structs.replace(case.settings, refunds_at_provider="ask")

    assert hear(case, gone()) == "held_for_review"
    assert not case.refunds


def test_what_people_plainly_gave_back_is_booked_once_and_staff_are_told() -> None:
    case = a_paid_case()

    assert hear(case, gone(), gone(20, "re_2")) == "refund_found"
    assert hear(case, gone(), gone(20, "re_2")) == "unchanged"
    assert hear(case, gone(), gone(20, "re_2"), gone(TOTAL - 520, "re_3")) == "refund_found"

    assert [
        (row.amount_minor, row.state, row.requested_by, row.provider_refund_id, row.is_of_sale)
        for row in case.refunds.values()
    ] == [
        (500, RefundState.SUCCEEDED, "provider:pretend", "re_1", True),
        (20, RefundState.SUCCEEDED, "provider:pretend", "re_2", True),
        (TOTAL - 520, RefundState.SUCCEEDED, "provider:pretend", "re_3", True),
    ]
    assert (case.order.status, case.order.refunded_minor) == (OrderStatus.REFUNDED, TOTAL)
    assert the_payment(case).review_reason is None
    # Nothing was restocked, and nobody is asked to give anything back.
    assert [row.released_quantity for row in case.allocations.values()] == [0]
    assert case.writes.operations == []
    told = [
        row.payload["amount_minor"] for row in case.writes.events if row.topic == "refund.found"
    ]
    assert told == [500, 20, TOTAL - 520]


@pytest.mark.parametrize(
    ("refunds", "facts"),
    [
        ((gone(state=ProviderRefundState.PENDING),), {}),
        ((gone(), gone(20, "re_2", state=ProviderRefundState.PENDING)), {"refunded": eur(500)}),
        ((gone(currency="USD"),), {}),
        ((gone(TOTAL), gone(1, "re_2")), {}),
        ((gone(),), {"refunded": eur(501)}),
        ((gone(origin=RefundOrigin.PROVIDER),), {}),
        ((gone(origin=RefundOrigin.US, refund_reference="another-program"),), {}),
        ((gone(),), {"disputed": eur(1)}),
        ((), {"refunded": eur(500)}),
    ],
    ids=["on its way", "half of it", "currency", "too much", "total", "provider", "not ours",
         "disputed", "no list"],
)  # fmt: skip
def test_what_may_mean_two_things_waits_for_a_person(
    refunds: tuple[RefundSnapshot, ...], facts: dict[str, Any]
) -> None:
    case = a_paid_case()
    before = len(case.writes.journals)

    assert hear(case, *refunds, **facts) == "held_for_review"

    reason = "disputed" if "disputed" in facts else "refunded_at_provider"
    assert the_payment(case).review_reason == reason
    assert (case.refunds, len(case.writes.journals)) == ({}, before)


def test_a_refund_of_ours_that_is_under_way_may_be_the_one() -> None:
    case = a_paid_case()
    (planned,) = plan_refund(case, Wish(amount=eur(500)))
    ask_planned(case, planned, cause=Cause("broken", Actor("staff")), providers=PROVIDERS)
    (ours,) = case.refunds.values()

    assert hear(case, gone()) == "held_for_review"

    assert case.refunds == {ours.id: ours}
    assert the_payment(case).review_reason == "refunded_at_provider"


def test_money_that_became_store_credit_never_was_at_the_provider() -> None:
    case = a_paid_case()
    hear(case, gone())
    (known,) = case.refunds.values()
    credit = msgspec.structs.replace(known, store_credit_id=known.id, provider_refund_id=None)
    case.refunds[known.id] = credit

    assert hear(case, gone(20, "re_2")) == "refund_found"
    assert the_payment(case).refunded_minor == 520
