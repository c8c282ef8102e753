"""What of an order is a sale: all that is owed, and the parts of it that are taken back."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from surehold.checkout.case import Case
from surehold.kernel.ids import PaymentId
from surehold.orders.changes.model import OrderChange
from surehold.orders.model import Share
from surehold.payments import ledger
from surehold.payments.model import Refund, RefundState


def sale_left(case: Case) -> ledger.SaleParts:
    """What the order comes to as a sale now, less what was canceled or paid back of it.

    What changes added is as if it had been ordered. A refund that was only asked for is still a
    part of the sale.
    """
    order = case.order
    back = [
        row
        for row in case.refunds.values()
        if row.is_of_sale and row.state is RefundState.SUCCEEDED
    ]
    net = {line.id: line.net_minor - line.canceled_net_minor for line in case.lines}
    added_tax = sum(line.tax_minor for line in case.lines if line.change_id is not None)
    tax = order.tax_minor + added_tax - sum(line.canceled_tax_minor for line in case.lines)
    for refund in back:
        tax -= refund.shipping_tax_minor
        for part in case.refund_lines.get(refund.id, ()):
            net[part.order_line_id] -= part.net_minor
            tax -= part.tax_minor
    shipping_net = order.shipping_gross_minor - order.shipping_tax_minor
    return ledger.SaleParts(
        total_minor=order.due_minor - sum(row.amount_minor for row in back),
        tax_minor=tax,
        shipping_net_minor=shipping_net
        - sum(row.shipping_minor - row.shipping_tax_minor for row in back),
        lines=tuple((line.vendor_id, net[line.id]) for line in case.lines),
    )


def add_to_sale(case: Case, change: OrderChange) -> None:
    """Sell what a change adds; what pays for it is among the deposits."""
    lines = change.content.lines
    if not lines:
        return
    case.writes.journals.append(
        ledger.sale_addition(
            reference=change.id,
            order_id=case.order.id,
            currency=case.order.currency,
            parts=ledger.SaleParts(
                total_minor=change.added_minor,
                tax_minor=sum(line.tax_minor for line in lines),
                shipping_net_minor=0,
                lines=tuple((line.vendor_id, line.net_minor) for line in lines),
            ),
        )
    )


def book_sale(case: Case, payment_id: PaymentId, *, owed_minor: int = 0) -> None:
    """Make the order a sale, once, by this payment; what was sent unpaid is owed."""
    assert not case.is_sold, "an order is sold once"
    order = case.order
    case.sell(owed_minor=owed_minor)
    case.writes.journals.append(
        ledger.sale(
            reference=payment_id,
            order_id=order.id,
            currency=order.currency,
            parts=sale_left(case),
        )
    )
    if owed_minor:
        case.writes.journals.append(
            ledger.receivable(
                payment_id=payment_id,
                order_id=order.id,
                currency=order.currency,
                amount_minor=owed_minor,
            )
        )


def settle_owed(case: Case, payment_id: PaymentId, amount_minor: int) -> int:
    """Take what came with a payment for what is owed; returns what of it was owed."""
    order = case.order
    paid = min(order.owed_minor, amount_minor)
    if paid:
        case.sell(owed_minor=order.owed_minor - paid)
        case.writes.journals.append(
            ledger.receivable_paid(
                payment_id=payment_id,
                order_id=order.id,
                currency=order.currency,
                amount_minor=paid,
            )
        )
    return paid


def forget_owed(case: Case) -> None:
    """Let go of what is owed: the order is given up."""
    order = case.order
    if order.owed_minor:
        case.sell(owed_minor=0)
        case.writes.journals.append(
            ledger.receivable_canceled(
                order_id=order.id, currency=order.currency, amount_minor=order.owed_minor
            )
        )


def credit_shares(case: Case, reference: UUID, shares: Iterable[Share]) -> None:
    """Take these parts of the sale back; what was paid for them waits among the deposits."""
    _credit(case, reference, tuple(shares), shipping_minor=0, shipping_tax_minor=0)


def credit_refund(case: Case, refund: Refund) -> None:
    """Take back the part of the sale that a refund paid for, unless the whole sale was.

    What a canceled order was sold for is taken back with the cancellation, refunds under way and
    all.
    """
    if not refund.is_of_sale or case.order.canceled_at is not None:
        return
    shares = tuple(
        Share(row.order_line_id, row.quantity, row.net_minor, row.tax_minor)
        for row in case.refund_lines.get(refund.id, ())
    )
    _credit(
        case,
        refund.id,
        shares,
        shipping_minor=refund.shipping_minor,
        shipping_tax_minor=refund.shipping_tax_minor,
    )


def _credit(
    case: Case,
    reference: UUID,
    shares: tuple[Share, ...],
    *,
    shipping_minor: int,
    shipping_tax_minor: int,
) -> None:
    vendors = {line.id: line.vendor_id for line in case.lines}
    total = shipping_minor + sum(share.gross_minor for share in shares)
    if not total:
        return
    case.writes.journals.append(
        ledger.sale_credit(
            reference=reference,
            order_id=case.order.id,
            currency=case.order.currency,
            parts=ledger.SaleParts(
                total_minor=total,
                tax_minor=shipping_tax_minor + sum(share.tax_minor for share in shares),
                shipping_net_minor=shipping_minor - shipping_tax_minor,
                lines=tuple((vendors[share.line_id], share.net_minor) for share in shares),
            ),
        )
    )
