"""Whether an order may be paid, or paid again."""

from __future__ import annotations

from surehold.checkout.case import Case
from surehold.checkout.errors import OrderNotPayable
from surehold.orders.model import OrderStatus
from surehold.payments.errors import PaymentInProgress
from surehold.payments.states import IN_FLIGHT, OPEN


def check_payable(case: Case) -> None:
    """An order that waits for money, and no payment of it that may turn into money by itself.

    It waits, too, when what it was trusted to was refused, or is gone and goods were sent.

    Raises:
        OrderNotPayable: It is paid, canceled or over.
        PaymentInProgress: An earlier payment is not decided.
    """
    order, trusted = case.order, case.security
    is_let_down = case.is_refused(trusted) if trusted is not None else order.owed_minor > 0
    is_waiting = order.status in (OrderStatus.PENDING_PAYMENT, OrderStatus.PAYMENT_FAILED)
    if order.canceled_at is not None or not (is_waiting or is_let_down):
        raise OrderNotPayable(
            f"Order {order.number} is {order.status.value}.", order_status=order.status.value
        )
    stuck = [
        row
        for row in case.payments.values()
        if row.state in IN_FLIGHT
        or (row.review_reason is not None and row.state in OPEN and not case.is_refused(row))
    ]
    if stuck:
        raise PaymentInProgress(
            "We are still checking an earlier payment of this order.",
            payment_id=str(stuck[0].id),
        )
