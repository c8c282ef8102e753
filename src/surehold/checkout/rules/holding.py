"""How long stock is held, held again, held longer, and let go when its time is over."""

from __future__ import annotations

from datetime import timedelta

from surehold.checkout.case import Case
from surehold.checkout.errors import ExtensionRefused, HoldOver, OrderNotPayable
from surehold.checkout.model import SYSTEM
from surehold.checkout.rules.gift_cards import give_parts_back
from surehold.db.shop import ShopSettings
from surehold.inventory import rules as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import Reservation, ReservationState
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import ReservationId, new_id
from surehold.orders.model import OrderStatus
from surehold.payments.providers.port import (
    HoldKind,
)
from surehold.payments.states import IN_FLIGHT


def hold_time(kind: HoldKind, settings: ShopSettings) -> timedelta:
    """How long stock is held for a way of paying."""
    minutes = {
        HoldKind.CARD: settings.hold_card_minutes,
        HoldKind.REDIRECT: settings.hold_redirect_minutes,
        HoldKind.TRANSFER: settings.hold_transfer_minutes,
    }
    return timedelta(minutes=minutes[kind])


def expire_holds(case: Case) -> int:
    """End holds whose time is over; a payment in flight earns one grace period, then expiry wins.

    With the goods go the parts that gift cards were to pay. Returns how many holds ended.
    """
    due = [row for row in case.active if row.expires_at <= case.now]
    if not due:
        return 0
    in_flight = any(row.state in IN_FLIGHT for row in case.payments.values())
    if in_flight and not any(row.is_grace_used for row in due):
        grace = timedelta(minutes=case.settings.grace_minutes)
        case.prolong(case.now + grace, is_grace_used=True)
        return 0
    count = case.free_holds(ReservationEvent.EXPIRE, reason="time is over")
    if give_parts_back(case):
        case.change_order(actor=SYSTEM.name, reason="time is over")
        case.relabel()
    return count


def hold_again(case: Case, *, ttl: timedelta) -> None:
    """Make sure that every line is held: keep the holds that live, or hold everything afresh.

    Holds that are over but were not swept yet are still ours: they live on.

    Raises:
        InsufficientStock: Lists what is short; nothing is held.
    """
    if case.is_whole_held:
        if case.is_hold_over:
            case.prolong(case.now + ttl)
        return
    case.free_holds(ReservationEvent.RELEASE, reason="held afresh")
    outcome = case.admit()
    if isinstance(outcome, inventory.Refused):
        raise InsufficientStock(outcome.shortages)
    at = case.stock.next_place(case.now)
    case.hold(
        Reservation(
            id=ReservationId(new_id()),
            holder_id=case.order.id,
            order_line_id=case.due_lines[take.line].id,
            variant_id=take.variant_id,
            location_id=take.location_id,
            quantity=take.quantity,
            state=ReservationState.ACTIVE,
            expires_at=case.now + ttl,
            is_grace_used=False,
            created_at=at,
            ended_at=None,
            end_reason=None,
        )
        for take in outcome.takes
    )
    case.promise(outcome.takes)


def extend(case: Case, *, ttl: timedelta) -> None:
    """Give the buyer the method's time again, from now, as often as the store allows.

    Raises:
        OrderNotPayable: Nothing waits to be paid.
        HoldOver: The holds have ended already.
        ExtensionRefused: That was the last time.
    """
    order = case.order
    if order.canceled_at is not None or order.status not in (
        OrderStatus.PENDING_PAYMENT,
        OrderStatus.PAYMENT_FAILED,
    ):
        raise OrderNotPayable(
            f"Order {order.number} is {order.status.value}.", order_status=order.status.value
        )
    if not case.is_whole_held:
        raise HoldOver("The items are no longer held; pay again to have them held anew.")
    if order.extensions_used >= case.settings.extensions_max:
        raise ExtensionRefused(
            "The holding time was extended as often as this store allows.",
            extensions_max=case.settings.extensions_max,
        )
    case.prolong(case.now + ttl)
    case.change_order(actor="buyer", reason="more time", extensions_used=order.extensions_used + 1)
