"""Giving an order up: its stock back once, its money back once, its payments made unpayable."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.rules.paying import sale_parts
from surehold.checkout.rules.returning import return_money
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import OperationId, new_id
from surehold.orders.errors import OrderNotCancelable
from surehold.orders.model import CancelReason, OrderStatus
from surehold.payments import ledger
from surehold.payments.commands import void_key
from surehold.payments.model import (
    NoAction,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import OPEN

#: Statuses from which a buyer or staff may still cancel.
CANCELABLE: Final = frozenset(
    {
        OrderStatus.PENDING_PAYMENT,
        OrderStatus.PAYMENT_FAILED,
        OrderStatus.PAID,
        OrderStatus.CONFIRMED,
        OrderStatus.PROCESSING,
        OrderStatus.READY_FOR_SHIPMENT,
        OrderStatus.PARTIALLY_REFUNDED,
    }
)


def cancel(case: Case, *, reason: CancelReason, actor: Actor, providers: Providers) -> str:
    """Cancel, free the stock and send the money back. Canceling twice changes nothing.

    An order that the store gave up for want of payment may still be revived by late money. Whoever
    cancels it as well has given it up for good: what comes now goes back.

    Raises:
        OrderNotCancelable: It has gone too far.
    """
    order = case.order
    if order.canceled_at is not None:
        if order.cancel_reason is not CancelReason.UNPAID or reason is CancelReason.UNPAID:
            return UNCHANGED
        case.change_order(actor=actor.name, reason=reason.value, cancel_reason=reason)
        return "canceled"
    if order.status not in CANCELABLE or case.has_shipped:
        raise OrderNotCancelable(
            f"Order {order.number} is {order.status.value} and cannot be canceled.",
            order_status=order.status.value,
        )
    was_sold = case.is_sold
    case.free_holds(ReservationEvent.RELEASE, reason=reason.value)
    case.free_allocations()
    case.change_order(
        actor=actor.name, reason=reason.value, canceled_at=case.now, cancel_reason=reason
    )
    if was_sold:
        case.writes.journals.append(
            ledger.sale_reversal(
                reference=order.id,
                order_id=order.id,
                currency=order.currency,
                parts=sale_parts(case),
            )
        )
    else:
        # Nothing was sold, so the coupon bought nothing. A sale that is taken back has used it.
        case.give_coupon_back(reason=reason.value)
    for payment in tuple(case.payments.values()):
        if payment.state is PaymentState.CAPTURED:
            return_money(case, payment, reason=reason.value, actor=actor, providers=providers)
        elif payment.state in OPEN:
            give_up_payment(case, payment, providers=providers)
    case.change_order(actor=actor.name, reason=reason.value)
    case.relabel()
    return "canceled"


def give_up_payment(case: Case, payment: Payment, *, providers: Providers) -> None:
    """Make an undecided payment unpayable: at once when it is local, else by asking."""
    if providers.find_local(payment.provider) is not None:
        case.put_payment(
            msgspec.structs.replace(
                payment, state=PaymentState.VOIDED, next_action=NoAction(), next_check_at=None
            )
        )
    elif providers.find_remote(payment.provider) is not None and payment.provider_payment_id:
        case.writes.operations.append(
            Operation(
                id=OperationId(new_id()),
                payment_id=payment.id,
                refund_id=None,
                kind=OperationKind.VOID,
                state=OperationState.PENDING,
                idempotency_key=void_key(payment.id),
                request=payment.provider_payment_id.encode(),
                attempts=0,
            )
        )
