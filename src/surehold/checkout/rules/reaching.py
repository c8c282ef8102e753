"""Which statuses an order can be brought to now, and how. Nobody sets a status: a rule does."""

from __future__ import annotations

from typing import Final

from surehold.checkout.case import Case
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.rules import fulfilling
from surehold.checkout.rules.canceling import CANCELABLE, cancel
from surehold.checkout.rules.fulfilling import Parcel
from surehold.orders.carriers import OTHER
from surehold.orders.errors import StatusOutOfReach
from surehold.orders.model import CancelReason, FulfillmentStatus, OrderStatus
from surehold.orders.rules import is_over
from surehold.orders.states import FulfillmentEvent
from surehold.payments.model import RefundState
from surehold.payments.providers.registry import Providers

S = OrderStatus

#: What staff may bring about by asking, from each status in which goods are worked on.
_ONWARD: Final = {
    S.PAID: (S.CONFIRMED, S.PROCESSING, S.READY_FOR_SHIPMENT, S.SHIPPED),
    S.CONFIRMED: (S.PROCESSING, S.READY_FOR_SHIPMENT, S.SHIPPED),
    S.PROCESSING: (S.READY_FOR_SHIPMENT, S.SHIPPED),
    S.READY_FOR_SHIPMENT: (S.SHIPPED,),
}
_EVENTS: Final = {
    S.IN_TRANSIT: FulfillmentEvent.MOVE,
    S.DELIVERED: FulfillmentEvent.DELIVER,
}
_STEPS: Final = {
    S.CONFIRMED: fulfilling.confirm,
    S.PROCESSING: fulfilling.process,
    S.READY_FOR_SHIPMENT: fulfilling.pack_all,
}


def list_reachable(case: Case) -> frozenset[OrderStatus]:
    """Every status that a command of staff brings about now."""
    order = case.order
    found: set[OrderStatus] = set()
    is_free = not case.is_suspected
    is_cancelable = order.status in CANCELABLE and order.canceled_at is None
    if is_cancelable and is_free and not case.has_shipped:
        found.add(S.CANCELED)
    if is_archivable(case):
        found.add(S.ARCHIVED)
    if order.status in _ONWARD and case.is_paid_for and is_free:
        found.update(_ONWARD[order.status])
        if not fulfilling.is_all_on_hand(case):
            found.discard(S.SHIPPED)
        if not fulfilling.is_all_there(case):
            found.discard(S.READY_FOR_SHIPMENT)
    if order.status is S.SHIPPED and order.fulfillment_status is FulfillmentStatus.SHIPPED:
        found.update((S.IN_TRANSIT, S.DELIVERED))
    elif order.status is S.IN_TRANSIT and (
        order.fulfillment_status is FulfillmentStatus.IN_TRANSIT
    ):
        found.add(S.DELIVERED)
    return frozenset(found)


def is_archivable(case: Case) -> bool:
    """Whether nothing more is to be done about an order: it is over, and no money is moving."""
    return (
        case.order.archived_at is None
        and is_over(case.order)
        and not case.open_payments
        and all(row.review_reason is None for row in case.payments.values())
        and all(row.state is not RefundState.REQUESTED for row in case.refunds.values())
    )


def reach_status(
    case: Case,
    status: OrderStatus,
    *,
    actor: Actor,
    reason: str,
    parcel: Parcel | None,
    providers: Providers,
) -> str:
    """Bring an order to a status by what brings it about. There already: nothing changes.

    Raises:
        StatusOutOfReach: Nothing that staff can do leads there now; says what does.
    """
    if case.order.status is status:
        return UNCHANGED
    reachable = list_reachable(case)
    if status not in reachable:
        raise StatusOutOfReach(
            f"Order {case.order.number} is {case.order.status.value}.",
            order_status=case.order.status.value,
            reachable=sorted(one.value for one in reachable),
        )
    if status is S.CANCELED:
        cancel(case, reason=CancelReason.STAFF, actor=actor, providers=providers)
    elif status is S.ARCHIVED:
        case.change_order(actor=actor.name, reason=reason, archived_at=case.now)
        case.relabel()
    elif status is S.SHIPPED:
        fulfilling.ship_all(case, parcel or Parcel(OTHER.code), actor=actor, reason=reason)
    elif status in _EVENTS:
        fulfilling.move_all(case, _EVENTS[status], actor=actor, reason=reason)
    else:
        _STEPS[status](case, actor=actor, reason=reason)
    assert case.order.status is status
    return status.value
