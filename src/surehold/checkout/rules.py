"""What each event does to an order: the rules of paying, holding, canceling and refunding.

Every function changes the case in memory and says what came of it. What each would do a second
time is part of its rule, because every one of them is asked twice sooner or later.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.errors import ExtensionRefused, HoldOver, OrderNotPayable
from surehold.checkout.model import Actor
from surehold.db.shop import ShopSettings
from surehold.inventory import rules as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import Reservation, ReservationState
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import OperationId, RefundId, ReservationId, new_id
from surehold.orders.errors import OrderNotCancelable
from surehold.orders.model import CancelReason, OrderStatus
from surehold.payments import ledger
from surehold.payments.commands import refund_key, void_key
from surehold.payments.errors import PaymentInProgress
from surehold.payments.model import (
    NoAction,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
    Refund,
    RefundState,
)
from surehold.payments.providers.port import (
    HoldKind,
    ProviderRefundState,
    ProviderSnapshot,
    RefundRequest,
    RefundSnapshot,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import EVENT_FOR, IN_FLIGHT, OPEN, OPERATION, PAYMENT, OperationEvent

#: What a settlement can come to; the inbox and the logs keep these words.
PAID: Final = "paid"
UNCHANGED: Final = "unchanged"
REFUND_REQUESTED: Final = "refund_requested"
HELD_FOR_REVIEW: Final = "held_for_review"

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


def hold_time(kind: HoldKind, settings: ShopSettings) -> timedelta:
    """How long stock is held for a way of paying."""
    minutes = {
        HoldKind.CARD: settings.hold_card_minutes,
        HoldKind.REDIRECT: settings.hold_redirect_minutes,
        HoldKind.TRANSFER: settings.hold_transfer_minutes,
    }
    return timedelta(minutes=minutes[kind])


def settle(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, actor: Actor, providers: Providers
) -> str:
    """Take a provider's word for where a payment stands. Twice changes nothing.

    Amount, currency and our reference must match, or a person must look.
    """
    if payment.review_reason is not None:
        return HELD_FOR_REVIEW
    reason = _find_mismatch(payment, evidence)
    if reason is not None:
        return _hold_for_review(case, payment, evidence, reason=reason)
    if payment.state is PaymentState.CAPTURED:
        return _take_refunds(case, evidence)
    event = EVENT_FOR[evidence.state]
    if PAYMENT.find_next(payment.state, event) is None:
        return UNCHANGED  # an older fact than the one we have
    if evidence.state is PaymentState.CAPTURED:
        return _capture(case, payment, evidence, actor=actor, providers=providers)
    is_over = evidence.state in (PaymentState.FAILED, PaymentState.VOIDED)
    case.put_payment(
        msgspec.structs.replace(
            payment,
            state=evidence.state,
            provider_payment_id=evidence.provider_payment_id,
            authorized_minor=evidence.authorized.amount,
            failure_code=evidence.failure_code,
            failure_message=evidence.failure_message,
            next_action=NoAction() if is_over else payment.next_action,
            next_check_at=None if is_over else payment.next_check_at,
        )
    )
    case.change_order(actor=actor.name, reason=f"payment {evidence.state.value}")
    case.relabel()
    return str(evidence.state.value)


def _take_refunds(case: Case, evidence: ProviderSnapshot) -> str:
    """Our refunds that the provider has finished since we asked."""
    effect = UNCHANGED
    for snapshot in evidence.refunds:
        refund = next(
            (row for row in case.refunds.values() if str(row.id) == snapshot.refund_reference),
            None,
        )
        if refund is not None and refund.state is RefundState.REQUESTED:
            effect = record_refund(case, refund, snapshot, failure_code=None)
    return effect


def _find_mismatch(payment: Payment, evidence: ProviderSnapshot) -> str | None:
    if evidence.merchant_reference != payment.merchant_reference:
        return "reference_mismatch"
    if evidence.requested.currency != payment.currency:
        return "currency_mismatch"
    if evidence.requested.amount != payment.requested_minor:
        return "amount_mismatch"
    if evidence.captured.currency != payment.currency:
        return "currency_mismatch"
    is_whole = evidence.captured.amount == payment.requested_minor
    if (evidence.state is PaymentState.CAPTURED) != is_whole or (
        evidence.captured.amount and not is_whole
    ):
        return "amount_mismatch"
    return None


def _hold_for_review(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, reason: str
) -> str:
    """Park what came; never mark the order paid. The money is in the books, under suspense."""
    case.put_payment(msgspec.structs.replace(payment, review_reason=reason, next_check_at=None))
    if evidence.captured.amount and payment.state is not PaymentState.CAPTURED:
        case.writes.journals.append(
            ledger.suspense(
                payment_id=payment.id,
                order_id=payment.order_id,
                provider=payment.provider,
                currency=evidence.captured.currency,
                amount_minor=evidence.captured.amount,
            )
        )
    return HELD_FOR_REVIEW


def _capture(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, actor: Actor, providers: Providers
) -> str:
    """Book the money first, then decide what it buys."""
    is_covered = case.order.paid_minor - case.order.refunded_minor >= case.order.total_minor
    payment = msgspec.structs.replace(
        payment,
        state=PaymentState.CAPTURED,
        provider_payment_id=evidence.provider_payment_id,
        captured_minor=evidence.captured.amount,
        authorized_minor=0,
        failure_code=None,
        failure_message=None,
        next_action=NoAction(),
        next_check_at=None,
    )
    case.put_payment(payment)
    case.writes.journals.append(
        ledger.capture(
            payment_id=payment.id,
            order_id=payment.order_id,
            provider=payment.provider,
            currency=payment.currency,
            amount_minor=payment.captured_minor,
        )
    )
    if is_covered or case.is_sold:
        return _return_money(
            case, payment, reason="duplicate_payment", actor=actor, providers=providers
        )
    canceled = case.order.cancel_reason
    if canceled in (CancelReason.BUYER, CancelReason.STAFF):
        return _return_money(
            case, payment, reason="paid_after_cancel", actor=actor, providers=providers
        )
    if case.is_whole_held:
        case.commit_holds()
        return _sell(case, payment, actor=actor, reason="payment captured")
    taken = _take_again(case)
    if taken is not None:
        case.own_afresh(taken)
        return _sell(case, payment, actor=actor, reason="paid after the hold had ended")
    return _shortfall(case, payment, actor=actor, providers=providers)


def _take_again(case: Case) -> tuple[Reservation, ...] | None:
    """All lines from what is left now, owned at once; or nothing."""
    case.free_holds(ReservationEvent.RELEASE, reason="taken afresh")
    wanted = tuple((line.variant_id, line.quantity) for line in case.lines)
    outcome = inventory.admit(case.stock.levels, (wanted,))[0]
    if isinstance(outcome, inventory.Refused):
        return None
    return tuple(
        Reservation(
            id=ReservationId(new_id()),
            holder_id=case.order.id,
            order_line_id=case.lines[take.line].id,
            variant_id=take.variant_id,
            location_id=take.location_id,
            quantity=take.quantity,
            state=ReservationState.COMMITTED,
            expires_at=case.now,
            is_grace_used=False,
            created_at=case.now,
            ended_at=case.now,
            end_reason="paid late",
        )
        for take in outcome.takes
    )


def _sell(case: Case, payment: Payment, *, actor: Actor, reason: str) -> str:
    """The order owns its stock and the money is earned; the cart has done its work."""
    case.change_order(actor=actor.name, reason=reason, canceled_at=None, cancel_reason=None)
    case.relabel()
    case.writes.journals.append(
        ledger.sale(
            reference=payment.id,
            order_id=case.order.id,
            currency=case.order.currency,
            parts=_sale_parts(case),
        )
    )
    if case.order.cart_id is not None:
        case.writes.taken_from_carts += [
            (case.order.cart_id, line.variant_id, line.quantity) for line in case.lines
        ]
    return PAID


def _shortfall(case: Case, payment: Payment, *, actor: Actor, providers: Providers) -> str:
    """Paid, and the goods are gone: give everything back and say so."""
    case.change_order(
        actor=actor.name,
        reason=CancelReason.SOLD_OUT_AFTER_PAYMENT.value,
        canceled_at=case.now,
        cancel_reason=CancelReason.SOLD_OUT_AFTER_PAYMENT,
    )
    case.relabel()
    return _return_money(
        case,
        payment,
        reason=CancelReason.SOLD_OUT_AFTER_PAYMENT.value,
        actor=actor,
        providers=providers,
    )


def _return_money(
    case: Case, payment: Payment, *, reason: str, actor: Actor, providers: Providers
) -> str:
    """Ask for everything of a payment that is still there to go back to the buyer."""
    amount = case.refundable_minor(payment)
    if amount <= 0:
        return UNCHANGED
    refund = Refund(
        id=RefundId(new_id()),
        payment_id=payment.id,
        order_id=payment.order_id,
        state=RefundState.REQUESTED,
        currency=payment.currency,
        amount_minor=amount,
        reason=reason,
        requested_by=actor.name,
        provider_refund_id=None,
        failure_code=None,
        created_at=case.now,
        ended_at=None,
    )
    case.refunds[refund.id] = refund
    case.writes.refunds.append(refund)
    provider = providers.find_remote(payment.provider)
    if provider is not None and payment.provider_payment_id is not None:
        request = RefundRequest(
            provider_payment_id=payment.provider_payment_id,
            amount=msgspec.structs.replace(payment.requested, amount=amount),
            refund_reference=str(refund.id),
            reason=reason,
        )
        case.writes.operations.append(
            Operation(
                id=OperationId(new_id()),
                payment_id=payment.id,
                refund_id=refund.id,
                kind=OperationKind.REFUND,
                state=OperationState.PENDING,
                idempotency_key=refund_key(refund.id),
                request=provider.prepare_refund(request),
                attempts=0,
            )
        )
    case.change_order(actor=actor.name, reason=reason)
    case.relabel()
    return REFUND_REQUESTED


def record_refund(
    case: Case, refund: Refund, snapshot: RefundSnapshot | None, *, failure_code: str | None
) -> str:
    """Take the provider's word for a refund. ``None`` and a code: the provider refused it."""
    if refund.state is not RefundState.REQUESTED:
        return UNCHANGED
    payment = case.payment(refund.payment_id)
    if snapshot is not None and snapshot.state is ProviderRefundState.PENDING:
        return UNCHANGED
    is_done = snapshot is not None and snapshot.state is ProviderRefundState.SUCCEEDED
    if snapshot is not None and snapshot.amount.amount != refund.amount_minor:
        is_done, failure_code = False, "amount_mismatch"
    if snapshot is not None and not is_done:
        failure_code = failure_code or snapshot.failure_code or "refused"
    ended = msgspec.structs.replace(
        refund,
        state=RefundState.SUCCEEDED if is_done else RefundState.FAILED,
        provider_refund_id=snapshot.provider_refund_id if snapshot else None,
        failure_code=None if is_done else failure_code,
        ended_at=case.now,
    )
    case.refunds[refund.id] = ended
    case.writes.refunds_ended.append(ended)
    if not is_done:
        case.put_payment(
            msgspec.structs.replace(payment, review_reason=f"refund_failed: {failure_code}")
        )
        return HELD_FOR_REVIEW
    case.put_payment(
        msgspec.structs.replace(
            payment, refunded_minor=payment.refunded_minor + refund.amount_minor
        )
    )
    case.writes.journals.append(
        ledger.refund(
            refund_id=refund.id,
            order_id=refund.order_id,
            provider=payment.provider,
            currency=refund.currency,
            amount_minor=refund.amount_minor,
        )
    )
    case.change_order(actor="system", reason="refund sent")
    case.relabel()
    return "refunded"


def expire_holds(case: Case) -> int:
    """End holds whose time is over; a payment in flight earns one grace period, then expiry wins.

    Returns how many holds ended.
    """
    due = [row for row in case.active if row.expires_at <= case.now]
    if not due:
        return 0
    in_flight = any(row.state in IN_FLIGHT for row in case.payments.values())
    if in_flight and not any(row.is_grace_used for row in due):
        grace = timedelta(minutes=case.settings.grace_minutes)
        case.prolong(case.now + grace, is_grace_used=True)
        return 0
    return case.free_holds(ReservationEvent.EXPIRE, reason="time is over")


def cancel(case: Case, *, reason: CancelReason, actor: Actor, providers: Providers) -> str:
    """Cancel, free the stock and send the money back. Canceling twice changes nothing.

    Raises:
        OrderNotCancelable: It has gone too far.
    """
    order = case.order
    if order.canceled_at is not None:
        return UNCHANGED
    if order.status not in CANCELABLE:
        raise OrderNotCancelable(
            f"Order {order.number} is {order.status.value} and cannot be canceled.",
            status=order.status.value,
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
                parts=_sale_parts(case),
            )
        )
    for payment in tuple(case.payments.values()):
        if payment.state is PaymentState.CAPTURED:
            _return_money(case, payment, reason=reason.value, actor=actor, providers=providers)
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


def check_payable(case: Case) -> None:
    """An order that waits for money, and no payment of it that may turn into money by itself.

    Raises:
        OrderNotPayable: It is paid, canceled or over.
        PaymentInProgress: An earlier payment is not decided.
    """
    order = case.order
    if order.canceled_at is not None or order.status not in (
        OrderStatus.PENDING_PAYMENT,
        OrderStatus.PAYMENT_FAILED,
    ):
        raise OrderNotPayable(
            f"Order {order.number} is {order.status.value}.", status=order.status.value
        )
    stuck = [
        row
        for row in case.payments.values()
        if row.state in IN_FLIGHT or (row.review_reason is not None and row.state in OPEN)
    ]
    if stuck:
        raise PaymentInProgress(
            "We are still checking an earlier payment of this order.",
            payment_id=str(stuck[0].id),
        )


def hold_again(case: Case, *, ttl: timedelta) -> None:
    """Make sure that every line is held: keep the holds that live, or hold everything afresh.

    Raises:
        InsufficientStock: Lists what is short; nothing is held.
    """
    if case.is_whole_held:
        return
    case.free_holds(ReservationEvent.RELEASE, reason="held afresh")
    wanted = tuple((line.variant_id, line.quantity) for line in case.lines)
    outcome = inventory.admit(case.stock.levels, (wanted,))[0]
    if isinstance(outcome, inventory.Refused):
        raise InsufficientStock(outcome.shortages)
    case.hold(
        Reservation(
            id=ReservationId(new_id()),
            holder_id=case.order.id,
            order_line_id=case.lines[take.line].id,
            variant_id=take.variant_id,
            location_id=take.location_id,
            quantity=take.quantity,
            state=ReservationState.ACTIVE,
            expires_at=case.now + ttl,
            is_grace_used=False,
            created_at=case.now,
            ended_at=None,
            end_reason=None,
        )
        for take in outcome.takes
    )


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
            f"Order {order.number} is {order.status.value}.", status=order.status.value
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


def end_operation(
    case: Case, operation: Operation, event: OperationEvent, code: str | None
) -> None:
    """Note what is known of an answer."""
    after = OPERATION.find_next(operation.state, event)
    if after is not None:
        ended = msgspec.structs.replace(operation, state=after)
        case.writes.operations_ended.append((ended, code))


def _sale_parts(case: Case) -> ledger.SaleParts:
    order = case.order
    shipping_net = order.shipping_minor - (
        order.shipping_tax_minor if order.is_tax_included else 0
    )
    return ledger.SaleParts(
        total_minor=order.total_minor,
        tax_minor=order.tax_minor,
        shipping_net_minor=shipping_net,
        lines=tuple((line.vendor_id, line.net_minor) for line in case.lines),
    )
