"""Sending something else for what came back, paid by what was refunded for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from surehold.checkout.case import Case
from surehold.checkout.model import Actor
from surehold.checkout.rules.changing import (
    PlannedChange,
    lines_of,
    reservations_of,
    take_units,
)
from surehold.checkout.rules.gift_cards import pay_by_credit
from surehold.checkout.rules.selling import add_to_sale
from surehold.inventory.model import ReservationState
from surehold.kernel.ids import GiftCardId, OrderChangeId, ReturnId
from surehold.orders.changes.errors import ExchangeCostsMore, OrderNotChangeable
from surehold.orders.changes.model import ChangeContent, ChangeState, OrderChange
from surehold.orders.model import OrderStatus
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


def plan_exchange(
    case: Case,
    change_id: OrderChangeId,
    return_id: ReturnId,
    quote: Quote,
    *,
    covered_minor: int,
    actor: Actor,
) -> PlannedChange:
    """Work out what is sent instead of what came back. Nothing changes.

    Raises:
        OrderNotChangeable: The order is canceled, disputed or put away.
        TaxDiffers: What is added is taxed in another way than the order.
        ExchangeCostsMore: It costs more than what came back.
        InsufficientStock: Lists what is short.
    """
    order = case.order
    if order.status not in EXCHANGEABLE or order.canceled_at is not None:
        raise OrderNotChangeable(
            f"Order {order.number} is {order.status.value}; nothing is exchanged.",
            order_status=order.status.value,
        )
    lines = lines_of(case, change_id, quote)
    added_minor = sum(line.gross_minor for line in lines)
    if added_minor > covered_minor:
        raise ExchangeCostsMore(
            "What is to be sent costs more than what came back.",
            added={"amount": added_minor, "currency": order.currency},
            covered={"amount": covered_minor, "currency": order.currency},
        )
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
    )
    return PlannedChange(change, take_units(case, lines))


def exchange(
    case: Case,
    planned: PlannedChange,
    credit: Iterable[tuple[GiftCardId, int]],
    *,
    actor: Actor,
) -> str:
    """Let the order have what is sent instead, paid by what was put on cards for what came back.

    What is not needed of it stays there.
    """
    change = planned.change
    case.begin_change(change)
    case.add_lines(change)
    case.own_afresh(reservations_of(case, change, planned.takes, ReservationState.COMMITTED))
    add_to_sale(case, change)
    rest = change.added_minor
    parts: list[tuple[GiftCardId, int]] = []
    for card_id, amount in credit:
        if part := min(amount, rest):
            parts.append((card_id, part))
            rest -= part
    pay_by_credit(case, parts, actor=actor)
    case.change_order(actor=actor.name, reason=EXCHANGED)
    case.relabel()
    return EXCHANGED
