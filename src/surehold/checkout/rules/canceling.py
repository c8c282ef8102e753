"""Giving an order up: its stock back once, its money back once, its payments made unpayable."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.errors import NothingLeft, UnitsNotCancelable
from surehold.checkout.model import SYSTEM, UNCHANGED, Actor
from surehold.checkout.rules.gift_cards import give_part_back
from surehold.checkout.rules.losing import absorb_losses
from surehold.checkout.rules.refunding import list_rooms, share_of_units, sum_units
from surehold.checkout.rules.returning import Cause, return_money
from surehold.checkout.rules.selling import credit_shares, forget_owed, sale_left
from surehold.checkout.rules.suspecting import check_not_held, end_suspicion
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import CancellationId, OperationId, OrderLineId, new_id
from surehold.orders.changes.model import ChangeState
from surehold.orders.errors import OrderNotCancelable
from surehold.orders.model import (
    Cancellation,
    CancelReason,
    FulfillmentStatus,
    Order,
    OrderLine,
    OrderStatus,
)
from surehold.payments import ledger
from surehold.payments.commands import void_key
from surehold.payments.errors import PaymentInProgress
from surehold.payments.model import (
    NoAction,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import IN_FLIGHT, OPEN

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
#: Why a person must look at a payment that was authorized, and is not any more.
LAPSED: Final = "authorization_lapsed"
#: Staff also take back what was paid back in full and never sent.
STAFF_CANCELABLE: Final = CANCELABLE | {OrderStatus.REFUNDED}


def cancel(
    case: Case,
    *,
    reason: CancelReason,
    actor: Actor,
    providers: Providers,
    cause: Cause | None = None,
) -> str:
    """Cancel, free the stock and send the money back. Canceling twice changes nothing.

    An order that the store gave up for want of payment may still be revived by late money. Whoever
    cancels it as well has given it up for good: what comes now goes back.

    Raises:
        OrderNotCancelable: It has gone too far.
        OrderHeld: A person looks into its payment first.
    """
    order = case.order
    if order.canceled_at is not None:
        if order.cancel_reason is not CancelReason.UNPAID or reason is CancelReason.UNPAID:
            return UNCHANGED
        case.change_order(actor=actor.name, reason=reason.value, cancel_reason=reason)
        return "canceled"
    _check_cancelable(case, reason)
    return cancel_sent(case, reason=reason, actor=actor, providers=providers, cause=cause)


def cancel_sent(
    case: Case,
    *,
    reason: CancelReason,
    actor: Actor,
    providers: Providers,
    cause: Cause | None = None,
) -> str:
    """Cancel whatever was sent of the order; of what was not, the stock is free."""
    order = case.order
    was_sold = case.is_sold
    case.free_holds(ReservationEvent.RELEASE, reason=reason.value)
    case.free_allocations()
    forget_owed(case)
    case.change_order(
        actor=actor.name, reason=reason.value, canceled_at=case.now, cancel_reason=reason
    )
    parts = sale_left(case)
    if not was_sold:
        # Nothing was sold, so the coupon bought nothing. A sale that is taken back has used it.
        case.give_coupon_back(reason=reason.value)
    elif parts.total_minor:
        case.writes.journals.append(
            ledger.sale_reversal(
                reference=order.id, order_id=order.id, currency=order.currency, parts=parts
            )
        )
    # What goes back to a card is back at once: first the order is canceled, then paid back.
    case.relabel()
    case.end_step()
    waiting = case.open_change
    if waiting is not None:
        case.drop_change(
            waiting, ChangeState.CANCELED, actor=actor.name, reason="the order is given up"
        )
    for payment in tuple(case.payments.values()):
        if payment.state is PaymentState.CAPTURED:
            return_money(
                case, payment, cause=cause or Cause(reason.value, actor), providers=providers
            )
        elif payment.state in OPEN:
            give_up_payment(case, payment, providers=providers, actor=actor)
    forget_lapses(case)
    end_suspicion(case)
    absorb_losses(case, actor=actor)
    case.change_order(actor=actor.name, reason=reason.value)
    case.relabel()
    return "canceled"


def cancel_part(
    case: Case,
    wanted: tuple[tuple[OrderLineId, int], ...],
    *,
    reason: CancelReason,
    actor: Actor,
    providers: Providers,
    cause: Cause | None = None,
) -> str:
    """Give up some units; the rest of the order goes on. All that is left: cancel the order.

    The units are free where they lie. What was paid for them goes back; what was not is not due.
    Shipping stays as it was promised.

    Raises:
        InvalidInput: Lists every line that the order does not have.
        OrderNotCancelable: The order has gone too far, or is canceled.
        OrderHeld: A person looks into its payment first.
        UnitsNotCancelable: Lists every line with fewer units left.
        PaymentInProgress: A payment of the whole amount is not decided.
        NothingLeft: Nothing would be left to pay.
    """
    units = sum_units(case.lines, wanted)
    if case.order.canceled_at is not None:
        raise _not_cancelable(case.order)
    _check_cancelable(case, reason)
    if all(units.get(line.id, 0) == line.due_quantity for line in case.lines):
        return cancel(case, reason=reason, actor=actor, providers=providers, cause=cause)
    left = {line.id: cancelable_units(case, line) for line in case.lines}
    short = [
        {"line_id": str(line_id), "requested": quantity, "available": left[line_id]}
        for line_id, quantity in units.items()
        if quantity > left[line_id]
    ]
    if short:
        raise UnitsNotCancelable("Fewer units of these lines can be canceled.", lines=short)
    if not case.is_sold:
        check_undisturbed(case)
    cancellation = Cancellation(
        id=CancellationId(new_id()),
        order_id=case.order.id,
        reason=reason.value,
        actor=actor.name,
        is_sold=case.is_sold,
        shares=tuple(
            share_of_units(line, units[line.id]) for line in case.lines if line.id in units
        ),
    )
    if cancellation.gross_minor >= case.order.due_minor:
        raise NothingLeft("Nothing would be left to pay; cancel the whole order.")
    for line_id, quantity in units.items():
        case.free_units(line_id, quantity, reason=reason.value)
    case.cancel_units(cancellation)
    if cancellation.is_sold:
        credit_shares(case, cancellation.id, cancellation.shares)
        cause = msgspec.structs.replace(
            cause or Cause(reason.value, actor), cancellation_id=cancellation.id
        )
        _return_part(case, cancellation, cause=cause, providers=providers)
    case.change_order(actor=actor.name, reason=reason.value)
    case.relabel()
    return "part_canceled"


def _return_part(
    case: Case, cancellation: Cancellation, *, cause: Cause, providers: Providers
) -> None:
    rest = cancellation.gross_minor
    for payment, room in list_rooms(case):
        amount = min(rest, room)
        return_money(case, payment, amount_minor=amount, cause=cause, providers=providers)
        rest -= amount


def cancelable_units(case: Case, line: OrderLine) -> int:
    """Units of a line that are neither paid back nor in a parcel, which is given up first."""
    if not case.is_bought:
        return line.left_quantity
    unplanned = case.unplanned
    rows = (row for row in case.allocations.values() if row.order_line_id == line.id)
    return min(line.left_quantity, sum(unplanned[row.id] for row in rows))


def check_undisturbed(case: Case) -> None:
    """No payment of an unpaid order may turn into money by itself while its amount changes."""
    for row in case.payments.values():
        is_stuck = row.review_reason is not None and row.state in OPEN
        # What is to be captured later is captured whole, and what is too much goes back.
        is_authorized = (
            row.state is PaymentState.AUTHORIZED
            and row.gift_card_id is None
            and not row.is_secured
        )
        if row.state in IN_FLIGHT or is_authorized or is_stuck:
            raise PaymentInProgress(
                "A payment of the whole amount is under way.", payment_id=str(row.id)
            )


def _check_cancelable(case: Case, reason: CancelReason) -> None:
    """Buyers cancel until work on the order has begun, staff until something of it was sent.

    What was paid back in full may still lie on the shelf for its order; staff take it back.
    """
    check_not_held(case)
    order = case.order
    by_buyer = reason is CancelReason.BUYER
    if (
        order.status not in (CANCELABLE if by_buyer else STAFF_CANCELABLE)
        or case.has_shipped
        or (by_buyer and order.fulfillment_status is not FulfillmentStatus.UNFULFILLED)
    ):
        raise _not_cancelable(order)


def _not_cancelable(order: Order) -> OrderNotCancelable:
    return OrderNotCancelable(
        f"Order {order.number} is {order.status.value} and cannot be canceled.",
        order_status=order.status.value,
    )


def forget_lapses(case: Case) -> None:
    """Nobody needs to look at authorizations that lapsed: it was paid otherwise, or given up."""
    for payment in tuple(case.payments.values()):
        if payment.review_reason == LAPSED:
            case.put_payment(msgspec.structs.replace(payment, review_reason=None))


def give_up_payment(
    case: Case, payment: Payment, *, providers: Providers, actor: Actor = SYSTEM
) -> None:
    """Make an undecided payment unpayable: at once when it is local, else by asking.

    What a gift card was to pay is on it again.
    """
    if payment.gift_card_id is not None:
        give_part_back(case, payment, actor=actor)
    elif providers.find_local(payment.provider) is not None:
        case.put_payment(
            msgspec.structs.replace(
                payment, state=PaymentState.VOIDED, next_action=NoAction(), next_check_at=None
            )
        )
    elif providers.find_remote(payment.provider) is not None and payment.provider_payment_id:
        operation_id = OperationId(new_id())
        case.writes.operations.append(
            Operation(
                id=operation_id,
                payment_id=payment.id,
                refund_id=None,
                kind=OperationKind.VOID,
                state=OperationState.PENDING,
                idempotency_key=void_key(operation_id),
                request=payment.provider_payment_id.encode(),
                attempts=0,
            )
        )
