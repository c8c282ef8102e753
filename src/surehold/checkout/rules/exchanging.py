"""Sending something else for what came back, paid by what is refunded for it.

What is dearer than what came back waits until the buyer has paid the difference: its units are
held, and the return stays as it is.
"""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.errors import NothingToRefund, RefundExceedsPaid
from surehold.checkout.model import PAID, SYSTEM, Actor
from surehold.checkout.rules import taking_back
from surehold.checkout.rules.changing import (
    TOO_LATE,
    PlannedChange,
    lines_of,
    reservations_of,
    take_units,
)
from surehold.checkout.rules.gift_cards import pay_by_credit
from surehold.checkout.rules.refunding import PlannedRefund, Wish, plan_refund
from surehold.checkout.rules.returning import Cause, ask_planned, return_money
from surehold.checkout.rules.selling import add_to_sale
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import ReservationState
from surehold.kernel.ids import GiftCardId, OrderChangeId, PaymentId, ReturnId
from surehold.orders.changes.errors import ChangeAwaitsPayment, OrderNotChangeable
from surehold.orders.changes.model import ChangeContent, ChangeState, OrderChange
from surehold.orders.errors import ReturnNotPossible
from surehold.orders.model import OrderStatus
from surehold.orders.states import ReturnEvent
from surehold.payments.model import Payment
from surehold.payments.providers.registry import Providers
from surehold.pricing.model import Quote

#: Statuses of an order of which something was sent, and may have come back.
EXCHANGEABLE: Final = frozenset(
    {
        OrderStatus.SHIPPED,
        OrderStatus.IN_TRANSIT,
        OrderStatus.DELIVERED,
        OrderStatus.PARTIALLY_REFUNDED,
        OrderStatus.REFUNDED,
    }
)
EXCHANGED: Final = "exchanged"
#: What may have become of an exchange before its difference was paid.
_TOO_LATE_FOR: Final = (
    *(OrderNotChangeable, ReturnNotPossible, NothingToRefund, RefundExceedsPaid),
    InsufficientStock,
)


def plan_exchange(
    case: Case, change_id: OrderChangeId, return_id: ReturnId, quote: Quote, *, actor: Actor
) -> PlannedChange:
    """Work out what is sent instead of what came back. Nothing changes.

    Raises:
        ReturnNotFound, ReturnNotPossible: The return is unknown, not inspected, or settled.
        OrderNotChangeable: The order is canceled, disputed or put away.
        ChangeAwaitsPayment: An exchange of this order waits to be paid.
        NothingToRefund: The money of what came back has gone back already.
        RefundExceedsPaid: More would go back than can.
        TaxDiffers: What is added is taxed in another way than the order.
        InsufficientStock: Lists what is short.
    """
    order = case.order
    planned = _plan_refunds(case, return_id)
    if order.status not in EXCHANGEABLE or order.canceled_at is not None:
        raise OrderNotChangeable(
            f"Order {order.number} is {order.status.value}; nothing is exchanged.",
            order_status=order.status.value,
        )
    waiting = case.open_change
    if waiting is not None:
        raise ChangeAwaitsPayment(
            "Another change of this order waits for its payment.", change_id=str(waiting.id)
        )
    lines = lines_of(case, change_id, quote)
    added_minor = sum(line.gross_minor for line in lines)
    change = OrderChange(
        id=change_id,
        order_id=order.id,
        state=ChangeState.APPLIED,
        content=ChangeContent(lines, reason=EXCHANGED),
        given_up_minor=0,
        added_minor=added_minor,
        is_sold=True,
        payment_id=None,
        cancellation_id=None,
        changed_by=actor.name,
        change_reason=EXCHANGED,
        created_at=case.now,
        updated_at=case.now,
        return_id=return_id,
        covered_minor=min(_total(planned), added_minor),
    )
    return PlannedChange(change, take_units(case, lines))


def exchange(case: Case, planned: PlannedChange, *, actor: Actor, providers: Providers) -> str:
    """Let the order have what is sent instead, at once: nothing more is owed for it.

    What came back becomes credit of the buyer's. What is not needed of it stays there.
    """
    change = planned.change
    case.begin_change(change)
    _make(case, change, _plan_refunds(case, _return_of(change)), actor=actor, providers=providers)
    case.own_afresh(reservations_of(case, change, planned.takes, ReservationState.COMMITTED))
    case.change_order(actor=actor.name, reason=EXCHANGED)
    case.relabel()
    return EXCHANGED


def take_exchange(
    case: Case, change: OrderChange, payment: Payment, *, actor: Actor, providers: Providers
) -> str:
    """The difference came: make the exchange, late or not, if all of it still is as agreed.

    Otherwise all of this payment goes back, and the return stays to be settled.
    """
    holds = case.holds_of(change)
    try:
        refunds = _plan_as_agreed(case, change)
        takes = () if holds else take_units(case, change.content.lines)
    except _TOO_LATE_FOR:
        if change.state is ChangeState.AWAITING_PAYMENT:
            case.drop_change(change, ChangeState.LAPSED, actor=SYSTEM.name, reason=TOO_LATE)
        return return_money(case, payment, cause=Cause(TOO_LATE, actor), providers=providers)
    after = msgspec.structs.replace(
        change, state=ChangeState.APPLIED, changed_by=actor.name, change_reason="paid"
    )
    case.put_change(after)
    _make(case, after, refunds, actor=actor, providers=providers)
    if holds:
        case.commit_holds(holds)
    else:
        case.own_afresh(reservations_of(case, after, takes, ReservationState.COMMITTED))
    case.change_order(actor=actor.name, reason=EXCHANGED)
    case.relabel()
    return PAID


# --- parts ---------------------------------------------------------------------------------------


def _make(
    case: Case,
    change: OrderChange,
    refunds: tuple[PlannedRefund, ...],
    *,
    actor: Actor,
    providers: Providers,
) -> None:
    """Settle the return by credit, add the lines to the sale, and let the credit pay its part."""
    return_id = _return_of(change)
    cause = Cause(EXCHANGED, actor, return_id=return_id, is_store_credit=True)
    known = set(case.refunds)
    for one in refunds:
        ask_planned(case, one, cause=cause, providers=providers)
    taking_back.move(case, return_id, ReturnEvent.COMPLETE, actor=actor)
    case.add_lines(change)
    add_to_sale(case, change)
    rest = change.covered_minor
    parts: dict[GiftCardId, int] = {}
    for row in case.refunds.values():
        card_id = row.store_credit_id or case.payment(row.payment_id).gift_card_id
        if row.id not in known and card_id and (part := min(row.amount_minor, rest)):
            parts[card_id] = parts.get(card_id, 0) + part
            rest -= part
    pay_by_credit(case, list(parts.items()), actor=actor)


def _plan_refunds(
    case: Case, return_id: ReturnId, *, spared: PaymentId | None = None
) -> tuple[PlannedRefund, ...]:
    """What came back, as it would be refunded; the difference itself pays for what is sent."""
    found = taking_back.get(case, return_id)
    if taking_back.find_next(case, return_id, ReturnEvent.COMPLETE) is None:
        raise ReturnNotPossible("The return was paid back.", return_state=found.state.value)
    units = taking_back.refundable_units(case, return_id)
    if not units:
        raise NothingToRefund("The money of these units has gone back already.")
    return plan_refund(case, Wish(lines=units, spared=spared))


def _plan_as_agreed(case: Case, change: OrderChange) -> tuple[PlannedRefund, ...]:
    """What is refunded for an exchange whose difference was paid.

    Raises:
        OrderNotChangeable: It was given up, another was agreed since, or what came back comes to
            another amount by now.
        ReturnNotPossible, NothingToRefund, RefundExceedsPaid: It was settled otherwise.
    """
    order = case.order
    is_over = order.canceled_at is not None or order.status not in EXCHANGEABLE
    is_replaced = case.open_change not in (None, change)
    if is_over or is_replaced or not change.is_exchange_to_come:
        raise OrderNotChangeable("The exchange was given up.")
    planned = _plan_refunds(case, _return_of(change), spared=change.payment_id)
    if _total(planned) != change.covered_minor:
        raise OrderNotChangeable("What came back comes to another amount.")
    return planned


def _return_of(change: OrderChange) -> ReturnId:
    assert change.return_id is not None
    return change.return_id


def _total(planned: tuple[PlannedRefund, ...]) -> int:
    return sum(one.amount_minor for one in planned)
